//! `Failure`: why a command ended without its result, and the exit code: whether the user or the program is
//! at fault.

use std::io::Write as _;
use std::path::Path;

use crate::engine::OpenError;
use crate::engine::generate::GenerateError;
use crate::engine::upscale::UpscaleError;
use crate::model::ModelError;
use crate::ops;
use crate::picture::PictureError;

/// Why a command failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// A fault of the program or the machine: exit code 1.
    Ours(String),
    /// The user's input, a damaged file included: exit code 2.
    Input(String),
    /// Ctrl-C: exit code 130.
    Interrupted,
}

impl Failure {
    /// The process's exit code.
    pub fn code(&self) -> u8 {
        match self {
            Self::Ours(_) => 1,
            Self::Input(_) => 2,
            Self::Interrupted => 130,
        }
    }

    /// The same where the picture is not lost.
    #[must_use]
    pub fn but_kept(self, path: &Path) -> Self {
        let kept = |sentence: String| format!("{sentence}; the picture was kept as {}", path.display());
        match self {
            Self::Ours(sentence) => Self::Ours(kept(sentence)),
            Self::Input(sentence) => Self::Input(kept(sentence)),
            Self::Interrupted => Self::Interrupted,
        }
    }

    /// One sentence on stderr, or one JSON object on stdout.
    pub fn print(&self, json: bool) {
        let sentence = match self {
            Self::Ours(sentence) | Self::Input(sentence) => sentence,
            Self::Interrupted => "interrupted; nothing partial was saved",
        };
        if json {
            let event = serde_json::json!({"event": "error", "code": self.code(), "message": sentence});
            writeln!(std::io::stdout(), "{event}").ok();
        }
        writeln!(std::io::stderr(), "safelight: {sentence}").ok();
    }
}

impl From<ops::Error> for Failure {
    fn from(error: ops::Error) -> Self {
        match error {
            ops::Error::Stopped => Self::Interrupted,
            error if is_ours(&error) => Self::Ours(error.to_string()),
            error => Self::Input(error.to_string()),
        }
    }
}

/// Whether an error is not the input's fault, whatever was being done with it.
fn is_ours(error: &ops::Error) -> bool {
    matches!(error, ops::Error::Backend { .. } | ops::Error::OutOfMemory { .. } | ops::Error::TwoDevices)
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        if error.is_stop() {
            return Self::Interrupted;
        }
        match error {
            OpenError::Model { error: ModelError::Ops(error), .. } if is_ours(&error) => error.into(),
            other => Self::Input(other.to_string()),
        }
    }
}

impl From<UpscaleError> for Failure {
    fn from(error: UpscaleError) -> Self {
        match error {
            UpscaleError::Ops(error) => error.into(),
            other => Self::Input(other.to_string()),
        }
    }
}

impl From<ModelError> for Failure {
    fn from(error: ModelError) -> Self {
        match error {
            ModelError::Ops(error) => error.into(),
            other => Self::Input(other.to_string()),
        }
    }
}

impl From<GenerateError> for Failure {
    fn from(error: GenerateError) -> Self {
        match error {
            GenerateError::Ops(error) => error.into(),
            GenerateError::NotFinite { .. } => Self::Ours(error.to_string()),
            other => Self::Input(other.to_string()),
        }
    }
}

impl From<PictureError> for Failure {
    fn from(error: PictureError) -> Self {
        Self::Input(error.to_string())
    }
}
