//! How fast cards and the processor were here, kept in a file of the cache: by card, driver and version of the
//! program, since each of them changes it.

use std::collections::BTreeMap;
use std::path::Path;

use super::AdapterReport;

/// What was found out about one form of a kernel on a card.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Timed {
    /// The form's name.
    pub form: String,
    /// Operations a second of a linear layer, and of a convolution; none where it was not timed.
    pub linear: f64,
    /// See `linear`.
    pub convolution: f64,
    /// What was wrong; such a form is not used.
    pub fault: Option<String>,
}

/// What was measured of one card.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Measured {
    /// Operations a second of the card in products of f16 numbers.
    pub card: f64,
    /// Operations a second of the processor in the same products.
    pub processor: f64,
    /// Whether the card computed as the processor does.
    pub is_right: bool,
    /// The forms of the product that the card chooses from.
    #[serde(default)]
    pub forms: Vec<Timed>,
}

/// The fastest right form by `rate`, if one was timed.
pub fn fastest(forms: &[Timed], rate: impl Fn(&Timed) -> f64) -> Option<&Timed> {
    let right = forms.iter().filter(|form| form.fault.is_none() && rate(form) > 0.0);
    right.max_by(|a, b| rate(a).total_cmp(&rate(b)))
}

impl Measured {
    /// Whether the card is worth taking: right, and faster by more than chance.
    pub fn pays(&self) -> bool {
        self.is_right && self.card > 1.1 * self.processor
    }
}

/// All measurements, by [`AdapterReport::key`] and version.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Measurements(BTreeMap<String, Measured>);

fn key(report: &AdapterReport) -> String {
    format!("{} / safelight {}", report.key(), env!("CARGO_PKG_VERSION"))
}

impl Measurements {
    /// Reads the file; nothing is known where it is not there or is not ours.
    pub fn read(file: &Path) -> Self {
        std::fs::read(file).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
    }

    /// What was measured of a card.
    pub fn of(&self, report: &AdapterReport) -> Option<Measured> {
        self.0.get(&key(report)).cloned()
    }

    /// Notes a measurement.
    pub fn note(&mut self, report: &AdapterReport, measured: Measured) {
        self.0.insert(key(report), measured);
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The file's text.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default()
    }

    /// The place in `cards` of the hardware card that is worth taking most.
    pub fn best(&self, cards: &[AdapterReport]) -> Option<(usize, Measured)> {
        let known = cards.iter().enumerate().filter(|(_, card)| !card.is_software());
        let worth = known.filter_map(|(index, card)| Some((index, self.of(card)?)));
        worth.filter(|(_, measured)| measured.pays()).max_by(|a, b| a.1.card.total_cmp(&b.1.card))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn card(name: &str, kind: &str) -> AdapterReport {
        AdapterReport {
            name: name.to_owned(),
            backend: "vulkan".to_owned(),
            kind: kind.to_owned(),
            driver: "1".to_owned(),
            buffer_max: 0,
            binding_max: 0,
            shared_bytes: 0,
            subgroup: [0, 0],
            has_f16: true,
            has_pipeline_cache: true,
            memory: None,
            vendor: 0,
            matrices: Vec::new(),
        }
    }

    #[test]
    fn the_fastest_form_that_is_right_and_was_timed_is_taken() {
        let form = |name: &str, linear, convolution, fault: Option<&str>| Timed {
            form: name.to_owned(),
            linear,
            convolution,
            fault: fault.map(str::to_owned),
        };
        let forms = [
            form("a", 1.0, 2.0, None),
            form("b", 3.0, 1.0, None),
            form("c", 9.0, 9.0, Some("differs")),
            form("d", 0.0, 0.0, None),
        ];
        assert_eq!(fastest(&forms, |form| form.linear).map(|form| &*form.form), Some("b"));
        assert_eq!(fastest(&forms, |form| form.convolution).map(|form| &*form.form), Some("a"));
        assert_eq!(fastest(&forms[2..], |form| form.linear), None);
        let text = r#"{"card":2.0,"processor":1.0,"is_right":true}"#;
        assert!(serde_json::from_str::<Measured>(text).unwrap().forms.is_empty(), "of a former version");
    }

    #[test]
    fn the_fastest_hardware_that_is_right_and_pays_is_taken() {
        let cards =
            [card("a", "discrete"), card("b", "integrated"), card("c", "software"), card("d", "discrete")];
        let mut known = Measurements::default();
        assert!(known.best(&cards).is_none());
        let measured = |card, is_right| Measured { card, processor: 1e11, is_right, forms: Vec::new() };
        known.note(&cards[0], measured(1.05e11, true));
        known.note(&cards[2], measured(9e13, true));
        assert!(known.best(&cards).is_none(), "a software card, or one that is hardly faster");
        known.note(&cards[1], measured(4e11, true));
        known.note(&cards[3], measured(5e12, false));
        assert_eq!(known.best(&cards).map(|best| best.0), Some(1));
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("cards.json");
        std::fs::write(&file, known.to_json()).unwrap();
        assert_eq!(Measurements::read(&file), known);
        std::fs::write(&file, "not ours").unwrap();
        assert!(Measurements::read(&file).is_empty());
        let mut newer = cards[1].clone();
        newer.driver = "2".to_owned();
        assert_eq!(known.of(&newer), None);
    }
}
