//! PLMS: DDIM's step with a linear multi-step of predictions (Liu et al. 2022, eq. 12;
//! `PLMSSampler.p_sample_plms`).
//!
//! Trap: the first step asks the model twice and draws noise twice.

use crate::sampler::step::{Step, Stepped, predict_start_from_eps};
use crate::sampler::{Denoiser, History, Latent, Past};

/// Former predictions that the longest formula reads.
const OLD_EPS_MAX: usize = 3;

/// DDIM's step with e_t' in place of e_t; `old_eps` holds the last predictions, the newest last.
pub(super) fn step<D: Denoiser>(
    step: &mut Step<'_, D>,
    x: &Latent,
    old_eps: &mut History,
) -> Result<Stepped, D::Error> {
    let e_t = step.predict(x, step.number)?.e_t;
    let a_t = step.coefficients().a_t;
    let old: Vec<&Latent> = old_eps.past.iter().map(|Past { value, .. }| value).collect();
    let e_t_prime = match old[..] {
        [] => {
            // Heun's rule: the mean of the predictions here and one step ahead.
            let guess = predict_start_from_eps(x, &e_t, a_t);
            let ahead = step.x_prev(&e_t, guess)?.x_prev;
            let next = (step.number + 1).min(step.steps() - 1);
            let e_t_next = step.predict(&ahead, next)?.e_t;
            e_t.zip(&e_t_next, |e, next| (e + next) / 2.0)
        }
        [a] => e_t.zip(a, |e, a| (3.0 * e - a) / 2.0),
        [b, a] => combine(&e_t, [a, b], |e, [a, b]| (23.0 * e - 16.0 * a + 5.0 * b) / 12.0),
        [.., c, b, a] => {
            combine(&e_t, [a, b, c], |e, [a, b, c]| (55.0 * e - 59.0 * a + 37.0 * b - 9.0 * c) / 24.0)
        }
    };
    let pred_x0 = predict_start_from_eps(x, &e_t_prime, a_t);
    let stepped = step.x_prev(&e_t_prime, pred_x0)?;
    old_eps.keep(step.level().sigma, e_t, OLD_EPS_MAX);
    Ok(stepped)
}

/// f of e_t and the older predictions, newest first, element by element.
fn combine<const N: usize>(e_t: &Latent, old: [&Latent; N], f: impl Fn(f32, [f32; N]) -> f32) -> Latent {
    let at = |i: usize| f(e_t.values[i], old.map(|latent| latent.values[i]));
    Latent::new(e_t.shape, (0..e_t.len()).map(at).collect())
}
