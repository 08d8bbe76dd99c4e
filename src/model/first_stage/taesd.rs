//! `TinyDecoder`: TAESD's decoder, a small network that sees what the first stage's decoder would
//! (madebyollin/taesd, `taesd.py`; diffusers' `AutoencoderTiny`).
//!
//! Traps: its latents are the scaled ones, as sampled; the original file numbers layers one higher
//! than diffusers does (the clamp is its layer 0); it answers in [0, 1]. Some
//! distilled models have it as their only first stage, in other widths and with other numbers of blocks.

use crate::ops::{Activation, Conv2d, Conv2dShape, Result, Tensor, Weights};

/// The form of a tiny decoder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TinyShape {
    /// Channels of the latent.
    pub channels: usize,
    /// Channels of every layer but the first and the last.
    pub width: usize,
    /// Blocks of each stage; each but the last ends with an enlargement.
    pub blocks: Vec<usize>,
    /// The number of the first convolution: 0 as diffusers counts, 1 as the original file does.
    pub first_layer: usize,
}

impl TinyShape {
    /// TAESD's, for latents of so many channels.
    pub fn taesd(channels: usize, diffusers: bool) -> Self {
        Self { channels, width: 64, blocks: vec![3, 3, 3, 1], first_layer: usize::from(!diffusers) }
    }

    /// A picture is so many times larger than its latent.
    pub fn factor(&self) -> usize {
        1 << self.blocks.len().saturating_sub(1)
    }
}

/// Three convolutions and a skip.
#[derive(Debug)]
struct Block([Conv2d; 3]);

impl Block {
    fn new(weights: &Weights, width: usize) -> Result<Self> {
        let conv = |i: usize| Conv2d::new(&weights.pp("conv").pp(i), Conv2dShape::three(width, width));
        Ok(Self([conv(0)?, conv(2)?, conv(4)?]))
    }

    /// relu(x + conv(relu(conv(relu(conv(x)))))).
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let [first, second, third] = &self.0;
        let h = first.forward(x)?.activate(Activation::Relu)?;
        let h = second.forward(&h)?.activate(Activation::Relu)?;
        third.forward(&h)?.add(x)?.activate(Activation::Relu)
    }
}

/// TAESD's decoder: latent (b, 4, h, w) → picture (b, 3, 8h, 8w), or one of another shape.
#[derive(Debug)]
pub struct TinyDecoder {
    conv_in: Conv2d,
    /// Blocks, and the convolution after the enlargement behind them.
    stages: Vec<(Vec<Block>, Conv2d)>,
    last: Vec<Block>,
    conv_out: Conv2d,
}

impl TinyDecoder {
    /// Whether it is for latents of so many channels, whose side is a `factor`th of the picture's.
    pub fn suits(channels: usize, factor: usize) -> bool {
        channels == 4 && factor == 8
    }

    /// Its layers; `weights` where their numbers are, `decoder.layers` in diffusers' layout.
    ///
    /// # Errors
    /// If weights are missing.
    pub fn new(weights: &Weights, shape: &TinyShape) -> Result<Self> {
        let &TinyShape { channels, width, first_layer, .. } = shape;
        // The first convolution and its activation come before the stages.
        let mut next = first_layer + 2;
        let mut blocks = |count: usize| -> Result<(Vec<Block>, usize)> {
            let made =
                (next..next + count).map(|i| Block::new(&weights.pp(i), width)).collect::<Result<_>>()?;
            let end = next + count;
            // An enlargement and a convolution follow.
            next = end + 2;
            Ok((made, end))
        };
        let (last, enlarged) = shape.blocks.split_last().unwrap_or((&0, &[]));
        let mut stages = Vec::new();
        for count in enlarged {
            let (made, end) = blocks(*count)?;
            let conv = Conv2d::without_bias(&weights.pp(end + 1), Conv2dShape::three(width, width))?;
            stages.push((made, conv));
        }
        let (last, end) = blocks(*last)?;
        Ok(Self {
            conv_in: Conv2d::new(&weights.pp(first_layer), Conv2dShape::three(channels, width))?,
            stages,
            last,
            conv_out: Conv2d::new(&weights.pp(end), Conv2dShape::three(width, 3))?,
        })
    }

    /// Scaled latent (b, c, h, w) → (b, 3, 8h, 8w), about [0, 1].
    ///
    /// # Errors
    /// If shapes do not fit, or stopped.
    pub fn decode(&self, z: &Tensor) -> Result<Tensor> {
        let z = z.scale(1.0 / 3.0)?.tanh()?.scale(3.0)?;
        let mut h = self.conv_in.forward(&z)?.activate(Activation::Relu)?;
        for (blocks, conv) in &self.stages {
            for block in blocks {
                h = block.forward(&h)?;
            }
            h = conv.forward_upsampled(&h)?;
        }
        for block in &self.last {
            h = block.forward(&h)?;
        }
        self.conv_out.forward(&h)
    }

    /// The same, about [-1, 1], as a whole model's first stage answers.
    ///
    /// # Errors
    /// As [`TinyDecoder::decode`].
    pub(super) fn decode_signed(&self, z: &Tensor) -> Result<Tensor> {
        let twice = self.decode(z)?.scale(2.0)?;
        let minus = vec![-1.0; twice.shape().iter().product()];
        twice.add(&Tensor::from_f32(twice.device(), twice.shape(), &minus)?)
    }
}
