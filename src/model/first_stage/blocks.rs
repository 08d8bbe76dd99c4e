//! Blocks of the first stage: `ResnetBlock`, `AttnBlock`, `Encoder`, `Decoder` (mirrors
//! `ldm/modules/diffusionmodules/model.py`).
//!
//! Traps: every norm has epsilon 1e-6; the encoder's downsampling pads right and bottom only; the
//! decoder's `up` is stored in the order of the levels but run from the last to the first;
//! attention projections are 1×1 convolutions.

use crate::config::{Params, Result as ConfigResult};
use crate::model::first_stage::watch::Watch;
use crate::model::resident::Resident;
use crate::ops::{
    self, Activation, Conv2d, Conv2dShape, Fused, GroupNorm, Mask, Padding, Result, Tensor, Weights,
};

/// The arguments of `Encoder` and `Decoder` (`ddconfig`); `norm_num_groups` is an addition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DdConfig {
    /// Channels of the outermost level.
    pub ch: usize,
    /// Channels of the decoded picture.
    pub out_ch: usize,
    /// Width of each level in units of `ch`.
    pub ch_mult: Vec<usize>,
    /// Residual blocks a level.
    pub num_res_blocks: usize,
    /// Sizes of maps (at `resolution`) at which there is attention.
    pub attn_resolutions: Vec<usize>,
    /// Resample with convolutions.
    pub resamp_with_conv: bool,
    /// Channels of the picture.
    pub in_channels: usize,
    /// The size of pictures in training; it only decides where attention stands.
    pub resolution: usize,
    /// Channels of z.
    pub z_channels: usize,
    /// The encoder gives mean and log variance.
    pub double_z: bool,
    /// Attention in the middle.
    pub mid_attention: bool,
    /// The decoder ends in tanh.
    pub tanh_out: bool,
    /// The decoder ends before its last norm.
    pub give_pre_end: bool,
    /// Groups of every norm.
    pub norm_num_groups: usize,
}

impl DdConfig {
    /// Reads the arguments; returns the training-only ones too.
    ///
    /// # Errors
    /// If one is missing, unknown or not supported.
    pub fn from_params(mut params: Params) -> ConfigResult<(Self, Vec<String>)> {
        params.training_only(&["dropout"]);
        let attn_type = params.text("attn_type")?.unwrap_or_else(|| "vanilla".to_owned());
        if params.flag("use_linear_attn", false)? || !["vanilla", "none"].contains(&attn_type.as_str()) {
            return Err(params.refuse("attn_type", "expected vanilla or none, found linear attention"));
        }
        let config = Self {
            ch: params.required_count("ch")?,
            out_ch: params.required_count("out_ch")?,
            ch_mult: params.counts("ch_mult")?.unwrap_or_else(|| vec![1, 2, 4, 8]),
            num_res_blocks: params.required_count("num_res_blocks")?,
            attn_resolutions: params.counts("attn_resolutions")?.unwrap_or_default(),
            resamp_with_conv: params.flag("resamp_with_conv", true)?,
            in_channels: params.required_count("in_channels")?,
            resolution: params.required_count("resolution")?,
            z_channels: params.required_count("z_channels")?,
            double_z: params.flag("double_z", true)?,
            mid_attention: attn_type != "none",
            tanh_out: params.flag("tanh_out", false)?,
            give_pre_end: params.flag("give_pre_end", false)?,
            norm_num_groups: params.count("norm_num_groups")?.unwrap_or(32),
        };
        if config.ch_mult.is_empty() || config.ch_mult.contains(&0) || config.ch_mult.len() > 16 {
            return Err(params.refuse("ch_mult", "expected 1 to 16 numbers above 0"));
        }
        Ok((config, params.finish()?))
    }

    /// A picture is so many times larger than its latent.
    pub fn factor(&self) -> usize {
        1 << (self.ch_mult.len() - 1)
    }

    /// Numbers for each pixel of a picture that are there at once, at most, where either half works in bands: at each
    /// size a block's input, or what it has made of that and what it adds, whichever is wider.
    pub fn numbers_in_bands(&self) -> f64 {
        let widths: Vec<usize> = self.ch_mult.iter().map(|mult| mult * self.ch).collect();
        let at = |level: usize| {
            let wider = widths.get(level + 1).copied().unwrap_or(0);
            wider.max(2 * widths[level]) as f64 / f64::from(1u32 << (2 * level))
        };
        (0..widths.len()).map(at).fold(0.0, f64::max)
    }

