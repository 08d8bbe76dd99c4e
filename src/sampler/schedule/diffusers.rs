//! `Diffusers`: levels as diffusers' schedulers lay them out, for rules that follow them and for models
//! of few steps.
//!
//! Trap: two families differ. The multi-step ones (DPM++ 2M, UniPC) divide by S + 1 and keep whole
//! timesteps; the others (Euler and its kin) lie between timesteps, σ being linear in t there and not
//! ln σ. In one the end points of a curve are the model's, in the other those of its own spacing.

use super::kinds::Spaced;
use super::levels::{Level, LevelSchedule, Start};
use super::{DiffusionSchedule, curves};

/// A configuration of one of diffusers' schedulers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Diffusers {
    /// `timestep_spacing`.
    pub spacing: Spaced,
    /// `steps_offset`: what `leading` adds to each timestep.
    pub offset: usize,
    /// Whether it is one of the multi-step family.
    pub multistep: bool,
    /// What spreads the σ instead of the spacing.
    pub curve: Option<Curve>,
    /// Where the run ends.
    pub end: End,
}

/// What spreads the σ instead of a spacing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Curve {
    /// `use_karras_sigmas`.
    Karras,
    /// `use_exponential_sigmas`.
    Exponential,
    /// `use_beta_sigmas`.
    Beta,
}

/// Where a run ends (`final_sigmas_type`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Without noise.
    Zero,
    /// At the least σ of training.
    SigmaMin,
}

impl Diffusers {
    /// The levels of `steps` steps, 1 or more.
    pub fn levels(&self, full: &DiffusionSchedule, steps: usize) -> LevelSchedule {
        let spaced = self.timesteps(full.timesteps(), steps);
        let mut levels: Vec<Level> = match self.curve {
            None => spaced.iter().map(|&t| Level { t: t as f32, sigma: linear_sigma(full, t) }).collect(),
            Some(curve) => self.curved(full, curve, &spaced, steps),
        };
        levels.push(match self.end {
            End::Zero => Level::CLEAN,
            End::SigmaMin => Level { t: 0.0, sigma: full.sigma(0) },
        });
        let start =
            if self.multistep || self.spacing == Spaced::Leading { Start::Unit } else { Start::Sigma };
        LevelSchedule::new(levels, start)
    }

    /// The timesteps by the spacing, the largest first.
    fn timesteps(&self, all: usize, steps: usize) -> Vec<f64> {
        let last = (all - 1) as f64;
        match (self.spacing, self.multistep) {
            (Spaced::Linspace, true) => {
                let rounded = curves::linspace(0.0, last, steps + 1).skip(1).map(f64::round_ties_even);
                rounded.collect::<Vec<_>>().into_iter().rev().collect()
            }
            (Spaced::Linspace, false) => curves::linspace(last, 0.0, steps).collect(),
            (Spaced::Leading, true) => leading(all, steps + 1, self.offset)[..steps].to_vec(),
            (Spaced::Leading, false) => leading(all, steps, self.offset),
            (Spaced::Trailing, _) => trailing(all, steps),
        }
    }

    /// Levels along a curve.
    fn curved(&self, full: &DiffusionSchedule, curve: Curve, spaced: &[f64], steps: usize) -> Vec<Level> {
        let ends = match (spaced.first(), spaced.last()) {
            (Some(first), Some(last)) if !self.multistep => {
                [linear_sigma(full, *last), linear_sigma(full, *first)]
            }
            _ => full.sigma_range(),
        };
        let (sigmas, whole): (_, fn(f64) -> f64) = match curve {
            Curve::Karras => (curves::karras(ends, steps), f64::round_ties_even),
            // These become integers without rounding.
            Curve::Exponential => (curves::exponential(ends, steps), f64::trunc),
            Curve::Beta => (curves::beta(ends, steps), f64::trunc),
        };
        let t_of = |sigma| {
            let t = full.sigma_to_t(sigma);
            if self.multistep { whole(t) } else { t }
        };
        sigmas.into_iter().map(|sigma| Level { t: t_of(sigma) as f32, sigma }).collect()
    }
}

/// Every ⌊T/S⌋th timestep from `offset`, the largest first; none beyond the last.
pub(super) fn leading(all: usize, steps: usize, offset: usize) -> Vec<f64> {
    let t = |i: usize| (i * (all / steps) + offset).min(all - 1) as f64;
    (0..steps).rev().map(t).collect()
}

/// Every (T/S)th timestep down from the last, rounded.
pub(super) fn trailing(all: usize, steps: usize) -> Vec<f64> {
    let stride = all as f64 / steps as f64;
    (0..steps).map(|i| ((all as f64 - i as f64 * stride).round_ties_even() - 1.0).max(0.0)).collect()
}

/// σ at a timestep, linear in t between two of training (`np.interp`).
fn linear_sigma(full: &DiffusionSchedule, t: f64) -> f64 {
    let (low, high) = (full.sigma(t.floor() as usize), full.sigma(t.ceil() as usize));
    low + t.fract() * (high - low)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spacings_are_those_of_diffusers() {
        let spaced = |spacing, multistep, offset| {
            let config = Diffusers { spacing, offset, multistep, curve: None, end: End::Zero };
            config.timesteps(1000, 8)
        };
        assert_eq!(spaced(Spaced::Leading, false, 1), [876., 751., 626., 501., 376., 251., 126., 1.]);
        assert_eq!(spaced(Spaced::Leading, true, 0)[..2], [888.0, 777.0]);
        assert_eq!(spaced(Spaced::Trailing, true, 0)[6..], [249.0, 124.0]);
        assert_eq!(spaced(Spaced::Linspace, true, 0)[..2], [999.0, 874.0]);
        assert_eq!(spaced(Spaced::Linspace, true, 0)[7], 125.0);
        assert_eq!(spaced(Spaced::Linspace, false, 0)[7], 0.0);
    }
}
