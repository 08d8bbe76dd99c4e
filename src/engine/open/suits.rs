//! Models that were distilled to few steps, and the settings that suit them.
//!
//! Tensors tell some of them; others have a model's own shapes, and only their name tells, as it does for LoRAs. A
//! `settings.json` beside the model is asked first. A new kind that tensors tell is a row of [`TABLE`].

use serde_json::Value;

use crate::engine::additions::suiting;
use crate::model::LatentDiffusion;
use crate::note::{ModelNote, Note};
use crate::sampler::{SamplerKind, ScheduleKind, TimestepSpacing};
use crate::settings::{PartialSettings, Setting};

/// What is known of a model.
struct Known<'a> {
    networks: &'a LatentDiffusion,
    config: &'a Value,
    /// In lower case.
    name: String,
}

impl Known<'_> {
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
    schedule: ScheduleKind,
    steps: usize,
    guidance: f64,
}

/// The kinds that tensors tell; the first that fits decides.
const TABLE: [Row; 3] = [
    Row {
        name: "LCM",
        is: |known| known.networks.config.unet.time_cond_proj_dim.is_some(),
        sampler: SamplerKind::Lcm,
        schedule: ScheduleKind::Auto,
        steps: 4,
        guidance: 8.0,
    },
    Row {
        name: "SDXS",
        // Another model may have been given a tiny first stage.
        is: |known| {
            known.target_ends("first_stage_config", "AutoencoderTiny")
                && !known.networks.config.unet.use_middle_block
        },
        sampler: SamplerKind::Ddim,
        schedule: ScheduleKind::Auto,
        steps: 1,
        guidance: 1.0,
    },
    Row {
        name: "SD-Turbo",
        is: |known| {
            let mut words = known.name.split(|c: char| !c.is_alphanumeric());
            words.any(|word| word == "turbo") && known.target_ends("cond_stage_config", "OpenCLIPEmbedder")
        },
        sampler: SamplerKind::EulerAncestral,
        schedule: ScheduleKind::SgmUniform,
        steps: 4,
        guidance: 1.0,
    },
];

impl Row {
    fn settings(&self) -> PartialSettings {
        PartialSettings {
            sampler: Some(self.sampler),
            timesteps: (self.sampler == SamplerKind::Ddim).then_some(TimestepSpacing::Trailing),
            schedule: Some(self.schedule),
            steps: Some(self.steps),
            guidance: Some(self.guidance),
            ..PartialSettings::default()
        }
    }
}

/// Fills in what `settings`, those of a file beside the model, leave open; a note if something was filled in.
pub(super) fn fill_in(
    settings: &mut PartialSettings,
    networks: &LatentDiffusion,
    config: &Value,
    name: &str,
) -> Option<Note> {
    let known = Known { networks, config, name: name.to_lowercase() };
    let row = TABLE.iter().find(|row| (row.is)(&known)).map(|row| (row.name, row.settings()));
    let (kind, suits) = row.or_else(|| suiting(name))?;
    let mut filled = false;
    for row in Setting::TABLE {
        let value = suits.get(row.setting);
        if value.is_some() && settings.get(row.setting).is_none() {
            settings.set(row.setting, value);
            filled = true;
        }
    }
    filled.then(|| ModelNote::Suited { kind: kind.to_owned() }.into())
}
