//! The Brownian motion alone (`kd_brownian_seedN`): its steps over Karras' schedule, and the two of each
//! step of DPM++ SDE.

use super::file::Recording;
use crate::sampler::noise::Noise;
use crate::sampler::{Latent, RngKind, ScheduleKind, log_middle};
use crate::trace::Trace;

/// Draws the motion again. One motion is over the whole tensor, also of a batch.
///
/// # Errors
/// In a few words, if the name tells no seed.
pub(super) fn compute(recording: &Recording, name: &str) -> Result<Trace, String> {
    let seed = name.strip_prefix("kd_brownian_seed").and_then(|seed| seed.parse().ok());
    let seed: u64 = seed.ok_or("its name tells no seed")?;
    let training = recording.training("alphas_cumprod")?;
    let shape = recording.latent("x_T")?.shape;
    let sigmas = ScheduleKind::Karras.sigmas(&training, recording.steps()?).unwrap_or_default();
    let above: Vec<f64> = sigmas.into_iter().filter(|sigma| *sigma > 0.0).collect();
    let span = match above[..] {
        [most, .., least] => [least, most],
        _ => return Err("one step has no motion".to_owned()),
    };
    let mut noise = Noise::seeded(RngKind::Cpu, seed);
    let mut z =
        |from: f64, to: f64| Latent::new(shape, noise.brownian(span, [to, from], shape.iter().product()));
    let mut trace = Trace::default();
    for pair in above.windows(2) {
        let (from, to) = (pair[0], pair[1]);
        let whole = z(from, to);
        trace.push_step("karras", &whole);
        trace.push_step("sde_first", &z(from, log_middle(from, to)));
        trace.push_step("sde_second", &whole);
    }
    Ok(trace)
}
