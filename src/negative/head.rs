//! `Head`: all that is known of a run before its first step.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::sampler::{Latent, Parameterization, RunSchedule};
use crate::settings::{Beginning, Settings};

/// The latest version of the format that this program knows.
pub(super) const VERSION: u32 = 2;
/// The version of runs that begin from noise alone, which older programs know too.
pub(super) const VERSION_OF_WORDS: u32 = 1;

/// All that was asked, and how it was laid out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Head {
    /// The format's version.
    pub version: u32,
    /// The negative's name in its store.
    pub id: String,
    /// When the run began: RFC 3339, in UTC.
    pub created: String,
    /// The program and its version.
    pub program: String,
    /// What decides the picture.
    pub settings: Settings,
    /// What computed it.
    pub model: ModelUsed,
    /// The device by its name, as people are told.
    pub device: String,
    /// The number type of the UNet, as `--dtype` takes it.
    pub dtype: String,
    /// The steps of the run.
    pub schedule: RunSchedule,
    /// The latent's shape (b, c, h, w).
    pub shape: [usize; 4],
    /// Where it branched off, if it did.
    pub parent: Option<Parent>,
    /// The picture that it began from, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beginning: Option<Beginning>,
}

/// The model of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelUsed {
    /// Its short name.
    pub name: String,
    /// Its file or folder; none is the starter.
    pub path: Option<PathBuf>,
    /// Its config, where one was named.
    pub config: Option<PathBuf>,
    /// The VAE in place of its own.
    pub vae: Option<PathBuf>,
    /// The text encoder in place of its own.
    pub text_encoder: Option<PathBuf>,
    /// What its network predicts, where that was chosen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prediction: Option<Parameterization>,
    /// The first ten hex digits of the file's SHA-256; empty where they were not known at the start.
    pub hash: String,
}

/// The run that another branched off from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Parent {
    /// Its negative.
    pub id: String,
    /// Steps of it that were done and are shared.
    pub at: usize,
    /// What differs, as people are told: "guidance 3 → 5".
    pub changes: Vec<String>,
    /// The guidance that acted in each shared step.
    pub guidance_of_steps: Vec<f64>,
}

/// What the UNet was conditioned with, exact: contexts (1, n, d), row-major.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Context {
    /// Of the prompt.
    pub context: Option<(Vec<usize>, Vec<f32>)>,
    /// Of the negative prompt.
    pub unconditional_context: Option<(Vec<usize>, Vec<f32>)>,
    /// The picture that the run began from.
    pub begun: Option<Begun>,
}

/// The picture that a run began from: pixels for what stays of it, and what the steps need, exact.
#[derive(Clone, Debug, PartialEq)]
pub struct Begun {
    /// Its pixels, as a PNG.
    pub picture: Vec<u8>,
    /// What was repainted of it, as a gray PNG of its size.
    pub mask: Option<Vec<u8>>,
    /// Its scaled latent (1, c, h, w).
    pub x0: Latent,
    /// How much of each place (1, 1, h, w) is kept.
    pub kept: Option<Latent>,
    /// Channels behind x, of a model that takes them.
    pub concat: Option<Latent>,
}

impl Begun {
    /// Bytes that it takes in a file.
    pub(super) fn bytes(&self) -> usize {
        let latents = [Some(&self.x0), self.kept.as_ref(), self.concat.as_ref()];
        let numbers: usize = latents.into_iter().flatten().map(Latent::len).sum();
        self.picture.len() + self.mask.as_ref().map_or(0, Vec::len) + numbers * size_of::<f32>()
    }
}

/// Their names in the file.
pub(super) const CONTEXT: &str = "context";
pub(super) const UNCONDITIONAL_CONTEXT: &str = "unconditional_context";
pub(super) const PICTURE: &str = "source.picture";
pub(super) const MASK: &str = "source.mask";
pub(super) const X0: &str = "source.x0";
pub(super) const KEPT: &str = "source.kept";
pub(super) const CONCAT: &str = "source.concat";

impl Head {
    /// The negative of a run that begins now.
    pub fn new(
        id: String,
        settings: Settings,
        model: ModelUsed,
        [device, dtype]: [&str; 2],
        schedule: RunSchedule,
        shape: [usize; 4],
    ) -> Self {
        Self {
            version: VERSION_OF_WORDS,
            id,
            created: jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            program: concat!("Safelight ", env!("CARGO_PKG_VERSION")).to_owned(),
            settings,
            model,
            device: device.to_owned(),
            dtype: dtype.to_owned(),
            schedule,
            shape,
            parent: None,
            beginning: None,
        }
    }

    /// The same of a run that began from a picture, if it did.
    #[must_use]
    pub fn from_picture(self, beginning: Option<Beginning>) -> Self {
        let second = self.schedule.turn().is_some();
        let version = if beginning.is_some() || second { VERSION } else { self.version };
        Self { version, beginning, ..self }
    }

    /// Steps of the whole run.
    pub fn steps(&self) -> usize {
        self.schedule.len()
    }
}
