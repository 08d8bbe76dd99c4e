//! Groups of k-diffusion's functions as A1111 runs them (`kd_…`).
//!
//! Trap: the header tells the function and its keywords, the group's *name* tells the schedule: its parts
//! `karras`, `exp`, `discard` and `img2img06` (a strength of 0.6).

use serde_json::Value;

use super::config::Config;
use super::file::Recording;
use super::replay::{Replay, Replayed};
use crate::sampler::noise::Noise;
use crate::sampler::{
    Latent, LevelSchedule, Parameterization, RunOptions, RunSchedule, SamplerKind, ScheduleKind,
};
use crate::trace::Trace;

/// Of a strength of 1 A1111 runs this share, so that a step is left.
const STRENGTH_MAX: f64 = 0.999;

/// Runs a group again.
///
/// # Errors
/// In a few words, if the group asks for something that is not known.
pub(super) fn compute(recording: &Recording, name: &str) -> Result<Trace, String> {
    let case = recording.case(name)?;
    let mut config = Config::new(case);
    let function = config.text("fn");
    let (quantize, v) = (config.is_on("quantize"), config.is_on("v"));
    let keywords = match case.get("kw") {
        Some(Value::Object(keywords)) => keywords,
        _ => return Err("the header tells no keywords".to_owned()),
    };
    config.finish(&["calls", "draws", "note", "kw"], &[])?;
    let mut keywords = Config::new(keywords);
    let sampler = sampler(function, keywords.text("solver_type"))?;
    let mut options = RunOptions { quantize_timesteps: quantize, ..RunOptions::of(sampler) };
    options.eta = keywords.number("eta")?.unwrap_or(options.eta);
    options.s_churn = keywords.number("s_churn")?.unwrap_or(options.s_churn);
    options.s_noise = keywords.number("s_noise")?.unwrap_or(options.s_noise);
    keywords.finish(&[], &[])?;

    let training = recording.training("alphas_cumprod")?;
    let part = |wanted: &str| name.split('_').any(|part| part == wanted);
    let kind = match (part("karras"), part("exp")) {
        (true, _) => ScheduleKind::Karras,
        (_, true) => ScheduleKind::Exponential,
        _ => ScheduleKind::Normal,
    };
    let asked = recording.steps()?;
    let more = usize::from(part("discard"));
    let mut sigmas = kind.sigmas(&training, asked + more).unwrap_or_default();
    if more > 0 {
        sigmas.remove(asked);
    }
    let mut schedule = LevelSchedule::from_sigmas(&training, &sigmas);
    let x_t = recording.latent("x_T")?;
    let mut base = x_t.map(|_| 0.0);
    if let Some(strength) = strength(name)? {
        let t_enc = (strength.min(STRENGTH_MAX) * asked as f64) as usize;
        schedule = schedule.last(t_enc + 1);
        base = recording.latent("x0_img2img")?;
    }
    let first = schedule.levels[0].sigma as f32;
    let replayed = Replay {
        training: &training,
        schedule: RunSchedule::Levels(schedule.clone()),
        options,
        parameterization: if v { Parameterization::V } else { Parameterization::Eps },
        noise: Noise::recorded(recording.draws()?, None),
        x: base.zip(&x_t, |base, x| base + first * x),
    };
    Ok(trace(&schedule, &replayed.run()?))
}

/// The rule of one of k-diffusion's functions.
fn sampler(function: &str, solver: &str) -> Result<SamplerKind, String> {
    let name = function.strip_prefix("sample_").unwrap_or_default();
    let name = match solver {
        "" | "midpoint" => name.to_owned(),
        solver => format!("{name}_{solver}"),
    };
    SamplerKind::from_name(&name).ok_or_else(|| format!("no rule here is {function} {solver}"))
}

/// The strength in a group's name: 0.6 of `img2img06`.
pub(super) fn strength(name: &str) -> Result<Option<f64>, String> {
    let Some((_, rest)) = name.split_once("img2img") else { return Ok(None) };
    let digits = rest.split('_').next().unwrap_or_default();
    let Some((whole, rest)) = digits.split_at_checked(1) else {
        return Err("its name tells no strength".to_owned());
    };
    format!("{whole}.{rest}0").parse().map(Some).map_err(|_| "its name tells no strength".to_owned())
}

/// The tensors that the recordings hold.
fn trace(schedule: &LevelSchedule, replayed: &Replayed) -> Trace {
    let mut trace = Trace::default();
    let sigmas: Vec<f32> = schedule.levels.iter().map(|level| level.sigma as f32).collect();
    trace.f32("sigmas", &[sigmas.len()], sigmas);
    let t_called: Vec<f32> = replayed.calls().map(|call| call.level.t).collect();
    trace.f32("t_called", &[t_called.len()], t_called);
    let mut push = |name: &str, latent: &Latent| trace.push_step(name, latent);
    for call in replayed.firsts() {
        push("x", &call.x);
        push("pred_x0", &call.pred_x0);
    }
    push("x", &replayed.last);
    trace
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strengths_stand_in_names() {
        assert_eq!(strength("kd_euler"), Ok(None));
        assert_eq!(strength("kd_a1111_img2img06_euler"), Ok(Some(0.6)));
        assert_eq!(strength("df_euler_img2img075"), Ok(Some(0.75)));
        assert_eq!(strength("df_euler_img2img1"), Ok(Some(1.0)));
        assert!(strength("df_euler_img2img").is_err());
    }
}
