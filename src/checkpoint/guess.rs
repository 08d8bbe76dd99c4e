//! A config for a single file that came without a YAML, told from its tensors' shapes.
//!
//! Shapes do not show everything: the number of attention heads, the schedule's kind and what the
//! model predicts are v1's, and each is a note.

use serde_json::{Map, Value, json};

use crate::note::Note;

use super::error::{CheckpointError, Problem};
use super::found_config::{
    AUTOENCODER_TARGET, CLIP_TARGET, Channels, Diffusion, FoundConfig, UNET_TARGET, component,
    latent_diffusion,
};
use super::keys::{CLIP, FIRST_STAGE, OPEN_CLIP, UNET};
use super::open::Checkpoint;

/// More levels or blocks than any model has; the search ends there.
const MOST: usize = 256;

/// Tells a v1-shaped file's config: text to image with 4 latent channels, or inpainting with 9.
///
/// # Errors
/// One sentence if the file is of another family, or its shapes fit no UNet, first stage or CLIP.
pub fn guess_config(checkpoint: &Checkpoint) -> Result<FoundConfig, CheckpointError> {
    let shapes = Shapes(checkpoint);
    shapes.found_config().map_err(|problem| problem.at(checkpoint.path()))
}

struct Shapes<'a>(&'a Checkpoint);

/// What the UNet's input blocks show.
struct Levels {
    widths: Vec<u64>,
    num_res_blocks: u64,
    attention_resolutions: Vec<u64>,
    /// The first spatial transformer's block.
    transformer: String,
}

