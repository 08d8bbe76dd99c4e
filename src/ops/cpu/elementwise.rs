//! What is left when everything that can be fused is fused: maps over numbers, and softmax of rows.
//!
//! All of it is bound by memory on large tensors; prefer an epilogue where there is one.
#![expect(unsafe_code, reason = "raw pointers into checked slices")]

use super::context::Context;
use super::stop::KernelError;
use crate::ops::cpu::gemm::epilogue::Activation;
use crate::ops::cpu::isa::Task;
use crate::ops::cpu::isa::math;
use crate::ops::cpu::isa::simd::{Simd, load_upto, store_upto};
use crate::ops::cpu::memory::shared::Shared;

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
    let y = Shared::new(y);
    context.each(x.len().div_ceil(CHUNK), |_, item| {
        let range = item * CHUNK..(item * CHUNK + CHUNK).min(x.len());
        Map {
            x: &x[range.clone()],
            factor,
            summand: summand.map(|s| &s[range.clone()]),
            activation,
            y: y.at(range.start),
        }
    })
}

struct Map<'a> {
    x: &'a [f32],
    factor: f32,
    summand: Option<&'a [f32]>,
    activation: Activation,
    y: *mut f32,
}

impl Task for Map<'_> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        for i in (0..self.x.len()).step_by(S::LANES) {
            let left = self.x.len() - i;
            // SAFETY: x, the summand and y have `left` numbers from `i` on.
            unsafe {
                let mut value = load_upto::<S>(self.x.as_ptr().add(i), left);
                if self.factor != 1.0 {
                    value = S::mul(value, S::splat(self.factor));
                }
                if let Some(summand) = self.summand {
                    value = S::add(value, load_upto::<S>(summand.as_ptr().add(i), left));
                }
                value = match self.activation {
                    Activation::None => value,
                    Activation::Silu => math::silu::<S>(value, 1.0),
                    Activation::QuickGelu => math::silu::<S>(value, 1.702),
                    Activation::Gelu => math::gelu::<S>(value),
                    Activation::Relu => S::max(value, S::splat(0.0)),
                };
                store_upto::<S>(self.y.add(i), value, left);
            }
        }
    }
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
    let rows = x.len() / columns;
    let each = (CHUNK / columns).max(1);
    let x = Shared::new(x);
    context.each(rows.div_ceil(each), |_, item| Softmax {
        rows: x.at(item * each * columns),
        count: each.min(rows - item * each),
        columns,
    })
}

struct Softmax {
    rows: *mut f32,
    count: usize,
    columns: usize,
}

impl Task for Softmax {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        for number in 0..self.count {
            // SAFETY: this item alone has these rows of `columns` numbers.
            unsafe {
                let row = std::slice::from_raw_parts_mut(self.rows.add(number * self.columns), self.columns);
                let top = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                let mut sums = [0.0f32; 16];
                let slope = S::splat(std::f32::consts::LOG2_E);
                let mut total = S::splat(0.0);
                for i in (0..row.len()).step_by(S::LANES) {
                    let left = row.len() - i;
                    let off = S::sub(load_upto::<S>(row.as_ptr().add(i), left), S::splat(top));
                    let weight = math::exp2_below::<S>(S::mul(off, slope));
                    store_upto::<S>(row.as_mut_ptr().add(i), weight, left);
                    total = S::add(total, load_upto::<S>(row.as_ptr().add(i), left));
                }
                S::store(sums.as_mut_ptr(), total);
                let factor = 1.0 / sums.iter().sum::<f32>();
                row.iter_mut().for_each(|x| *x *= factor);
            }
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
