//! UniPC: a predictor, and a corrector that reads the next step's prediction (Zhao et al. 2023,
//! algorithms 1 to 4; diffusers' `UniPCMultistepScheduler` predicting pictures).
//!
//! Trap: the corrector goes again from x *before* the predictor, by the order that the predictor had, and
//! the model is not asked again afterwards. `past` holds pictures, `sample` that x.

use crate::sampler::step::{Step, Stepped};
use crate::sampler::{Denoiser, History, Latent, Level, Past, UniPcWeights};

/// The most pictures that a step reads.
const ORDER_MAX: usize = 3;

/// Corrects x by this step's picture, then predicts x at the next level.
pub(super) fn step<D: Denoiser>(
    step: &mut Step<'_, D>,
    x: &Latent,
    history: &mut History,
) -> Result<Stepped, D::Error> {
    let (level, next) = (step.level(), step.next_level());
    let most = step.options().unipc_order.clamp(1, ORDER_MAX);
    let weights = step.options().unipc_weights;
    // Steps that remain bound the order, this one included.
    let remain = step.steps() - step.number;
    let predicted = step.predict(x, step.number)?.pred_x0;
    let pred_x0 = step.quantized(predicted)?;
    let corrected = match (history.sample.take(), history.back(1)) {
        (Some(before), Some(newest)) => {
            let order = most.min(remain + 1).min(history.past.len());
            let from = Level { t: 0.0, sigma: newest.sigma };
            let solver = Solver::new(&history.past, order, from, level, weights);
            solver.x(&before, Some(&pred_x0))
        }
        _ => x.clone(),
    };
    history.keep(level.sigma, pred_x0.clone(), most);
    let order = most.min(remain).min(history.past.len());
    let x_prev = if next.sigma == 0.0 {
        pred_x0.clone()
    } else {
        Solver::new(&history.past, order, level, next, weights).x(&corrected, None)
    };
    history.sample = Some(corrected);
    Ok(Stepped { x_prev, pred_x0 })
}

/// One way of the solver between two levels.
struct Solver<'a> {
    /// Pictures, the newest last, as many as the order.
    past: &'a [Past],
    from: Level,
    to: Level,
    /// −h, the step in λ.
    hh: f64,
    weights: UniPcWeights,
}

impl<'a> Solver<'a> {
    fn new(past: &'a [Past], order: usize, from: Level, to: Level, weights: UniPcWeights) -> Self {
        let past = &past[past.len() - order..];
        Self { past, from, to, hh: from.lambda() - to.lambda(), weights }
    }

    /// x at `to` from `x` at `from`, by the picture at `to` as well where it is known (the corrector).
    fn x(&self, x: &Latent, there: Option<&Latent>) -> Latent {
        let Some((newest, older)) = self.past.split_last() else { return x.clone() };
        let phi = self.hh.exp_m1();
        let b = self.b();
        let ratio = |past: &Past| (-past.sigma.ln() - self.from.lambda()) / -self.hh;
        let mut ratios: Vec<f64> = older.iter().rev().map(ratio).collect();
        let rhos = match (self.past.len(), there) {
            (1, Some(_)) | (2, None) => vec![0.5],
            (1, None) => Vec::new(),
            (order, there) => {
                ratios.push(1.0);
                let unknowns = if there.is_some() { order } else { order - 1 };
                solve(&ratios[..unknowns], &self.moments(unknowns, b))
            }
        };
        let keep = (self.to.noise() / self.from.noise()) as f32;
        let signal = self.to.signal();
        let take = (signal * phi) as f32;
        let mut sum = x.zip(&newest.value, |x, m| keep * x - take * m);
        for (i, past) in older.iter().rev().enumerate() {
            let weight = (signal * b * rhos.get(i).unwrap_or(&0.0) / ratio(past)) as f32;
            let change = past.value.zip(&newest.value, |m, newest| weight * (m - newest));
            sum = sum.zip(&change, |x, change| x - change);
        }
        if let (Some(there), Some(rho)) = (there, rhos.last()) {
            let weight = (signal * b * rho) as f32;
            let change = there.zip(&newest.value, |m, newest| weight * (m - newest));
            sum = sum.zip(&change, |x, change| x - change);
        }
        sum
    }

    /// B(h).
    fn b(&self) -> f64 {
        match self.weights {
            UniPcWeights::Bh1 => self.hh,
            UniPcWeights::Bh2 => self.hh.exp_m1(),
        }
    }

    /// ψ_j·j!/B for j from 1: what the weighted powers of the ratios must add up to.
    fn moments(&self, count: usize, b: f64) -> Vec<f64> {
        let mut psi = self.hh.exp_m1() / self.hh - 1.0;
        let mut factorial = 1.0;
        let mut moments = Vec::with_capacity(count);
        for j in 1..=count {
            moments.push(psi * factorial / b);
            factorial *= (j + 1) as f64;
            psi = psi / self.hh - 1.0 / factorial;
        }
        moments
    }
}

/// ρ with Σ ρ_k·r_k^j = `moments[j]` for each j, by elimination; there are as many of both, at most 3.
fn solve(ratios: &[f64], moments: &[f64]) -> Vec<f64> {
    let n = ratios.len();
    let mut rows: Vec<Vec<f64>> = (0..n)
        .map(|j| ratios.iter().map(|ratio| ratio.powi(j as i32)).chain([moments[j]]).collect())
        .collect();
    for pivot in 0..n {
        let largest = (pivot..n).max_by(|a, b| rows[*a][pivot].abs().total_cmp(&rows[*b][pivot].abs()));
        rows.swap(pivot, largest.unwrap_or(pivot));
        let top = rows[pivot].clone();
        for (j, row) in rows.iter_mut().enumerate() {
            if j != pivot {
                let factor = row[pivot] / top[pivot];
                row.iter_mut().zip(&top).for_each(|(value, top)| *value -= factor * top);
            }
        }
    }
    rows.iter().enumerate().map(|(j, row)| row[n] / row[j]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_weights_solve_their_equations() {
        let ratios = [-0.7, -1.9, 1.0];
        let moments = [0.3, -0.1, 0.45];
        let rhos = solve(&ratios, &moments);
        for (j, moment) in moments.iter().enumerate() {
            let sum: f64 = rhos.iter().zip(&ratios).map(|(rho, ratio)| rho * ratio.powi(j as i32)).sum();
            assert!((sum - moment).abs() < 1e-12, "{j}");
        }
    }
}
