//! A config for a single file without a YAML, from its tensors' shapes.
//!
//! Shapes do not show everything: the number of attention heads, the schedule's kind and what the
//! model predicts are v1's, and each is a note.

mod diffusion;

use serde_json::{Map, Value, json};

use crate::note::Note;

use self::diffusion::diffusion;
use crate::checkpoint::error::{CheckpointError, Problem};
use crate::checkpoint::found_config::{
    AUTOENCODER_TARGET, CLIP_TARGET, Channels, FoundConfig, UNET_TARGET, component, latent_diffusion,
};
use crate::checkpoint::names::keys::{CLIP, FIRST_STAGE, UNET, ema_name};
use crate::checkpoint::open::Checkpoint;
use crate::checkpoint::part::ModelPart;

/// More levels or blocks than any model has: where the search ends.
const MOST: usize = 256;

/// The first stage's config by its shapes, and the latent's channels.
pub(crate) fn first_stage_of(
    checkpoint: &Checkpoint,
    notes: &mut Vec<Note>,
) -> Result<(Value, u64), Problem> {
    Shapes { checkpoint, averages: false }.first_stage(notes)
}

/// The text encoder's config by its shapes.
pub(crate) fn text_encoder_of(checkpoint: &Checkpoint, notes: &mut Vec<Note>) -> Result<Value, Problem> {
    Shapes { checkpoint, averages: false }.clip(notes)
}

/// Returns a v1-shaped file's config: text to image with 4 latent channels, or inpainting with 9.
///
/// # Errors
/// One sentence if the file is of another family, or its shapes fit no UNet, first stage or CLIP.
pub fn guess_config(checkpoint: &Checkpoint) -> Result<FoundConfig, CheckpointError> {
    checkpoint.refuse_other_kinds()?;
    checkpoint.refuse_gaps(&ModelPart::ALL)?;
    let mut shapes = Shapes { checkpoint, averages: false };
    shapes.averages = !shapes.begins(UNET) && checkpoint.has_ema();
    shapes.found_config().map_err(|problem| problem.at(checkpoint.path()))
}

struct Shapes<'a> {
    checkpoint: &'a Checkpoint,
    /// There are averages of the UNet's weights, and not the weights.
    averages: bool,
}

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
        let diffusion = diffusion(self.checkpoint, &mut notes);
        let channels = Channels { input: unet_input, latent };
        let config = latent_diffusion(&diffusion, &channels, unet, first_stage, cond_stage);
        Ok(FoundConfig { config, notes })
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
        if self.shape(&proj_in).is_some_and(|shape| shape.len() == 2) {
            set("use_linear_in_transformer", json!(true));
        }
        let depth = count(|n| self.contains(&format!("{transformer}transformer_blocks.{n}.norm1.weight")));
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
            if self.contains(&format!("{block}0.op.weight")) {
                blocks.push(0);
                continue;
            }
            let Ok(width) = self.dimension(&format!("{block}0.out_layers.3.weight"), 0) else { break };
            let level = blocks.len() - 1;
            blocks[level] += 1;
            if widths.len() == level {
                widths.push(width);
            }
            if self.contains(&format!("{block}1.transformer_blocks.0.attn2.to_k.weight")) {
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

    /// The decoder shows all that text to picture needs; the encoder, where there is one, how many
    /// levels a whole decoder has.
    fn first_stage(&self, notes: &mut Vec<Note>) -> Result<(Value, u64), Problem> {
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

    fn clip(&self, notes: &mut Vec<Note>) -> Result<Value, Problem> {
        let hidden_size = self.dimension(&format!("{CLIP}embeddings.token_embedding.weight"), 1)?;
        let layers =
            count(|layer| self.contains(&format!("{CLIP}encoder.layers.{layer}.layer_norm1.weight")));
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

    /// A missing tensor of a first stage of which others are there.
    fn half_a_decoder(&self, problem: Problem) -> Problem {
        match problem {
            Problem::NoTensor(missing) if self.begins(FIRST_STAGE) => Problem::NoWholeDecoder { missing },
            problem => problem,
        }
    }

    /// Whether a name begins so.
    fn begins(&self, start: &str) -> bool {
        self.checkpoint.tensors.range(start.to_owned()..).next().is_some_and(|(n, _)| n.starts_with(start))
    }

    fn contains(&self, name: &str) -> bool {
        self.shape(name).is_some()
    }

    /// A tensor's shape; the UNet's is that of its averaged copy where there is no other.
    fn shape(&self, name: &str) -> Option<&[usize]> {
        let stored = |name: &str| self.checkpoint.stored_shape(name);
        match self.averages {
            true => ema_name(name).map_or_else(|| stored(name), |copy| stored(&copy)),
            false => stored(name),
        }
    }

    fn dimension(&self, name: &str, axis: usize) -> Result<u64, Problem> {
        let shape = self.shape(name).ok_or_else(|| Problem::NoTensor(name.to_owned()))?;
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

/// The number of consecutive indices 0, 1, 2, … that exist.
fn count(is_there: impl Fn(usize) -> bool) -> usize {
    (0..MOST).take_while(|n| is_there(*n)).count()
}

fn greatest_common_divisor(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
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
