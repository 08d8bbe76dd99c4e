//! What a file says, beside its tensors, of the schedule it was trained with and of what it predicts.
//!
//! Programs write it in two places: as text in a safetensors header (`modelspec.prediction_type`), and
//! as a tensor or key whose presence is the message (`v_pred`, `ztsnr`).

use serde_json::{Map, Value};

/// What a model predicts, as its file tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Prediction {
    /// The noise ε.
    Eps,
    /// The velocity v.
    V,
    /// A word that is not known.
    Unknown(String),
}

/// What a file tells; nothing by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Hints {
    pub(crate) prediction: Option<Prediction>,
    /// The schedule was rescaled so that nothing of the picture is left at its end.
    pub(crate) zero_terminal_snr: bool,
}

const V_PRED: &str = "v_pred";
const ZTSNR: &str = "ztsnr";
const PREDICTION_TYPES: [&str; 2] = ["modelspec.prediction_type", "prediction_type"];

impl Hints {
    /// Reads a header's metadata and the names of whatever else the file holds.
    pub(crate) fn of<'n>(
        metadata: &Map<String, Value>,
        names: impl Iterator<Item = &'n str> + Clone,
    ) -> Self {
        let is_set =
            |key: &str| metadata.get(key).is_some_and(is_yes) || names.clone().any(|name| name == key);
        let told = PREDICTION_TYPES.iter().find_map(|key| metadata.get(*key)?.as_str());
        let prediction = match told.map(prediction) {
            None | Some(Prediction::Unknown(_)) if is_set(V_PRED) => Some(Prediction::V),
            told => told,
        };
        Self { prediction, zero_terminal_snr: is_set(ZTSNR) }
    }
}

/// The spellings of modelspec, diffusers and trainers.
fn prediction(word: &str) -> Prediction {
    match word.trim().to_ascii_lowercase().replace('-', "_").as_str() {
        "eps" | "epsilon" | "noise" => Prediction::Eps,
        "v" | "v_pred" | "v_prediction" | "vpred" | "velocity" => Prediction::V,
        other => Prediction::Unknown(other.chars().take(40).collect()),
    }
}

/// A key that is there counts, unless it says no.
fn is_yes(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(yes) => *yes,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(word) => !["false", "no", "none", "0"].contains(&word.to_ascii_lowercase().as_str()),
        Value::Array(_) | Value::Object(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(metadata: Value, names: &[&str]) -> Hints {
        let metadata = metadata.as_object().cloned().unwrap_or_default();
        Hints::of(&metadata, names.iter().copied())
    }

    #[test]
    fn every_place_and_spelling_is_understood() {
        for v in ["v", "V-Prediction", "v_prediction", "vpred"] {
            assert_eq!(of(json!({ "modelspec.prediction_type": v }), &[]).prediction, Some(Prediction::V));
        }
        let eps = json!({ "modelspec.prediction_type": "epsilon" });
        assert_eq!(of(eps, &[]).prediction, Some(Prediction::Eps));
        for yes in [json!(""), json!("True"), json!(true), json!(1), json!({})] {
            assert_eq!(of(json!({ "v_pred": yes }), &[]).prediction, Some(Prediction::V), "{yes}");
        }
        for no in [json!(null), json!("False"), json!(false), json!(0)] {
            assert_eq!(of(json!({ "v_pred": no }), &[]), Hints::default(), "{no}");
        }
        let both = Hints { prediction: Some(Prediction::V), zero_terminal_snr: true };
        assert_eq!(of(json!({}), &["betas", "v_pred", "ztsnr"]), both);
        assert_eq!(of(json!({ "v_pred": "", "ztsnr": "" }), &[]), both);
        let odd = json!({ "modelspec.prediction_type": "Sample" });
        assert_eq!(of(odd.clone(), &[]).prediction, Some(Prediction::Unknown("sample".into())));
        assert_eq!(of(odd, &["v_pred"]).prediction, Some(Prediction::V));
    }
}
