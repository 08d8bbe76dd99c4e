//! `SRVGGNetCompact`: a chain of convolutions at the small size (Real-ESRGAN's `srvgg_arch.py`), for general-x4v3 and
//! animevideo.
//!
//! Trap: rectifiers have a slope for each channel; max(x, 0) + a·min(x, 0) is (1 - a)·max(x, 0) + a·x.

use super::{COLORS, conv_shape, unknown};
use crate::ops::{Activation, Conv2d, Conv2dShape, Result, Tensor, Weights};

/// A rectifier with a slope for each channel.
#[derive(Debug)]
struct PRelu {
    /// -a and a - 1, each (1, c): a scale is one more than what is said.
    scales: [Tensor; 2],
    zeros: Tensor,
}

impl PRelu {
    fn new(weights: &Weights, width: usize) -> Result<Self> {
        let slopes = weights.get_f32("weight", &[width])?;
        let tensor = |of: &dyn Fn(f32) -> f32| {
            let values: Vec<f32> = slopes.iter().map(|slope| of(*slope)).collect();
            Tensor::from_f32(weights.device(), &[1, width], &values)
        };
        Ok(Self {
            scales: [tensor(&|slope| -slope)?, tensor(&|slope| slope - 1.0)?],
            zeros: tensor(&|_| 0.0)?,
        })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let [positive, all] = &self.scales;
        let y = x.activate(Activation::Relu)?.scale_shift_channels(positive, &self.zeros)?;
        y.add(&x.scale_shift_channels(all, &self.zeros)?)
    }
}

/// The network.
#[derive(Debug)]
pub(super) struct Compact {
    body: Vec<(Conv2d, PRelu)>,
    last: Conv2d,
    scale: usize,
}

impl Compact {
    /// # Errors
    /// If weights are missing, or of another network.
    pub(super) fn new(weights: &Weights) -> Result<Self> {
        let body = weights.pp("body");
        let [width, in_channels, ..] = conv_shape(&body, "0.weight")?;
        // Convolutions have even numbers, rectifiers odd ones.
        let count = (0..).take_while(|i| body.stores(&format!("{}.weight", 2 * i + 1))).count();
        let [out_channels, ..] = conv_shape(&body, &format!("{}.weight", 2 * count))?;
        let scale = (out_channels / COLORS).isqrt();
        if in_channels != COLORS || count == 0 || out_channels != COLORS * scale * scale || scale == 0 {
            let found = format!("{in_channels} and {out_channels}, with {count} rectifiers");
            return Err(unknown("3 channels and 3 times a square", found));
        }
        let layer = |i: usize| {
            let from = if i == 0 { in_channels } else { width };
            let conv = Conv2d::new(&body.pp(2 * i), Conv2dShape::three(from, width))?;
            Ok((conv, PRelu::new(&body.pp(2 * i + 1), width)?))
        };
        Ok(Self {
            body: (0..count).map(layer).collect::<Result<_>>()?,
            last: Conv2d::new(&body.pp(2 * count), Conv2dShape::three(width, out_channels))?,
            scale,
        })
    }

    /// How many times larger each side becomes.
    pub(super) fn scale(&self) -> usize {
        self.scale
    }

    /// (b, 3, h, w) → (b, 3·scale², h, w).
    ///
    /// # Errors
    /// If shapes do not fit, or stopped.
    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let mut h = x.clone();
        for (conv, relu) in &self.body {
            h = relu.forward(&conv.forward(&h)?)?;
        }
        self.last.forward(&h)
    }
}
