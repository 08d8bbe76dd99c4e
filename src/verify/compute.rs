//! Computes a case: the reference's stages in order, each on the program's own results of the one before.
//!
//! Sampling goes through [`run`] with the rule that the request names, so a case checks the very code
//! that makes pictures.

use std::ops::ControlFlow;

use crate::engine::{ConditionedModel, to_latent, to_tensor};
use crate::model::{Conditioning, ConditioningKey, Encoded, LatentDiffusion};
use crate::ops::{self, Tensor};
use crate::sampler::noise::Noise;
use crate::sampler::{
    DdimSchedule, Entry, Latent, Layout, Mask, Next, RngKind, RunOptions, RunSchedule, RunState,
    ScheduleError, ScheduleKind, StepReport, TimestepSpacing, make_schedule, run,
};
use crate::trace::{Recorded, Trace, Values};

use super::case::{Case, CaseRequest};

/// Why a case cannot be computed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum VerifyError {
    /// The request does not go with the model or with its inputs.
    #[error("{0}")]
    Request(String),
    /// The sampler or the model has no such schedule.
    #[error(transparent)]
    Schedule(#[from] ScheduleError),
    /// The network failed or was stopped.
    #[error(transparent)]
    Ops(#[from] ops::Error),
}

type Result<T> = std::result::Result<T, VerifyError>;

/// Everything of `case.expected` that is computed, by `model`.
///
/// # Errors
/// If the request does not go with the model, or the network fails.
pub fn compute(case: &Case, model: &LatentDiffusion) -> Result<Trace> {
    let mut trace = Trace::default();
    let inputs = Inputs { expected: &case.expected };
    let (conditional, unconditional) = conditioning(case, model, &inputs, &mut trace)?;
    probe(model, &conditional, &inputs, &mut trace)?;
    let mut denoiser = ConditionedModel::new(model, conditional, unconditional.as_ref());
    let samples = match case.request.img2img {
        Some(strength) => img2img(case, model, &mut denoiser, &inputs, strength, &mut trace)?,
        None => sample(case, model, &mut denoiser, &inputs, &mut trace)?,
    };
    trace.latent("samples", &samples);
    let image = model.decode_first_stage(&to_tensor(model, &samples)?)?;
    trace.f32("image", image.shape(), image.to_f32()?);
    Ok(trace)
}

/// The input tensors of a case.
struct Inputs<'a> {
    expected: &'a Trace,
}

impl Inputs<'_> {
    fn get(&self, name: &str) -> Option<&Recorded> {
        self.expected.tensors.get(name)
    }

    /// The input `name`, a map (b, c, h, w).
    fn map(&self, name: &str) -> Result<Latent> {
        let wrong = |found: &str| {
            VerifyError::Request(format!("the request needs {name} (b, c, h, w), found {found}"))
        };
        let recorded = self.get(name).ok_or_else(|| wrong("none"))?;
        let shape: [usize; 4] = recorded
            .shape
            .as_slice()
            .try_into()
            .map_err(|_| wrong(&format!("shape {:?}", recorded.shape)))?;
        match &recorded.values {
            Values::F32(values) => Ok(Latent::new(shape, values.clone())),
            _ => Err(wrong("integers or wide floats")),
        }
    }
}

fn conditioning(
    case: &Case,
    model: &LatentDiffusion,
    inputs: &Inputs<'_>,
    trace: &mut Trace,
) -> Result<(Conditioning, Option<Conditioning>)> {
    let request = &case.request;
    let batch = request.batch;
    let (mut conditional, mut unconditional) = match (&request.prompt, request.class_label) {
        (Some(prompt), None) => {
            let tokens = model.tokenize(prompt)?;
            trace.i64("tokens", &[1, tokens.ids.len()], tokens.ids.clone());
            let of = |text: &str| -> Result<Conditioning> {
                // One text for every latent of the batch.
                let texts = model.get_learned_conditioning(&[text])?.repeated_to(batch)?;
                Ok(Conditioning::from_texts(texts, model.config.conditioning_key))
            };
            (of(prompt)?, Some(of(request.negative_prompt.as_deref().unwrap_or_default())?))
        }
        (None, Some(label)) => {
            let of = |label| model.get_class_conditioning(&vec![label; batch]);
            (of(label)?, request.unconditional_class.map(of).transpose()?)
        }
        (None, None) => (Conditioning::default(), None),
        (Some(_), Some(_)) => {
            return Err(VerifyError::Request("expected a prompt or a class_label, found both".to_owned()));
        }
    };
    for (name, conditioning) in
        [("context", Some(&conditional)), ("unconditional_context", unconditional.as_ref())]
    {
        if let Some([context]) = conditioning.map(|conditioning| conditioning.c_crossattn.as_slice()) {
            trace.f32(name, context.shape(), context.to_f32()?);
        }
    }
    add_concat(request, model, inputs, &mut conditional, &mut unconditional)?;
    Ok((conditional, unconditional))
}

