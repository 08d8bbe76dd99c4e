//! `Step`: one step of a run as its update rule sees it. The rule asks the model, reads the
//! schedule and draws noise through it.
//!
//! Trap: DDIM's formula draws noise at every step, even where σ = 0, so that a seed's later draws do
//! not depend on eta.

use super::noise::Noise;
use super::options::RunOptions;
use super::{DdimSchedule, Denoiser, DiffusionSchedule, Latent, Parameterization};

/// What a multi-step rule keeps of former steps, in an order of its own.
pub type History = Vec<Latent>;

/// What a rule makes of a step.
pub struct Stepped {
    /// x (b, c, h, w) at the next noise level.
    pub x_prev: Latent,
    /// The picture that the step predicts, of the same shape.
    pub pred_x0: Latent,
}

/// One step of a run.
pub struct Step<'a, D> {
    pub(super) denoiser: &'a mut D,
    pub(super) full: &'a DiffusionSchedule,
    /// The coefficients of every step of the run.
    pub schedule: &'a DdimSchedule,
    pub(super) options: &'a RunOptions<'a>,
    pub(super) noise: &'a mut Noise,
    pub(super) guidance: f64,
    /// Where the step stands in the schedule's ascending lists: 0 is the last.
    pub index: usize,
    /// How often the model was asked.
    pub(super) model_calls: usize,
}

impl<D: Denoiser> Step<'_, D> {
    /// (e_t, pred_x0) from one call of the model for `x` at the schedule's `index`.
    ///
    /// # Errors
    /// If the network fails or is stopped.
    pub fn predict(&mut self, x: &Latent, index: usize) -> Result<(Latent, Latent), D::Error> {
        let prediction = self.guided(x, index)?;
        Ok(match self.denoiser.parameterization() {
            Parameterization::Eps => {
                let pred_x0 = self.predict_start_from_eps(x, &prediction, index);
                (prediction, pred_x0)
            }
            Parameterization::V => self.from_v(x, &prediction, index),
        })
    }

    /// The guided prediction: e_uncond + s·(e_cond − e_uncond) from one call of a doubled batch, or a
    /// single pass where s is 1 (Ho and Salimans 2022).
    fn guided(&mut self, x: &Latent, index: usize) -> Result<Latent, D::Error> {
        let t = self.schedule.ddim_timesteps[index] as f32;
        self.model_calls += 1;
        let e_t = if self.guidance == 1.0 || !self.denoiser.has_unconditional() {
            self.denoiser.conditional(x, t)?
        } else {
            let (e_t_uncond, e_t) = self.denoiser.guided(x, t)?;
            let scale = self.guidance as f32;
            e_t_uncond.zip(&e_t, |uncond, cond| uncond + scale * (cond - uncond))
        };
        Ok(match self.options.score_corrector {
            Some(correct) => correct(e_t, x, t),
            None => e_t,
        })
    }

    /// (e_t, pred_x0) from a predicted velocity, with the full schedule's buffers.
    fn from_v(&self, x: &Latent, v: &Latent, index: usize) -> (Latent, Latent) {
        let t = self.schedule.ddim_timesteps[index];
        let (signal, sigma) = (self.full.sqrt_alphas_cumprod[t], self.full.sqrt_one_minus_alphas_cumprod[t]);
        (x.zip(v, |x, v| signal * v + sigma * x), x.zip(v, |x, v| signal * x - sigma * v))
    }

    /// pred_x0 = (x − √(1 − ᾱ_t)·e_t)/√ᾱ_t.
    pub fn predict_start_from_eps(&self, x: &Latent, e_t: &Latent, index: usize) -> Latent {
        let a_t = self.schedule.at(index).a_t;
        let (sqrt_a_t, sqrt_one_minus_a_t) = ((a_t as f32).sqrt(), (1.0 - a_t).sqrt() as f32);
        x.zip(e_t, |x, e| (x - sqrt_one_minus_a_t * e) / sqrt_a_t)
    }

    /// DDIM's formula (eq. 12): x_prev = √ᾱ_prev·pred_x0 + √(1 − ᾱ_prev − σ²)·e_t + σ·noise, with the
    /// codebook's version of pred_x0 if the run asks for it.
    ///
    /// # Errors
    /// If the first stage has no codebook, or the network fails.
    pub fn x_prev(&mut self, e_t: &Latent, pred_x0: Latent) -> Result<Stepped, D::Error> {
        let pred_x0 =
            if self.options.quantize_denoised { self.denoiser.quantize(&pred_x0)? } else { pred_x0 };
        let at = self.schedule.at(self.index);
        let (a_prev, sigma_t) = (at.a_prev as f32, at.sigma_t as f32);
        let dir_xt = (1.0 - a_prev - sigma_t * sigma_t).max(0.0).sqrt();
        let noise = self.noise(e_t.shape, sigma_t);
        let mean = pred_x0.zip(e_t, |x0, e| a_prev.sqrt() * x0 + dir_xt * e);
        Ok(Stepped { x_prev: mean.zip(&noise, |mean, noise| mean + noise), pred_x0 })
    }

    /// σ·noise·temperature from the run's generator, repeated over the batch and dropped out as the
    /// run's options ask.
    pub fn noise(&mut self, shape: [usize; 4], sigma_t: f32) -> Latent {
        let len: usize = shape.iter().product();
        let mut values = if self.options.repeat_noise {
            self.noise.randn(len / shape[0]).repeat(shape[0])
        } else {
            self.noise.randn(len)
        };
        let temperature = self.options.temperature as f32;
        values.iter_mut().for_each(|value| *value = sigma_t * *value * temperature);
        if self.options.noise_dropout > 0.0 {
            let keep = 1.0 - self.options.noise_dropout;
            let kept = self.noise.bernoulli(keep, len);
            values
                .iter_mut()
                .zip(kept)
                .for_each(|(value, kept)| *value = if kept { *value / keep as f32 } else { 0.0 });
        }
        Latent::new(shape, values)
    }
}