    fn has_attention(&self, level: usize) -> bool {
        // The size of the map at this level, halved level by level as the reference does.
        let size = (0..level).fold(self.resolution, |size, _| size / 2);
        self.attn_resolutions.contains(&size)
    }

    /// The decoder counts sizes from the smallest map upward, by doubling.
    fn decoder_has_attention(&self, level: usize) -> bool {
        let smallest = self.resolution / self.factor();
        self.attn_resolutions.contains(&(smallest << (self.ch_mult.len() - 1 - level)))
    }
}

/// Two convolutions and a skip.
#[derive(Debug)]
pub(super) struct ResnetBlock {
    pub(super) norm1: GroupNorm,
    pub(super) conv1: Conv2d,
    pub(super) norm2: GroupNorm,
    pub(super) conv2: Conv2d,
    pub(super) nin_shortcut: Option<Conv2d>,
}

impl ResnetBlock {
    fn new(weights: &Weights, in_channels: usize, out_channels: usize, groups: usize) -> Result<Self> {
        let nin_shortcut = (in_channels != out_channels)
            .then(|| Conv2d::new(&weights.pp("nin_shortcut"), Conv2dShape::one(in_channels, out_channels)));
        Ok(Self {
            norm1: GroupNorm::new(&weights.pp("norm1"), groups, in_channels, 1e-6)?,
            conv1: Conv2d::new(&weights.pp("conv1"), Conv2dShape::three(in_channels, out_channels))?,
            norm2: GroupNorm::new(&weights.pp("norm2"), groups, out_channels, 1e-6)?,
            conv2: Conv2d::new(&weights.pp("conv2"), Conv2dShape::three(out_channels, out_channels))?,
            nin_shortcut: nin_shortcut.transpose()?,
        })
    }

    /// Maps are largest here, so each is dropped as soon as it was used.
    fn forward(&self, x: Tensor) -> Result<Tensor> {
        let skip = match &self.nin_shortcut {
            Some(conv) => conv.forward(&x)?,
            None => x.clone(),
        };
        let h = self.conv1.forward(&self.norm1.forward_owned(x, Activation::Silu)?)?;
        let h = self.norm2.forward_owned(h, Activation::Silu)?;
        self.conv2.forward_fused(&h, Fused { residual: Some(&skip), channels: None })
    }
}

/// Self-attention of one head over the positions of a map.
#[derive(Debug)]
pub(super) struct AttnBlock {
    norm: GroupNorm,
    q: Conv2d,
    k: Conv2d,
    v: Conv2d,
    proj_out: Conv2d,
}

impl AttnBlock {
    fn new(weights: &Weights, channels: usize, groups: usize) -> Result<Self> {
        let one = |name: &str| Conv2d::new(&weights.pp(name), Conv2dShape::one(channels, channels));
        Ok(Self {
            norm: GroupNorm::new(&weights.pp("norm"), groups, channels, 1e-6)?,
            q: one("q")?,
            k: one("k")?,
            v: one("v")?,
            proj_out: one("proj_out")?,
        })
    }

    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let [_, _, h, w] = x.map_shape()?;
        let normal = self.norm.forward(x, Activation::Identity)?;
        let tokens = |conv: &Conv2d| conv.forward(&normal)?.to_tokens(); // (b, n, c)
        let seen = ops::attention(&tokens(&self.q)?, &tokens(&self.k)?, &tokens(&self.v)?, 1, Mask::None)?;
        self.proj_out.forward_fused(&seen.to_map(h, w)?, Fused { residual: Some(x), channels: None })
    }
}

/// The blocks between the way down and the way up.
#[derive(Debug)]
struct Middle {
    block_1: ResnetBlock,
    attn_1: Option<AttnBlock>,
    block_2: ResnetBlock,
}

impl Middle {
    fn new(weights: &Weights, channels: usize, config: &DdConfig) -> Result<Self> {
        let groups = config.norm_num_groups;
        let attn_1 = config.mid_attention.then(|| AttnBlock::new(&weights.pp("attn_1"), channels, groups));
        Ok(Self {
            block_1: ResnetBlock::new(&weights.pp("block_1"), channels, channels, groups)?,
            attn_1: attn_1.transpose()?,
            block_2: ResnetBlock::new(&weights.pp("block_2"), channels, channels, groups)?,
        })
    }

