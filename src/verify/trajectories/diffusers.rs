//! Groups of diffusers' schedulers (`df_…`), by the configuration in the header.
//!
//! Trap: schedulers of two calls a step count each call as a step of their own, so their lists are twice
//! as long; and those that keep the variance record x so, whatever space the rule here works in.

use serde_json::{Map, Value, json};

use super::config::Config;
use super::file::Recording;
use super::replay::{Replay, Replayed};
use crate::sampler::noise::Noise;
use crate::sampler::{
    Call, Curve, DdimSchedule, Diffusers, DiffusionSchedule, End, Latent, LevelSchedule, Parameterization,
    RunOptions, RunSchedule, SamplerKind, Space, Spaced, UniPcWeights, distilled, whole_timesteps,
};
use crate::trace::Trace;

/// What a class of diffusers is here.
#[derive(Clone, Copy)]
struct Class {
    sampler: SamplerKind,
    /// How it records x.
    space: Space,
    /// Whether each call is a step of its own.
    by_calls: bool,
}

/// Runs a group again.
///
/// # Errors
/// In a few words, if the group asks for something that is not known.
pub(super) fn compute(recording: &Recording, name: &str) -> Result<Trace, String> {
    let case = recording.case(name)?;
    let mut described = Config::new(case);
    let (class, strength) = (described.text("cls"), described.number("strength")?);
    described.finish(&["calls", "config", "draws", "init_noise_sigma", "note", "step_kw"], &[])?;
    let mut config = Config::new(object(case, "config")?);
    let mut keywords = Config::new(object(case, "step_kw")?);
    let class = class_of(class, &mut config)?;
    let mut options = options(class.sampler, &mut config)?;
    options.eta = keywords.number("eta")?.unwrap_or(options.eta);
    options.s_noise = keywords.number("s_noise")?.unwrap_or(options.s_noise);
    keywords.finish(&[], &[])?;
    let parameterization = match config.text("prediction_type") {
        "epsilon" | "" => Parameterization::Eps,
        "v_prediction" => Parameterization::V,
        other => return Err(format!("no rule here reads {other}")),
    };
    let tree = config.whole("noise_sampler_seed")?.map(|seed| seed as u64);
    let training = recording.training("alphas_cumprod_f32")?;
    let steps = recording.steps()?;
    let mut schedule = schedule(&training, class.sampler, &mut config, (steps, options.eta))?;
    config.finish(TOLD, &usual())?;

    let x_t = recording.latent("x_T")?;
    let space = class.sampler.row().space;
    let x = match (strength, &mut schedule) {
        (None, schedule) => {
            let scale = schedule.steps().start_scale(space) as f32;
            x_t.map(|x| scale * x)
        }
        (Some(strength), RunSchedule::Levels(levels)) if space == Space::Sigma => {
            *levels = levels.last((strength * steps as f64) as usize);
            let sigma = levels.levels[0].sigma as f32;
            recording.latent("x0_img2img")?.zip(&x_t, |x0, z| x0 + sigma * z)
        }
        (Some(_), _) => return Err("img2img of this class is not known".to_owned()),
    };
    let noise = Noise::recorded(recording.draws()?, tree);
    let replay =
        Replay { training: &training, schedule: schedule.clone(), options, parameterization, noise, x };
    Ok(trace(&schedule, class, &replay.run()?))
}

fn object<'a>(case: &'a Map<String, Value>, key: &str) -> Result<&'a Map<String, Value>, String> {
    case.get(key).and_then(Value::as_object).ok_or_else(|| format!("the header tells no {key}"))
}

/// Keys of a configuration that tell what the tensors hold already, or nothing without another key.
const TOLD: &[&str] = &[
    "beta_end",
    "beta_schedule",
    "beta_start",
    "num_train_timesteps",
    "clip_sample_range",
    "dynamic_thresholding_ratio",
    "flow_shift",
    "sample_max_value",
    "solver_p",
    "time_shift_type",
    "lambda_min_clipped",
];

/// Keys that ask for nothing where they have these values.
fn usual() -> Vec<(&'static str, Value)> {
    vec![
        ("interpolation_type", json!("linear")),
        ("timestep_type", json!("discrete")),
        ("predict_x0", json!(true)),
        ("variance_type", json!("fixed_small")),
        ("original_inference_steps", json!(50)),
        ("timestep_scaling", json!(10)),
    ]
}

/// The rule of a class.
fn class_of(name: &str, config: &mut Config<'_>) -> Result<Class, String> {
    let solver = config.text("solver_type");
    let stochastic = match config.text("algorithm_type") {
        "" | "dpmsolver++" => false,
        "sde-dpmsolver++" => true,
        other => return Err(format!("no rule here is {other}")),
    };
    let (sampler, space, by_calls) = match (name, stochastic, solver) {
        ("EulerDiscreteScheduler", ..) => (SamplerKind::Euler, Space::Sigma, false),
        ("EulerAncestralDiscreteScheduler", ..) => (SamplerKind::EulerAncestral, Space::Sigma, false),
        ("HeunDiscreteScheduler", ..) => (SamplerKind::Heun, Space::Sigma, true),
        ("DPMSolverSDEScheduler", ..) => (SamplerKind::DpmPpSde, Space::Sigma, true),
        ("DPMSolverMultistepScheduler", false, "midpoint") => (SamplerKind::DpmPp2m, Space::Vp, false),
        ("DPMSolverMultistepScheduler", true, "midpoint") => (SamplerKind::DpmPp2mSde, Space::Vp, false),
        ("DPMSolverMultistepScheduler", true, "heun") => (SamplerKind::DpmPp2mSdeHeun, Space::Vp, false),
        ("UniPCMultistepScheduler", ..) => (SamplerKind::UniPc, Space::Vp, false),
        ("LCMScheduler", ..) => (SamplerKind::Lcm, Space::Vp, false),
        ("TCDScheduler", ..) => (SamplerKind::Tcd, Space::Vp, false),
        ("DDPMScheduler", ..) => (SamplerKind::Ddpm, Space::Vp, false),
        ("DDIMScheduler", ..) => (SamplerKind::Ddim, Space::Vp, false),
        (name, _, solver) => return Err(format!("no rule here is {name} {solver}")),
    };
    Ok(Class { sampler, space, by_calls })
}

