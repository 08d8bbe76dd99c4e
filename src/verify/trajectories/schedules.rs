//! Schedules alone (`sg_…`).
//!
//! Trap: a number at the end of a name is the number of steps (`sg_karras_9`, whatever the file's is);
//! `old_01_10` are the ends that A1111's former option gave Karras' schedule.

use super::file::Recording;
use crate::sampler::{ScheduleKind, karras};
use crate::trace::Trace;

/// A1111's `use_old_karras_scheduler_sigmas`.
const OLD: (&str, [f64; 2]) = ("karras_old_01_10", [0.1, 10.0]);

/// Lays out a schedule again.
///
/// # Errors
/// In a few words, if it is not known.
pub(super) fn compute(recording: &Recording, name: &str) -> Result<Trace, String> {
    let short = name.strip_prefix("sg_").unwrap_or(name);
    let mut steps = recording.steps()?;
    let sigmas = if short == OLD.0 {
        let mut sigmas = karras(OLD.1, steps);
        sigmas.push(0.0);
        sigmas
    } else {
        let training = recording.training("alphas_cumprod")?;
        let numbered = short.rsplit_once('_').and_then(|(rest, number)| Some((rest, number.parse().ok()?)));
        let mut kind = ScheduleKind::from_name(short);
        if let (None, Some((rest, number))) = (kind, numbered) {
            kind = ScheduleKind::from_name(rest);
            steps = number;
        }
        kind.and_then(|kind| kind.sigmas(&training, steps.clamp(1, training.timesteps())))
            .ok_or_else(|| "no schedule here has this name".to_owned())?
    };
    let mut trace = Trace::default();
    trace.f32(name, &[sigmas.len()], sigmas.iter().map(|sigma| *sigma as f32).collect());
    Ok(trace)
}