    fn forward(&self, x: Tensor) -> Result<Tensor> {
        let mut h = self.block_1.forward(x)?;
        if let Some(attention) = &self.attn_1 {
            h = attention.forward(&h)?;
        }
        self.block_2.forward(h)
    }
}

/// How a level changes the size.
#[derive(Debug)]
pub(super) enum Resample {
    None,
    DownConv(Conv2d),
    DownAverage,
    UpConv(Conv2d),
    UpNearest,
}

impl Resample {
    fn down(weights: &Weights, channels: usize, config: &DdConfig) -> Result<Self> {
        if !config.resamp_with_conv {
            return Ok(Self::DownAverage);
        }
        let shape = Conv2dShape::strided(channels, channels, Padding::RightBottom);
        Ok(Self::DownConv(Conv2d::new(&weights.pp("downsample").pp("conv"), shape)?))
    }

    fn up(weights: &Weights, channels: usize, config: &DdConfig) -> Result<Self> {
        if !config.resamp_with_conv {
            return Ok(Self::UpNearest);
        }
        let conv = Conv2d::new(&weights.pp("upsample").pp("conv"), Conv2dShape::three(channels, channels))?;
        Ok(Self::UpConv(conv))
    }

    pub(super) fn forward(&self, x: Tensor) -> Result<Tensor> {
        match self {
            Self::None => Ok(x),
            Self::DownConv(conv) => conv.forward(&x),
            Self::DownAverage => x.average_pool(),
            Self::UpConv(conv) => conv.forward_upsampled(&x),
            Self::UpNearest => x.upsample_nearest(),
        }
    }
}

/// Blocks of one size of map.
#[derive(Debug)]
pub(super) struct Level {
    pub(super) blocks: Vec<(ResnetBlock, Option<AttnBlock>)>,
    pub(super) resample: Resample,
}

impl Level {
    fn new(
        weights: &Weights,
        channels: [usize; 2],
        count: usize,
        attention: bool,
        groups: usize,
    ) -> Result<Self> {
        let [mut block_in, block_out] = channels;
        let mut blocks = Vec::new();
        for i in 0..count {
            let block = ResnetBlock::new(&weights.pp("block").pp(i), block_in, block_out, groups)?;
            let attn = attention.then(|| AttnBlock::new(&weights.pp("attn").pp(i), block_out, groups));
            blocks.push((block, attn.transpose()?));
            block_in = block_out;
        }
        Ok(Self { blocks, resample: Resample::None })
    }

    fn forward(&self, x: Tensor) -> Result<Tensor> {
        let mut h = x;
        for (block, attention) in &self.blocks {
            h = block.forward(h)?;
            if let Some(attention) = attention {
                h = attention.forward(&h)?;
            }
        }
        self.resample.forward(h)
    }
}

/// The encoder of the first stage at `weights`, whose memory can be freed: few runs encode.
///
/// # Errors
/// If weights are missing.
pub(super) fn resident_encoder(weights: &Weights, config: &DdConfig) -> Result<Resident<Encoder>> {
    let config = config.clone();
    Resident::of(&weights.pp("encoder"), move |weights| Encoder::new(weights, &config))
}

/// Picture → features of the latent.
#[derive(Debug)]
pub struct Encoder {
    pub(super) conv_in: Conv2d,
    pub(super) down: Vec<Level>,
    mid: Middle,
    norm_out: GroupNorm,
    conv_out: Conv2d,
}

