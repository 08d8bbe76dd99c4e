//! `DiffusionSchedule`: the noise schedule of training, from its betas (`DDPM.register_schedule`).
//!
//! Trap: what DDIM's paper calls α_t is ᾱ_t (`alphas_cumprod`) of DDPM's.

/// How betas grow (`beta_schedule`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BetaSchedule {
    /// Even steps of √β.
    Linear,
    /// From a squared cosine of ᾱ.
    Cosine,
    /// Even steps of β (the reference's name for it).
    SqrtLinear,
    /// Roots of even steps.
    Sqrt,
}

impl BetaSchedule {
    /// The schedule that a config calls `name`.
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "linear" => Self::Linear,
            "cosine" => Self::Cosine,
            "sqrt_linear" => Self::SqrtLinear,
            "sqrt" => Self::Sqrt,
            _ => return None,
        })
    }
}

/// `make_beta_schedule`, in f64.
fn make_beta_schedule(schedule: BetaSchedule, n: usize, start: f64, end: f64, cosine_s: f64) -> Vec<f64> {
    let linspace = |a: f64, b: f64| {
        let step = if n > 1 { (b - a) / (n - 1) as f64 } else { 0.0 };
        (0..n).map(move |i| if i + 1 == n && n > 1 { b } else { a + step * i as f64 })
    };
    match schedule {
        BetaSchedule::Linear => linspace(start.sqrt(), end.sqrt()).map(|root| root * root).collect(),
        BetaSchedule::SqrtLinear => linspace(start, end).collect(),
        BetaSchedule::Sqrt => linspace(start, end).map(f64::sqrt).collect(),
        BetaSchedule::Cosine => {
            let alpha_bar = |i: usize| {
                let t = i as f64 / n as f64 + cosine_s;
                (t / (1.0 + cosine_s) * std::f64::consts::FRAC_PI_2).cos().powi(2)
            };
            (0..n).map(|i| (1.0 - alpha_bar(i + 1) / alpha_bar(i)).clamp(0.0, 0.999)).collect()
        }
    }
}

/// What ComfyUI takes for the ᾱ of a schedule's end without signal: predictions are divided by its root.
pub const LEAST_ALPHA_CUMPROD: f64 = 4.897_345_189_085_344e-8;

/// ᾱ_t: the products of 1 − β up to each.
fn products(betas: impl Iterator<Item = f64>) -> Vec<f64> {
    let next = |product: &mut f64, beta: f64| {
        *product *= 1.0 - beta;
        Some(*product)
    };
    betas.scan(1.0, next).collect()
}

/// The full schedule of training: `DDPM.register_schedule`'s buffers, f32 like the reference's.
#[derive(Clone, Debug, PartialEq)]
pub struct DiffusionSchedule {
    /// β_t, one a timestep.
    pub betas: Vec<f32>,
    /// ᾱ_t: the product of 1 − β up to t.
    pub alphas_cumprod: Vec<f32>,
    /// ᾱ_{t−1}, starting with 1.
    pub alphas_cumprod_prev: Vec<f32>,
    /// √ᾱ_t: the share of signal.
    pub sqrt_alphas_cumprod: Vec<f32>,
    /// √(1 − ᾱ_t).
    pub sqrt_one_minus_alphas_cumprod: Vec<f32>,
    /// ln σ_t, ascending: σ_t = √((1 − ᾱ_t)/ᾱ_t) of the f32 ᾱ_t, as k-diffusion has it.
    log_sigmas: Vec<f64>,
}

impl DiffusionSchedule {
    /// The schedule of `timesteps` betas.
    pub fn new(
        schedule: BetaSchedule,
        timesteps: usize,
        linear_start: f64,
        linear_end: f64,
        cosine_s: f64,
    ) -> Self {
        let betas = make_beta_schedule(schedule, timesteps, linear_start, linear_end, cosine_s);
        let alphas_cumprod = products(betas.iter().copied());
        Self::of(&betas, &alphas_cumprod)
    }

