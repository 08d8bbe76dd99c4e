//! `Fit`: how a file and the networks that its config describes fit each other: what was used, what is missing,
//! what is left over.
//!
//! Trap: training leaves thousands of tensors that no picture needs; they are counted by what they are, so that
//! the few odd ones are seen.

use std::fmt;

use serde::Serialize;

use crate::checkpoint::Part;

/// The most names that a sentence lists.
const NAMES_MAX: usize = 4;
/// Beginnings of what only training needs.
const TRAINING: [&str; 6] =
    ["loss.", "first_stage_model.loss.", "optimizer", "lr_scheduler", "callbacks", "global_step"];

/// Ends of what follows from a text encoder's shape: places of tokens, and which of them see which.
const COMPUTED: [&str; 3] = [".position_ids", ".attn_mask", ".causal_attention_mask"];

/// How a file and its networks fit each other.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Fit {
    /// Tensors that the networks use.
    pub used: usize,
    /// Names that they need and the file lacks, sorted.
    pub missing: Vec<String>,
    /// The first tensor of another shape.
    pub mismatch: Option<Mismatch>,
    /// What nothing asked for.
    pub unused: Unused,
}

/// A tensor of another shape than the config asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Mismatch {
    /// Its name.
    pub name: String,
    /// The shape that the config asks for.
    pub expected: Vec<usize>,
    /// The shape in the file.
    pub found: Vec<usize>,
}

/// Tensors that nothing asked for, by what they are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Unused {
    /// Moving averages of the UNet.
    pub ema: usize,
    /// What only training needs.
    pub training: usize,
    /// Buffers of the noise schedule, which is computed.
    pub schedule: usize,
    /// Buffers of the text encoder that follow from its shape.
    pub computed: usize,
    /// All others, sorted.
    pub other: Vec<String>,
}

impl Fit {
    /// Of a file with `stored` tensors whose networks were built and left these over.
    pub fn new(stored: usize, left: &[String]) -> Self {
        let mut unused = Unused::default();
        for name in left {
            match Part::of(name) {
                Part::Ema => unused.ema += 1,
                Part::Schedule => unused.schedule += 1,
                _ if TRAINING.iter().any(|start| name.starts_with(start)) => unused.training += 1,
                _ if COMPUTED.iter().any(|end| name.ends_with(end)) => unused.computed += 1,
                _ => unused.other.push(name.clone()),
            }
        }
        Self { used: stored.saturating_sub(left.len()), unused, ..Self::default() }
    }
}

impl fmt::Display for Fit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} tensors used", self.used)?;
        if !self.missing.is_empty() {
            write!(f, ", {} missing ({})", self.missing.len(), some(&self.missing))?;
        }
        if let Some(Mismatch { name, expected, found }) = &self.mismatch {
            write!(f, ", {name} of shape {found:?} in place of {expected:?}")?;
        }
        let Unused { ema, training, schedule, computed, other } = &self.unused;
        let counts = [
            (*ema, "EMA"),
            (*training, "training"),
            (*schedule, "schedule"),
            (*computed, "computed buffers"),
        ];
        for (count, what) in counts {
            if count > 0 {
                write!(f, ", {count} of {what} left over")?;
            }
        }
        if !other.is_empty() {
            write!(f, ", {} others left over ({})", other.len(), some(other))?;
        }
        Ok(())
    }
}

fn some(names: &[String]) -> String {
    let shown: Vec<String> = names.iter().take(NAMES_MAX).map(|name| crate::told::quoted(name)).collect();
    let more = if names.len() > NAMES_MAX { ", …" } else { "" };
    format!("{}{more}", shown.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_over_is_counted_by_what_it_is() {
        let left = [
            "model_ema.diffusion_modelinput_blocks00weight",
            "model_ema.decay",
            "first_stage_model.loss.logvar",
            "betas",
            "cond_stage_model.transformer.text_model.embeddings.position_ids",
            "lora_x",
        ];
        let fit = Fit::new(13, &left.map(str::to_owned));
        assert_eq!(
            fit,
            Fit {
                used: 7,
                unused: Unused {
                    ema: 2,
                    training: 1,
                    schedule: 1,
                    computed: 1,
                    other: vec!["lora_x".to_owned()]
                },
                ..Fit::default()
            }
        );
        let mismatch = Mismatch { name: "a".to_owned(), expected: vec![1, 2], found: vec![3] };
        let said = Fit { missing: vec!["b".to_owned()], mismatch: Some(mismatch), ..fit }.to_string();
        assert_eq!(
            said,
            "7 tensors used, 1 missing (b), a of shape [3] in place of [1, 2], 2 of EMA left over, 1 of training left \
             over, 1 of schedule left over, 1 of computed buffers left over, 1 others left over (lora_x)"
        );
    }
}
