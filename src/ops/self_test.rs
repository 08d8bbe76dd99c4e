//! A device against the native backend: whether it computes right here, and how fast.
//!
//! A driver's compiler may be wrong on one card alone, so a card is checked on the user's machine before
//! `auto` takes it, in a second.

use std::sync::Arc;
use std::time::Instant;

use super::host::{HostData, HostTensor, TensorSource};
use super::{
    Activation, Conv2d, Conv2dShape, Device, Dtype, Error, Geglu, GroupNorm, LayerNorm, Linear, Mask, Result,
    StopFlag, Tensor, Weights, attention,
};

/// Greatest difference from the processor's results, in units of 1 or of the number where that is more.
const BOUNDS: [(Dtype, f32); 3] = [(Dtype::F32, 2e-4), (Dtype::F16, 2e-2), (Dtype::Bf16, 1e-1)];

/// Weights that are drawn from their names.
struct Drawn;

fn draw(name: &str, count: usize) -> Vec<f32> {
    let mut state = name.bytes().fold(7u32, |state, byte| state.wrapping_mul(31).wrapping_add(byte.into()));
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1u32 << 23) as f32 - 1.0
    };
    (0..count).map(|_| next()).collect()
}

impl TensorSource for Drawn {
    fn shape(&self, _name: &str, expected: &[usize]) -> Option<Vec<usize>> {
        Some(expected.to_vec())
    }

    fn read(&self, name: &str, shape: &[usize]) -> Result<HostTensor<'_>> {
        let columns = shape.iter().skip(1).product::<usize>().max(1) as f32;
        let scale = |x: f32| half::f16::from_f32(x / columns.sqrt());
        let values: Vec<half::f16> = draw(name, shape.iter().product()).into_iter().map(scale).collect();
        Ok(HostTensor { shape: shape.to_vec(), data: HostData::F16(values.into()) })
    }

    fn names(&self) -> Vec<String> {
        Vec::new()
    }
}

/// An operation on a device, by the name that a report gives it.
type Operation = (&'static str, fn(&Weights) -> Result<Tensor>);

const OPERATIONS: &[Operation] = &[
    ("linear", |w| Linear::new(w, 130, 70)?.forward(&tensor(w, "x", &[2, 77, 130])?)),
    ("gated linear", |w| Geglu::new(w, 50, 140)?.forward(&tensor(w, "x", &[1, 133, 50])?)),
    ("convolution", |w| {
        Conv2d::new(w, Conv2dShape::three(36, 40))?.forward(&tensor(w, "x", &[2, 36, 19, 17])?)
    }),
    ("enlarged convolution", |w| {
        Conv2d::new(w, Conv2dShape::three(20, 12))?.forward_upsampled(&tensor(w, "x", &[1, 20, 9, 8])?)
    }),
    ("group norm", |w| {
        GroupNorm::new(w, 4, 40, 1e-5)?.forward(&tensor(w, "x", &[2, 40, 13, 11])?, Activation::Silu)
    }),
    ("layer norm", |w| LayerNorm::new(w, 100)?.forward(&tensor(w, "x", &[2, 9, 100])?)),
    ("attention", |w| {
        let [q, k, v] = ["q", "k", "v"].map(|name| tensor(w, name, &[2, 100, 80]));
        attention(&q?, &k?, &v?, 2, Mask::None)
    }),
];

fn tensor(weights: &Weights, name: &str, shape: &[usize]) -> Result<Tensor> {
    Tensor::from_f32(weights.device(), shape, &draw(name, shape.iter().product()))
}

/// Compares a device with the native backend.
///
/// # Errors
/// The device fails, or the first operation that it computes wrong.
pub fn self_test(device: &Device) -> Result<()> {
    let here = Weights::new(Arc::new(Drawn), device.clone());
    let native = Weights::new(Arc::new(Drawn), Device::cpu(StopFlag::default()));
    let bound = BOUNDS.iter().find(|bound| bound.0 == device.dtype()).map_or(0.0, |bound| bound.1);
    for (name, run) in OPERATIONS {
        let (found, wanted) = (run(&here)?.to_f32()?, run(&native)?.to_f32()?);
        // `max` passes over what is no number.
        let off = |(f, w): (&f32, &f32)| {
            if f.is_finite() { (f - w).abs() / w.abs().max(1.0) } else { f32::INFINITY }
        };
        let worst = found.iter().zip(&wanted).map(off).fold(0.0, f32::max);
        if worst > bound {
            return Err(Error::Device(format!(
                "expected the processor's results, found differences of {worst} in {name} on the {}; it is not \
                 used",
                device.name()
            )));
        }
    }
    Ok(())
}

/// Operations a second of a large product: tokens of a UNet's middle levels.
///
/// # Errors
/// The device fails.
pub fn product_rate(device: &Device) -> Result<f64> {
    const ROWS: usize = 2048;
    const FEATURES: usize = 1280;
    let weights = Weights::new(Arc::new(Drawn), device.clone());
    let layer = Linear::new(&weights, FEATURES, FEATURES)?;
    let x = tensor(&weights, "x", &[1, ROWS, FEATURES])?;
    rate(device, 2.0 * (ROWS * FEATURES * FEATURES) as f64, || layer.forward(&x).map(drop))
}

/// Operations a second of a large convolution: a map of a UNet's first level.
///
/// # Errors
/// The device fails.
pub fn convolution_rate(device: &Device) -> Result<f64> {
    const SIDE: usize = 64;
    const CHANNELS: usize = 320;
    let weights = Weights::new(Arc::new(Drawn), device.clone());
    let layer = Conv2d::new(&weights, Conv2dShape::three(CHANNELS, CHANNELS))?;
    let x = tensor(&weights, "x", &[1, CHANNELS, SIDE, SIDE])?;
    let operations = 2.0 * (SIDE * SIDE * CHANNELS * CHANNELS * 9) as f64;
    rate(device, operations, || layer.forward(&x).map(drop))
}

/// The rate of a work of so many operations.
fn rate(device: &Device, operations: f64, mut work: impl FnMut() -> Result<()>) -> Result<f64> {
    let mut run = |count: usize| {
        let began = Instant::now();
        (0..count).try_for_each(|_| work())?;
        device.synchronize()?;
        Ok::<f64, Error>(count as f64 * operations / began.elapsed().as_secs_f64())
    };
    // The first warms up; as many as take a tenth of a second count. Where one is as long, it says enough.
    let first = run(1)?;
    let count = (first * 0.1 / operations) as usize;
    if count == 0 {
        return Ok(first);
    }
    Ok(run(count.min(100))?.max(run(count.min(100))?).max(first))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_processor_passes_its_own_test_and_has_a_rate() {
        let device = Device::cpu(StopFlag::default());
        self_test(&device).unwrap();
        assert!(product_rate(&device).unwrap() > 1e8);
    }
}
