//! `PartialSettings` as what a file or a user tells: what is missing, and what cannot be.

use super::guidance_kind::GuidanceKind;
use super::table::{PartialSettings, STEPS_MAX, Setting, Settings};
use super::{Hires, Row, Value, Variation};
use crate::sampler::{Family, GuidanceCurve, NoiseSchedule, SamplerKind, ScheduleKind};

impl Setting {
    /// Its row of the table.
    pub fn row(self) -> &'static Row {
        // The rows stand in the order of the variants: one macro writes both.
        &Self::TABLE[self as usize]
    }
}

impl Settings {
    /// The guidance that is asked for at step number `step`, from 0, of `steps`.
    pub fn guidance_at(&self, step: usize, steps: usize) -> f64 {
        self.guidance_curve.at(step, steps).unwrap_or(self.guidance)
    }
}

impl PartialSettings {
    /// One setting alone.
    pub fn only(setting: Setting, value: Value) -> Self {
        let mut settings = Self::default();
        settings.set(setting, Some(value));
        settings
    }

    /// `base` with all that is known put over it. A sampler that comes without an eta brings its own, and
    /// a schedule of `base` that it does not follow gives way; guidance that comes without a curve is constant.
    pub fn put_over(&self, base: &Settings) -> Settings {
        let mut settings = self.replaced_in(base);
        let row = settings.sampler.row();
        if self.eta.is_none() && settings.sampler != base.sampler {
            settings.eta = row.eta();
        }
        if self.guidance_curve.is_none() && self.guidance.is_some() {
            settings.guidance_curve = GuidanceCurve::default();
        }
        // What a text was written out of is told with it or not at all.
        if self.prompt.is_some() && self.template.is_none() {
            settings.template.clear();
        }
        if self.negative_prompt.is_some() && self.negative_template.is_none() {
            settings.negative_template.clear();
        }
        if self.schedule.is_none() && !row.goes_with(settings.schedule) {
            settings.schedule = ScheduleKind::Auto;
        }
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
        self.hires = self.hires.filter(Hires::is_sound);
        self.variation = self.variation.filter(Variation::is_sound);
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

    /// Takes a sampler's name as other programs spell it, its schedule behind it or not; returns whether it
    /// is known.
    pub fn set_sampler(&mut self, name: &str) -> bool {
        let Some((sampler, schedule)) = sampler_and_schedule(name.trim()) else { return false };
        self.sampler = Some(sampler.kind);
        if let Some(kind) = sampler.guidance_kind {
            self.guidance_kind = Some(kind);
        }
        if let Some(schedule) = schedule.filter(|schedule| sampler.kind.row().goes_with(*schedule)) {
            self.schedule = Some(schedule);
        }
        // These programs lay out the steps of every rule here as the reference does.
        self.timesteps.get_or_insert_default();
        true
    }

    /// Fills in what a program means that tells a sampler and not the rest: the rule's own eta, no churn,
    /// plain guidance, and where it tells no schedule either, even steps of time.
    #[must_use]
    pub fn with_what_goes_unsaid(mut self) -> Self {
        let Some(row) = self.sampler.map(SamplerKind::row) else { return self };
        let usual = Settings::default();
        self.eta.get_or_insert(row.eta());
        self.s_churn.get_or_insert(usual.s_churn);
        self.s_noise.get_or_insert(usual.s_noise);
        self.guidance_rescale.get_or_insert(usual.guidance_rescale);
        self.guidance_start.get_or_insert(usual.guidance_start);
        self.guidance_end.get_or_insert(usual.guidance_end);
        self.guidance_kind.get_or_insert(usual.guidance_kind);
        let unsaid = if row.family == Family::Sigmas { ScheduleKind::Normal } else { ScheduleKind::Auto };
        let told = self.schedule.filter(|schedule| row.goes_with(*schedule));
        self.schedule = Some(told.unwrap_or(unsaid));
        self
    }
}

impl Settings {
    /// The same with the schedule that acts in place of [`ScheduleKind::Auto`], and without a formula of
    /// guidance that the sampler does not know.
    #[must_use]
    pub fn settled(&self) -> Self {
        let row = self.sampler.row();
        let guidance_kind = if row.cfg_pp { self.guidance_kind } else { GuidanceKind::Cfg };
        Self { schedule: row.settled(self.schedule), guidance_kind, ..self.clone() }
    }
}

/// A sampler as another program names it.
struct Named {
    kind: SamplerKind,
    guidance_kind: Option<GuidanceKind>,
}

/// The sampler and, where one stands behind it, the schedule of a name: "DPM++ 2M Karras",
/// "dpmpp_2m_karras", InvokeAI's "dpmpp_2m_k", "euler_cfg_pp".
fn sampler_and_schedule(name: &str) -> Option<(Named, Option<ScheduleKind>)> {
    if let Some(named) = named(name) {
        return Some((named, None));
    }
    let lower = name.to_lowercase();
    if let Some(rule) = lower.strip_suffix("_k") {
        return Some((named(rule)?, Some(ScheduleKind::Karras)));
    }
    let spelled = |row: &'static NoiseSchedule| row.spellings().map(move |spelling| (row.kind, spelling));
    ScheduleKind::TABLE.iter().flat_map(spelled).find_map(|(kind, spelling)| {
        let rule = lower.strip_suffix(&spelling.to_lowercase())?;
        let rule = rule.strip_suffix([' ', '_'])?;
        Some((named(rule)?, Some(kind)))
    })
}

/// The sampler of a name without a schedule.
fn named(name: &str) -> Option<Named> {
    let kind = SamplerKind::from_name(name);
    if let Some(kind) = kind {
        return Some(Named { kind, guidance_kind: None });
    }
    let lower = name.to_lowercase();
    let rule = [" cfg++", "_cfg_pp"].iter().find_map(|suffix| lower.strip_suffix(suffix))?;
    let kind = SamplerKind::from_name(rule).filter(|kind| kind.row().cfg_pp)?;
    Some(Named { kind, guidance_kind: Some(GuidanceKind::CfgPp) })
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
                Kind::Text
                | Kind::Choice(_)
                | Kind::Curve
                | Kind::Loras
                | Kind::Files
                | Kind::File
                | Kind::Compound(_) => {
                    assert!(row.error.is_empty(), "{}", row.name)
                }
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

    #[test]
    fn names_of_other_programs_tell_sampler_and_schedule() {
        use SamplerKind::{Ddim, DpmPp2m, DpmPp2mSde, EulerAncestral, Lms};
        use ScheduleKind::{Exponential, Karras, SgmUniform};
        for (name, sampler, schedule) in [
            ("DPM++ 2M Karras", DpmPp2m, Some(Karras)),
            ("DPM++ 2M SDE Exponential", DpmPp2mSde, Some(Exponential)),
            ("dpmpp_2m_sgm_uniform", DpmPp2m, Some(SgmUniform)),
            ("dpmpp_2m_k", DpmPp2m, Some(Karras)),
            ("k_lms", Lms, None),
            ("Euler a", EulerAncestral, None),
            ("DDIM Uniform", Ddim, None),
            ("ddim_uniform", Ddim, None),
        ] {
            let mut settings = PartialSettings::default();
            assert!(settings.set_sampler(name), "{name}");
            assert_eq!((settings.sampler, settings.schedule), (Some(sampler), schedule), "{name}");
        }
        let mut plus = PartialSettings::default();
        assert!(plus.set_sampler("DDIM CFG++") && plus.guidance_kind == Some(GuidanceKind::CfgPp));
        assert!(!PartialSettings::default().set_sampler("Restart"));
        assert!(!PartialSettings::default().set_sampler("heun_cfg_pp"));
    }

    #[test]
    fn a_sampler_brings_its_own_eta_and_drops_what_it_does_not_follow() {
        let base = Settings { eta: 0.5, schedule: ScheduleKind::Karras, ..Settings::default() };
        let with = |sampler| PartialSettings { sampler: Some(sampler), ..PartialSettings::default() };
        let euler_a = with(SamplerKind::EulerAncestral).put_over(&base);
        assert_eq!((euler_a.eta, euler_a.schedule), (1.0, ScheduleKind::Karras));
        let lcm = with(SamplerKind::Lcm).put_over(&euler_a);
        assert_eq!((lcm.eta, lcm.schedule), (0.0, ScheduleKind::Auto));
        assert_eq!(with(SamplerKind::Ddim).put_over(&base).eta, 0.5);
        let told = PartialSettings { eta: Some(0.2), ..with(SamplerKind::Tcd) }.put_over(&base);
        assert_eq!(told.eta, 0.2);
        let settled = with(SamplerKind::DpmPp2m).put_over(&Settings::default()).settled();
        assert_eq!(settled.schedule, ScheduleKind::Karras);
    }
}
