//! The update rules: one step of DDIM and of PLMS (mirrors `ldm/models/diffusion/ddim.py`, `plms.py`).
//!
//! Trap: noise is drawn at every step, even where σ = 0, so that a seed's later draws do not depend
//! on eta.

use super::noise::Noise;
use super::run::{RunOptions, RunState};
use super::{DdimSchedule, Denoiser, DiffusionSchedule, Latent, Parameterization};

/// One reverse step from `state.x`, which it replaces by x_prev; returns pred_x0 (DDIM, eq. 12).
pub(super) fn p_sample_ddim<D: Denoiser>(
    denoiser: &mut D,
    full: &DiffusionSchedule,
    schedule: &DdimSchedule,
    options: &RunOptions<'_>,
    index: usize,
    state: &mut RunState,
) -> Result<Latent, D::Error> {
    let prediction = predict(denoiser, schedule, options, index, &state.x, state.guidance)?;
    let (e_t, pred_x0) = match denoiser.parameterization() {
        Parameterization::Eps => {
            let pred_x0 = predict_start_from_eps(schedule, index, &state.x, &prediction);
            (prediction, pred_x0)
        }
        Parameterization::V => from_v(full, schedule.ddim_timesteps[index], &state.x, &prediction),
    };
    let (x_prev, pred_x0) = x_prev(denoiser, schedule, options, index, &e_t, pred_x0, &mut state.noise)?;
    state.x = x_prev;
    Ok(pred_x0)
}

/// The same with a linear multi-step of predictions (PLMS, Liu et al. 2022, eq. 12); its first step
/// asks the network twice and draws noise twice.
pub(super) fn p_sample_plms<D: Denoiser>(
    denoiser: &mut D,
    full: &DiffusionSchedule,
    schedule: &DdimSchedule,
    options: &RunOptions<'_>,
    index: usize,
    state: &mut RunState,
) -> Result<Latent, D::Error> {
    let guidance = state.guidance;
    let eps_at = |denoiser: &mut D, x: &Latent, index: usize| -> Result<Latent, D::Error> {
        let prediction = predict(denoiser, schedule, options, index, x, guidance)?;
        Ok(match denoiser.parameterization() {
            Parameterization::Eps => prediction,
            Parameterization::V => from_v(full, schedule.ddim_timesteps[index], x, &prediction).0,
        })
    };
    let e_t = eps_at(denoiser, &state.x, index)?;
    let e_t_prime = match state.old_eps.as_slice() {
        [] => {
            let guess = predict_start_from_eps(schedule, index, &state.x, &e_t);
            let (ahead, _) = x_prev(denoiser, schedule, options, index, &e_t, guess, &mut state.noise)?;
            let e_t_next = eps_at(denoiser, &ahead, index.saturating_sub(1))?;
            e_t.zip(&e_t_next, |e, next| (e + next) / 2.0)
        }
        [a] => e_t.zip(a, |e, a| (3.0 * e - a) / 2.0),
        [b, a] => combine(&e_t, &[a, b], |e, old| (23.0 * e - 16.0 * old[0] + 5.0 * old[1]) / 12.0),
        [.., c, b, a] => combine(&e_t, &[a, b, c], |e, old| {
            (55.0 * e - 59.0 * old[0] + 37.0 * old[1] - 9.0 * old[2]) / 24.0
        }),
    };
    let pred_x0 = predict_start_from_eps(schedule, index, &state.x, &e_t_prime);
    let (x_prev, pred_x0) =
        x_prev(denoiser, schedule, options, index, &e_t_prime, pred_x0, &mut state.noise)?;
    state.x = x_prev;
    state.old_eps.push(e_t);
    if state.old_eps.len() > 3 {
        state.old_eps.remove(0);
    }
    Ok(pred_x0)
}

/// f of e_t and the older predictions, newest first, number by number.
fn combine(e_t: &Latent, old: &[&Latent], f: impl Fn(f32, &[f32]) -> f32) -> Latent {
    let mut at = vec![0.0; old.len()];
    let values = (0..e_t.len())
        .map(|i| {
            at.iter_mut().zip(old).for_each(|(slot, latent)| *slot = latent.values[i]);
            f(e_t.values[i], &at)
        })
        .collect();
    Latent::new(e_t.shape, values)
}

