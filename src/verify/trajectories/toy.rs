//! `Toy`: the made-up denoiser of the recordings, a formula in place of a network.

use crate::sampler::{Denoiser, Latent, Parameterization};

/// The denoiser, with what it was asked.
pub(super) struct Toy {
    parameterization: Parameterization,
    /// Each input and its answer.
    pub(super) calls: Vec<(Latent, Latent)>,
}

impl Toy {
    /// A toy whose output is read so.
    pub(super) fn new(parameterization: Parameterization) -> Self {
        Self { parameterization, calls: Vec::new() }
    }
}

impl Denoiser for Toy {
    type Error = String;

    /// 0.7·z·sin(0.01·t + 0.3) + 0.1·z²/(1 + z²).
    fn conditional(&mut self, x: &Latent, t: f32) -> Result<Latent, String> {
        let wave = (0.01 * t + 0.3).sin();
        let answer = x.map(|z| 0.7 * z * wave + 0.1 * z * z / (1.0 + z * z));
        self.calls.push((x.clone(), answer.clone()));
        Ok(answer)
    }

    fn guided(&mut self, x: &Latent, t: f32) -> Result<(Latent, Latent), String> {
        self.conditional(x, t).map(|answer| (answer.clone(), answer))
    }

    fn has_unconditional(&self) -> bool {
        false
    }

    fn parameterization(&self) -> Parameterization {
        self.parameterization
    }

    fn quantize(&mut self, _: &Latent) -> Result<Latent, String> {
        Err("the made-up denoiser has no codebook".to_owned())
    }
}
