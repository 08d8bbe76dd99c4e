//! Whether products of bf16 numbers are faster than products of f32 here: measured, not looked up.
//!
//! That a processor has AVX512-BF16 does not tell it: one may do half as many of its instructions in a
//! cycle as of f32's. So a small layer and a small attention, in a UNet's proportions, run both ways in
//! turns, and the least time of each counts: what else the machine does makes a run longer, never
//! shorter. It takes some dozen milliseconds on two cores.

use std::time::{Duration, Instant};

use super::attention::{AttentionMask, attention};
use super::context::Context;
use super::stop::KernelError;
use crate::ops::cpu::attention::keys_values::{AttentionShape, Products};
use crate::ops::cpu::gemm::epilogue::Epilogue;
use crate::ops::cpu::gemm::linear::linear;
use crate::ops::cpu::gemm::matrix::PackedMatrix;
use crate::ops::cpu::gemm::weight_rows::WeightSlice;
use crate::ops::cpu::view::Source;

/// Runs of each kind; the first warms up caches and buffers.
const ROUNDS: usize = 7;
/// bf16 is less exact, so a gain that may be chance is none.
const LEAST_GAIN: f64 = 0.05;

/// Tokens, and channels of the layer.
const ROWS: usize = 512;
const COLUMNS: usize = 640;
/// Heads and their size.
const HEADS: usize = 4;
const HEAD_SIZE: usize = 40;

/// Whether a UNet's bf16 products beat its f32 products on this processor.
///
/// # Errors
/// [`KernelError`].
pub fn bf16_pays(context: &Context) -> Result<bool, KernelError> {
    if !context.level().has_bf16() {
        return Ok(false);
    }
    let numbers: Vec<f32> = (0..COLUMNS * COLUMNS).map(|i| (i * 7 % 61) as f32 / 61.0 - 0.5).collect();
    let weights = WeightSlice::F32(&numbers);
    let plain = PackedMatrix::pack(context, &weights, COLUMNS, COLUMNS)?;
    let pairs = PackedMatrix::pack_bf16(context, &weights, COLUMNS, COLUMNS, false)?;
    let run = |weights: &PackedMatrix, products: Products| {
        let began = Instant::now();
        let x = &numbers[..ROWS * COLUMNS];
        let mut y = context.arena().take(ROWS * COLUMNS)?;
        linear(context, Source::one(x, COLUMNS), (ROWS, 1), weights, Epilogue::default(), &mut y)?;
        let shape = AttentionShape {
            batch: 1,
            queries: ROWS,
            keys: ROWS,
            heads: HEADS,
            head_size: HEAD_SIZE,
            products,
        };
        let q = &numbers[..ROWS * HEADS * HEAD_SIZE];
        let mut y = context.arena().take(q.len())?;
        attention(context, q, q, q, shape, 0.1, AttentionMask::default(), &mut y)?;
        Ok::<_, KernelError>(began.elapsed())
    };
    let mut least = [Duration::MAX; 2];
    for _ in 0..ROUNDS {
        least[0] = least[0].min(run(&plain, Products::F32)?);
        least[1] = least[1].min(run(&pairs, Products::Bf16)?);
    }
    Ok(pays(least))
}

/// The decision on the least times of f32 and of bf16.
fn pays([f32, bf16]: [Duration; 2]) -> bool {
    bf16.as_secs_f64() < (1.0 - LEAST_GAIN) * f32.as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::cpu::isa::Level;

    #[test]
    fn only_a_clear_gain_counts() {
        let micros = |f32, bf16| pays([Duration::from_micros(f32), Duration::from_micros(bf16)]);
        assert!(micros(1000, 600));
        assert!(micros(1000, 940));
        assert!(!micros(1000, 960));
        assert!(!micros(4200, 6200));
        assert!(!micros(0, 0));
    }

    #[test]
    fn levels_without_the_instructions_are_not_measured() {
        let context = Context::new(1).with_level(Level::PORTABLE);
        assert_eq!(bf16_pays(&context), Ok(false));
        assert_eq!(context.arena().usage().peak, 0);
    }
}
