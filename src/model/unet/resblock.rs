//! `ResBlock`, `Upsample` and `Downsample` of the UNet (mirrors
//! `ldm/modules/diffusionmodules/openaimodel.py`).
//!
//! Trap: with `resblock_updown` the resampling stands between the activation and the first
//! convolution, and the skip is resampled too.

use crate::ops::{
    Activation, Conv2d, Conv2dShape, Fused, GroupNorm, Linear, Padding, Result, Tensor, Weights,
};

/// Doubles height and width.
#[derive(Debug)]
pub struct Upsample {
    conv: Option<Conv2d>,
}

impl Upsample {
    /// With a convolution after the enlargement if `conv_resample`.
    ///
    /// # Errors
    /// If weights are missing.
    pub fn new(weights: &Weights, channels: usize, conv_resample: bool) -> Result<Self> {
        let conv =
            conv_resample.then(|| Conv2d::new(&weights.pp("conv"), Conv2dShape::three(channels, channels)));
        Ok(Self { conv: conv.transpose()? })
    }

    /// (b, c, h, w) → (b, c, 2h, 2w).
    ///
    /// # Errors
    /// If shapes do not fit, or stopped.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        match &self.conv {
            Some(conv) => conv.forward_upsampled(x),
            None => x.upsample_nearest(),
        }
    }
}

/// Halves height and width.
#[derive(Debug)]
pub struct Downsample {
    op: Option<Conv2d>,
}

impl Downsample {
    /// By a strided convolution if `conv_resample`, else by averaging.
    ///
    /// # Errors
    /// If weights are missing.
    pub fn new(weights: &Weights, channels: usize, conv_resample: bool) -> Result<Self> {
        let shape = Conv2dShape::strided(channels, channels, Padding::Same(1));
        let op = conv_resample.then(|| Conv2d::new(&weights.pp("op"), shape));
        Ok(Self { op: op.transpose()? })
    }

    /// (b, c, h, w) → (b, c, h/2, w/2).
    ///
    /// # Errors
    /// If shapes do not fit, or stopped.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        match &self.op {
            Some(op) => op.forward(x),
            None => x.average_pool(),
        }
    }
}

/// Whether a ResBlock changes the size of the map (`resblock_updown`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Resampling {
    /// The map keeps its size.
    #[default]
    None,
    /// To twice the size, before the first convolution.
    Up,
    /// To half the size, before the first convolution.
    Down,
}

impl Resampling {
    fn apply(self, x: &Tensor) -> Result<Tensor> {
        match self {
            Self::None => Ok(x.clone()),
            Self::Up => x.upsample_nearest(),
            Self::Down => x.average_pool(),
        }
    }
}

/// The form of a [`ResBlock`].
#[derive(Clone, Copy, Debug)]
pub struct ResBlockShape {
    /// Channels of the map that enters.
    pub channels: usize,
    /// Channels of the map that leaves.
    pub out_channels: usize,
    /// Channels of the time embedding.
    pub emb_channels: usize,
    /// The embedding scales and shifts the second norm instead of being added before it.
    pub use_scale_shift_norm: bool,
    /// Whether the size changes.
    pub resampling: Resampling,
    /// Groups of the norms.
    pub norm_num_groups: usize,
}

/// Two convolutions around the time embedding, and a skip.
#[derive(Debug)]
pub struct ResBlock {
    shape: ResBlockShape,
    in_norm: GroupNorm,
    in_conv: Conv2d,
    emb: Linear,
    out_norm: GroupNorm,
    out_conv: Conv2d,
    skip_connection: Option<Conv2d>,
}

impl ResBlock {
    /// # Errors
    /// If weights are missing.
    pub fn new(weights: &Weights, shape: ResBlockShape) -> Result<Self> {
        let ResBlockShape { channels, out_channels, emb_channels, norm_num_groups, .. } = shape;
        let (in_layers, out_layers) = (weights.pp("in_layers"), weights.pp("out_layers"));
        let emb_out = if shape.use_scale_shift_norm { 2 * out_channels } else { out_channels };
        let skip_connection = (channels != out_channels)
            .then(|| Conv2d::new(&weights.pp("skip_connection"), Conv2dShape::one(channels, out_channels)));
        Ok(Self {
            shape,
            in_norm: GroupNorm::new(&in_layers.pp(0), norm_num_groups, channels, 1e-5)?,
            in_conv: Conv2d::new(&in_layers.pp(2), Conv2dShape::three(channels, out_channels))?,
            emb: Linear::new(&weights.pp("emb_layers").pp(1), emb_channels, emb_out)?,
            out_norm: GroupNorm::new(&out_layers.pp(0), norm_num_groups, out_channels, 1e-5)?,
            out_conv: Conv2d::new(&out_layers.pp(3), Conv2dShape::three(out_channels, out_channels))?,
            skip_connection: skip_connection.transpose()?,
        })
    }

    /// `x` (k·b, c, h, w); `emb` (b, emb_channels), already activated, for each k-th of the batch.
    ///
    /// # Errors
    /// If shapes do not fit, or stopped.
    pub fn forward(&self, x: &Tensor, emb: &Tensor) -> Result<Tensor> {
        let h = self.shape.resampling.apply(&self.in_norm.forward(x, Activation::Silu)?)?;
        let x = self.shape.resampling.apply(x)?;
        let emb_out = self.emb.forward(emb)?; // (b, out) or (b, 2·out)
        let h = if self.shape.use_scale_shift_norm {
            let (scale, shift) = emb_out.halves()?;
            let h = self.out_norm.forward_owned(self.in_conv.forward(&h)?, Activation::Identity)?;
            h.scale_shift_channels(&scale, &shift)?.activate(Activation::Silu)?
        } else {
            let h = self.in_conv.forward_fused(&h, Fused { residual: None, channels: Some(&emb_out) })?;
            self.out_norm.forward_owned(h, Activation::Silu)?
        };
        let skip = match &self.skip_connection {
            Some(conv) => conv.forward(&x)?,
            None => x,
        };
        self.out_conv.forward_fused(&h, Fused { residual: Some(&skip), channels: None })
    }
}
