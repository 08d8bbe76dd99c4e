//! Sinusoidal embedding of the guidance that a model was distilled with (`get_guidance_scale_embedding` of
//! diffusers' `LatentConsistencyModelPipeline`; the reference has none).
//!
//! Traps: sines come first, then cosines, and the exponent is divided by half − 1; the timestep's embedding
//! has both otherwise.

use crate::ops::{Device, Result, Tensor};

/// Guidance (b), as `unconditional_guidance_scale` with 1 for none → (b, dim): sin and cos of
/// 1000·(guidance − 1)·10000^(−i/(half − 1)), with a zero column if `dim` is odd.
///
/// # Errors
/// If the device fails.
pub fn guidance_embedding(device: &Device, guidance: &[f32], dim: usize) -> Result<Tensor> {
    let half = dim / 2;
    let exponent = -(10000f64.ln() as f32 / half.saturating_sub(1).max(1) as f32);
    let frequencies: Vec<f32> = (0..half).map(|i| f64::from(i as f32 * exponent).exp() as f32).collect();
    let mut values = Vec::with_capacity(guidance.len() * dim);
    for &guidance in guidance {
        let w = (guidance - 1.0) * 1000.0;
        let angle = |frequency: &f32| f64::from(w * frequency);
        values.extend(frequencies.iter().map(|f| angle(f).sin() as f32));
        values.extend(frequencies.iter().map(|f| angle(f).cos() as f32));
        values.extend((0..dim % 2).map(|_| 0.0));
    }
    Tensor::from_f32(device, &[guidance.len(), dim], &values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::StopFlag;

    #[test]
    fn it_is_the_formula_of_diffusers() {
        let device = Device::cpu(StopFlag::default());
        let embed = |guidance: f32, dim| guidance_embedding(&device, &[guidance], dim).unwrap();
        for (guidance, dim) in [(1.5, 256), (8.5, 256), (3.0, 7)] {
            let found = embed(guidance, dim);
            assert_eq!(found.shape(), [1, dim]);
            let found = found.to_f32().unwrap();
            let (half, w) = (dim / 2, 1000.0 * (f64::from(guidance) - 1.0));
            for i in 0..half {
                let angle = w * (-10000f64.ln() * i as f64 / (half as f64 - 1.0)).exp();
                // Angles are f32, as they are there.
                let bound = 1e-6 * (w + 1.0);
                assert!((f64::from(found[i]) - angle.sin()).abs() < bound, "sine {i} of {guidance}");
                assert!((f64::from(found[half + i]) - angle.cos()).abs() < bound, "cosine {i} of {guidance}");
            }
            assert!(found[2 * half..].iter().all(|&value| value == 0.0));
        }
        // No guidance: sin 0, then cos 0.
        assert_eq!(embed(1.0, 4).to_f32().unwrap(), [0.0, 0.0, 1.0, 1.0]);
        assert_eq!(embed(2.0, 2).to_f32().unwrap().len(), 2, "one frequency");
    }
}
