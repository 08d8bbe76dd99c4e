//! `UNetModel`: predicts the noise e_t (or v) in x_t (mirrors
//! `ldm/modules/diffusionmodules/openaimodel.py`).
//!
//! Distilled models lack the middle block, or have one residual block a level; the rest is the reference's.

mod attention;
mod attention_maps;
mod builder;
mod config;
mod guidance_embedding;
mod label;
mod resblock;
mod time_embedding;

pub use attention_maps::AttentionMaps;
pub use config::UNetConfig;
pub use label::{Label, LabelShape};

use label::LabelEmbedding;

use attention::{AttentionBlock, SpatialTransformer};
use builder::{Builder, Heads};
use guidance_embedding::guidance_embedding;
use resblock::{Downsample, ResBlock, Upsample};
use time_embedding::timestep_embedding;

use crate::ops::{Activation, Conv2d, Conv2dShape, Error, GroupNorm, Linear, Result, Tensor, Weights};

/// One layer of a [`TimestepEmbedSequential`].
#[derive(Debug)]
enum Layer {
    Conv(Conv2d),
    ResBlock(Box<ResBlock>),
    SpatialTransformer(Box<SpatialTransformer>),
    AttentionBlock(Box<AttentionBlock>),
    Downsample(Downsample),
    Upsample(Upsample),
}

/// What transformers look at, and who watches them.
#[derive(Clone, Copy)]
struct Seen<'a> {
    context: Option<&'a Tensor>,
    maps: Option<&'a AttentionMaps>,
}

/// Layers in a row; each takes of `emb` and what is seen what it needs.
#[derive(Debug)]
struct TimestepEmbedSequential(Vec<Layer>);

impl TimestepEmbedSequential {
    fn forward(&self, x: &Tensor, emb: &Tensor, seen: Seen<'_>) -> Result<Tensor> {
        self.0.iter().try_fold(x.clone(), |x, layer| match layer {
            Layer::Conv(conv) => conv.forward(&x),
            Layer::ResBlock(block) => block.forward(&x, emb),
            Layer::SpatialTransformer(transformer) => transformer.forward(&x, seen.context, seen.maps),
            Layer::AttentionBlock(attention) => attention.forward(&x),
            Layer::Downsample(downsample) => downsample.forward(&x),
            Layer::Upsample(upsample) => upsample.forward(&x),
        })
    }
}

/// What some models take beside x, the timesteps and the context.
#[derive(Clone, Copy, Debug, Default)]
pub struct Beside<'a> {
    /// A class label or a vector for each item.
    pub label: Option<Label<'a>>,
    /// The guidance (b) of a model that was distilled with it, 1 meaning none.
    pub guidance: Option<&'a [f32]>,
}

/// The UNet: x (b, c, h, w), timesteps and context → the prediction, of x's shape.
#[derive(Debug)]
pub struct UNetModel {
    config: UNetConfig,
    time_embed: [Linear; 2],
    /// Channels of the embedded guidance, and its way into the timestep's.
    cond_proj: Option<(usize, Linear)>,
    label_emb: Option<LabelEmbedding>,
    input_blocks: Vec<TimestepEmbedSequential>,
    middle_block: TimestepEmbedSequential,
    output_blocks: Vec<TimestepEmbedSequential>,
    out_norm: GroupNorm,
    out_conv: Conv2d,
}

impl UNetModel {
    /// # Errors
    /// If weights are missing or of another shape.
    pub fn new(weights: &Weights, config: UNetConfig) -> Result<Self> {
        let emb_channels = 4 * config.model_channels;
        let time_embed = weights.pp("time_embed");
        let mut builder = Builder { weights, heads: Heads::new(&config), config: &config, emb_channels };
        let (input_blocks, skip_channels, channels) = builder.input_blocks()?;
        let middle_block = match config.use_middle_block {
            true => builder.middle_block(channels)?,
            false => TimestepEmbedSequential(Vec::new()),
        };
        let (output_blocks, channels) = builder.output_blocks(skip_channels, channels)?;
        let out = weights.pp("out");
        Ok(Self {
            time_embed: [
                Linear::new(&time_embed.pp(0), config.model_channels, emb_channels)?,
                Linear::new(&time_embed.pp(2), emb_channels, emb_channels)?,
            ],
            cond_proj: match config.time_cond_proj_dim {
                Some(dim) => {
                    let weights = time_embed.pp("cond_proj");
                    Some((dim, Linear::without_bias(&weights, dim, config.model_channels)?))
                }
                None => None,
            },
            label_emb: LabelEmbedding::new(&weights.pp("label_emb"), config.label, emb_channels)?,
            input_blocks,
            middle_block,
            output_blocks,
            out_norm: GroupNorm::new(&out.pp(0), config.norm_num_groups, channels, 1e-5)?,
            out_conv: Conv2d::new(&out.pp(2), Conv2dShape::three(channels, config.out_channels))?,
            config,
        })
    }

