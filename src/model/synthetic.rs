//! Synthetic weights: every tensor drawn from its own name, so that a model of any size can be
//! checked against the reference without its weights.
//!
//! A tensor depends on its name, its shape and `weights_seed` alone, so tensors may be read in any
//! order and from several threads at once. Trap: the seed of a draw is a checksum of the *checkpoint*
//! name (`model.diffusion_model.…`), not of a name inside the module.

use std::borrow::Cow;

use crate::ops;
use crate::ops::host::{HostData, HostTensor, TensorSource};
use crate::sampler::RngKind;
use crate::sampler::noise::Noise;

/// The most numbers one tensor may have (4 GiB of f32): more is a mistake in a config.
const MOST_NUMBERS: usize = 1 << 30;

/// A source of weights for any network that asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Synthetic {
    /// Chooses the set of weights; XORed into the seed of each tensor.
    pub weights_seed: u32,
}

impl TensorSource for Synthetic {
    fn shape(&self, _name: &str, expected: &[usize]) -> Option<Vec<usize>> {
        Some(expected.to_vec())
    }

    fn read(&self, name: &str, shape: &[usize]) -> ops::Result<HostTensor<'_>> {
        let len = numbers(shape).ok_or_else(|| {
            ops::Error::Weights(format!(
                "{name}: a synthetic tensor has at most {MOST_NUMBERS} numbers, not the shape {shape:?}"
            ))
        })?;
        let seed = crc32fast::hash(name.as_bytes()) ^ self.weights_seed;
        let mut values = Noise::seeded(RngKind::Cpu, u64::from(seed)).randn(len);
        scale(name, shape, &mut values);
        Ok(HostTensor { shape: shape.to_vec(), data: HostData::F32(Cow::Owned(values)) })
    }

    fn names(&self) -> Vec<String> {
        Vec::new()
    }
}

/// The product of the dimensions, if it is in bounds.
fn numbers(shape: &[usize]) -> Option<usize> {
    let product = shape.iter().try_fold(1_usize, |product, &d| product.checked_mul(d))?;
    (product <= MOST_NUMBERS).then_some(product)
}

/// Scales standard normal numbers so that activations neither vanish nor explode.
fn scale(name: &str, shape: &[usize], values: &mut [f32]) {
    if name.ends_with("embedding.weight") {
        let size = if name.contains("quantize") { 1.0 } else { 0.3 };
        values.iter_mut().for_each(|v| *v *= size);
    } else if shape.len() > 1 {
        let fan_in: usize = shape[1..].iter().product();
        let root = (fan_in as f64).sqrt() as f32;
        values.iter_mut().for_each(|v| *v /= root);
    } else if name.ends_with("weight") {
        values.iter_mut().for_each(|v| *v = 1.0 + 0.1 * *v);
    } else {
        values.iter_mut().for_each(|v| *v *= 0.1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, shape: &[usize]) -> Vec<f32> {
        Synthetic { weights_seed: 7 }.read(name, shape).unwrap().to_f32().into_owned()
    }

    fn draw(name: &str, len: usize) -> Vec<f32> {
        Noise::seeded(RngKind::Cpu, u64::from(crc32fast::hash(name.as_bytes()) ^ 7)).randn(len)
    }

    #[test]
    fn each_kind_of_tensor_has_its_size() {
        type Case = (&'static str, &'static [usize], fn(f32) -> f32);
        let cases: [Case; 6] = [
            ("first_stage_model.quantize.embedding.weight", &[8, 4], |v| v),
            ("cond_stage_model.embedding.weight", &[8, 4], |v| v * 0.3),
            ("model.diffusion_model.out.2.weight", &[2, 4, 3, 3], |v| v / 6.0),
            ("model.diffusion_model.label_emb.weight", &[2, 16], |v| v / 4.0),
            ("model.diffusion_model.out.0.weight", &[32], |v| 1.0 + 0.1 * v),
            ("model.diffusion_model.out.0.bias", &[32], |v| 0.1 * v),
        ];
        for (name, shape, expected) in cases {
            let values = read(name, shape);
            let drawn: Vec<f32> = draw(name, values.len()).into_iter().map(expected).collect();
            assert_eq!(values, drawn, "{name}");
        }
    }

    #[test]
    fn a_shape_out_of_bounds_is_refused() {
        assert!(Synthetic { weights_seed: 0 }.read("a", &[usize::MAX, 3]).is_err());
        assert!(Synthetic { weights_seed: 0 }.read("a", &[1 << 20, 1 << 20]).is_err());
        assert_eq!(read("a.weight", &[0]).len(), 0);
    }
}
