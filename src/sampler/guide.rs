//! Guidance beyond its scale: the deviation that rescaling restores (Lin et al. 2024, "Common diffusion
//! noise schedules and sample steps are flawed", §3.4), and what CFG++ needs.
//!
//! Trap: the deviation is that of each picture of the batch alone, over all of its channels.

use super::Latent;

/// A guided prediction.
pub(super) struct Guided {
    /// What the network is taken to predict.
    pub(super) prediction: Latent,
    /// The half without the condition, under CFG++.
    pub(super) uncond: Option<Latent>,
}

/// The standard deviation of each picture of a batch.
pub(super) fn deviation_of(latent: &Latent) -> Vec<f64> {
    let size = latent.len() / latent.shape[0].max(1);
    latent.values.chunks(size.max(1)).map(deviation).collect()
}

/// The unbiased standard deviation (`torch.std`).
fn deviation(values: &[f32]) -> f64 {
    let count = values.len() as f64;
    let mean = values.iter().map(|value| f64::from(*value)).sum::<f64>() / count;
    let squares: f64 = values.iter().map(|value| (f64::from(*value) - mean).powi(2)).sum();
    (squares / (count - 1.0).max(1.0)).sqrt()
}

/// `share` of `guided` with these deviations, the rest as it is (`rescale_noise_cfg`).
pub(super) fn mixed(mut guided: Latent, deviations: &[f64], share: f32) -> Latent {
    let size = guided.len() / guided.shape[0].max(1);
    for (picture, wanted) in guided.values.chunks_mut(size.max(1)).zip(deviations) {
        let found = deviation(picture);
        if found > 0.0 {
            let factor = share * (wanted / found) as f32 + (1.0 - share);
            picture.iter_mut().for_each(|value| *value *= factor);
        }
    }
    guided
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_picture_gets_the_deviation_that_it_is_told() {
        let values: Vec<f32> = (0..16).map(|i| (i * i % 7) as f32).collect();
        let guided = Latent::new([2, 1, 2, 4], values.clone());
        let whole = mixed(guided.clone(), &[0.5, 3.0], 1.0);
        for (found, wanted) in deviation_of(&whole).iter().zip([0.5, 3.0]) {
            assert!((found - wanted).abs() < 1e-6);
        }
        let half = mixed(guided.clone(), &[0.5, 3.0], 0.5);
        for (i, value) in half.values.iter().enumerate() {
            assert!((value - 0.5 * (whole.values[i] + values[i])).abs() < 1e-6);
        }
        assert_eq!(mixed(guided.clone(), &[9.0, 9.0], 0.0), guided);
    }
}