    /// The schedule of these ᾱ, falling from at most 1 to 0 or above; each is at least 4.9e-8 in the
    /// result.
    pub fn from_alphas_cumprod(alphas_cumprod: impl Iterator<Item = f64>) -> Self {
        let alphas_cumprod: Vec<f64> = alphas_cumprod.map(|alpha| alpha.max(LEAST_ALPHA_CUMPROD)).collect();
        let previous = std::iter::once(1.0).chain(alphas_cumprod.iter().copied());
        let betas: Vec<f64> =
            alphas_cumprod.iter().zip(previous).map(|(alpha, previous)| 1.0 - alpha / previous).collect();
        Self::of(&betas, &alphas_cumprod)
    }

    /// The schedule of these β.
    pub fn from_betas(betas: impl Iterator<Item = f64>) -> Self {
        Self::from_alphas_cumprod(products(betas).into_iter())
    }

    /// The schedule shifted and stretched so that it ends without signal and begins as before (Lin et
    /// al. 2024, "Common diffusion noise schedules and sample steps are flawed", algorithm 1).
    pub fn with_zero_terminal_snr(&self) -> Self {
        let root = |alpha: &f32| f64::from(*alpha).sqrt();
        let ends = self.alphas_cumprod.first().zip(self.alphas_cumprod.last());
        match ends.map(|(first, last)| (root(first), root(last))) {
            Some((first, last)) if first > last => {
                let stretched = |alpha| ((root(alpha) - last) * first / (first - last)).powi(2);
                Self::from_alphas_cumprod(self.alphas_cumprod.iter().map(stretched))
            }
            _ => self.clone(),
        }
    }

    /// Whether nothing of the picture is left at the end.
    pub fn has_zero_terminal_snr(&self) -> bool {
        self.alphas_cumprod.last().is_some_and(|alpha| f64::from(*alpha) < 1e-6)
    }

    fn of(betas: &[f64], alphas_cumprod: &[f64]) -> Self {
        let previous: Vec<f64> =
            std::iter::once(1.0).chain(alphas_cumprod.iter().copied()).take(betas.len()).collect();
        let narrow =
            |values: &[f64], f: fn(f64) -> f64| values.iter().map(|&value| f(value) as f32).collect();
        let log_sigma = |alpha: &f64| {
            let alpha = f64::from(*alpha as f32);
            ((1.0 - alpha) / alpha).sqrt().ln()
        };
        Self {
            log_sigmas: alphas_cumprod.iter().map(log_sigma).collect(),
            alphas_cumprod_prev: narrow(&previous, |alpha| alpha),
            betas: narrow(betas, |beta| beta),
            sqrt_alphas_cumprod: narrow(alphas_cumprod, f64::sqrt),
            sqrt_one_minus_alphas_cumprod: narrow(alphas_cumprod, |alpha| (1.0 - alpha).sqrt()),
            alphas_cumprod: narrow(alphas_cumprod, |alpha| alpha),
        }
    }

    /// How many timesteps training had.
    pub fn timesteps(&self) -> usize {
        self.betas.len()
    }

    /// σ at a timestep of training; that of the last one beyond the end.
    pub fn sigma(&self, t: usize) -> f64 {
        self.log_sigmas.get(t).or(self.log_sigmas.last()).map_or(0.0, |log_sigma| log_sigma.exp())
    }

    /// The least and the largest σ.
    pub fn sigma_range(&self) -> [f64; 2] {
        [self.sigma(0), self.sigma(self.timesteps())]
    }

    /// σ between two timesteps, ln σ being linear in t (`DiscreteSchedule.t_to_sigma`), in f32 as there.
    pub fn t_to_sigma(&self, t: f64) -> f64 {
        let t = t.clamp(0.0, (self.timesteps() - 1) as f64) as f32;
        let share = t.fract();
        let low = (1.0 - share) * self.log_sigma_as_there(t.floor() as usize);
        let log_sigma = low + share * self.log_sigma_as_there(t.ceil() as usize);
        f64::from(f64::from(log_sigma).exp() as f32)
    }

