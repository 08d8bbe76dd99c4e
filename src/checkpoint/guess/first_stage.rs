//! The first stage's config by its tensors: `AutoencoderKL`, a codebook's, or a tiny decoder of its own.
//!
//! Trap: the decoder shows all that text to picture needs; the encoder, where there is one, how many levels
//! a whole decoder has.

use serde_json::{Value, json};

use super::{MOST, Shapes, all_multiples, count, greatest_common_divisor, groups_for, other};
use crate::checkpoint::error::Problem;
use crate::checkpoint::found_config::{AUTOENCODER_TARGET, TINY_TARGET, component};
use crate::checkpoint::names::keys::FIRST_STAGE;
use crate::note::Note;

impl Shapes<'_> {
    /// The config, and the latent's channels.
    pub(super) fn first_stage(&self, notes: &mut Vec<Note>) -> Result<(Value, u64), Problem> {
        if self.has_tiny_decoder() {
            return self.tiny_decoder();
        }
        if self.contains(&format!("{FIRST_STAGE}quantize.embedding.weight")) {
            return Err(other("a first stage with a codebook (VQ; give its config with --config)".into()));
        }
        let at = |name: &str, axis| self.dimension(&format!("{FIRST_STAGE}{name}.weight"), axis);
        let decoder = |name: &str, axis| at(name, axis).map_err(|problem| self.half_a_decoder(problem));
        let has = |name: String| self.contains(&format!("{FIRST_STAGE}{name}.weight"));
        let conv1 = |level, block| format!("decoder.up.{level}.block.{block}.conv1");
        let z_channels = decoder("decoder.conv_in", 1)?;
        let embed_dim = decoder("post_quant_conv", 1)?;
        let out_ch = decoder("decoder.conv_out", 0)?;
        let levels = (0..MOST)
            .rev()
            .find(|level| has(conv1(*level, 0)) || has(format!("encoder.down.{level}.block.0.conv1")))
            .map_or(1, |last| last + 1);
        let widths: Vec<u64> =
            (0..levels).map(|level| decoder(&conv1(level, 0), 0)).collect::<Result<_, _>>()?;
        // Without an encoder nothing but these widths depends on the base width.
        let ch = at("encoder.conv_in", 0).ok().filter(|ch| all_multiples(&widths, *ch));
        let ch = ch.unwrap_or_else(|| widths.iter().copied().fold(0, greatest_common_divisor));
        let resolution = 256u64;
        let attention = (0..levels).filter(|level| has(format!("decoder.up.{level}.attn.0.q")));
        let attn_resolutions: Vec<u64> = attention.map(|level| resolution >> level.min(63)).collect();
        let ch_mult: Vec<u64> = widths.iter().map(|width| width / ch).collect();
        let double_z = at("encoder.conv_out", 0).map_or(true, |out| out == 2 * z_channels);
        let in_channels = at("encoder.conv_in", 1).unwrap_or(out_ch);
        let mut params = json!({
            "embed_dim": embed_dim,
            "ddconfig": {
                "double_z": double_z,
                "z_channels": z_channels,
                "resolution": resolution,
                "in_channels": in_channels,
                "out_ch": out_ch,
                "ch": ch,
                "ch_mult": ch_mult,
                // The decoder has one more on each level.
                "num_res_blocks": count(|block| has(conv1(0, block + 1))),
                "attn_resolutions": attn_resolutions,
                "dropout": 0.0,
            },
            "lossconfig": { "target": "torch.nn.Identity" },
        });
        if let Some(groups) = groups_for(&widths) {
            params["ddconfig"]["norm_num_groups"] = json!(groups);
            notes.push(Note::FirstStageGroupsAssumed { groups });
        }
        Ok((component(AUTOENCODER_TARGET, params), embed_dim))
    }

    /// Whether the first stage is a tiny decoder of its own.
    pub(super) fn has_tiny_decoder(&self) -> bool {
        self.contains(&format!("{FIRST_STAGE}decoder.layers.0.weight"))
    }

    /// Its config: stages of blocks, each but the last with an enlargement and a convolution behind it.
    fn tiny_decoder(&self) -> Result<(Value, u64), Problem> {
        let layer = |n: usize, rest: &str| format!("{FIRST_STAGE}decoder.layers.{n}.{rest}weight");
        let width = self.dimension(&layer(0, ""), 0)?;
        let latent = self.dimension(&layer(0, ""), 1)?;
        let mut blocks = vec![0u64];
        for n in 2..MOST {
            let ends = self.contains(&layer(n, ""));
            match blocks.last_mut() {
                Some(count) if self.contains(&layer(n, "conv.0.")) => *count += 1,
                _ if ends && self.dimension(&layer(n, ""), 0)? == width => blocks.push(0),
                _ if ends => break,
                _ => {}
            }
        }
        let params = json!({ "latent_channels": latent, "width": width, "num_decoder_blocks": blocks });
        Ok((component(TINY_TARGET, params), latent))
    }

    /// A missing tensor of a first stage of which others are there.
    fn half_a_decoder(&self, problem: Problem) -> Problem {
        match problem {
            Problem::NoTensor(missing) if self.begins(FIRST_STAGE) => Problem::NoWholeDecoder { missing },
            problem => problem,
        }
    }
}