/// Adds the input `concat` to both halves of the guidance.
fn add_concat(
    request: &CaseRequest,
    model: &LatentDiffusion,
    inputs: &Inputs<'_>,
    conditional: &mut Conditioning,
    unconditional: &mut Option<Conditioning>,
) -> Result<()> {
    let key = model.config.conditioning_key;
    let takes_concat = matches!(key, ConditioningKey::Concat | ConditioningKey::Hybrid);
    let asked = request.hybrid || request.concat_channels.is_some();
    if takes_concat != asked {
        return Err(VerifyError::Request(format!(
            "a model with conditioning_key {key:?} {} a concat tensor; the request says otherwise",
            if takes_concat { "needs" } else { "takes no" }
        )));
    }
    if !asked {
        return Ok(());
    }
    let concat = inputs.map("concat")?;
    if request.concat_channels.is_some_and(|channels| channels != concat.shape[1]) {
        return Err(VerifyError::Request(format!(
            "concat_channels says {:?}, the tensor concat has {}",
            request.concat_channels, concat.shape[1]
        )));
    }
    let concat = to_tensor(model, &concat)?;
    conditional.c_concat.push(concat.clone());
    if let Some(unconditional) = unconditional {
        unconditional.c_concat.push(concat);
    }
    Ok(())
}

/// Calls the network once on recorded inputs, which tells its errors from the sampler's.
fn probe(
    model: &LatentDiffusion,
    conditional: &Conditioning,
    inputs: &Inputs<'_>,
    trace: &mut Trace,
) -> Result<()> {
    let Some(probe_t) = inputs.get("probe_t") else { return Ok(()) };
    let Values::I64(timesteps) = &probe_t.values else {
        return Err(VerifyError::Request("expected integers in probe_t".to_owned()));
    };
    let x = to_tensor(model, &inputs.map("probe_x")?)?;
    let steps = model.config.schedule.timesteps();
    let t = timesteps
        .iter()
        .map(|&t| usize::try_from(t).ok().filter(|&t| t < steps))
        .map(|t| t.map(|t| t as f32))
        .collect::<Option<Vec<f32>>>()
        .ok_or_else(|| {
            VerifyError::Request(format!("expected timesteps below {steps} in probe_t, found {timesteps:?}"))
        })?;
    let e_t = model.apply_model(&x, &t, conditional)?;
    trace.f32("probe_eps", e_t.shape(), e_t.to_f32()?);
    Ok(())
}

fn options(request: &CaseRequest, mask: Option<Mask>) -> RunOptions<'static> {
    RunOptions {
        sampler: request.sampler,
        temperature: request.temperature,
        quantize_denoised: request.quantize,
        mask,
        ..RunOptions::default()
    }
}

fn layout(request: &CaseRequest) -> Layout {
    let CaseRequest { sampler, steps, eta, .. } = *request;
    let (timesteps, schedule) = (TimestepSpacing::Uniform, ScheduleKind::Auto);
    Layout { sampler, steps, timesteps, schedule, eta }
}

fn schedule(request: &CaseRequest, model: &LatentDiffusion) -> Result<DdimSchedule> {
    match make_schedule(&model.config.schedule, &layout(request))? {
        RunSchedule::Ddim(schedule) => Ok(schedule),
        RunSchedule::Levels(_) | RunSchedule::Twice(..) => Err(VerifyError::Request(format!(
            "expected a case of ddim or plms, found {}; the others are checked with --samplers",
            request.sampler.row().name
        ))),
    }
}

