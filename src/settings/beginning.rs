//! `Beginning`: what a picture's file and a run's negative tell of the picture that the run began from.
//!
//! Trap: a path is where the picture was, and says nothing of what lies there now; the hash does.

use serde::{Deserialize, Serialize};

use super::Treatment;

/// What a run began from beside noise.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Beginning {
    /// The picture.
    pub picture: Named,
    /// The mask of its own that it had; none where nothing or what was transparent was repainted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mask: Option<Named>,
    /// The map of depths that it had.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub depth: Option<Named>,
    /// Whether a part of it was kept.
    #[serde(default)]
    pub is_masked: bool,
    /// What was done with it.
    #[serde(default)]
    pub treatment: Treatment,
    /// The run's negative, which holds the pixels for as long as it is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub negative: Option<String>,
}

/// A picture by where it was and what it was.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Named {
    /// The file, with `~` for the user's folder; none for what came from no file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The SHA-256 of the file, or of the pixels of what came from no file.
    #[serde(default)]
    pub hash: String,
    /// The step of a kept run whose picture it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<KeptStep>,
}

/// A step of a kept run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptStep {
    /// The run's negative.
    pub negative: String,
    /// Steps that are done.
    pub at: usize,
}

impl Named {
    /// What people are told: the file's name, or the step.
    pub fn told(&self) -> String {
        match (&self.path, &self.step) {
            (Some(path), _) => path.rsplit(['/', '\\']).next().unwrap_or(path).to_owned(),
            (None, Some(step)) => format!("{}@{}", step.negative, step.at),
            (None, None) => "pixels".to_owned(),
        }
    }
}