    /// `x` (b, in_channels, h, w), `timesteps` (b), `context` (k·b, n, context_dim) for transformers,
    /// `beside` for the models that take it → (k·b, out_channels, h, w).
    ///
    /// With k = 2 the two halves of a guided call are one until they meet their contexts: what is
    /// before the first cross-attention is computed once, and skips stay single until they are used.
    ///
    /// # Errors
    /// If shapes do not fit, a part of `beside` is missing or extra, or stopped.
    pub fn forward(
        &self,
        x: &Tensor,
        timesteps: &[f32],
        context: Option<&Tensor>,
        beside: Beside<'_>,
    ) -> Result<Tensor> {
        self.forward_watched(x, timesteps, context, beside, None)
    }

    /// The same; `maps` gathers what cross-attention looks at.
    ///
    /// # Errors
    /// As [`UNetModel::forward`].
    pub fn forward_watched(
        &self,
        x: &Tensor,
        timesteps: &[f32],
        context: Option<&Tensor>,
        beside: Beside<'_>,
        maps: Option<&AttentionMaps>,
    ) -> Result<Tensor> {
        let seen = Seen { context, maps };
        let mut emb = self.embed(x, timesteps, beside)?;
        let mut skips = Vec::with_capacity(self.input_blocks.len());
        let mut h = x.clone();
        for block in &self.input_blocks {
            // One embedding for each item, from the first block on that has both halves.
            emb = emb.repeated_to(h.shape()[0])?;
            h = block.forward(&h, &emb, seen)?;
            skips.push(h.clone());
        }
        emb = emb.repeated_to(h.shape()[0])?;
        h = self.middle_block.forward(&h, &emb, seen)?;
        for block in &self.output_blocks {
            let skip =
                skips.pop().ok_or_else(|| Error::Shape("more output blocks than input blocks".to_owned()))?;
            let skip = skip.repeated_to(h.shape()[0])?;
            emb = emb.repeated_to(h.shape()[0])?;
            h = block.forward(&Tensor::concatenate_channels(&[&h, &skip])?, &emb, seen)?;
        }
        if let Some(context) = context {
            h = h.repeated_to(context.shape()[0])?;
        }
        self.out_conv.forward(&self.out_norm.forward(&h, Activation::Silu)?)
    }

    /// Frees what is remembered of the last context.
    pub fn forget_context(&self) {
        let blocks = self.input_blocks.iter().chain([&self.middle_block]).chain(&self.output_blocks);
        for layer in blocks.flat_map(|block| &block.0) {
            if let Layer::SpatialTransformer(transformer) = layer {
                transformer.forget_context();
            }
        }
    }