/// The guided prediction: e_uncond + s·(e_cond − e_uncond) from one call of a doubled batch, or a
/// single pass where s is 1 (Ho and Salimans 2022).
fn predict<D: Denoiser>(
    denoiser: &mut D,
    schedule: &DdimSchedule,
    options: &RunOptions<'_>,
    index: usize,
    x: &Latent,
    guidance: f64,
) -> Result<Latent, D::Error> {
    let t = schedule.ddim_timesteps[index];
    let e_t = if guidance == 1.0 || !denoiser.has_unconditional() {
        denoiser.conditional(x, t)?
    } else {
        let (e_t_uncond, e_t) = denoiser.guided(x, t)?;
        let scale = guidance as f32;
        e_t_uncond.zip(&e_t, |uncond, cond| uncond + scale * (cond - uncond))
    };
    Ok(match options.score_corrector {
        Some(correct) => correct(e_t, x, t),
        None => e_t,
    })
}

/// pred_x0 = (x − √(1 − ᾱ_t)·e_t)/√ᾱ_t.
fn predict_start_from_eps(schedule: &DdimSchedule, index: usize, x: &Latent, e_t: &Latent) -> Latent {
    let a_t = schedule.ddim_alphas[index];
    let (sqrt_a_t, sqrt_one_minus_a_t) = ((a_t as f32).sqrt(), (1.0 - a_t).sqrt() as f32);
    x.zip(e_t, |x, e| (x - sqrt_one_minus_a_t * e) / sqrt_a_t)
}

/// (e_t, pred_x0) from a predicted velocity, with the full schedule's buffers.
fn from_v(full: &DiffusionSchedule, t: usize, x: &Latent, v: &Latent) -> (Latent, Latent) {
    let (signal, sigma) = (full.sqrt_alphas_cumprod[t], full.sqrt_one_minus_alphas_cumprod[t]);
    (x.zip(v, |x, v| signal * v + sigma * x), x.zip(v, |x, v| signal * x - sigma * v))
}

/// x_prev = √ᾱ_prev·pred_x0 + √(1 − ᾱ_prev − σ²)·e_t + σ·noise; pred_x0 is quantised first if asked.
fn x_prev<D: Denoiser>(
    denoiser: &mut D,
    schedule: &DdimSchedule,
    options: &RunOptions<'_>,
    index: usize,
    e_t: &Latent,
    mut pred_x0: Latent,
    noise: &mut Noise,
) -> Result<(Latent, Latent), D::Error> {
    if options.quantize_denoised {
        pred_x0 = denoiser.quantize(&pred_x0)?;
    }
    let a_prev = schedule.ddim_alphas_prev[index] as f32;
    let sigma_t = schedule.ddim_sigmas[index] as f32;
    let toward_x_t = (1.0 - a_prev - sigma_t * sigma_t).max(0.0).sqrt();
    let fresh = step_noise(options, e_t.shape, sigma_t, noise);
    let mean = pred_x0.zip(e_t, |x0, e| a_prev.sqrt() * x0 + toward_x_t * e);
    Ok((mean.zip(&fresh, |mean, noise| mean + noise), pred_x0))
}

/// σ·noise·temperature, repeated over the batch and dropped out as asked.
fn step_noise(options: &RunOptions<'_>, shape: [usize; 4], sigma_t: f32, noise: &mut Noise) -> Latent {
    let len: usize = shape.iter().product();
    let mut values =
        if options.repeat_noise { noise.randn(len / shape[0]).repeat(shape[0]) } else { noise.randn(len) };
    let temperature = options.temperature as f32;
    values.iter_mut().for_each(|value| *value = sigma_t * *value * temperature);
    if options.noise_dropout > 0.0 {
        let keep = 1.0 - options.noise_dropout;
        let kept = noise.bernoulli(keep, len);
        values
            .iter_mut()
            .zip(kept)
            .for_each(|(value, kept)| *value = if kept { *value / keep as f32 } else { 0.0 });
    }
    Latent::new(shape, values)
}
