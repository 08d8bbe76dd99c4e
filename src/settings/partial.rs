//! `PartialSettings` as what a file or a user tells: what is missing, and what cannot be.

use super::table::{PartialSettings, STEPS_MAX, Setting, Settings};
use super::{Row, Value};

impl Setting {
    /// Its row of the table.
    pub fn row(self) -> &'static Row {
        // The rows stand in the order of the variants: one macro writes both.
        &Self::TABLE[self as usize]
    }
}

impl PartialSettings {
    /// One setting alone.
    pub fn only(setting: Setting, value: Value) -> Self {
        let mut settings = Self::default();
        settings.set(setting, Some(value));
        settings
    }

    /// `base` with all that is known put over it, with no more steps than a schedule has: other programs
    /// allow more.
    pub fn over(&self, base: &Settings) -> Settings {
        let settings = self.put_over(base);
        match self.steps {
            Some(steps) => Settings { steps: steps.min(STEPS_MAX), ..settings },
            None => settings,
        }
    }

    /// The names, as users know them, of the settings that are missing.
    pub fn missing(&self) -> Vec<&'static str> {
        self.told_names().filter(|(_, known)| !known).map(|(name, _)| name).collect()
    }

    /// How many of the settings that have such a name are known.
    pub fn known(&self) -> usize {
        self.told_names().filter(|(_, known)| *known).count()
    }

    /// Whether none of the settings that have such a name is known.
    pub fn is_empty(&self) -> bool {
        self.known() == 0
    }

    /// Whether all settings of a name of [`Row::told_as`] are known.
    pub fn tells(&self, name: &str) -> bool {
        let mut rows = Setting::TABLE.iter().filter(|row| row.told_as == Some(name));
        rows.all(|row| self.get(row.setting).is_some())
    }

    /// Each name of [`Row::told_as`] once, and whether it is known.
    fn told_names(&self) -> impl Iterator<Item = (&'static str, bool)> {
        let mut names: Vec<&'static str> = Setting::TABLE.iter().filter_map(|row| row.told_as).collect();
        names.dedup();
        names.into_iter().map(|name| (name, self.tells(name)))
    }

    /// The same without numbers that no picture can have had.
    #[must_use]
    pub fn plausible(mut self) -> Self {
        for row in Setting::TABLE {
            if self.get(row.setting).is_some_and(|value| !row.kind.may_hold(&value)) {
                self.set(row.setting, None);
            }
        }
        self
    }

    /// What suits a model, by its `settings.json`: the settings of [`Row::suits`], whatever else stands
    /// there. `None` if the text is no such file: it tells none of them, or one that no run could use.
    pub fn suiting(json: &str) -> Option<Self> {
        let mut object: serde_json::Map<String, serde_json::Value> = serde_json::from_str(json).ok()?;
        let rows = || Setting::TABLE.iter().filter(|row| row.suits);
        object.retain(|name, _| rows().any(|row| row.name == name));
        let found: Self = serde_json::from_value(object.into()).ok()?;
        let told: Vec<(&Row, Value)> =
            rows().filter_map(|row| Some((row, found.get(row.setting)?))).collect();
        let usable = |(row, value): &(&Row, Value)| row.kind.may_hold(value) && row.kind.accepts(value);
        let ours = !told.is_empty() && told.iter().all(usable);
        ours.then_some(found)
    }

    /// Takes a sampler's name as other programs spell it; returns whether it is known.
    pub fn set_sampler(&mut self, name: &str) -> bool {
        let name = name.trim().to_lowercase();
        // The plain schedules may stand behind the rule's name.
        let rule = [" uniform", " automatic", " normal", "_uniform", "_normal"]
            .iter()
            .find_map(|schedule| name.strip_suffix(schedule))
            .unwrap_or(&name);
        self.set(Setting::Sampler, Setting::Sampler.row().kind.parse(rule));
        if self.sampler.is_some() {
            // These programs lay out the steps of every rule here as the reference does.
            self.timesteps.get_or_insert_default();
        }
        self.sampler.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::super::Kind;
    use super::*;

    #[test]
    fn every_setting_has_one_row_with_names_of_its_own() {
        let full = PartialSettings::from(Settings::default());
        let json = serde_json::to_value(&full).unwrap();
        for (i, row) in Setting::TABLE.iter().enumerate() {
            assert_eq!(row.setting as usize, i);
            let value = full.get(row.setting).unwrap();
            let only = PartialSettings::only(row.setting, value.clone());
            assert_eq!(only.get(row.setting), Some(value.clone()), "{}", row.name);
            assert!(json.get(row.name).is_some(), "{}", row.name);
            assert!(row.kind.may_hold(&value), "{}", row.name);
            match row.kind {
                Kind::Real { .. } => assert!(!row.error.is_empty(), "{}", row.name),
                Kind::Text | Kind::Choice(_) => assert!(row.error.is_empty(), "{}", row.name),
                Kind::Whole { .. } => {}
            }
            if let (Kind::Choice(_), Value::Choice(name)) = (row.kind, &value) {
                assert_eq!(row.choice(name).unwrap().name, json[row.name]);
            }
            for other in &Setting::TABLE[i + 1..] {
                assert_ne!(row.flag.long, other.flag.long);
                assert_ne!(row.words, other.words);
            }
        }
    }

    #[test]
    fn a_value_of_another_type_counts_as_unknown() {
        let mut settings = PartialSettings { steps: Some(3), ..PartialSettings::default() };
        settings.set(Setting::Steps, Some(Value::Text("3".into())));
        assert_eq!(settings.steps, None);
    }

    #[test]
    fn a_model_suits_the_settings_of_the_table_and_no_others() {
        let suiting = PartialSettings::suiting;
        let full = serde_json::to_value(PartialSettings::from(Settings::default())).unwrap();
        let found = suiting(&full.to_string()).unwrap();
        for row in Setting::TABLE {
            assert_eq!(found.get(row.setting).is_some(), row.suits, "{}", row.name);
        }
        let found = suiting(r#"{"steps": 4, "guidance": 1, "sampler": "DPM++ 2M", "fontSize": 14}"#).unwrap();
        let expected = PartialSettings { steps: Some(4), guidance: Some(1.0), ..PartialSettings::default() };
        assert_eq!(found, expected);
        for other in [
            "{}",
            r#"{"sampler": "ddim"}"#,
            r#"{"steps": null}"#,
            r#"{"steps": 2000}"#,
            r#"{"steps": 4, "guidance": -1}"#,
            r#"{"eta": 2}"#,
            r#"{"width": 9000}"#,
            r#"{"height": "tall"}"#,
        ] {
            assert_eq!(suiting(other), None, "{other}");
        }
    }

    #[test]
    fn what_is_known_goes_over_the_rest() {
        let base = Settings { prompt: "a".into(), seed: 3, ..Settings::default() };
        let known = PartialSettings { steps: Some(4_000), seed: Some(7), ..PartialSettings::default() };
        let expected = Settings { steps: STEPS_MAX, seed: 7, ..base.clone() };
        assert_eq!(known.over(&base), expected);
        assert_eq!(known.put_over(&base).steps, 4_000);
        assert_eq!(known.missing(), ["prompt", "negative_prompt", "guidance", "size", "sampler"]);
        assert_eq!((known.known(), known.is_empty()), (2, false));
        let half = PartialSettings { width: Some(64), ..PartialSettings::default() };
        assert!(half.is_empty() && !half.tells("size"));
    }
}
