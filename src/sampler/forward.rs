//! The forward process: a known picture noised to a step's level, which a mask holds to.

use super::noise::Noise;
use super::schedule::Steps;
use super::{DiffusionSchedule, Latent, Level, Space};

/// Where a mask is 1 the picture is held to x0 (inpainting without a special model).
#[derive(Clone, Debug, PartialEq)]
pub struct Mask {
    /// (b, 1 or c, h, w); 1 keeps x0.
    pub mask: Latent,
    /// (b, c, h, w), noised to each step's level.
    pub x0: Latent,
}

impl Mask {
    /// The same for each of a batch.
    #[must_use]
    pub fn repeated_to(&self, batch: usize) -> Self {
        let all =
            |latent: &Latent| Latent::joined(std::iter::repeat_n(latent, batch / latent.shape[0].max(1)));
        Self { mask: all(&self.mask), x0: all(&self.x0) }
    }

    /// `x` (b, c, h, w), as a rule in this space writes it before a step of this number, with the masked
    /// part replaced by x0 at the step's level; draws noise.
    pub(super) fn hold(
        &self,
        x: &Latent,
        full: &DiffusionSchedule,
        schedule: Steps<'_>,
        (number, space): (usize, Space),
        noise: &mut Noise,
    ) -> Latent {
        let img_orig = match schedule {
            Steps::Ddim(_) if space == Space::Vp => {
                q_sample(full, &self.x0, schedule.timestep(number), noise)
            }
            _ => noised(&self.x0, schedule.level(number), space, noise),
        };
        let [_, c, h, w] = x.shape;
        let mask_channels = self.mask.shape[1];
        let plane = h * w;
        let mut held = x.clone();
        for (i, value) in held.values.iter_mut().enumerate() {
            let (batch, channel, position) = (i / (c * plane), i / plane % c, i % plane);
            let keep = self.mask.values[(batch * mask_channels + channel % mask_channels) * plane + position];
            *value = img_orig.values[i] * keep + (1.0 - keep) * *value;
        }
        held
    }
}

/// x_t = √ᾱ_t·x_0 + √(1 − ᾱ_t)·ε with fresh noise (DDPM, eq. 4).
pub fn q_sample(full: &DiffusionSchedule, x_start: &Latent, timestep: usize, noise: &mut Noise) -> Latent {
    let fresh = Latent::new(x_start.shape, noise.randn(x_start.len()));
    let (signal, sigma) = (full.sqrt_alphas_cumprod[timestep], full.sqrt_one_minus_alphas_cumprod[timestep]);
    x_start.zip(&fresh, |x, noise| signal * x + sigma * noise)
}

/// x_0 with fresh noise at a level, as a rule in this space writes it: x_0 + σ·z, or that over √(σ² + 1).
pub fn noised(x0: &Latent, level: Level, space: Space, noise: &mut Noise) -> Latent {
    let fresh = Latent::new(x0.shape, noise.randn(x0.len()));
    let (signal, sigma) = match space {
        Space::Sigma => (1.0, level.sigma as f32),
        Space::Vp => (level.signal() as f32, level.noise() as f32),
    };
    x0.zip(&fresh, |x, noise| signal * x + sigma * noise)
}
