//! Sinusoidal embedding of the timestep (`timestep_embedding` of `ldm/modules/diffusionmodules/util.py`).
//!
//! Trap: cosines come first, then sines.

use crate::ops::{Device, Result, Tensor};

/// t (b) → (b, dim): cos and sin of t·10000^(−i/half), with a zero column if `dim` is odd.
///
/// # Errors
/// If the device fails.
pub fn timestep_embedding(device: &Device, timesteps: &[f32], dim: usize) -> Result<Tensor> {
    let half = dim / 2;
    let frequencies: Vec<f32> =
        (0..half).map(|i| f64::from(-(10000f64.ln() as f32) * i as f32 / half as f32).exp() as f32).collect();
    let mut values = Vec::with_capacity(timesteps.len() * dim);
    for &t in timesteps {
        let angle = |frequency: &f32| f64::from(t * frequency);
        values.extend(frequencies.iter().map(|f| angle(f).cos() as f32));
        values.extend(frequencies.iter().map(|f| angle(f).sin() as f32));
        values.extend((0..dim % 2).map(|_| 0.0));
    }
    Tensor::from_f32(device, &[timesteps.len(), dim], &values)
}
