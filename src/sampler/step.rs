//! `Step`: one step of a run as its update rule sees it. The rule asks the model, reads the
//! schedule and draws noise through it.
//!
//! Trap: DDIM's formula draws noise at every step, even where σ = 0, so that a seed's later draws do
//! not depend on eta.

use super::guide::{Guided, deviation_of, mixed};
use super::noise::Noise;
use super::options::RunOptions;
use super::schedule::{Coefficients, Level, Steps};
use super::{Denoiser, DiffusionSchedule, Latent, Parameterization, SamplerKind};

/// A1111's CFG++ of DDIM reads its guidance on this scale.
const CFG_PP_SCALE: f64 = 12.5;

/// What a rule makes of a step.
pub struct Stepped {
    /// x (b, c, h, w) at the next noise level.
    pub x_prev: Latent,
    /// The picture that the step predicts, of the same shape.
    pub pred_x0: Latent,
}

/// What the model was asked in a step, and its answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// The level, its t as the model was asked.
    pub level: Level,
    /// The latent in the rule's own space.
    pub x: Latent,
    /// The picture that it predicts.
    pub pred_x0: Latent,
}

/// A prediction with what CFG++ renoises by.
pub struct Predicted {
    /// e_t, guided.
    pub e_t: Latent,
    /// The picture, guided.
    pub pred_x0: Latent,
    /// e_t without the condition, under CFG++.
    pub e_t_uncond: Option<Latent>,
}

/// A predicted picture with what CFG++ renoises by.
pub struct Denoised {
    /// The picture, guided.
    pub pred_x0: Latent,
    /// The picture without the condition, under CFG++.
    pub uncond: Option<Latent>,
}

impl Denoised {
    /// The picture that the slope of a step points away from.
    pub fn anchor(&self) -> &Latent {
        self.uncond.as_ref().unwrap_or(&self.pred_x0)
    }
}

/// One step of a run.
pub struct Step<'a, D> {
    pub(super) denoiser: &'a mut D,
    pub(super) full: &'a DiffusionSchedule,
    /// The steps of the run.
    pub schedule: Steps<'a>,
    pub(super) options: &'a RunOptions<'a>,
    pub(super) noise: &'a mut Noise,
    pub(super) guidance: f64,
    /// Its number, from 0 in the order run.
    pub number: usize,
    /// What the model was asked.
    pub(super) calls: Vec<Call>,
}