/// Noise to latent, recording every step.
fn sample(
    case: &Case,
    model: &LatentDiffusion,
    denoiser: &mut ConditionedModel<'_>,
    inputs: &Inputs<'_>,
    trace: &mut Trace,
) -> Result<Latent> {
    let request = &case.request;
    let schedule = schedule(request, model)?;
    let timesteps = schedule.timesteps_in_order();
    trace.i64("timesteps", &[timesteps.len()], timesteps.iter().map(|&t| t as i64).collect());
    trace.f64("ddim_alphas", &schedule.ddim_alphas);
    trace.f64("ddim_sigmas", &schedule.ddim_sigmas);
    let mask =
        if request.inpaint { Some(Mask { mask: inputs.map("mask")?, x0: inputs.map("x0")? }) } else { None };
    let [c, h, w] = request.shape;
    let state = RunState::start(
        [request.batch, c, h, w],
        None,
        Noise::seeded(RngKind::Cpu, request.seed),
        request.scale,
    );
    trace.latent("x_T", &state.x);
    if let Some(mask) = &mask {
        check_mask(mask, &state.x)?;
    }
    let mut record = |report: &StepReport<'_>, _: &RunState| {
        trace.push_step("x_steps", report.x);
        trace.push_step("pred_x0_steps", report.pred_x0);
        ControlFlow::Continue(Next::default())
    };
    let outcome =
        run(denoiser, &model.config.schedule, &schedule, &options(request, mask), state, &mut record)?;
    Ok(outcome.state.x)
}

fn check_mask(mask: &Mask, x: &Latent) -> Result<()> {
    let [b, c, h, w] = x.shape;
    let fits = [[b, 1, h, w], [b, c, h, w]].contains(&mask.mask.shape) && mask.x0.shape == x.shape;
    if fits {
        return Ok(());
    }
    Err(VerifyError::Request(format!(
        "expected a mask (b, 1, h, w) and x0 of shape {:?}, found {:?} and {:?}",
        x.shape, mask.mask.shape, mask.x0.shape
    )))
}

/// Picture to noised latent and back (`stochastic_encode`, `decode`).
fn img2img(
    case: &Case,
    model: &LatentDiffusion,
    denoiser: &mut ConditionedModel<'_>,
    inputs: &Inputs<'_>,
    strength: f64,
    trace: &mut Trace,
) -> Result<Latent> {
    let request = &case.request;
    let image = inputs.map("image_in")?;
    let image = Tensor::from_f32(&model.first_stage_device(), &image.shape, &image.values)?;
    let encoded = model.encode_first_stage(&image)?;
    if let Encoded::Posterior(posterior) = &encoded {
        trace.f32("posterior_mean", posterior.mean.shape(), posterior.mean.to_f32()?);
        trace.f32("posterior_logvar", posterior.mean.shape(), posterior.logvar()?);
    }
    let z = to_latent(&model.get_first_stage_encoding(&encoded)?)?;
    if !(strength > 0.0 && strength <= 1.0) {
        let said = format!("expected a strength above 0 and at most 1, found {strength}");
        return Err(VerifyError::Request(said));
    }
    let entry = Entry::new(&model.config.schedule, &layout(request), strength, false)?;
    let mut noise = Noise::seeded(RngKind::Cpu, request.seed);
    let fresh = Latent::new(z.shape, noise.randn(z.len()));
    let z_noised = entry.start(&z, &fresh, request.sampler.row().space);
    trace.latent("z_noised", &z_noised);
    let state = RunState::start(z_noised.shape, Some(z_noised), noise, request.scale);
    let mut go_on = |_: &StepReport<'_>, _: &RunState| ControlFlow::Continue(Next::default());
    let (training, options) = (&model.config.schedule, options(request, None));
    let outcome = run(denoiser, training, &entry.schedule, &options, state, &mut go_on)?;
    Ok(outcome.state.x)
}
