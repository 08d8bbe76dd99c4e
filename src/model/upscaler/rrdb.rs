//! `RRDBNet`: residual blocks of densely connected convolutions (Wang et al., 2018, `RRDBNet_arch.py`).
//!
//! Traps: a block adds a fifth of what it makes, and so does each of its three parts; each enlargement is by nearest
//! neighbors with a convolution behind it; ESRGAN+ has two further sums within each part (`conv1x1`).

use super::{COLORS, conv_shape, unknown};
use crate::ops::{Activation, Conv2d, Conv2dShape, Fused, Result, Tensor, Weights};

/// The share of itself that a block adds.
const SHARE: f64 = 0.2;

/// Five convolutions, each of which sees what all before it have made.
#[derive(Debug)]
struct Dense {
    convs: [Conv2d; 5],
    /// ESRGAN+'s.
    beside: Option<Conv2d>,
}

impl Dense {
    fn new(weights: &Weights, width: usize, growth: usize) -> Result<Self> {
        let conv = |i: usize| {
            let out = if i == 4 { width } else { growth };
            Conv2d::new(&weights.pp(format!("conv{}", i + 1)), Conv2dShape::three(width + i * growth, out))
        };
        let beside = weights
            .stores("conv1x1.weight")
            .then(|| Conv2d::without_bias(&weights.pp("conv1x1"), Conv2dShape::one(width, growth)));
        Ok(Self { convs: [conv(0)?, conv(1)?, conv(2)?, conv(3)?, conv(4)?], beside: beside.transpose()? })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let [first, second, third, fourth, last] = &self.convs;
        let leaky = |conv: &Conv2d, x: &Tensor| conv.forward(x)?.activate(Activation::LeakyRelu);
        let with = |seen: &Tensor, made: &Tensor| Tensor::concatenate_channels(&[seen, made]);
        let seen = with(x, &leaky(first, x)?)?;
        let mut x2 = leaky(second, &seen)?;
        if let Some(beside) = &self.beside {
            x2 = beside.forward_fused(x, Fused { residual: Some(&x2), channels: None })?;
        }
        let seen = with(&seen, &x2)?;
        let seen = with(&seen, &leaky(third, &seen)?)?;
        let mut x4 = leaky(fourth, &seen)?;
        if self.beside.is_some() {
            x4 = x4.add(&x2)?;
        }
        last.forward(&with(&seen, &x4)?)?.scale(SHARE)?.add(x)
    }
}

/// The network.
#[derive(Debug)]
pub(super) struct RrdbNet {
    conv_first: Conv2d,
    body: Vec<[Dense; 3]>,
    conv_body: Conv2d,
    /// One for each doubling.
    conv_up: Vec<Conv2d>,
    conv_hr: Conv2d,
    conv_last: Conv2d,
    in_channels: usize,
}

impl RrdbNet {
    /// # Errors
    /// If weights are missing, or of another network.
    pub(super) fn new(weights: &Weights) -> Result<Self> {
        let [width, in_channels, ..] = conv_shape(weights, "conv_first.weight")?;
        let [out_channels, ..] = conv_shape(weights, "conv_last.weight")?;
        if ![1, 4, 16].contains(&(in_channels / COLORS))
            || in_channels % COLORS != 0
            || out_channels != COLORS
        {
            return Err(unknown("3, 12 or 48 channels and 3", format!("{in_channels} and {out_channels}")));
        }
        let [growth, ..] = conv_shape(weights, "body.0.rdb1.conv1.weight")?;
        let count = |has: &dyn Fn(usize) -> bool| (0..).take_while(|i| has(*i)).count();
        let blocks = count(&|i| weights.stores(&format!("body.{i}.rdb1.conv1.weight")));
        let doublings = count(&|i| weights.stores(&format!("conv_up{}.weight", i + 1)));
        let body = (0..blocks).map(|i| {
            let part =
                |part: usize| Dense::new(&weights.pp("body").pp(i).pp(format!("rdb{part}")), width, growth);
            Ok([part(1)?, part(2)?, part(3)?])
        });
        let conv = |name: &str| Conv2d::new(&weights.pp(name), Conv2dShape::three(width, width));
        Ok(Self {
            conv_first: Conv2d::new(&weights.pp("conv_first"), Conv2dShape::three(in_channels, width))?,
            body: body.collect::<Result<_>>()?,
            conv_body: conv("conv_body")?,
            conv_up: (0..doublings).map(|i| conv(&format!("conv_up{}", i + 1))).collect::<Result<_>>()?,
            conv_hr: conv("conv_hr")?,
            conv_last: Conv2d::new(&weights.pp("conv_last"), Conv2dShape::three(width, COLORS))?,
            in_channels,
        })
    }

    /// The side of the squares of pixels that it takes for one.
    pub(super) fn multiple(&self) -> usize {
        (self.in_channels / COLORS).isqrt()
    }

    /// How many times larger than its input its result is.
    pub(super) fn growth(&self) -> usize {
        1 << self.conv_up.len()
    }

    /// (b, in, h, w) → (b, 3, growth·h, growth·w).
    ///
    /// # Errors
    /// If shapes do not fit, or stopped.
    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let first = self.conv_first.forward(x)?;
        let mut h = first.clone();
        for block in &self.body {
            let mut inner = h.clone();
            for part in block {
                inner = part.forward(&inner)?;
            }
            h = inner.scale(SHARE)?.add(&h)?;
        }
        let residual = Fused { residual: Some(&first), channels: None };
        h = self.conv_body.forward_fused(&h, residual)?;
        drop(first);
        for conv in &self.conv_up {
            h = conv.forward_upsampled(&h)?.activate(Activation::LeakyRelu)?;
        }
        h = self.conv_hr.forward(&h)?.activate(Activation::LeakyRelu)?;
        self.conv_last.forward(&h)
    }
}
