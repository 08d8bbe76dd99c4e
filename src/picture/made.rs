//! `Made`: how a picture was made, as it is written into files and read back.

use crate::message::Settings;

use super::MadeBy;

/// Everything needed to make a picture again.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Made {
    /// What the person chose (the seed filled in, the guidance as the last step had it).
    pub settings: Settings,
    /// The guidance of each step, where it was changed on the way; else empty.
    pub guidance_of_steps: Vec<f64>,
    /// The model's short name.
    pub model: String,
    /// The first ten hex digits of the model file's SHA-256.
    pub model_hash: String,
    /// Steps that were done, when the run was stopped early.
    pub stopped_after: Option<usize>,
}

impl Made {
    /// The model.
    pub fn made_by(&self) -> MadeBy {
        let hash = Some(self.model_hash.clone()).filter(|hash| !hash.is_empty());
        MadeBy { name: Some(self.model.clone()), hash }
    }
}
