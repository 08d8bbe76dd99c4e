//! DPM++ 3M SDE: the same equation by the last three pictures, with Brownian noise (k-diffusion's
//! `sample_dpmpp_3m_sde`).

use crate::sampler::step::{Step, Stepped};
use crate::sampler::{Denoiser, History, Latent};

/// x ← e^(−q)·x + E·D + φ2·d1 − φ3·d2 + σ'·√(1 − e^(−2ηh))·z, q = (1+η)h, E = 1 − e^(−q), with d1 and d2
/// the first and second differences of the pictures.
pub(super) fn step<D: Denoiser>(
    step: &mut Step<'_, D>,
    x: &Latent,
    history: &mut History,
) -> Result<Stepped, D::Error> {
    let (level, next) = (step.level(), step.next_level());
    let pred_x0 = step.denoise(x, level)?.pred_x0;
    if next.sigma == 0.0 {
        history.keep(level.sigma, pred_x0.clone(), 2);
        return Ok(Stepped { x_prev: pred_x0.clone(), pred_x0 });
    }
    let eta = step.options().eta;
    let h = next.lambda() - level.lambda();
    let q = (1.0 + eta) * h;
    let e = -(-q).exp_m1();
    let (keep, take) = ((-q).exp() as f32, e as f32);
    let mut x_prev = x.zip(&pred_x0, |x, x0| keep * x + take * x0);
    if let Some(change) = change(&pred_x0, history, level.lambda(), h, q) {
        x_prev = x_prev.zip(&change, |x, change| x + change);
    }
    if eta != 0.0 {
        let scale = next.sigma * (-(-2.0 * eta * h).exp_m1()).sqrt();
        let noise = step.brownian(x.shape, level.sigma, next.sigma, scale);
        x_prev = x_prev.zip(&noise, |x, noise| x + noise);
    }
    history.keep(level.sigma, pred_x0.clone(), 2);
    Ok(Stepped { x_prev, pred_x0 })
}

/// φ2·d1 − φ3·d2, as far as there are pictures; `lambda` is that of the step, `h` its length.
fn change(pred_x0: &Latent, history: &History, lambda: f64, h: f64, q: f64) -> Option<Latent> {
    let phi_2 = (-q).exp_m1() / q + 1.0;
    let phi_3 = phi_2 / q - 0.5;
    let one = history.back(1)?;
    let r0 = (lambda + one.sigma.ln()) / h;
    let Some(two) = history.back(2) else {
        let weight = (phi_2 / r0) as f32;
        return Some(pred_x0.zip(&one.value, |x0, one| weight * (x0 - one)));
    };
    let r1 = (two.sigma / one.sigma).ln() / h;
    // φ2·(a0 + (a0 − a1)·r0/(r0 + r1)) − φ3·(a0 − a1)/(r0 + r1), as weights of the slopes a0 and a1.
    let bend = (phi_2 * r0 - phi_3) / (r0 + r1);
    let (w0, w1) = (((phi_2 + bend) / r0) as f32, (bend / r1) as f32);
    let first = pred_x0.zip(&one.value, |x0, one| w0 * (x0 - one));
    let second = one.value.zip(&two.value, |one, two| w1 * (one - two));
    Some(first.zip(&second, |first, second| first - second))
}
