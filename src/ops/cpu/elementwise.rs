//! What is left when everything that can be fused is fused: maps over numbers, and softmax of rows.
//!
//! All of it is bound by memory on large tensors; prefer an epilogue where there is one.

use super::context::Context;
use super::cut::Pieces;
use super::stop::KernelError;
use crate::ops::cpu::gemm::epilogue::Activation;
use crate::ops::cpu::isa::Task;
use crate::ops::cpu::isa::math;
use crate::ops::cpu::isa::simd::Simd;

/// Numbers of one item.
const CHUNK: usize = 16 * 1024;

/// y = x · factor + summand, number by number.
///
/// # Errors
/// [`KernelError`]: `y` is incomplete.
///
/// # Panics
/// If the lengths differ.
pub fn scale_add(
    context: &Context,
    x: &[f32],
    factor: f32,
    summand: Option<&[f32]>,
    y: &mut [f32],
) -> Result<(), KernelError> {
    assert!(summand.is_none_or(|s| s.len() == x.len()), "both summands have one length");
    map(context, x, factor, summand, Activation::None, y)
}

/// y = activation(x), number by number.
///
/// # Errors
/// [`KernelError`]: `y` is incomplete.
///
/// # Panics
/// If the lengths differ.
pub fn activate(
    context: &Context,
    x: &[f32],
    activation: Activation,
    y: &mut [f32],
) -> Result<(), KernelError> {
    map(context, x, 1.0, None, activation, y)
}

fn map(
    context: &Context,
    x: &[f32],
    factor: f32,
    summand: Option<&[f32]>,
    activation: Activation,
    y: &mut [f32],
) -> Result<(), KernelError> {
    assert_eq!(x.len(), y.len(), "x and y have one length");
    let pieces = Pieces::new(1, y.len(), CHUNK);
    context.each_piece(y, pieces, |start, y| {
        let range = start..start + y.len();
        Map { x: &x[range.clone()], factor, summand: summand.map(|s| &s[range]), activation, y }
    })
}

struct Map<'a> {
    x: &'a [f32],
    factor: f32,
    summand: Option<&'a [f32]>,
    activation: Activation,
    y: &'a mut [f32],
}

impl Task for Map<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Map { x, factor, summand, activation, y } = self;
        let (parts, rest) = y.split_at_mut(x.len() / S::LANES * S::LANES);
        let whole = parts.len();
        let from = parts.chunks_exact_mut(S::LANES).zip(x.chunks_exact(S::LANES));
        match summand {
            Some(summand) => {
                for ((y, x), summand) in from.zip(summand.chunks_exact(S::LANES)) {
                    vector(s, x, factor, Some(summand), activation, y);
                }
            }
            None => from.for_each(|(y, x)| vector(s, x, factor, None, activation, y)),
        }
        vector(s, &x[whole..], factor, summand.map(|summand| &summand[whole..]), activation, rest);
    }
}

/// A vector of a map, or a part of one at its end.
#[inline(always)]
fn vector<S: Simd>(
    s: S,
    x: &[f32],
    factor: f32,
    summand: Option<&[f32]>,
    activation: Activation,
    y: &mut [f32],
) {
    let mut value = s.read(x);
    if factor != 1.0 {
        value = s.mul(value, s.splat(factor));
    }
    if let Some(summand) = summand {
        value = s.add(value, s.read(summand));
    }
    s.write(y, activation.of(s, value));
}

/// softmax of each row of `columns` numbers, in place.
///
/// # Errors
/// [`KernelError`]: some rows are not done.
///
/// # Panics
/// Unless `x` has whole rows.
pub fn softmax(context: &Context, x: &mut [f32], columns: usize) -> Result<(), KernelError> {
    assert!(columns > 0 && x.len().is_multiple_of(columns), "x has whole rows");
    let pieces = Pieces::new(1, x.len(), (CHUNK / columns).max(1) * columns);
    context.each_piece(x, pieces, |_, rows| Softmax { rows, columns })
}

struct Softmax<'a> {
    rows: &'a mut [f32],
    columns: usize,
}

impl Task for Softmax<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        for row in self.rows.chunks_exact_mut(self.columns) {
            let top = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let slope = s.splat(std::f32::consts::LOG2_E);
            let mut total = s.splat(0.0);
            for part in row.chunks_mut(S::LANES) {
                let off = s.sub(s.read(part), s.splat(top));
                s.write(part, math::exp2_below(s, s.mul(off, slope)));
                total = s.add(total, s.read(part));
            }
            let factor = 1.0 / s.lanes(total).iter().sum::<f32>();
            row.iter_mut().for_each(|x| *x *= factor);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check, gelu, noise, wide};
    use super::*;

    #[test]
    fn maps() {
        for len in [1, 37, 40_001] {
            let (x, z) = (noise(1, len).iter().map(|x| 4.0 * x).collect::<Vec<_>>(), noise(2, len));
            let want: Vec<f64> = wide(&x).iter().zip(wide(&z)).map(|(x, z)| 0.5 * x + z).collect();
            check("scale add", &want, 1e-6, |context, y| scale_add(context, &x, 0.5, Some(&z), y).unwrap());
            for (activation, function) in [
                (Activation::Silu, (|x| x / (1.0 + (-x).exp())) as fn(f64) -> f64),
                (Activation::QuickGelu, |x| x / (1.0 + (-1.702 * x).exp())),
                (Activation::Gelu, gelu),
            ] {
                let want: Vec<f64> = wide(&x).into_iter().map(function).collect();
                check(&format!("{activation:?}"), &want, 2e-6, |context, y| {
                    activate(context, &x, activation, y).unwrap()
                });
            }
        }
    }

    #[test]
    fn softmax_rows() {
        for (rows, columns) in [(1, 1), (5, 77), (3, 20_000)] {
            let x: Vec<f32> = noise(3, rows * columns).iter().map(|x| 2.0 * x).collect();
            let mut want = Vec::new();
            for row in wide(&x).chunks_exact(columns) {
                let total: f64 = row.iter().map(|x| x.exp()).sum();
                want.extend(row.iter().map(|x| x.exp() / total));
            }
            check(&format!("softmax {rows}x{columns}"), &want, 4e-5, |context, y| {
                y.copy_from_slice(&x);
                softmax(context, y, columns).unwrap();
            });
        }
    }
}