impl<D: Denoiser> Step<'_, D> {
    /// Where the step begins.
    pub fn level(&self) -> Level {
        self.schedule.level(self.number)
    }

    /// Where it leads.
    pub fn next_level(&self) -> Level {
        self.schedule.level(self.number + 1)
    }

    /// Steps of the whole run.
    pub fn steps(&self) -> usize {
        self.schedule.len()
    }

    /// What DDIM's formula reads at the step.
    pub fn coefficients(&self) -> Coefficients {
        self.schedule.coefficients(self.number)
    }

    /// What holds for all steps.
    pub fn options(&self) -> &RunOptions<'_> {
        self.options
    }

    /// The noise schedule of training.
    pub fn training(&self) -> &DiffusionSchedule {
        self.full
    }

    /// The level of a σ between those of the schedule.
    pub fn level_of_sigma(&self, sigma: f64) -> Level {
        Level::of_sigma(self.full, sigma)
    }

    /// (e_t, pred_x0) from one call of the model for `x`, its variance kept, at step `number`'s timestep.
    ///
    /// # Errors
    /// If the network fails or is stopped.
    pub fn predict(&mut self, x: &Latent, number: usize) -> Result<Predicted, D::Error> {
        let at = self.schedule.level(number);
        let asked = self.asked(at);
        let Guided { prediction, uncond } = self.guided(x, asked.t)?;
        let a_t = self.schedule.coefficients(number).a_t;
        let (e_t, pred_x0) = self.eps_and_start(x, prediction, number, a_t);
        let e_t_uncond = uncond.map(|uncond| self.eps_and_start(x, uncond, number, a_t).0);
        self.calls.push(Call { level: asked, x: x.clone(), pred_x0: pred_x0.clone() });
        Ok(Predicted { e_t, pred_x0, e_t_uncond })
    }

    /// D(x, σ): the picture that `x`, in σ, predicts at a level.
    ///
    /// # Errors
    /// If the network fails or is stopped, or the first stage has no codebook that was asked for.
    pub fn denoise(&mut self, x: &Latent, level: Level) -> Result<Denoised, D::Error> {
        let asked = self.asked(level);
        let c_in = level.signal() as f32;
        let Guided { prediction, uncond } = self.guided(&x.map(|x| c_in * x), asked.t)?;
        let mut pred_x0 = self.start_from_sigma(x, &prediction, level.sigma);
        if self.options.quantize_denoised {
            pred_x0 = self.denoiser.quantize(&pred_x0)?;
        }
        let uncond = uncond.map(|uncond| self.start_from_sigma(x, &uncond, level.sigma));
        self.calls.push(Call { level: asked, x: x.clone(), pred_x0: pred_x0.clone() });
        Ok(Denoised { pred_x0, uncond })
    }

    /// The level with the timestep that the model is asked with.
    fn asked(&self, level: Level) -> Level {
        if !self.options.quantize_timesteps {
            return level;
        }
        Level { t: self.full.nearest_timestep(level.sigma) as f32, ..level }
    }

    /// The guided prediction: e_uncond + s·(e_cond − e_uncond) from one call of a doubled batch, or a
    /// single pass where s is 1 (Ho and Salimans 2022).
    fn guided(&mut self, x: &Latent, t: f32) -> Result<Guided, D::Error> {
        let guidance = self.guidance_here();
        let cfg_pp = guidance.is_some() && self.options.cfg_pp && self.options.sampler.row().cfg_pp;
        let scale = match guidance {
            Some(guidance) if cfg_pp && self.options.sampler == SamplerKind::Ddim => guidance / CFG_PP_SCALE,
            Some(guidance) => guidance,
            None => 1.0,
        } as f32;
        let mut uncond = None;
        let e_t = if (scale == 1.0 && !cfg_pp) || !self.denoiser.has_unconditional() {
            self.denoiser.conditional(x, t)?
        } else {
            let (e_t_uncond, e_t) = self.denoiser.guided(x, t)?;
            let guided = e_t_uncond.zip(&e_t, |uncond, cond| uncond + scale * (cond - uncond));
            uncond = cfg_pp.then_some(e_t_uncond);
            match self.options.guidance_rescale as f32 {
                0.0 => guided,
                share => mixed(guided, &deviation_of(&e_t), share),
            }
        };
        let prediction = match self.options.score_corrector {
            Some(correct) => correct(e_t, x, t),
            None => e_t,
        };
        Ok(Guided { prediction, uncond })
    }

    /// The run's guidance, if it acts at this step.
    fn guidance_here(&self) -> Option<f64> {
        let [from, to] =
            self.options.guidance_interval.map(|share| (share * self.schedule.len() as f64) as usize);
        (from..to).contains(&self.number).then_some(self.guidance)
    }

    /// (e_t, pred_x0) of what the model predicts for `x`, its variance kept.
    fn eps_and_start(&self, x: &Latent, prediction: Latent, number: usize, a_t: f64) -> (Latent, Latent) {
        match (self.denoiser.parameterization(), self.schedule) {
            (Parameterization::Eps, _) => {
                let pred_x0 = predict_start_from_eps(x, &prediction, a_t);
                (prediction, pred_x0)
            }
            // From a predicted velocity, with the full schedule's buffers.
            (Parameterization::V, Steps::Ddim(_)) => {
                let t = self.schedule.timestep(number);
                let signal = self.full.sqrt_alphas_cumprod[t];
                let sigma = self.full.sqrt_one_minus_alphas_cumprod[t];
                eps_and_start_from_v(x, &prediction, signal, sigma)
            }
            (Parameterization::V, _) => {
                eps_and_start_from_v(x, &prediction, a_t.sqrt() as f32, (1.0 - a_t).sqrt() as f32)
            }
        }
    }

    /// D of what the model predicts for `x` in σ.
    fn start_from_sigma(&self, x: &Latent, prediction: &Latent, sigma: f64) -> Latent {
        let c_skip = 1.0 / (sigma * sigma + 1.0);
        match self.denoiser.parameterization() {
            Parameterization::Eps => {
                let sigma = sigma as f32;
                x.zip(prediction, |x, e| x - sigma * e)
            }
            Parameterization::V => {
                let (c_skip, c_out) = (c_skip as f32, (sigma * c_skip.sqrt()) as f32);
                x.zip(prediction, |x, v| c_skip * x - c_out * v)
            }
        }
    }

    /// DDIM's formula (eq. 12): x_prev = √ᾱ_prev·pred_x0 + √(1 − ᾱ_prev − σ²)·e_t + σ·noise, with the
    /// codebook's version of pred_x0 if the run asks for it.
    ///
    /// # Errors
    /// If the first stage has no codebook, or the network fails.
    pub fn x_prev(&mut self, e_t: &Latent, pred_x0: Latent) -> Result<Stepped, D::Error> {
        let pred_x0 = self.quantized(pred_x0)?;
        let at = self.coefficients();
        let (a_prev, sigma_t) = (at.a_prev as f32, at.sigma_t as f32);
        let dir_xt = (1.0 - a_prev - sigma_t * sigma_t).max(0.0).sqrt();
        let noise = self.noise(e_t.shape, sigma_t);
        let mean = pred_x0.zip(e_t, |x0, e| a_prev.sqrt() * x0 + dir_xt * e);
        Ok(Stepped { x_prev: mean.zip(&noise, |mean, noise| mean + noise), pred_x0 })
    }

    /// The codebook's version of a picture, if the run asks for it.
    ///
    /// # Errors
    /// If the first stage has no codebook, or the network fails.
    pub fn quantized(&mut self, pred_x0: Latent) -> Result<Latent, D::Error> {
        if self.options.quantize_denoised { self.denoiser.quantize(&pred_x0) } else { Ok(pred_x0) }
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
        self.drop_out(&mut values);
        Latent::new(shape, values)
    }

    /// z·scale·`s_noise` from the run's generator, for rules in σ.
    pub fn fresh(&mut self, shape: [usize; 4], scale: f64) -> Latent {
        let len: usize = shape.iter().product();
        let values = if self.options.repeat_noise {
            self.noise.randn(len / shape[0]).repeat(shape[0])
        } else {
            self.noise.randn(len)
        };
        self.scaled(shape, values, scale)
    }

    /// z·scale·`s_noise` from the run's Brownian motion between two σ, `from` the larger.
    pub fn brownian(&mut self, shape: [usize; 4], from: f64, to: f64, scale: f64) -> Latent {
        let len: usize = shape.iter().product();
        let values = self.noise.brownian(self.schedule.span(), [to, from].map(as_there), len);
        self.scaled(shape, values, scale)
    }

    fn scaled(&mut self, shape: [usize; 4], mut values: Vec<f32>, scale: f64) -> Latent {
        let scale = (scale * self.options.s_noise) as f32;
        values.iter_mut().for_each(|value| *value *= scale);
        self.drop_out(&mut values);
        Latent::new(shape, values)
    }

    /// Drops out the share of fresh noise that the run's options ask for.
    fn drop_out(&mut self, values: &mut [f32]) {
        if self.options.noise_dropout <= 0.0 {
            return;
        }
        let keep = 1.0 - self.options.noise_dropout;
        let kept = self.noise.bernoulli(keep, values.len());
        values
            .iter_mut()
            .zip(kept)
            .for_each(|(value, kept)| *value = if kept { *value / keep as f32 } else { 0.0 });
    }
}

/// A σ as k-diffusion's f32 tensors hold it.
fn as_there(sigma: f64) -> f64 {
    f64::from(sigma as f32)
}

/// pred_x0 = (x − √(1 − ᾱ_t)·e_t)/√ᾱ_t.
pub fn predict_start_from_eps(x: &Latent, e_t: &Latent, a_t: f64) -> Latent {
    let (sqrt_a_t, sqrt_one_minus_a_t) = ((a_t as f32).sqrt(), (1.0 - a_t).sqrt() as f32);
    x.zip(e_t, |x, e| (x - sqrt_one_minus_a_t * e) / sqrt_a_t)
}

/// (e_t, pred_x0) from a predicted velocity.
fn eps_and_start_from_v(x: &Latent, v: &Latent, signal: f32, sigma: f32) -> (Latent, Latent) {
    (x.zip(v, |x, v| signal * v + sigma * x), x.zip(v, |x, v| signal * x - sigma * v))
}
