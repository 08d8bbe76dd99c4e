//! `Entry`: the steps that a run from a known picture takes, and how much noise the picture gets before them.
//!
//! Three rules: the reference's (`stochastic_encode`, `decode`: ⌊strength·S⌋ steps, from one level above them),
//! A1111's for rules in σ (⌊strength·S⌋ + 1 steps, from the level of the first), diffusers' for its own rules
//! (⌊strength·S⌋ steps, from the level of the first). Trap: Python's `int` of a product of floats rounds down what
//! seems whole, and so does this.

use super::{BetaSchedule, make};
use super::{DdimSchedule, DiffusionSchedule, Layout, Level, LevelSchedule, RunSchedule, ScheduleError};
use crate::note::Note;
use crate::sampler::{Family, Latent, Space};

/// The most strength by which A1111 divides.
const NEARLY_ALL: f64 = 0.999;

/// Where a run from a known picture goes in.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The steps that run.
    pub schedule: RunSchedule,
    /// ᾱ at which the reference noises the picture; where there is none, it gets the noise of the first step.
    above: Option<f64>,
}

impl Entry {
    /// The entry of a layout's run in a strength above 0, at most 1; `full` runs as many steps as the layout asks for.
    ///
    /// # Errors
    /// As [`super::make_schedule`].
    pub fn new(
        training: &DiffusionSchedule,
        layout: &Layout,
        strength: f64,
        full: bool,
    ) -> Result<Self, ScheduleError> {
        // What is asked for is checked as it is.
        let asked = make::make_schedule(training, layout)?;
        let (steps, most) = (layout.steps, training.timesteps());
        let strength = strength.clamp(f64::MIN_POSITIVE, 1.0);
        let family = layout.sampler.row().family;
        if family == Family::Distilled {
            let levels = make::distilled_below(training, steps, strength);
            return Ok(Self { schedule: RunSchedule::Levels(levels), above: None });
        }
        let (whole, left) = if full {
            let spread = (steps as f64 / strength.min(NEARLY_ALL)) as usize;
            let spread = spread.clamp(steps, most);
            let left = steps.min((strength * spread as f64).ceil() as usize);
            (make::make_schedule(training, &Layout { steps: spread, ..*layout })?, left)
        } else {
            let left = match family {
                Family::Sigmas => (strength.min(NEARLY_ALL) * steps as f64) as usize + 1,
                _ => (strength * steps as f64) as usize,
            };
            (asked, left)
        };
        Ok(match whole {
            RunSchedule::Ddim(ddim) => Self::of_timesteps(training, layout, &ddim, left),
            RunSchedule::Levels(levels) => {
                let last = LevelSchedule { notes: Vec::new(), ..levels.last(left.max(1)) };
                Self { schedule: RunSchedule::Levels(last), above: None }
            }
            twice @ RunSchedule::Twice(..) => Self { schedule: twice, above: None },
        })
    }

    /// The last `left` steps of the reference's list. Where there are none it noises all the same, and the last step
    /// takes that away again.
    fn of_timesteps(training: &DiffusionSchedule, layout: &Layout, ddim: &DdimSchedule, left: usize) -> Self {
        let is_reference = !layout.timesteps.row().by_stride;
        let above = match is_reference {
            true if left < ddim.len() => Some(ddim.at(left).a_t),
            // The reference has no level above its last.
            true => training.alphas_cumprod.last().map(|alpha| f64::from(*alpha)),
            false => None,
        };
        let mut steps = ddim.first(left.clamp(1, ddim.len()));
        steps.notes.retain(|note| matches!(note, Note::StepsClamped { .. }));
        Self { schedule: RunSchedule::Ddim(steps), above }
    }

    /// x of a rule in `space` before the first step: the picture x_0 with `fresh` noise.
    pub fn start(&self, x0: &Latent, fresh: &Latent, space: Space) -> Latent {
        let first = self.schedule.steps().level(0);
        let (signal, sigma) = match (self.above, &self.schedule, space) {
            (Some(a_t), ..) => ((a_t as f32).sqrt(), (1.0 - a_t).sqrt() as f32),
            (None, RunSchedule::Ddim(ddim), _) => {
                let a_t = ddim.at(ddim.len() - 1).a_t;
                ((a_t as f32).sqrt(), (1.0 - a_t).sqrt() as f32)
            }
            (None, _, Space::Sigma) => (1.0, first.sigma as f32),
            (None, _, Space::Vp) => (first.signal() as f32, first.noise() as f32),
        };
        x0.zip(fresh, |x, noise| signal * x + sigma * noise)
    }

    /// The level at which the run begins.
    pub fn level(&self) -> Level {
        let first = self.schedule.steps().level(0);
        let sigma = |a_t: f64| ((1.0 - a_t) / a_t).sqrt();
        self.above.map_or(first, |a_t| Level { sigma: sigma(a_t), ..first })
    }
}