    /// ln σ as k-diffusion rounds it.
    fn log_sigma_as_there(&self, t: usize) -> f32 {
        let alpha = self.alphas_cumprod[t];
        f64::from(((1.0 - alpha) / alpha).sqrt()).ln() as f32
    }

    /// t between two timesteps, linear in ln σ (`DiscreteSchedule.sigma_to_t`); the nearest end for a σ
    /// out of range.
    pub fn sigma_to_t(&self, sigma: f64) -> f64 {
        let log_sigma = sigma.ln();
        let above = self.log_sigmas.partition_point(|known| *known <= log_sigma);
        if above == 0 || self.log_sigmas.len() < 2 {
            return 0.0;
        }
        let low = (above - 1).min(self.log_sigmas.len() - 2);
        let (from, to) = (self.log_sigmas[low], self.log_sigmas[low + 1]);
        low as f64 + ((log_sigma - from) / (to - from)).clamp(0.0, 1.0)
    }

    /// The timestep whose ln σ is nearest (`sigma_to_t` with `quantize`), in f32 as there: halfway between
    /// two, the digits decide.
    pub fn nearest_timestep(&self, sigma: f64) -> usize {
        let t = self.sigma_to_t(sigma);
        let log_sigma = f64::from(sigma as f32).ln() as f32;
        let away = |t: usize| (log_sigma - self.log_sigma_as_there(t)).abs();
        let [low, high] = [t.floor(), t.ceil()].map(|t| t as usize);
        if away(high) < away(low) { high } else { low }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timesteps_and_sigmas_lead_to_each_other() {
        let full = DiffusionSchedule::new(BetaSchedule::Linear, 1000, 0.00085, 0.012, 8e-3);
        let [least, most] = full.sigma_range();
        assert!((least - 0.029_167_5).abs() < 1e-6 && (most - 14.614_641_5).abs() < 1e-5, "{least} {most}");
        for t in [0.0, 0.25, 1.0, 499.5, 998.75, 999.0] {
            assert!((full.sigma_to_t(full.t_to_sigma(t)) - t).abs() < 1e-3, "{t}");
        }
        assert_eq!((full.sigma_to_t(1e-9), full.sigma_to_t(1e9)), (0.0, 999.0));
        assert_eq!(full.nearest_timestep(full.t_to_sigma(41.4)), 41);
        assert_eq!(full.nearest_timestep(full.t_to_sigma(41.6)), 42);
    }

    #[test]
    fn a_schedule_without_signal_at_its_end_is_the_published_one() {
        let plain = DiffusionSchedule::new(BetaSchedule::Linear, 1000, 0.00085, 0.012, 8e-3);
        let zero = plain.with_zero_terminal_snr();
        assert!(zero.has_zero_terminal_snr() && !plain.has_zero_terminal_snr());
        assert_eq!(zero.alphas_cumprod[999], LEAST_ALPHA_CUMPROD as f32);
        let close = |a: f32, b: f64| (f64::from(a) - b).abs() < 1e-4 * b;
        // By diffusers' rescale_zero_terminal_snr.
        for (t, alpha) in [(0, 0.999_15), (1, 0.998_233_4), (500, 0.241_018_8), (998, 1.967_9e-7)] {
            assert!(close(zero.alphas_cumprod[t], alpha), "{t}: {}", zero.alphas_cumprod[t]);
        }
        let again = DiffusionSchedule::from_betas(zero.betas.iter().map(|beta| f64::from(*beta)));
        assert!(zero.alphas_cumprod.iter().zip(&again.alphas_cumprod).all(|(a, b)| (a - b).abs() < 1e-5));
        let one = DiffusionSchedule::new(BetaSchedule::Linear, 1, 0.1, 0.2, 8e-3);
        assert_eq!(one.with_zero_terminal_snr(), one);
    }
}
