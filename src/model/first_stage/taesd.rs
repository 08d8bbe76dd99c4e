//! `TinyDecoder`: TAESD's decoder, a small network that sees what the first stage's decoder would
//! (madebyollin/taesd, `taesd.py`; diffusers' `AutoencoderTiny`).
//!
//! Traps: its latents are the scaled ones, as sampled; the original file numbers layers one higher
//! than diffusers does (the clamp is its layer 0); it answers in [0, 1].

use crate::ops::{Activation, Conv2d, Conv2dShape, Result, Tensor, Weights};

/// Channels of every layer but the first and the last.
const WIDTH: usize = 64;

/// Three convolutions and a skip.
#[derive(Debug)]
struct Block([Conv2d; 3]);

impl Block {
    fn new(weights: &Weights) -> Result<Self> {
        let conv = |i: usize| Conv2d::new(&weights.pp("conv").pp(i), Conv2dShape::three(WIDTH, WIDTH));
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

/// TAESD's decoder: latent (b, 4, h, w) → picture (b, 3, 8h, 8w).
#[derive(Debug)]
pub struct TinyDecoder {
    conv_in: Conv2d,
    /// Three blocks and the convolution after an enlargement, three times.
    stages: Vec<([Block; 3], Conv2d)>,
    last: Block,
    conv_out: Conv2d,
}

impl TinyDecoder {
    /// Whether it is for latents of so many channels, whose side is a `factor`th of the picture's.
    pub fn suits(channels: usize, factor: usize) -> bool {
        channels == 4 && factor == 8
    }

    /// `diffusers` says how the file counts layers: `decoder.layers.0` is the first convolution, or
    /// `1` is. `channels` are the latent's.
    ///
    /// # Errors
    /// If weights are missing.
    pub fn new(weights: &Weights, diffusers: bool, channels: usize) -> Result<Self> {
        let layer = |i: usize| {
            if diffusers { weights.pp("decoder").pp("layers").pp(i - 1) } else { weights.pp(i) }
        };
        let stage = |start: usize| -> Result<([Block; 3], Conv2d)> {
            let blocks =
                [Block::new(&layer(start))?, Block::new(&layer(start + 1))?, Block::new(&layer(start + 2))?];
            Ok((blocks, Conv2d::without_bias(&layer(start + 4), Conv2dShape::three(WIDTH, WIDTH))?))
        };
        Ok(Self {
            conv_in: Conv2d::new(&layer(1), Conv2dShape::three(channels, WIDTH))?,
            stages: [3, 8, 13].into_iter().map(stage).collect::<Result<_>>()?,
            last: Block::new(&layer(18))?,
            conv_out: Conv2d::new(&layer(19), Conv2dShape::three(WIDTH, 3))?,
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
        self.conv_out.forward(&self.last.forward(&h)?)
    }
}
