//! What happens to a sum on its way out of a register tile: bias, activation, residual.
//!
//! y = activation(sum + bias + per_picture) + residual, so that none of these costs a pass over
//! memory of its own.

use crate::ops::cpu::isa::math;
use crate::ops::cpu::isa::simd::Simd;

/// The function applied to the sums.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Activation {
    /// The sum itself.
    #[default]
    None,
    /// x·sigmoid(x).
    Silu,
    /// x·sigmoid(1.702·x): CLIP's.
    QuickGelu,
    /// x·Φ(x), exact.
    Gelu,
    /// max(x, 0).
    Relu,
    /// max(x, 0.2·x).
    LeakyRelu,
}

impl Activation {
    /// Its value at each lane of `x`.
    #[inline(always)]
    pub(in crate::ops::cpu) fn of<S: Simd>(self, s: S, x: S::V) -> S::V {
        match self {
            Self::None => x,
            Self::Silu => math::silu(s, x, 1.0),
            Self::QuickGelu => math::silu(s, x, 1.702),
            Self::Gelu => math::gelu(s, x),
            Self::Relu => s.max(x, s.splat(0.0)),
            Self::LeakyRelu => s.max(x, s.mul(x, s.splat(0.2))),
        }
    }
}

/// What is added to a product and how.
#[derive(Clone, Copy, Default)]
pub struct Epilogue<'a> {
    /// One number for each output (for GEGLU: all values', then all gates').
    pub bias: Option<&'a [f32]>,
    /// One row of outputs for each picture of the batch: the time embedding (for GEGLU: all values', then all
    /// gates').
    pub per_picture: Option<&'a [f32]>,
    /// Applied to the sums so far.
    pub activation: Activation,
    /// Of y's shape, added last.
    pub residual: Option<&'a [f32]>,
}

impl Epilogue<'_> {
    /// # Panics
    /// Unless all parts fit a result of `rows` × `outputs` in `pictures` pictures.
    pub(in crate::ops::cpu) fn check(&self, rows: usize, outputs: usize, pictures: usize, gated: bool) {
        let biases = if gated { 2 * outputs } else { outputs };
        assert!(self.bias.is_none_or(|b| b.len() == biases), "a bias has one number for each output");
        assert!(self.per_picture.is_none_or(|p| p.len() == pictures * biases), "one row for each picture");
        assert!(self.residual.is_none_or(|r| r.len() == rows * outputs), "a residual has the result's shape");
    }

    /// Finishes up to one vector of sums: outputs `column..` of row `row` in picture `picture`,
    /// `count` of them, and writes them to `y`.
    ///
    /// # Safety
    /// The epilogue was checked against the result's shape, which has these
    /// outputs; `y` is valid for them.
    #[inline(always)]
    #[expect(unsafe_code, reason = "vector loads within checked slices")]
    pub(in crate::ops::cpu) unsafe fn finish<S: Simd>(&self, s: S, mut sum: S::V, at: Place, y: *mut f32) {
        let Place { row, picture, column, count, outputs, stream } = at;
        // SAFETY: the caller vouches that the outputs exist, and `check` for the slices' lengths.
        unsafe {
            if let Some(bias) = self.bias {
                sum = s.add(sum, s.load_upto(bias.as_ptr().add(column), count));
            }
            if let Some(more) = self.per_picture {
                sum = s.add(sum, s.load_upto(more.as_ptr().add(picture * outputs + column), count));
            }
            sum = self.activation.of(s, sum);
            if let Some(residual) = self.residual {
                sum = s.add(sum, s.load_upto(residual.as_ptr().add(row * outputs + column), count));
            }
            let y = y.add(row * outputs + column);
            if stream && count >= S::LANES {
                s.stream(y, sum);
            } else {
                s.store_upto(y, sum, count);
            }
        }
    }

    /// GEGLU: `value` and `gate` are the sums of one output each; y = value · gelu(gate).
    ///
    /// # Safety
    /// As [`Epilogue::finish`].
    #[inline(always)]
    #[expect(unsafe_code, reason = "vector loads within checked slices")]
    pub(super) unsafe fn finish_gated<S: Simd>(
        &self,
        s: S,
        mut value: S::V,
        mut gate: S::V,
        at: Place,
        y: *mut f32,
    ) {
        let Place { row, picture, column, count, outputs, .. } = at;
        // SAFETY: as `finish`; a gated bias has 2·outputs numbers, and so has each picture's row.
        unsafe {
            if let Some(bias) = self.bias {
                value = s.add(value, s.load_upto(bias.as_ptr().add(column), count));
                gate = s.add(gate, s.load_upto(bias.as_ptr().add(outputs + column), count));
            }
            if let Some(more) = self.per_picture {
                let row = more.as_ptr().add(picture * 2 * outputs + column);
                value = s.add(value, s.load_upto(row, count));
                gate = s.add(gate, s.load_upto(row.add(outputs), count));
            }
            let mut product = s.mul(value, math::gelu(s, gate));
            if let Some(residual) = self.residual {
                product = s.add(product, s.load_upto(residual.as_ptr().add(row * outputs + column), count));
            }
            s.store_upto(y.add(row * outputs + column), product, count);
        }
    }
}

/// Which outputs a vector of sums belongs to.
#[derive(Clone, Copy)]
pub(in crate::ops::cpu) struct Place {
    /// The row of y.
    pub row: usize,
    /// The picture that the row is in.
    pub picture: usize,
    /// The first output.
    pub column: usize,
    /// How many outputs are left from there; more than a vector is a whole vector.
    pub count: usize,
    /// Outputs of a row.
    pub outputs: usize,
    /// Whether whole vectors are written past the caches; y is aligned for it.
    pub stream: bool,
}
