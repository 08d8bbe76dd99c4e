//! The lists of σ: each function returns those of S ≥ 1 steps, the largest first and the end included.
//!
//! Trap: where S is 1 a list has its first σ alone before the end, as torch's `linspace` of one number.

use super::DiffusionSchedule;
use super::beta_quantile::symmetric_beta_quantile;

/// ρ of Karras' schedule.
const RHO: f64 = 7.0;
/// Both shapes of the beta distribution.
const SHAPE: f64 = 0.6;
/// The published σ of "Align your steps" for Stable Diffusion v1, for ten steps.
const ALIGNED: [f64; 11] = [14.615, 6.475, 3.861, 2.697, 1.886, 1.396, 0.963, 0.652, 0.399, 0.152, 0.029];

/// `n` numbers from `from` to `to`, both included.
pub(super) fn linspace(from: f64, to: f64, n: usize) -> impl Iterator<Item = f64> {
    let step = if n > 1 { (to - from) / (n - 1) as f64 } else { 0.0 };
    (0..n).map(move |i| if i + 1 == n && n > 1 { to } else { from + step * i as f64 })
}

fn with_zero(sigmas: impl Iterator<Item = f64>) -> Vec<f64> {
    sigmas.chain([0.0]).collect()
}

/// The last timestep of training.
fn last(full: &DiffusionSchedule) -> f64 {
    (full.timesteps() - 1) as f64
}

/// `get_sigmas`: even steps of t.
pub(super) fn normal(full: &DiffusionSchedule, n: usize) -> Vec<f64> {
    with_zero(linspace(last(full), 0.0, n).map(|t| full.t_to_sigma(t)))
}

/// A1111's `sgm_uniform`: even steps of t, the last of n + 1 left out.
pub(super) fn sgm_uniform(full: &DiffusionSchedule, n: usize) -> Vec<f64> {
    with_zero(linspace(last(full), 0.0, n + 1).take(n).map(|t| full.t_to_sigma(t)))
}

/// `simple_scheduler`: every so many of training's σ.
pub(super) fn simple(full: &DiffusionSchedule, n: usize) -> Vec<f64> {
    let all = full.timesteps();
    with_zero((0..n).map(|i| full.sigma(all - 1 - (i as f64 * all as f64 / n as f64) as usize)))
}

/// `ddim_scheduler`: every ⌊T/n⌋th of training's σ from the second, which may be n + 1 of them.
pub(super) fn ddim_uniform(full: &DiffusionSchedule, n: usize) -> Vec<f64> {
    let all = full.timesteps();
    let picked: Vec<usize> = (1..all).step_by((all / n).max(1)).collect();
    with_zero(picked.into_iter().rev().map(|t| full.sigma(t)))
}

/// `kl_optimal`: even steps of arctan σ, down to the least.
pub(super) fn kl_optimal(full: &DiffusionSchedule, n: usize) -> Vec<f64> {
    let [least, most] = full.sigma_range();
    linspace(most.atan(), least.atan(), n + 1).map(f64::tan).collect()
}

/// Karras' σ between the ends of training. Trap: in f32, as k-diffusion has them, since a Brownian motion
/// is another at a time that differs by a millionth.
pub(super) fn karras_of(full: &DiffusionSchedule, n: usize) -> Vec<f64> {
    let ends = full.sigma_range().map(|sigma| sigma as f32);
    with_zero(karras_as_there(ends, n).into_iter().map(f64::from))
}

/// Even steps of ln σ between the ends of training.
pub(super) fn exponential_of(full: &DiffusionSchedule, n: usize) -> Vec<f64> {
    with_zero(exponential(full.sigma_range(), n).into_iter())
}

/// Quantiles of β(0.6, 0.6) between the ends of training.
pub(super) fn beta_of(full: &DiffusionSchedule, n: usize) -> Vec<f64> {
    with_zero(beta(full.sigma_range(), n).into_iter())
}

/// `get_sigmas_karras` (Karras et al. 2022, eq. 5) without the end.
pub fn karras([least, most]: [f64; 2], n: usize) -> Vec<f64> {
    let [least, most] = [least, most].map(|sigma| sigma.powf(1.0 / RHO));
    linspace(0.0, 1.0, n).map(|ramp| (most + ramp * (least - most)).powf(RHO)).collect()
}

/// [`karras`] by torch's f32 arithmetic, its `linspace` included.
fn karras_as_there([least, most]: [f32; 2], n: usize) -> Vec<f32> {
    let [least, most] = [least, most].map(|sigma| f64::from(sigma).powf(1.0 / RHO));
    let slope = (least - most) as f32;
    let step = 1.0 / (n.max(2) - 1) as f32;
    let ramp = |i: usize| if i < n / 2 || n < 2 { step * i as f32 } else { 1.0 - step * (n - i - 1) as f32 };
    (0..n).map(|i| f64::from(most as f32 + ramp(i) * slope).powf(RHO) as f32).collect()
}

/// The middle of two σ above 0 on the scale of their logarithms, in f32 as k-diffusion has it.
pub fn log_middle(from: f64, to: f64) -> f64 {
    let [from, to] = [from, to].map(|sigma| -(f64::from(sigma as f32).ln() as f32));
    f64::from((-f64::from(from + 0.5 * (to - from))).exp() as f32)
}

/// `get_sigmas_exponential` without the end.
pub(super) fn exponential([least, most]: [f64; 2], n: usize) -> Vec<f64> {
    linspace(most.ln(), least.ln(), n).map(f64::exp).collect()
}

/// A1111's `beta_scheduler` without the end.
pub(super) fn beta([least, most]: [f64; 2], n: usize) -> Vec<f64> {
    linspace(1.0, 0.0, n).map(|p| least + symmetric_beta_quantile(p, SHAPE) * (most - least)).collect()
}

/// `get_align_your_steps_sigmas`: the published list, or as many numbers along it, linear in ln σ.
pub(super) fn align_your_steps(_: &DiffusionSchedule, n: usize) -> Vec<f64> {
    let between = |x: f64| {
        let low = (x as usize).min(ALIGNED.len() - 2);
        let (from, to) = (ALIGNED[low].ln(), ALIGNED[low + 1].ln());
        (from + (x - low as f64) * (to - from)).exp()
    };
    with_zero(linspace(0.0, (ALIGNED.len() - 1) as f64, n).map(between))
}
