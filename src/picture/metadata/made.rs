//! `Made`: how a picture was made, as it is written into files and read back.
//!
//! Invariant: only [`Made::new`] builds one from a run, so finished, stopped, steered and single-step
//! pictures all tell the settings that acted.

use crate::sampler::GuidanceCurve;
use crate::settings::{Beginning, Settings, short_name};

/// The keyword of the text that holds all of [`Made`].
pub(in crate::picture) const SAFELIGHT: &str = "safelight";
/// The version of that text; readers of a later one still find what they know.
const VERSION: u32 = 1;

/// Which model made a picture, as far as its file tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MadeBy {
    /// The model's short name.
    pub name: Option<String>,
    /// The first ten hex digits of its file's SHA-256.
    pub hash: Option<String>,
}

/// Everything needed to make a picture again.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Made {
    /// The settings that acted: the seed filled in; of a steered run the guidance of the last step that ran, and the
    /// curve through what acted in each.
    pub settings: Settings,
    /// The guidance of each step, where it was changed on the way; else empty.
    pub guidance_of_steps: Vec<f64>,
    /// The model's short name.
    pub model: String,
    /// The first ten hex digits of the model file's SHA-256.
    pub model_hash: String,
    /// Steps that were done, when this is not the picture of a whole run.
    pub stopped_after: Option<usize>,
    /// The LoRAs and embeddings that were laid over the model.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub added: Vec<Added>,
    /// The run that it branched off from, if it did: the settings alone do not make it again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branched_from: Option<BranchedFrom>,
    /// The picture that it was made from, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beginning: Option<Beginning>,
}

/// A file that was laid over the model.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Added {
    /// What it is.
    pub kind: AddedKind,
    /// Its file's name without the ending; of an embedding its word.
    pub name: String,
    /// The first digits of its SHA-256, as A1111 shows them; may be empty.
    pub hash: String,
    /// How much of it was added.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strength: Option<f64>,
}

/// The kinds of such files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AddedKind {
    /// A LoRA.
    Lora,
    /// Words of textual inversion.
    Embedding,
    /// A network that enlarged the picture; its strength is how many times.
    Upscaler,
}

/// The run whose first steps a picture shares.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct BranchedFrom {
    /// Its negative's id.
    pub negative: String,
    /// Steps of it that are shared.
    pub at: usize,
}

impl Made {
    /// The same with these files over the model.
    #[must_use]
    pub fn with(self, mut added: Vec<Added>) -> Self {
        if self.stopped_after.is_some() && !self.settings.hires.is_by_upscaler() {
            // It had no picture to enlarge.
            added.retain(|added| added.kind != AddedKind::Upscaler);
        }
        Self { added, ..self }
    }

    /// The same of a run that branched off from another.
    #[must_use]
    pub fn branched_from(self, from: Option<BranchedFrom>) -> Self {
        Self { branched_from: from, ..self }
    }

    /// The same of a run that began from a picture, if it did.
    #[must_use]
    pub fn from_picture(self, beginning: Option<Beginning>) -> Self {
        Self { beginning, ..self }
    }

    /// The `safelight` text: all of it as JSON, with a version.
    pub(in crate::picture) fn to_json(&self) -> String {
        let program = concat!("Safelight ", env!("CARGO_PKG_VERSION"));
        serde_json::json!({ "version": VERSION, "program": program, "made": self }).to_string()
    }

    /// The same enlarged by an upscaler after it was made.
    #[must_use]
    pub fn enlarged(mut self, by: Added) -> Self {
        if self.settings.upscaler.is_empty() {
            self.settings.upscaler.clone_from(&by.name);
        }
        self.added.push(by);
        self
    }

    /// What enlarged the finished picture, one after the other; the second pass tells what made that larger.
    pub(in crate::picture) fn enlargements(&self) -> impl Iterator<Item = &Added> {
        let before_second = usize::from(self.settings.hires.is_by_upscaler());
        self.added.iter().filter(|added| added.kind == AddedKind::Upscaler).skip(before_second)
    }

    /// Which model made it.
    pub fn made_by(&self) -> MadeBy {
        let hash = Some(self.model_hash.clone()).filter(|hash| !hash.is_empty());
        MadeBy { name: Some(self.model.clone()), hash }
    }

    /// What a run of `steps` steps with `settings` has made after the steps that used
    /// `guidance_of_steps`: fewer than `steps` of them are a stopped run, or one step of it.
    pub fn new(
        settings: &Settings,
        steps: usize,
        guidance_of_steps: &[f64],
        model: &str,
        model_hash: &str,
    ) -> Self {
        let mut settings = settings.settled();
        // Folders are nobody else's affair.
        (settings.loras, settings.embeddings) = (settings.loras.by_name(), settings.embeddings.by_name());
        settings.upscaler = short_name(&settings.upscaler).to_owned();
        let acted = guidance_of_steps.iter().enumerate();
        let steered =
            acted.into_iter().any(|(step, &guidance)| guidance != settings.guidance_at(step, steps));
        if steered {
            settings.guidance = guidance_of_steps.last().copied().unwrap_or(settings.guidance);
            settings.guidance_curve = GuidanceCurve::through(guidance_of_steps, steps);
        }
        let done = guidance_of_steps.len();
        Self {
            settings,
            guidance_of_steps: if steered { guidance_of_steps.to_vec() } else { Vec::new() },
            model: model.to_owned(),
            model_hash: model_hash.to_owned(),
            stopped_after: (done < steps).then_some(done),
            added: Vec::new(),
            branched_from: None,
            beginning: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stopped_and_steered_run_tells_what_acted() {
        let asked =
            Settings { guidance: 3.0, ..crate::picture::metadata::parameters::tests::made().settings };
        let whole = Made::new(&asked, 3, &[3.0; 3], "m", "h");
        assert_eq!((whole.settings.guidance, whole.stopped_after), (3.0, None));
        assert!(whole.guidance_of_steps.is_empty());
        let stopped = Made::new(&asked, 25, &[3.0, 3.0, 6.5], "m", "h");
        assert_eq!((stopped.settings.guidance, stopped.stopped_after), (6.5, Some(3)));
        assert_eq!(stopped.guidance_of_steps, [3.0, 3.0, 6.5]);
        let again: Vec<f64> = (0..3).map(|step| stopped.settings.guidance_at(step, 25)).collect();
        assert_eq!(again, [3.0, 3.0, 6.5]);
        let first = Made::new(&asked, 25, &[3.0], "m", "h");
        assert_eq!((first.settings.guidance, first.stopped_after), (3.0, Some(1)));
        assert!(first.guidance_of_steps.is_empty() && first.settings.guidance_curve.is_none());
        let curve = GuidanceCurve::new(vec![[0.0, 2.0], [1.0, 4.0]]).unwrap();
        let curved = Settings { guidance_curve: curve.clone(), ..asked };
        let whole = Made::new(&curved, 3, &[2.0, 3.0, 4.0], "m", "h");
        assert_eq!((&whole.settings, whole.guidance_of_steps.len()), (&curved.settled(), 0));
        let bent = Made::new(&curved, 3, &[2.0, 3.0, 5.0], "m", "h");
        assert_eq!(bent.settings.guidance_curve.to_string(), "0:2,0.5:3,1:5");
    }
}