impl Shapes<'_> {
    fn found_config(&self) -> Result<FoundConfig, Problem> {
        self.refuse_other_families()?;
        let mut notes = Vec::new();
        let (unet, unet_input) = self.unet(&mut notes)?;
        let (first_stage, latent) = self.first_stage(&mut notes)?;
        if unet_input != latent && unet_input != 2 * latent + 1 {
            return Err(other(format!(
                "a UNet with {unet_input} input channels for a latent of {latent} (inpainting has {})",
                2 * latent + 1
            )));
        }
        let cond_stage = self.clip(&mut notes)?;
        let diffusion = self.diffusion(&mut notes);
        let channels = Channels { input: unet_input, latent };
        let config = latent_diffusion(&diffusion, &channels, unet, first_stage, cond_stage);
        Ok(FoundConfig { config, notes })
    }

    fn refuse_other_families(&self) -> Result<(), Problem> {
        let families = [
            (OPEN_CLIP, "Stable Diffusion 2 (its text encoder is OpenCLIP; give its config with --config)"),
            ("conditioner.embedders.", "Stable Diffusion XL"),
            ("model.diffusion_model.joint_blocks.", "Stable Diffusion 3"),
            ("model.diffusion_model.double_blocks.", "Flux"),
            ("double_blocks.", "Flux"),
            ("lora_", "a LoRA, which changes a model and is none"),
            ("control_model.", "a ControlNet, which steers a model and is none"),
        ];
        let has = |start: &str| {
            self.0.tensors.range(start.to_owned()..).next().is_some_and(|(n, _)| n.starts_with(start))
        };
        match families.iter().find(|(start, _)| has(start)) {
            Some((_, family)) => Err(other((*family).to_owned())),
            None if has(UNET) => Ok(()),
            None => Err(Problem::NoTensor(format!("{UNET}input_blocks.0.0.weight"))),
        }
    }

    fn unet(&self, notes: &mut Vec<Note>) -> Result<(Value, u64), Problem> {
        let first = format!("{UNET}input_blocks.0.0.weight");
        let model_channels = self.dimension(&first, 0)?;
        let in_channels = self.dimension(&first, 1)?;
        let levels = self.levels(model_channels)?;
        let num_heads = heads_for(&levels, model_channels);
        notes.push(Note::HeadsAssumed { heads: num_heads });
        let mut params = Map::new();
        let mut set = |key: &str, value: Value| params.insert(key.to_owned(), value);
        set("image_size", json!(32));
        set("in_channels", json!(in_channels));
        set("out_channels", json!(self.dimension(&format!("{UNET}out.2.weight"), 0)?));
        set("model_channels", json!(model_channels));
        set("attention_resolutions", json!(levels.attention_resolutions));
        set("num_res_blocks", json!(levels.num_res_blocks));
        set(
            "channel_mult",
            json!(levels.widths.iter().map(|width| width / model_channels).collect::<Vec<_>>()),
        );
        set("num_heads", json!(num_heads));
        set("use_spatial_transformer", json!(true));
        let transformer = &levels.transformer;
        let proj_in = format!("{transformer}proj_in.weight");
        if self.0.stored_shape(&proj_in).is_some_and(|shape| shape.len() == 2) {
            set("use_linear_in_transformer", json!(true));
        }
        let depth = count(|n| self.0.contains(&format!("{transformer}transformer_blocks.{n}.norm1.weight")));
        set("transformer_depth", json!(depth));
        let to_k = format!("{transformer}transformer_blocks.0.attn2.to_k.weight");
        set("context_dim", json!(self.dimension(&to_k, 1)?));
        set("use_checkpoint", json!(false));
        set("legacy", json!(false));
        if let Some(groups) = groups_for(&levels.widths) {
            set("norm_num_groups", json!(groups));
            notes.push(Note::GroupsAssumed { groups });
        }
        Ok((component(UNET_TARGET, Value::Object(params)), in_channels))
    }

    /// Walks the input blocks: residual blocks of a level, then its downsampling.
    fn levels(&self, model_channels: u64) -> Result<Levels, Problem> {
        let mut widths: Vec<u64> = Vec::new();
        let mut blocks: Vec<u64> = vec![0];
        let mut attention_resolutions = Vec::new();
        let mut transformer = None;
        for index in 1..MOST {
            let block = format!("{UNET}input_blocks.{index}.");
            if self.0.contains(&format!("{block}0.op.weight")) {
                blocks.push(0);
                continue;
            }
            let Ok(width) = self.dimension(&format!("{block}0.out_layers.3.weight"), 0) else { break };
            let level = blocks.len() - 1;
            blocks[level] += 1;
            if widths.len() == level {
                widths.push(width);
            }
            if self.0.contains(&format!("{block}1.transformer_blocks.0.attn2.to_k.weight")) {
                let resolution = 1u64 << level.min(32);
                if attention_resolutions.first() != Some(&resolution) {
                    attention_resolutions.insert(0, resolution);
                }
                transformer.get_or_insert(format!("{block}1."));
            }
        }
        let sound = widths.len() == blocks.len()
            && blocks.iter().all(|count| *count == blocks[0])
            && widths.iter().all(|width| width % model_channels == 0);
        if !sound {
            return Err(other("a UNet whose levels differ in their blocks".into()));
        }
        let transformer = transformer.ok_or_else(|| other("a UNet that takes no words".into()))?;
        Ok(Levels { widths, num_res_blocks: blocks[0], attention_resolutions, transformer })
    }

    fn first_stage(&self, notes: &mut Vec<Note>) -> Result<(Value, u64), Problem> {
        if self.0.contains(&format!("{FIRST_STAGE}quantize.embedding.weight")) {
            return Err(other("a first stage with a codebook (VQ; give its config with --config)".into()));
        }
        let at = |name: &str, axis| self.dimension(&format!("{FIRST_STAGE}{name}.weight"), axis);
        let ch = at("encoder.conv_in", 0)?;
        let z_channels = at("decoder.conv_in", 1)?;
        let embed_dim = at("post_quant_conv", 1)?;
        let conv1 = |level, block| format!("{FIRST_STAGE}encoder.down.{level}.block.{block}.conv1.weight");
        let levels = count(|level| self.0.contains(&conv1(level, 0)));
        let resolution = 256u64;
        let (mut ch_mult, mut attn_resolutions) = (Vec::new(), Vec::new());
        for level in 0..levels {
            let width = self.dimension(&conv1(level, 0), 0)?;
            if width % ch != 0 {
                return Err(other(format!("a first stage of {width} channels beside {ch}")));
            }
            ch_mult.push(width / ch);
            if self.0.contains(&format!("{FIRST_STAGE}encoder.down.{level}.attn.0.q.weight")) {
                attn_resolutions.push(resolution >> level.min(63));
            }
        }
        let mut params = json!({
            "embed_dim": embed_dim,
            "ddconfig": {
                "double_z": at("encoder.conv_out", 0)? == 2 * z_channels,
                "z_channels": z_channels,
                "resolution": resolution,
                "in_channels": at("encoder.conv_in", 1)?,
                "out_ch": at("decoder.conv_out", 0)?,
                "ch": ch,
                "ch_mult": ch_mult,
                "num_res_blocks": count(|block| self.0.contains(&conv1(0, block))),
                "attn_resolutions": attn_resolutions,
                "dropout": 0.0,
            },
            "lossconfig": { "target": "torch.nn.Identity" },
        });
        let widths: Vec<u64> = ch_mult.iter().map(|multiple| multiple * ch).collect();
        if let Some(groups) = groups_for(&widths) {
            params["ddconfig"]["norm_num_groups"] = json!(groups);
            notes.push(Note::FirstStageGroupsAssumed { groups });
        }
        Ok((component(AUTOENCODER_TARGET, params), embed_dim))
    }

    fn clip(&self, notes: &mut Vec<Note>) -> Result<Value, Problem> {
        let hidden_size = self.dimension(&format!("{CLIP}embeddings.token_embedding.weight"), 1)?;
        let layers =
            count(|layer| self.0.contains(&format!("{CLIP}encoder.layers.{layer}.layer_norm1.weight")));
        // CLIP's heads are 64 wide in every size that was published.
        let heads = if hidden_size % 64 == 0 { hidden_size / 64 } else { 1 };
        if hidden_size != 768 {
            notes.push(Note::TextHeadsAssumed { heads });
        }
        let params = json!({
            "hidden_size": hidden_size,
            "num_hidden_layers": layers,
            "num_attention_heads": heads,
            "max_length": self.dimension(&format!("{CLIP}embeddings.position_embedding.weight"), 0)?,
        });
        Ok(component(CLIP_TARGET, params))
    }

    fn diffusion(&self, notes: &mut Vec<Note>) -> Diffusion {
        let (mut linear_start, mut linear_end, mut timesteps) = (0.00085, 0.012, 1000);
        let stored = self.0.tensor("betas").ok();
        if let Some(betas) = stored.as_ref().map(|betas| betas.to_f32())
            && let (Some(first), Some(last)) = (betas.first(), betas.last())
        {
            timesteps = betas.len() as u64;
            for (assumed, found) in [(&mut linear_start, *first), (&mut linear_end, *last)] {
                let found = f64::from(found);
                if found.is_finite() && (found - *assumed).abs() > 1e-5 * *assumed {
                    // Six digits are what an f32 keeps of the number that was written in the config.
                    *assumed = format!("{found:.5e}").parse().unwrap_or(*assumed);
                    notes.push(Note::OtherBetas { last: *assumed });
                }
            }
        }
        notes.push(Note::EpsAssumed);
        Diffusion {
            linear_start,
            linear_end,
            beta_schedule: "linear",
            timesteps,
            parameterization: "eps",
            image_size: 64,
            scale_factor: 0.18215,
            scale_by_std: self.0.contains("scale_factor"),
        }
    }

    fn dimension(&self, name: &str, axis: usize) -> Result<u64, Problem> {
        let shape = self.0.stored_shape(name).ok_or_else(|| Problem::NoTensor(name.to_owned()))?;
        match shape.get(axis) {
            Some(size) if *size > 0 => Ok(*size as u64),
            _ => Err(Problem::Shape {
                name: name.to_owned(),
                expected: vec![1; axis + 1],
                found: shape.to_vec(),
            }),
        }
    }
}

fn other(found: String) -> Problem {
    Problem::OtherModel(found)
}

/// How many of 0, 1, 2, … there are.
fn count(is_there: impl Fn(usize) -> bool) -> usize {
    (0..MOST).take_while(|n| is_there(*n)).count()
}

/// v1's 8 heads, or as many of them as divide every level's width.
fn heads_for(levels: &Levels, model_channels: u64) -> u64 {
    let divides =
        |heads: &u64| all_multiples(&levels.widths, *heads) && model_channels.is_multiple_of(*heads);
    [8, 4, 2].into_iter().find(divides).unwrap_or(1)
}

fn all_multiples(widths: &[u64], of: u64) -> bool {
    widths.iter().all(|width| width.is_multiple_of(of))
}

/// The reference's 32 groups of the norms, or `Some` of as many as divide every level's width.
fn groups_for(widths: &[u64]) -> Option<u64> {
    [32, 16, 8, 4, 2]
        .into_iter()
        .find(|groups| all_multiples(widths, *groups))
        .or(Some(1))
        .filter(|g| *g != 32)
}
