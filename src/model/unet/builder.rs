//! Builds a UNet's blocks: walks the levels as the reference's constructor does.
//!
//! Trap: `num_heads` is carried from level to level when `num_head_channels` is set, and `legacy`
//! changes the size of a head; [`Heads`] keeps the reference's rule in one place.

use super::attention::{AttentionBlock, SpatialTransformer, TransformerShape};
use super::config::UNetConfig;
use super::resblock::{Downsample, ResBlock, ResBlockShape, Resampling, Upsample};
use super::{Layer, TimestepEmbedSequential};
use crate::ops::{Conv2d, Conv2dShape, Error, Result, Weights};

/// Heads and channels of a head, by the reference's rule.
#[derive(Clone)]
pub(super) struct Heads {
    /// One number for each level, where they differ.
    of_levels: Vec<usize>,
    num_heads: Option<usize>,
    num_head_channels: Option<usize>,
    num_heads_upsample: Option<usize>,
    legacy: bool,
    use_spatial_transformer: bool,
}

impl Heads {
    pub(super) fn new(config: &UNetConfig) -> Self {
        Self {
            of_levels: config.num_heads_of_levels.clone(),
            num_heads: config.num_heads,
            num_head_channels: config.num_head_channels,
            num_heads_upsample: config.num_heads_upsample.or(config.num_heads),
            legacy: config.legacy,
            use_spatial_transformer: config.use_spatial_transformer,
        }
    }

    /// (heads, channels of a head) at a level of `channels`.
    fn at(&mut self, level: usize, channels: usize, upward: bool) -> Result<(usize, usize)> {
        if let Some(heads) = self.of_levels.get(level) {
            self.num_heads = Some(*heads);
        }
        let mut dim_head = self.num_head_channels;
        match self.num_head_channels {
            None => dim_head = self.num_heads.map(|heads| channels / heads),
            Some(width) => self.num_heads = Some(channels / width),
        }
        if self.legacy {
            dim_head = if self.use_spatial_transformer {
                self.num_heads.filter(|&heads| heads > 0).map(|heads| channels / heads)
            } else {
                self.num_head_channels
            };
        }
        let heads = if self.use_spatial_transformer {
            self.num_heads
        } else {
            match dim_head {
                Some(0) | None if upward => self.num_heads_upsample,
                Some(0) | None => self.num_heads,
                Some(width) => Some(channels / width),
            }
        };
        let heads = heads
            .filter(|&heads| heads > 0 && (self.use_spatial_transformer || channels.is_multiple_of(heads)));
        let heads = heads.ok_or_else(|| {
            Error::Shape(format!(
                "{channels} channels do not split into the heads that num_heads and num_head_channels say"
            ))
        })?;
        Ok((heads, dim_head.unwrap_or(channels / heads)))
    }
}

/// Walks the levels as the reference's constructor does.
pub(super) struct Builder<'a> {
    pub(super) weights: &'a Weights,
    pub(super) config: &'a UNetConfig,
    pub(super) heads: Heads,
    pub(super) emb_channels: usize,
}

