//! Alphas that stand beside the tensors: PEFT's config, which diffusers puts into the header.
//!
//! A product's scale is alpha over its rank; kohya and LyCORIS store alpha as a tensor, PEFT in
//! `adapter_config.json` or under `lora_adapter_metadata`. Without any the scale is 1.

use std::path::Path;

use serde_json::{Map, Value};

/// A longer config is none.
const BYTES_MAX: u64 = 1 << 20;

/// What configs say of scales.
#[derive(Debug, Default)]
pub(super) struct Alphas {
    /// For the UNet's layers, for the text encoder's, for all.
    configs: [Config; 3],
}

/// One config.
#[derive(Clone, Debug, Default)]
pub(super) struct Config {
    alpha: Option<f64>,
    rank: Option<f64>,
    patterns: Map<String, Value>,
    /// Whether alpha is divided by the root of the rank.
    rooted: bool,
}

/// The scale that a config gives one layer.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Scale {
    alpha: Option<f64>,
    rank: Option<f64>,
    rooted: bool,
}

impl Scale {
    /// The factor of a product of `rank` ranks, whose file stores `alpha` if it stores one.
    pub(super) fn of(self, alpha: Option<f64>, rank: usize) -> f64 {
        let rank = rank as f64;
        let divisor = if self.rooted && alpha.is_none() { rank.sqrt() } else { rank };
        // LyCORIS reads an alpha of 0 as none.
        alpha.or(self.alpha).filter(|alpha| *alpha != 0.0).map_or(1.0, |alpha| alpha / divisor)
    }

    /// The factor where the tensors tell no rank.
    pub(super) fn of_whole(self) -> f64 {
        self.alpha.zip(self.rank).map_or(1.0, |(alpha, rank)| alpha / rank)
    }
}

impl Config {
    fn of(config: &Map<String, Value>, prefix: &str) -> Self {
        let get = |name: &str| config.get(&format!("{prefix}{name}"));
        let number = |name: &str| get(name).and_then(Value::as_f64);
        Self {
            alpha: number("lora_alpha").or_else(|| number("alpha")),
            rank: number("r"),
            patterns: get("alpha_pattern").and_then(Value::as_object).cloned().unwrap_or_default(),
            rooted: get("use_rslora").and_then(Value::as_bool).unwrap_or(false),
        }
    }
}

impl Alphas {
    /// Of a file's header, and of the config beside it.
    pub(super) fn of(metadata: &Map<String, Value>, path: &Path) -> Self {
        let told = metadata.get("lora_adapter_metadata").and_then(Value::as_str);
        let told: Map<String, Value> =
            told.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
        let beside = path.with_file_name("adapter_config.json");
        let small = std::fs::metadata(&beside).is_ok_and(|file| file.len() <= BYTES_MAX);
        let beside = small.then(|| std::fs::read_to_string(&beside).ok()).flatten();
        let beside: Map<String, Value> =
            beside.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
        Self {
            configs: [
                Config::of(&told, "unet."),
                Config::of(&told, "text_encoder."),
                Config::of(&beside, ""),
            ],
        }
    }

    /// For the layer that the file calls `module`.
    pub(super) fn of_module(&self, module: &str) -> Scale {
        let [unet, texts, all] = &self.configs;
        let own = if module.starts_with("unet.") {
            unet
        } else if module.starts_with("text_encoder.") {
            texts
        } else {
            all
        };
        // A pattern is the end of a layer's name.
        let pattern = own.patterns.iter().find(|(name, _)| module.ends_with(name.as_str()));
        let alpha = pattern.and_then(|(_, alpha)| alpha.as_f64()).or(own.alpha);
        Scale { alpha, rank: own.rank, rooted: own.rooted }
    }
}
