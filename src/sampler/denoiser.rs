//! `Denoiser`: all that a sampler asks of a model.

use super::Latent;

/// A model under its conditioning. Implementations hold the network and both contexts.
///
/// Timesteps are real numbers: a schedule in σ lies between the timesteps of training.
pub trait Denoiser {
    /// Why the model could not answer (stopped, out of memory).
    type Error;

    /// The prediction for `x` (b, c, h, w) at `t` under the condition alone, of x's shape.
    ///
    /// # Errors
    /// If the network fails or is stopped.
    fn conditional(&mut self, x: &Latent, t: f32) -> Result<Latent, Self::Error>;

    /// The predictions without and with the condition, from one call of a doubled batch.
    ///
    /// # Errors
    /// If the network fails or is stopped.
    fn guided(&mut self, x: &Latent, t: f32) -> Result<(Latent, Latent), Self::Error>;

    /// Tells the number, from 0, and the guidance of the step that begins: the condition may depend on it.
    fn begin_step(&mut self, _number: usize, _guidance: f64) {}

    /// Whether there is an unconditional context; without it every call is a single pass.
    fn has_unconditional(&self) -> bool;

    /// What the predictions are.
    fn parameterization(&self) -> Parameterization;

    /// The codebook's version of a predicted picture (`quantize_denoised`).
    ///
    /// # Errors
    /// If the first stage has no codebook.
    fn quantize(&mut self, pred_x0: &Latent) -> Result<Latent, Self::Error>;
}

/// What the network predicts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Parameterization {
    /// The noise ε (Ho et al. 2020).
    #[default]
    Eps,
    /// The velocity √ᾱ·ε − √(1−ᾱ)·x_0 (Salimans and Ho 2022).
    V,
}

impl Parameterization {
    /// Its name, as configs spell it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Eps => "eps",
            Self::V => "v",
        }
    }
}

impl std::str::FromStr for Parameterization {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let found = [Self::Eps, Self::V].into_iter().find(|known| known.name() == name);
        found.ok_or_else(|| format!("expected eps or v, found {name:?}"))
    }
}
