//! A schedule that goes on with another one from where some steps of it end: what a branch runs.
//!
//! Invariant: the steps that are done keep their places, so a run's count of steps stays true.

use super::{DdimSchedule, DiffusionSchedule, Level, LevelSchedule, RunSchedule};

/// Levels closer than this share of σ are one.
const NEAR: f64 = 1e-4;

impl RunSchedule {
    /// The first `done` steps of this schedule, and then those of `next` that lie below the level where they end;
    /// `next` itself where it has the same levels. `eta` is that of the steps to come, which DDIM's schedule holds.
    #[must_use]
    pub fn continued(&self, done: usize, next: &Self, full: &DiffusionSchedule, eta: f64) -> Self {
        let done = done.min(self.len());
        match (self, next) {
            (Self::Twice(first, second), Self::Twice(_, next)) if done > first.len() => {
                let second = second.continued(done - first.len(), next, full, eta);
                return Self::Twice(first.clone(), Box::new(second));
            }
            (Self::Twice(first, second), next) if done > first.len() => {
                let second = second.continued(done - first.len(), next, full, eta);
                return Self::Twice(first.clone(), Box::new(second));
            }
            (Self::Twice(first, _), next) => return first.continued(done, next, full, eta),
            (alone, Self::Twice(first, second)) => {
                let first = alone.continued(done, first, full, eta);
                return Self::Twice(Box::new(first), second.clone());
            }
            _ => {}
        }
        if self.has_levels_of(next) {
            return next.clone();
        }
        let before: Vec<Level> = (0..=done).map(|step| self.steps().level(step)).collect();
        let here = before[done];
        let is_end = done == self.len();
        match next {
            Self::Levels(next) => {
                let below = |level: &&Level| !is_end && level.sigma < here.sigma * (1.0 - NEAR);
                let levels = before.iter().chain(next.levels.iter().filter(below)).copied().collect();
                Self::Levels(LevelSchedule { levels, start: next.start, span: next.span, notes: Vec::new() })
            }
            Self::Ddim(next) => {
                let below = next.ddim_timesteps.iter().filter(|t| !is_end && (**t as f32) < here.t.round());
                let below: Vec<Level> = below.map(|&t| Level::of_timestep(full, t)).collect();
                // The level where the done steps end is that of the next one, if one is left.
                let kept = if is_end { &before[..done] } else { &before[..] };
                let ascending = below.into_iter().chain(kept.iter().rev().copied());
                let lowest = next.ddim_alphas_prev.first().copied();
                let last = lowest.filter(|_| !is_end).unwrap_or(here.alpha_cumprod());
                Self::Ddim(DdimSchedule::of_levels(ascending, last, eta))
            }
            Self::Twice(..) => next.clone(),
        }
    }

    /// Whether another schedule goes through the same levels.
    fn has_levels_of(&self, other: &Self) -> bool {
        let same = |step| {
            let (a, b) = (self.steps().level(step), other.steps().level(step));
            (a.sigma - b.sigma).abs() <= NEAR * NEAR * a.sigma.abs()
                && (a.t - b.t).abs() <= f32::EPSILON * a.t
        };
        let alike =
            matches!((self, other), (Self::Ddim(_), Self::Ddim(_)) | (Self::Levels(_), Self::Levels(_)));
        alike && self.len() == other.len() && (0..=self.len()).all(same)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sampler::{BetaSchedule, Layout, SamplerKind, ScheduleKind, TimestepSpacing, make_schedule};

    fn full() -> DiffusionSchedule {
        DiffusionSchedule::new(BetaSchedule::Linear, 1000, 0.00085, 0.012, 8e-3)
    }

    fn schedule(sampler: SamplerKind, steps: usize) -> RunSchedule {
        let timesteps = TimestepSpacing::Uniform;
        let layout = Layout { sampler, steps, timesteps, schedule: ScheduleKind::Auto, eta: 0.0 };
        make_schedule(&full(), &layout).unwrap()
    }

    #[test]
    fn every_pair_goes_on_below_where_the_done_steps_end() {
        let kinds = [SamplerKind::Ddim, SamplerKind::Euler, SamplerKind::DpmPp2m, SamplerKind::Lcm];
        for (from, to) in kinds.iter().flat_map(|from| kinds.map(|to| (*from, to))) {
            for (steps, next_steps) in [(10, 10), (10, 20), (20, 10)] {
                let (a, b) = (schedule(from, steps), schedule(to, next_steps));
                for done in 0..=a.len() {
                    let joined = a.continued(done, &b, &full(), 0.0);
                    assert!(joined.len() >= done, "{from:?} {to:?} {done}");
                    if from == to && steps == next_steps {
                        assert_eq!(joined, b);
                        continue;
                    }
                    let (here, there) = (a.steps().level(done), joined.steps().level(done));
                    assert!(
                        (here.sigma - there.sigma).abs() < 1e-3 * here.sigma.max(1.0),
                        "{from:?} {to:?} {done}"
                    );
                    let sigmas: Vec<f64> =
                        (done..=joined.len()).map(|step| joined.steps().level(step).sigma).collect();
                    assert!(
                        sigmas.windows(2).all(|pair| pair[1] < pair[0]),
                        "{from:?} {to:?} {done}: {sigmas:?}"
                    );
                    assert_eq!(done == a.len(), joined.len() == done, "{from:?} {to:?} {done}");
                }
            }
        }
    }

    #[test]
    fn two_passes_go_on_in_the_one_that_they_are_in() {
        let twice = |a: usize, b: usize| {
            let pass = |steps| Box::new(schedule(SamplerKind::Euler, steps));
            RunSchedule::Twice(pass(a), pass(b))
        };
        let (run, next) = (twice(6, 5), twice(9, 7));
        for done in 0..=11 {
            let joined = run.continued(done, &next, &full(), 0.0);
            let turn = joined.turn().unwrap();
            let reached = [&run, &joined].map(|schedule| schedule.steps().reached(done).sigma);
            if done > 6 {
                assert_eq!(turn, 6);
                assert!((reached[0] - reached[1]).abs() < 1e-3, "{done}: {reached:?}");
            } else {
                assert_eq!(joined.len() - turn, 7, "{done}");
            }
            assert!(turn >= done.min(6));
            assert_eq!(run.continued(done, &run, &full(), 0.0), run);
        }
        // One pass takes up two, and two one.
        assert_eq!(run.continued(2, &schedule(SamplerKind::Euler, 6), &full(), 0.0).turn(), None);
        assert_eq!(schedule(SamplerKind::Euler, 6).continued(6, &next, &full(), 0.0).turn(), Some(6));
    }

    #[test]
    fn another_eta_alone_keeps_the_levels() {
        let (a, layout) = (schedule(SamplerKind::Ddim, 10), SamplerKind::Ddim);
        let b = make_schedule(
            &full(),
            &Layout {
                sampler: layout,
                steps: 10,
                timesteps: TimestepSpacing::Uniform,
                schedule: ScheduleKind::Auto,
                eta: 0.5,
            },
        );
        let b = b.unwrap();
        assert_eq!(a.continued(4, &b, &full(), 0.5), b);
    }
}
