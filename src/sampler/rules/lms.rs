//! LMS: linear multi-step in σ by the last four slopes (k-diffusion's `sample_lms`).
//!
//! Each weight is the integral of a Lagrange polynomial over the step. k-diffusion integrates by
//! quadrature to 1e-4; here the polynomial's integral is taken as it is.

use super::ancestral::slope;
use crate::sampler::step::{Step, Stepped};
use crate::sampler::{Denoiser, History, Latent};

/// The most slopes that a step reads.
const ORDER: usize = 4;

/// x ← x + Σ weight·slope over this step's slope and the last three.
pub(super) fn step<D: Denoiser>(
    step: &mut Step<'_, D>,
    x: &Latent,
    history: &mut History,
) -> Result<Stepped, D::Error> {
    let (level, to) = (step.level(), step.next_level().sigma);
    let pred_x0 = step.denoise(x, level)?.pred_x0;
    history.keep(level.sigma, slope(x, &pred_x0, level.sigma), ORDER);
    let sigmas: Vec<f64> = history.past.iter().map(|past| past.sigma).collect();
    let mut x_prev = x.clone();
    for (j, past) in history.past.iter().enumerate() {
        let weight = weight(&sigmas, j, level.sigma, to) as f32;
        x_prev = x_prev.zip(&past.value, |x, slope| x + weight * slope);
    }
    Ok(Stepped { x_prev, pred_x0 })
}

/// ∫ from `from` to `to` of the polynomial that is 1 at `nodes[j]` and 0 at the other nodes.
fn weight(nodes: &[f64], j: usize, from: f64, to: f64) -> f64 {
    // Coefficients by powers of τ − from, the constant first: small numbers, so little cancels.
    let mut polynomial = vec![1.0];
    for (k, node) in nodes.iter().enumerate().filter(|(k, _)| *k != j) {
        let over = 1.0 / (nodes[j] - node);
        let mut product = vec![0.0; polynomial.len() + 1];
        for (power, coefficient) in polynomial.iter().enumerate() {
            product[power] += coefficient * (from - nodes[k]) * over;
            product[power + 1] += coefficient * over;
        }
        polynomial = product;
    }
    let length = to - from;
    let term = |(power, c): (usize, &f64)| c * length.powi(power as i32 + 1) / (power + 1) as f64;
    polynomial.iter().enumerate().map(term).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_integrate_polynomials_of_their_order() {
        let nodes = [14.6, 9.1, 5.2, 2.9];
        for power in 0..4 {
            let sum: f64 = (0..4).map(|j| weight(&nodes, j, 2.9, 1.3) * nodes[j].powi(power)).sum();
            let exact = (1.3_f64.powi(power + 1) - 2.9_f64.powi(power + 1)) / f64::from(power + 1);
            assert!((sum - exact).abs() < 1e-9 * exact.abs().max(1.0), "{power}: {sum} {exact}");
        }
        assert!((weight(&[2.0], 0, 2.0, 1.5) + 0.5).abs() < 1e-12);
    }
}