impl Builder<'_> {
    fn resblock(
        &self,
        weights: &Weights,
        channels: usize,
        out_channels: usize,
        resampling: Resampling,
    ) -> Result<Layer> {
        let shape = ResBlockShape {
            channels,
            out_channels,
            emb_channels: self.emb_channels,
            use_scale_shift_norm: self.config.use_scale_shift_norm,
            resampling,
            norm_num_groups: self.config.norm_num_groups,
        };
        Ok(Layer::ResBlock(Box::new(ResBlock::new(weights, shape)?)))
    }

    /// The attention of a level, with `depth` blocks if it is a transformer.
    fn attention(
        &mut self,
        weights: &Weights,
        channels: usize,
        (level, depth): (usize, usize),
        upward: bool,
    ) -> Result<Layer> {
        let (heads, dim_head) = self.heads.at(level, channels, upward)?;
        let norm_num_groups = self.config.norm_num_groups;
        if let Some(context_dim) = self.config.context_dim {
            let reads_text_only = self.config.only_cross_attention[level];
            let shape =
                TransformerShape { heads, dim_head, depth, context_dim, norm_num_groups, reads_text_only };
            return Ok(Layer::SpatialTransformer(Box::new(SpatialTransformer::new(
                weights, channels, shape,
            )?)));
        }
        let order = self.config.use_new_attention_order;
        let block = AttentionBlock::new(weights, channels, heads, order, norm_num_groups)?;
        Ok(Layer::AttentionBlock(Box::new(block)))
    }

    /// The way down: blocks, the channels of each one's result, the channels at the end.
    pub(super) fn input_blocks(&mut self) -> Result<(Vec<TimestepEmbedSequential>, Vec<usize>, usize)> {
        let config = self.config;
        let root = self.weights.pp("input_blocks");
        let first = Conv2dShape::three(config.in_channels, config.model_channels);
        let mut blocks =
            vec![TimestepEmbedSequential(vec![Layer::Conv(Conv2d::new(&root.pp(0).pp(0), first)?)])];
        let mut channels = config.model_channels;
        let mut skip_channels = vec![channels];
        let mut rate = 1;
        for (level, mult) in config.channel_mult.iter().enumerate() {
            for _ in 0..config.num_res_blocks[level] {
                let weights = root.pp(blocks.len());
                let out_channels = mult * config.model_channels;
                let mut layers =
                    vec![self.resblock(&weights.pp(0), channels, out_channels, Resampling::None)?];
                channels = out_channels;
                if config.attention_resolutions.contains(&rate) {
                    let depth = (level, config.transformer_depth[level]);
                    layers.push(self.attention(&weights.pp(1), channels, depth, false)?);
                }
                blocks.push(TimestepEmbedSequential(layers));
                skip_channels.push(channels);
            }
            if level + 1 < config.channel_mult.len() {
                let weights = root.pp(blocks.len()).pp(0);
                let layer = if config.resblock_updown {
                    self.resblock(&weights, channels, channels, Resampling::Down)?
                } else {
                    Layer::Downsample(Downsample::new(&weights, channels, config.conv_resample)?)
                };
                blocks.push(TimestepEmbedSequential(vec![layer]));
                skip_channels.push(channels);
                rate *= 2;
            }
        }
        Ok((blocks, skip_channels, channels))
    }

    pub(super) fn middle_block(&mut self, channels: usize) -> Result<TimestepEmbedSequential> {
        let weights = self.weights.pp("middle_block");
        let depth = (self.config.halvings(), self.config.transformer_depth_middle);
        Ok(TimestepEmbedSequential(vec![
            self.resblock(&weights.pp(0), channels, channels, Resampling::None)?,
            self.attention(&weights.pp(1), channels, depth, false)?,
            self.resblock(&weights.pp(2), channels, channels, Resampling::None)?,
        ]))
    }

    /// The way up: blocks and the channels at the end.
    pub(super) fn output_blocks(
        &mut self,
        mut skip_channels: Vec<usize>,
        mut channels: usize,
    ) -> Result<(Vec<TimestepEmbedSequential>, usize)> {
        let config = self.config;
        let root = self.weights.pp("output_blocks");
        let mut blocks = Vec::new();
        let mut rate = 1 << config.halvings();
        for (level, mult) in config.channel_mult.iter().enumerate().rev() {
            for i in 0..=config.num_res_blocks[level] {
                let weights = root.pp(blocks.len());
                let out_channels = mult * config.model_channels;
                let skip = skip_channels.pop().unwrap_or(0);
                let mut layers =
                    vec![self.resblock(&weights.pp(0), channels + skip, out_channels, Resampling::None)?];
                channels = out_channels;
                if config.attention_resolutions.contains(&rate) {
                    let depth = (level, config.transformer_depth[level]);
                    layers.push(self.attention(&weights.pp(1), channels, depth, true)?);
                }
                if level > 0 && i == config.num_res_blocks[level] {
                    let weights = weights.pp(layers.len());
                    layers.push(if config.resblock_updown {
                        self.resblock(&weights, channels, channels, Resampling::Up)?
                    } else {
                        Layer::Upsample(Upsample::new(&weights, channels, config.conv_resample)?)
                    });
                    rate /= 2;
                }
                blocks.push(TimestepEmbedSequential(layers));
            }
        }
        Ok((blocks, channels))
    }
}
