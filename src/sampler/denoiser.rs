//! `Denoiser`: all that a sampler asks of a model.

use super::{Latent, Parameterization};

/// A network under its conditioning. Implementations hold the model and both contexts.
pub trait Denoiser {
    /// Why a prediction could not be made (stopped, out of memory).
    type Error;

    /// The prediction for `x` (b, c, h, w) at `t` under the condition alone.
    ///
    /// # Errors
    /// If the network fails or is stopped.
    fn conditional(&mut self, x: &Latent, t: usize) -> Result<Latent, Self::Error>;

    /// The predictions without and with the condition, from one call of a doubled batch.
    ///
    /// # Errors
    /// If the network fails or is stopped.
    fn guided(&mut self, x: &Latent, t: usize) -> Result<(Latent, Latent), Self::Error>;

    /// Whether there is an unconditional context; without it every step is a single pass.
    fn has_unconditional(&self) -> bool;

    /// What the predictions are.
    fn parameterization(&self) -> Parameterization;

    /// The codebook's version of a predicted picture (`quantize_denoised`).
    ///
    /// # Errors
    /// If the first stage has no codebook.
    fn quantize(&mut self, pred_x0: &Latent) -> Result<Latent, Self::Error>;
}
