//! What the kernels' tests share: noise, f64 references, and a check on each level and thread count.

use half::f16;

use super::context::Context;
use crate::ops::cpu::gemm::groups::{Bits, Factors, GROUP, Group, Groups};
use crate::ops::cpu::gemm::weight_rows::{Element, WeightRows, WeightSlice};
use crate::ops::cpu::isa::Level;
use crate::ops::cpu::memory::arena::Buffer;
use crate::ops::cpu::stop::KernelError;

/// Repeatable numbers of unit variance.
pub fn noise(seed: u64, len: usize) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut uniform = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1u64 << 24) as f32
    };
    (0..len).map(|_| (uniform() + uniform() + uniform() + uniform() - 2.0) * 1.732).collect()
}

/// Weights of deviation 1/√columns, in f16.
pub fn halves(seed: u64, len: usize, columns: usize) -> Vec<f16> {
    noise(seed, len).into_iter().map(|x| f16::from_f32(x / (columns as f32).sqrt())).collect()
}

/// The numbers in f64.
pub fn wide(numbers: &[f32]) -> Vec<f64> {
    numbers.iter().map(|x| f64::from(*x)).collect()
}

/// Half floats in f64.
pub fn wide_halves(numbers: &[f16]) -> Vec<f64> {
    numbers.iter().map(|x| f64::from(*x)).collect()
}

/// As weights.
pub fn weights(numbers: &[f16]) -> WeightSlice<'_> {
    WeightSlice::F16(numbers)
}

/// x·Φ(x) in f64, by the series of erf (|x| below 6) or its tail.
pub fn gelu(x: f64) -> f64 {
    let z = x / std::f64::consts::SQRT_2;
    let (mut term, mut sum) = (z, z);
    for n in 1..200 {
        term *= -z * z / f64::from(n);
        sum += term / f64::from(2 * n + 1);
    }
    let erf = if z.abs() > 4.0 { z.signum() } else { sum * 2.0 / std::f64::consts::PI.sqrt() };
    0.5 * x * (1.0 + erf)
}

/// Greatest difference, in deviations of what is wanted.
pub fn error(got: &[f32], want: &[f64]) -> f64 {
    let mean = want.iter().sum::<f64>() / want.len() as f64;
    let power = want.iter().map(|w| (w - mean) * (w - mean)).sum::<f64>() / want.len() as f64;
    let scale = if want.len() < 8 { 1.0 } else { power.sqrt() };
    got.iter()
        .zip(want)
        .map(|(g, w)| if g.is_finite() { (f64::from(*g) - w).abs() } else { f64::INFINITY })
        .fold(0.0, f64::max)
        / scale
}

/// Runs a kernel on every level and on one to three threads, into a poisoned result: the error stays
/// below `bound`, and the thread count changes no bit.
pub fn check(name: &str, want: &[f64], bound: f64, run: impl Fn(&Context, &mut [f32])) {
    for level in Level::available() {
        let mut first: Option<Buffer> = None;
        for threads in 1..=3 {
            let context = Context::new(threads).with_level(level);
            let taken = context.arena().take(want.len());
            assert!(taken.is_ok(), "no memory for a test");
            let Ok(mut got) = taken else { return };
            got.fill(f32::NAN);
            run(&context, &mut got);
            let error = error(&got, want);
            assert!(error < bound, "{name}, {}: error {error:e} of {bound:e}", level.name());
            if threads == 1 {
                println!("{name}, {}: error {error:.1e} of {bound:.1e}", level.name());
            }
            let Some(first) = &first else {
                first = Some(got);
                continue;
            };
            assert!(
                first.iter().zip(&*got).all(|(a, b): (&f32, &f32)| a.to_bits() == b.to_bits()),
                "{name}: {threads} threads differ"
            );
        }
    }
}

/// All forms of groups that files have.
pub const FORMS: [Groups; 5] = [
    Groups::Q8,
    Groups::Q4,
    Groups { bits: Bits::Eight, factors: Factors::OneAndSum },
    Groups { bits: Bits::Four, factors: Factors::OneAndSum },
    Groups { bits: Bits::Eight, factors: Factors::Two },
];

/// Rows as a file has them in groups: factors and codes of all sizes.
pub struct Grouped {
    form: Groups,
    groups: Vec<Group>,
}

impl Grouped {
    /// Rows of a whole number of groups.
    pub fn new(form: Groups, outputs: usize, columns: usize) -> Self {
        let (least, range) = match (form.bits, form.factors) {
            (Bits::Eight, _) => (-127, 255),
            (Bits::Four, Factors::OneAndSum) => (0, 16),
            (Bits::Four, _) => (-8, 16),
        };
        let group = |i: usize| {
            let first = f16::from_f32(0.001 * (1 + i * 7 % 100) as f32).to_f32();
            let second = if form.factors == Factors::Two { first * 3.0 } else { first };
            let codes = std::array::from_fn(|k| ((i * 5 + k * 37) % range) as i32 + least);
            Group {
                factors: [first, second],
                sum: -0.37 * (i % 11) as f32,
                codes: codes.map(|code| code as i8),
            }
        };
        Self { form, groups: (0..outputs * columns / GROUP).map(group).collect() }
    }

    /// The same as numbers.
    pub fn numbers(&self) -> Vec<f32> {
        let numbers =
            |group: &Group| std::array::from_fn::<f32, GROUP, _>(|k| group.number(self.form.factors, k));
        self.groups.iter().flat_map(numbers).collect()
    }
}

impl WeightRows for Grouped {
    type Error = KernelError;

    fn count(&self) -> usize {
        self.groups.len() * GROUP
    }

    fn element(&self) -> Element {
        Element::F32
    }

    fn in_memory(&self) -> Option<WeightSlice<'_>> {
        None
    }

    fn read(&self, first: usize, to: &mut [u8]) -> Result<(), KernelError> {
        let numbers = self.numbers();
        to.copy_from_slice(bytemuck::cast_slice(&numbers[first..][..to.len() / size_of::<f32>()]));
        Ok(())
    }

    fn groups(&self) -> Option<Groups> {
        Some(self.form)
    }

    fn read_groups(&self, first: usize, to: &mut [Group]) -> Result<(), KernelError> {
        to.copy_from_slice(&self.groups[first / GROUP..][..to.len()]);
        Ok(())
    }
}
