//! Models that were distilled to few steps, and the settings that suit them.
//!
//! Tensors tell some of them; others have a model's own shapes, and only their name tells. A `settings.json`
//! beside the model is asked first. A new kind is a row of [`TABLE`].

use serde_json::Value;

use crate::model::LatentDiffusion;
use crate::note::{ModelNote, Note};
use crate::sampler::{SamplerKind, ScheduleKind, TimestepSpacing};
use crate::settings::{PartialSettings, Setting};

/// What is known of a model.
struct Known<'a> {
    networks: &'a LatentDiffusion,
    config: &'a Value,
    /// The pieces of its name that are letters and digits, in lower case.
    words: Vec<String>,
}

impl Known<'_> {
    /// Whether a piece of the name begins or ends so.
    fn is_called(&self, word: &str) -> bool {
        self.words.iter().any(|found| found.starts_with(word) || found.ends_with(word))
    }

    fn target_ends(&self, part: &str, end: &str) -> bool {
        let target = self.config.pointer(&format!("/model/params/{part}/target"));
        target.and_then(Value::as_str).is_some_and(|target| target.ends_with(end))
    }
}

/// A kind of model.
struct Row {
    name: &'static str,
    is: fn(&Known<'_>) -> bool,
    sampler: SamplerKind,
    /// How a rule in timesteps spaces them.
    timesteps: TimestepSpacing,
    schedule: ScheduleKind,
    steps: usize,
    guidance: f64,
}

/// All kinds; the first that fits decides.
const TABLE: [Row; 6] = [
    Row {
        name: "LCM",
        is: |known| known.networks.config.unet.time_cond_proj_dim.is_some(),
        sampler: SamplerKind::Lcm,
        steps: 4,
        guidance: 8.0,
        ..FEW
    },
    Row {
        name: "SDXS",
        is: |known| known.target_ends("first_stage_config", "AutoencoderTiny"),
        steps: 1,
        ..FEW
    },
    Row {
        name: "SD-Turbo",
        is: |known| known.is_called("turbo") && known.target_ends("cond_stage_config", "OpenCLIPEmbedder"),
        sampler: SamplerKind::EulerAncestral,
        schedule: ScheduleKind::SgmUniform,
        ..FEW
    },
    Row { name: "LCM", is: |known| known.is_called("lcm"), sampler: SamplerKind::Lcm, ..FEW },
    Row { name: "TCD", is: |known| known.is_called("tcd"), sampler: SamplerKind::Tcd, ..FEW },
    Row { name: "Hyper-SD", is: |known| known.is_called("hyper"), steps: 8, ..FEW },
];

/// What most of them have in common.
const FEW: Row = Row {
    name: "",
    is: |_| false,
    sampler: SamplerKind::Ddim,
    timesteps: TimestepSpacing::Trailing,
    schedule: ScheduleKind::Auto,
    steps: 4,
    guidance: 1.0,
};

/// Fills in what `settings`, those of a file beside the model, leave open; a note if anything suits.
pub(super) fn fill_in(
    settings: &mut PartialSettings,
    networks: &LatentDiffusion,
    config: &Value,
    name: &str,
) -> Option<Note> {
    let words = name.to_lowercase();
    let words = words.split(|c: char| !c.is_alphanumeric()).map(str::to_owned).collect();
    let known = Known { networks, config, words };
    let row = TABLE.iter().find(|row| (row.is)(&known))?;
    let suiting = PartialSettings {
        sampler: Some(row.sampler),
        timesteps: (row.sampler == SamplerKind::Ddim).then_some(row.timesteps),
        schedule: Some(row.schedule),
        steps: Some(row.steps),
        guidance: Some(row.guidance),
        ..PartialSettings::default()
    };
    for row in Setting::TABLE {
        if settings.get(row.setting).is_none() {
            settings.set(row.setting, suiting.get(row.setting));
        }
    }
    Some(ModelNote::Suited { kind: row.name.to_owned() }.into())
}