/// What the rule is asked for.
fn options(sampler: SamplerKind, config: &mut Config<'_>) -> Result<RunOptions<'static>, String> {
    let mut options = RunOptions::of(sampler);
    let order = config.whole("solver_order")?;
    let (lower, euler) = (config.is_on("lower_order_final"), config.is_on("euler_at_final"));
    match sampler {
        SamplerKind::UniPc => {
            options.unipc_order = order.unwrap_or(options.unipc_order);
            options.unipc_weights = match config.text("solver_type") {
                "bh1" => UniPcWeights::Bh1,
                "bh2" | "" => UniPcWeights::Bh2,
                other => return Err(format!("UniPC here knows no {other}")),
            };
            if !lower {
                return Err("UniPC here always lowers its order at the end".to_owned());
            }
        }
        _ if order.is_some_and(|order| order != 2) => {
            return Err(format!("no rule here is of order {order:?}"));
        }
        _ => options.lower_order_final = lower || euler,
    }
    Ok(options)
}

/// The steps of the configuration.
fn schedule(
    training: &DiffusionSchedule,
    sampler: SamplerKind,
    config: &mut Config<'_>,
    (steps, eta): (usize, f64),
) -> Result<RunSchedule, String> {
    let spacing = match config.text("timestep_spacing") {
        "linspace" => Spaced::Linspace,
        "leading" => Spaced::Leading,
        "trailing" => Spaced::Trailing,
        other => return Err(format!("no schedule here is spaced {other}")),
    };
    let curves = [
        (config.is_on("use_karras_sigmas"), Curve::Karras),
        (config.is_on("use_exponential_sigmas"), Curve::Exponential),
        (config.is_on("use_beta_sigmas"), Curve::Beta),
    ];
    let curve = curves.into_iter().find_map(|(on, curve)| on.then_some(curve));
    let end = match config.text("final_sigmas_type") {
        "zero" | "" => End::Zero,
        "sigma_min" => End::SigmaMin,
        other => return Err(format!("no schedule here ends at {other}")),
    };
    let offset = config.whole("steps_offset")?.unwrap_or(0);
    let to_one = config.is_on("set_alpha_to_one");
    let multistep = sampler.row().multistep;
    let spaced = Diffusers { spacing, offset, multistep, curve, end };
    Ok(match sampler {
        SamplerKind::Lcm | SamplerKind::Tcd => RunSchedule::Levels(distilled(training, steps)),
        SamplerKind::Ddpm => RunSchedule::Levels(whole_timesteps(training, &spaced, steps)),
        SamplerKind::Ddim => {
            let levels = whole_timesteps(training, &spaced, steps).levels;
            let timesteps = levels[..steps].iter().rev().map(|level| level.t as usize).collect();
            let last = if to_one { 1.0 } else { f64::from(training.alphas_cumprod[0]) };
            let stride = training.timesteps() / steps;
            RunSchedule::Ddim(DdimSchedule::by_stride(training, timesteps, stride, last, eta))
        }
        _ => RunSchedule::Levels(spaced.levels(training, steps)),
    })
}

/// The tensors that the recordings hold.
fn trace(schedule: &RunSchedule, class: Class, replayed: &Replayed) -> Trace {
    let mut trace = Trace::default();
    let timesteps: Vec<f32> = replayed.calls().map(|call| call.level.t).collect();
    trace.f32("timesteps", &[timesteps.len()], timesteps);
    if let RunSchedule::Levels(levels) = schedule {
        let sigmas = sigmas(levels, class.by_calls);
        trace.f32("sigmas", &[sigmas.len()], sigmas);
    }
    let turns = class.space == Space::Vp && class.sampler.row().space == Space::Sigma;
    let scale = |signal: f64| if turns { signal as f32 } else { 1.0 };
    let end = schedule.steps().level(schedule.len());
    let before = |call: &Call| call.x.map(|x| scale(call.level.signal()) * x);
    for call in replayed.calls() {
        trace.push_step("x", &before(call));
        trace.push_step("pred_x0", &call.pred_x0);
    }
    trace.push_step("x", &replayed.last.map(|x| scale(end.signal()) * x));
    let mut push = |name: &str, latent: &Latent| trace.push_step(name, latent);
    for (input, answer) in &replayed.network {
        push("model_input", input);
        push("eps", answer);
    }
    trace
}

/// The list of σ; of classes whose calls are steps, those between the ends are there twice.
fn sigmas(levels: &LevelSchedule, by_calls: bool) -> Vec<f32> {
    let last = levels.len();
    let times = |i: usize| if by_calls && i > 0 && i < last { 2 } else { 1 };
    let each = levels.levels.iter().enumerate();
    each.flat_map(|(i, level)| vec![level.sigma as f32; times(i)]).collect()
}