/// Steps that a layout runs from a picture in a strength, with a model of so many timesteps: for who has no model at
/// hand.
///
/// # Errors
/// As [`Entry::new`].
pub fn steps_left(
    layout: &Layout,
    timesteps: usize,
    strength: f64,
    full: bool,
) -> Result<usize, ScheduleError> {
    let training = DiffusionSchedule::new(BetaSchedule::Linear, timesteps.max(1), 0.00085, 0.012, 8e-3);
    Entry::new(&training, layout, strength, full).map(|entry| entry.schedule.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sampler::{SamplerKind, ScheduleKind, TimestepSpacing};

    fn training() -> DiffusionSchedule {
        DiffusionSchedule::new(BetaSchedule::Linear, 1000, 0.00085, 0.012, 8e-3)
    }

    fn layout(sampler: SamplerKind, steps: usize) -> Layout {
        let timesteps = TimestepSpacing::Uniform;
        Layout { sampler, steps, timesteps, schedule: ScheduleKind::Auto, eta: sampler.row().eta() }
    }

    fn count(sampler: SamplerKind, steps: usize, strength: f64, full: bool) -> usize {
        steps_left(&layout(sampler, steps), 1000, strength, full).unwrap()
    }

    #[test]
    fn each_family_runs_the_steps_of_its_program() {
        use SamplerKind::{Ddim, DpmPp2m, Euler, Lcm, Plms, UniPc};
        assert_eq!([Ddim, Plms, UniPc].map(|sampler| count(sampler, 20, 0.75, false)), [15; 3]);
        assert_eq!([Euler, DpmPp2m].map(|sampler| count(sampler, 20, 0.75, false)), [16; 2]);
        assert_eq!(count(Lcm, 4, 0.5, false), 4);
        // Python's int(0.29 * 100) is 28.
        assert_eq!(count(Ddim, 100, 0.29, false), 28);
    }

    #[test]
    fn every_strength_and_number_of_steps_runs_for_every_rule() {
        let (training, z) = (training(), Latent::new([1, 1, 1, 2], vec![1.0, -1.0]));
        for row in SamplerKind::TABLE {
            for steps in [1, 2, 3, 7, 20, 50] {
                let whole = make::make_schedule(&training, &layout(row.kind, steps)).unwrap();
                let mut before = 0;
                for strength in [1e-9, 0.01, 0.3, 0.5, 0.75, 0.999, 1.0] {
                    let told = format!("{} {steps} {strength}", row.name);
                    let entry = Entry::new(&training, &layout(row.kind, steps), strength, false).unwrap();
                    let len = entry.schedule.len();
                    assert!(len >= 1 && len >= before && len <= whole.len(), "{told}: {len}");
                    assert!(
                        entry.level().sigma > 0.0 && entry.start(&z, &z, row.space).is_finite(),
                        "{told}"
                    );
                    before = len;
                    let full = Entry::new(&training, &layout(row.kind, steps), strength, true).unwrap();
                    let expected = if row.family == Family::Distilled || strength < 0.05 {
                        1..=steps
                    } else {
                        steps..=steps
                    };
                    assert!(expected.contains(&full.schedule.len()), "{told}: {}", full.schedule.len());
                }
                assert!(before >= steps.min(whole.len()), "{} {steps}: all of {before}", row.name);
            }
        }
    }

    #[test]
    fn the_reference_noises_to_one_level_above_its_first_step() {
        let (training, z) = (training(), Latent::new([1, 1, 1, 1], vec![1.0]));
        let zero = z.map(|_| 0.0);
        let entry = Entry::new(&training, &layout(SamplerKind::Ddim, 10), 0.6, false).unwrap();
        assert_eq!(entry.schedule.timesteps_in_order(), [501, 401, 301, 201, 101, 1]);
        assert_eq!(entry.start(&z, &zero, Space::Vp).values, [training.alphas_cumprod[601].sqrt()]);
        let least = Entry::new(&training, &layout(SamplerKind::Ddim, 10), 0.01, false).unwrap();
        assert_eq!(least.schedule.timesteps_in_order(), [1]);
        assert_eq!(least.start(&z, &zero, Space::Vp).values, [training.alphas_cumprod[1].sqrt()]);
        let all = Entry::new(&training, &layout(SamplerKind::Ddim, 10), 1.0, false).unwrap();
        assert_eq!(all.schedule.len(), 10);
        assert_eq!(all.start(&z, &zero, Space::Vp).values, [training.alphas_cumprod[999].sqrt()]);
        let leading = Layout { timesteps: TimestepSpacing::Leading, ..layout(SamplerKind::Ddim, 10) };
        let entry = Entry::new(&training, &leading, 0.6, false).unwrap();
        assert_eq!(entry.schedule.timesteps_in_order(), [501, 401, 301, 201, 101, 1]);
        assert_eq!(entry.start(&z, &zero, Space::Vp).values, [training.alphas_cumprod[501].sqrt()]);
    }

    #[test]
    fn distilled_rules_keep_their_steps_below_the_strength() {
        let entry = Entry::new(&training(), &layout(SamplerKind::Lcm, 4), 0.5, false).unwrap();
        assert_eq!(entry.schedule.timesteps_in_order(), [499, 379, 259, 139]);
        assert_eq!(count(SamplerKind::Tcd, 8, 0.1, false), 5);
    }
}
