//! The parameters of operations: what an operation takes besides tensors and weights.
//!
//! Plain values that facade and backends share; nothing here computes or allocates.

use super::{Error, Result};

/// The nonlinearity fused after a norm, a linear layer or a convolution.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Activation {
    /// x unchanged.
    #[default]
    Identity,
    /// x·σ(x), also called swish.
    Silu,
    /// x·σ(1.702x), as CLIP's text model has it.
    QuickGelu,
    /// x·Φ(x) with the exact error function.
    Gelu,
    /// The rectifier: max(x, 0).
    Relu,
    /// The leaky rectifier: max(x, 0.2x).
    LeakyRelu,
}

/// A map that a consumer reads: one tensor, or two that stand for their concatenation along the
/// channels. A UNet's skip connections come as two, so that nobody writes the concatenation.
#[derive(Debug)]
pub enum Source<'a, T> {
    /// A whole map.
    One(&'a T),
    /// The first channels, then the others; batch, height and width are equal.
    Two(&'a T, &'a T),
}

/// What follows a product in the same pass: y = activation(product + bias + channels) + residual.
/// The bias belongs to the layer.
#[derive(Debug)]
pub struct Epilogue<'a, T> {
    /// Applied to the sum of product, bias and `channels`.
    pub activation: Activation,
    /// (b, c): one element for each item of the batch and each output channel, the time embedding. Of a gated
    /// layer (…, 2·out) with the rows of x: values', then gates', added before the gate.
    pub channels: Option<&'a T>,
    /// A tensor of the result's shape.
    pub residual: Option<&'a T>,
}

/// The form of a linear layer's weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinearShape {
    /// Elements of an input row.
    pub in_features: usize,
    /// Elements of an output row.
    pub out_features: usize,
    /// GEGLU: the weight has twice `out_features` rows, and the first half of the product is
    /// multiplied by the exact GELU of the second.
    pub gated: bool,
}

impl LinearShape {
    /// Rows of the weight (and elements of the bias).
    pub fn rows(self) -> usize {
        if self.gated { 2 * self.out_features } else { self.out_features }
    }
}

/// The zeros around a map that a convolution reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Padding {
    /// This many on each of the four sides.
    Same(usize),
    /// One on the right and at the bottom only: the first stage encoder's downsampling.
    RightBottom,
}

impl Padding {
    /// Zeros before and after a row or column.
    pub fn sides(self) -> (usize, usize) {
        match self {
            Self::Same(zeros) => (zeros, zeros),
            Self::RightBottom => (0, 1),
        }
    }
}

/// The form of a convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conv2dShape {
    /// Channels of the input.
    pub in_channels: usize,
    /// Channels of the output.
    pub out_channels: usize,
    /// Height and width of the kernel.
    pub kernel: usize,
    /// Step in both directions, at least 1.
    pub stride: usize,
    /// The zeros around the input.
    pub padding: Padding,
}

impl Conv2dShape {
    /// 3×3, stride 1, one zero on each side: the output is as large as the input.
    pub fn three(in_channels: usize, out_channels: usize) -> Self {
        Self { in_channels, out_channels, kernel: 3, stride: 1, padding: Padding::Same(1) }
    }

    /// 1×1, stride 1: a linear layer over the channels of each pixel.
    pub fn one(in_channels: usize, out_channels: usize) -> Self {
        Self { in_channels, out_channels, kernel: 1, stride: 1, padding: Padding::Same(0) }
    }

    /// 3×3, stride 2: the output has half the height and width.
    pub fn strided(in_channels: usize, out_channels: usize, padding: Padding) -> Self {
        Self { in_channels, out_channels, kernel: 3, stride: 2, padding }
    }

    /// The output's shape for an input (b, c, h, w).
    ///
    /// # Errors
    /// If the channels differ or the padded input is smaller than the kernel.
    pub fn output(self, input @ [b, c, h, w]: [usize; 4]) -> Result<[usize; 4]> {
        let Self { in_channels, out_channels, kernel, stride, padding } = self;
        let (before, after) = padding.sides();
        let size = |n: usize| (n + before + after).checked_sub(kernel).map(|n| n / stride.max(1) + 1);
        match (size(h), size(w)) {
            (Some(h), Some(w)) if c == in_channels => Ok([b, out_channels, h, w]),
            _ => Err(Error::Shape(format!(
                "a convolution {in_channels} → {out_channels} cannot take {input:?}"
            ))),
        }
    }
}

/// Which keys a query may look at.
#[derive(Clone, Copy, Debug, Default)]
pub enum Mask<'a> {
    /// All of them.
    #[default]
    None,
    /// Those at the query's position and before it: CLIP's text model.
    Causal,
    /// Those that are true, (b, keys) row-major.
    Keys(&'a [bool]),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_have_the_reference_sizes() {
        let same = Conv2dShape::strided(3, 5, Padding::Same(1));
        let corner = Conv2dShape::strided(3, 5, Padding::RightBottom);
        assert_eq!(Conv2dShape::three(3, 5).output([2, 3, 7, 4]).unwrap(), [2, 5, 7, 4]);
        assert_eq!(same.output([1, 3, 7, 4]).unwrap(), [1, 5, 4, 2]);
        assert_eq!(corner.output([1, 3, 7, 4]).unwrap(), [1, 5, 3, 2]);
        assert!(corner.output([1, 3, 1, 4]).is_err());
        assert!(same.output([1, 4, 7, 4]).is_err());
    }
}