impl Encoder {
    /// # Errors
    /// If weights are missing.
    pub fn new(weights: &Weights, config: &DdConfig) -> Result<Self> {
        let groups = config.norm_num_groups;
        let levels = config.ch_mult.len();
        let mut channels = config.ch;
        let mut down = Vec::new();
        for (i, mult) in config.ch_mult.iter().enumerate() {
            let weights = weights.pp("down").pp(i);
            let next = mult * config.ch;
            let mut level = Level::new(
                &weights,
                [channels, next],
                config.num_res_blocks,
                config.has_attention(i),
                groups,
            )?;
            channels = next;
            if i + 1 < levels {
                level.resample = Resample::down(&weights, channels, config)?;
            }
            down.push(level);
        }
        let out = if config.double_z { 2 * config.z_channels } else { config.z_channels };
        Ok(Self {
            conv_in: Conv2d::new(&weights.pp("conv_in"), Conv2dShape::three(config.in_channels, config.ch))?,
            down,
            mid: Middle::new(&weights.pp("mid"), channels, config)?,
            norm_out: GroupNorm::new(&weights.pp("norm_out"), groups, channels, 1e-6)?,
            conv_out: Conv2d::new(&weights.pp("conv_out"), Conv2dShape::three(channels, out))?,
        })
    }

    /// (b, in_channels, H, W) → (b, z or 2z, H/f, W/f).
    ///
    /// # Errors
    /// If shapes do not fit, or stopped.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let mut h = self.conv_in.forward(x)?;
        for level in &self.down {
            h = level.forward(h)?;
        }
        self.end(h)
    }

    /// What the stages on the smallest map make of the last level.
    pub(super) fn end(&self, h: Tensor) -> Result<Tensor> {
        let h = self.norm_out.forward_owned(self.mid.forward(h)?, Activation::Silu)?;
        self.conv_out.forward(&h)
    }
}

/// Latent → picture.
#[derive(Debug)]
pub struct Decoder {
    pub(super) conv_in: Conv2d,
    mid: Middle,
    /// In the order run: the last level first.
    pub(super) up: Vec<Level>,
    pub(super) end: Option<(GroupNorm, Conv2d)>,
    pub(super) tanh_out: bool,
}

impl Decoder {
    /// # Errors
    /// If weights are missing.
    pub fn new(weights: &Weights, config: &DdConfig) -> Result<Self> {
        let groups = config.norm_num_groups;
        let widest = config.ch * config.ch_mult[config.ch_mult.len() - 1];
        let mut channels = widest;
        let mut up = Vec::new(); // in the order run: last level first
        for (i, mult) in config.ch_mult.iter().enumerate().rev() {
            let weights = weights.pp("up").pp(i);
            let next = mult * config.ch;
            let attention = config.decoder_has_attention(i);
            let mut level =
                Level::new(&weights, [channels, next], config.num_res_blocks + 1, attention, groups)?;
            channels = next;
            if i > 0 {
                level.resample = Resample::up(&weights, channels, config)?;
            }
            up.push(level);
        }
        let end = (!config.give_pre_end).then(|| -> Result<_> {
            let norm = GroupNorm::new(&weights.pp("norm_out"), groups, channels, 1e-6)?;
            Ok((norm, Conv2d::new(&weights.pp("conv_out"), Conv2dShape::three(channels, config.out_ch))?))
        });
        Ok(Self {
            conv_in: Conv2d::new(&weights.pp("conv_in"), Conv2dShape::three(config.z_channels, widest))?,
            mid: Middle::new(&weights.pp("mid"), widest, config)?,
            up,
            end: end.transpose()?,
            tanh_out: config.tanh_out,
        })
    }

    /// (b, z, h, w) → (b, out_ch, h·f, w·f), about [-1, 1]; none if `watch` lets a stage not pass.
    ///
    /// # Errors
    /// If shapes do not fit, or stopped.
    pub(super) fn forward(&self, z: &Tensor, watch: &mut Watch) -> Result<Option<Tensor>> {
        let mut h = self.middle(z)?;
        if !watch.passes("mid", &[&h])? {
            return Ok(None);
        }
        for (level, number) in self.up.iter().zip((0..self.up.len()).rev()) {
            h = level.forward(h)?;
            if !watch.passes(&format!("up.{number}"), &[&h])? {
                return Ok(None);
            }
        }
        if let Some((norm_out, conv_out)) = &self.end {
            h = conv_out.forward(&norm_out.forward_owned(h, Activation::Silu)?)?;
            h = if self.tanh_out { h.tanh()? } else { h };
        }
        Ok(watch.passes("conv_out", &[&h])?.then_some(h))
    }

    /// What the stages on the smallest map make of z.
    pub(super) fn middle(&self, z: &Tensor) -> Result<Tensor> {
        self.mid.forward(self.conv_in.forward(z)?)
    }
}
