//! Entries: what a negative says of one step beside its tensors, and the marks between steps.
//!
//! Invariant: an entry names only tensors of its own step or of earlier ones.

use serde::{Deserialize, Serialize};

use crate::sampler::GuidanceCurve;

/// One step that is done; number 0 is the state before the first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct StepEntry {
    /// Steps that are done.
    pub(super) step: usize,
    /// The timestep of training of the step that led here; 0 for x_T.
    pub(super) timestep: usize,
    /// The guidance that acted in it.
    pub(super) guidance: f64,
    /// The guidance of the step to come.
    pub(super) next_guidance: f64,
    /// How guidance goes on after that, where it is not constant.
    #[serde(default, skip_serializing_if = "GuidanceCurve::is_none")]
    pub(super) curve: GuidanceCurve,
    /// How often it asked the model.
    pub(super) model_calls: usize,
    /// The tensor of x.
    pub(super) x: String,
    /// The tensor of the generator's state.
    pub(super) noise: String,
    /// What the rule keeps of former steps, the newest last.
    pub(super) history: Vec<PastEntry>,
    /// The tensor of `History::sample`.
    pub(super) sample: Option<String>,
    /// The tensor of the predicted picture; none for x_T, and where the disk was too slow for it.
    pub(super) pred_x0: Option<String>,
}

/// One former step in a rule's history.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct PastEntry {
    /// σ of its level.
    pub(super) sigma: f64,
    /// The tensor of its value.
    pub(super) value: String,
}

impl StepEntry {
    /// The tensors without which the run cannot go on from here.
    pub(super) fn needed(&self) -> impl Iterator<Item = &String> {
        [&self.x, &self.noise]
            .into_iter()
            .chain(self.history.iter().map(|past| &past.value))
            .chain(&self.sample)
    }
}

/// What happened between two steps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mark {
    /// The run rests.
    Paused,
    /// It goes on.
    Resumed,
    /// The model's hash is known: the first ten hex digits of its file's SHA-256.
    ModelHash(String),
    /// Its process ends and leaves it to the next one.
    SetAside,
    /// The run has ended.
    Ended(Ended),
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ended {
    /// All steps are done.
    Finished,
    /// The user stopped it.
    Stopped,
}