    /// The embedding (b, 4·model_channels) of the timestep and what stands beside it, activated for the
    /// ResBlocks.
    fn embed(&self, x: &Tensor, timesteps: &[f32], beside: Beside<'_>) -> Result<Tensor> {
        let mut t_emb = timestep_embedding(x.device(), timesteps, self.config.model_channels)?;
        match (&self.cond_proj, beside.guidance) {
            (Some((dim, cond_proj)), Some(guidance)) => {
                let embedded = guidance_embedding(x.device(), guidance, *dim)?;
                t_emb = t_emb.add(&cond_proj.forward(&embedded)?)?;
            }
            (None, None) => {}
            _ => {
                return Err(Error::Shape(
                    "a guidance goes with a distilled model (time_cond_proj_dim): give both or \
                     neither"
                        .to_owned(),
                ));
            }
        }
        let [first, second] = &self.time_embed;
        let mut emb = second.forward(&first.forward_activated(&t_emb, Activation::Silu)?)?;
        match (&self.label_emb, beside.label) {
            (Some(label_emb), Some(label)) => emb = emb.add(&label_emb.forward(label)?)?,
            (None, None) => {}
            _ => return Err(Error::LabelsDiffer),
        }
        emb.activate(Activation::Silu)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::config::{Params, parse_yaml};
    use crate::model::synthetic::Synthetic;
    use crate::ops::{Device, StopFlag};

    /// The prediction of a small drawn network for one latent.
    fn predict(further: &str, vector: Option<f32>, guidance: Option<f32>) -> Result<Vec<f32>> {
        let yaml = format!(
            "{{in_channels: 4, out_channels: 4, model_channels: 32, num_res_blocks: 1, num_heads: 4, \
             channel_mult: [1, 2], attention_resolutions: [1, 2], use_spatial_transformer: true, \
             context_dim: 16, {further}}}"
        );
        let map = parse_yaml(&yaml).unwrap().as_object().unwrap().clone();
        let params = Params::new("unet_config", map);
        let device = Device::cpu(StopFlag::default());
        let weights = Weights::new(Arc::new(Synthetic { weights_seed: 0 }), device.clone());
        let unet = UNetModel::new(&weights, UNetConfig::from_params(params).unwrap().0)?;
        let tensor = |shape: &[usize], scale: f32| {
            let values: Vec<f32> = (0..shape.iter().product()).map(|i| scale * (i as f32).sin()).collect();
            Tensor::from_f32(&device, shape, &values)
        };
        let (x, context) = (tensor(&[1, 4, 8, 8], 1.0)?, tensor(&[1, 5, 16], 1.0)?);
        let vector = vector.map(|scale| tensor(&[1, 6], scale)).transpose()?;
        let guidance = guidance.as_ref().map(std::slice::from_ref);
        let beside = Beside { label: vector.as_ref().map(Label::Vector), guidance };
        unet.forward(&x, &[500.0], Some(&context), beside)?.to_f32()
    }

    /// A network of the form of v1 with a tenth of its channels, on a card.
    #[cfg(feature = "gpu")]
    #[test]
    fn a_call_of_v1_is_at_most_330_dispatches() {
        if !crate::gpu::is_there_for_tests() {
            return;
        }
        let yaml = "{in_channels: 4, out_channels: 4, model_channels: 32, num_res_blocks: 2, num_heads: 8, \
                    channel_mult: [1, 2, 4, 4], attention_resolutions: [4, 2, 1], \
                    use_spatial_transformer: true, context_dim: 96, norm_num_groups: 8}";
        let params = Params::new("unet_config", parse_yaml(yaml).unwrap().as_object().unwrap().clone());
        use crate::ops::{DeviceChoice, DeviceOptions};
        let options = DeviceOptions { choice: DeviceChoice::Wgpu(0), ..DeviceOptions::default() };
        let (device, _) = Device::open(options, StopFlag::default()).unwrap();
        // What pacing cuts is not counted: it depends on the card.
        device.fix_rate(1e15);
        let weights = Weights::new(Arc::new(Synthetic { weights_seed: 0 }), device.clone());
        let unet = UNetModel::new(&weights, UNetConfig::from_params(params).unwrap().0).unwrap();
        let tensor = |shape: &[usize]| {
            let values: Vec<f32> = (0..shape.iter().product()).map(|i| (i as f32).sin()).collect();
            Tensor::from_f32(&device, shape, &values).unwrap()
        };
        let (x, context) = (tensor(&[1, 4, 16, 16]), tensor(&[2, 77, 96]));
        let call = || {
            let before = device.counts().unwrap();
            let y = unet.forward(&x, &[500.0], Some(&context), Beside::default()).unwrap();
            assert!(y.to_f32().unwrap().iter().all(|y| y.is_finite()));
            let after = device.counts().unwrap();
            (after.dispatches - before.dispatches, before)
        };
        let first = call().0;
        let (dispatches, before) = call();
        println!("{:?}", device.tallies());
        println!("{first} dispatches, then {dispatches}, {} pipelines", before.pipelines);
        assert!(dispatches <= 330, "{dispatches} dispatches");
        assert!(before.pipelines <= 60, "{} pipelines", before.pipelines);
        assert_eq!(device.counts().unwrap().pipelines, before.pipelines);
    }

    #[test]
    fn one_depth_for_all_levels_is_that_depth_at_each() {
        let plain = predict("transformer_depth: 2", None, None).unwrap();
        assert!(plain.iter().all(|x| x.is_finite()));
        assert_eq!(predict("transformer_depth: [2, 2]", None, None).unwrap(), plain);
        assert_ne!(predict("transformer_depth: [1, 2]", None, None).unwrap(), plain);
        assert_ne!(predict("transformer_depth: 2, transformer_depth_middle: 1", None, None).unwrap(), plain);
    }

    #[test]
    fn a_vector_and_an_embedded_guidance_act_and_are_asked_for() {
        const VECTOR: &str = "num_classes: sequential, adm_in_channels: 6";
        let found = predict(VECTOR, Some(1.0), None).unwrap();
        assert_ne!(found, predict(VECTOR, Some(2.0), None).unwrap());
        assert!(predict(VECTOR, None, None).unwrap_err().to_string().contains("num_classes"));
        const DISTILLED: &str = "time_cond_proj_dim: 8";
        let found = predict(DISTILLED, None, Some(1.0)).unwrap();
        assert_ne!(found, predict(DISTILLED, None, Some(2.0)).unwrap());
        assert!(predict(DISTILLED, None, None).unwrap_err().to_string().contains("time_cond_proj_dim"));
        assert!(predict("legacy: true", None, Some(1.0)).is_err());
    }
}
