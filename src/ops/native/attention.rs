//! Attention by our kernels: tiles with a running softmax, no score matrix in memory.

use crate::ops::cpu::{self, AttentionMask, AttentionShape, Products, attention_packed};
use crate::ops::native::Tensor;
use crate::ops::{Device, Dtype, Error, Mask, Result};

/// How a device multiplies.
fn products(device: &Device) -> Products {
    if device.dtype() == Dtype::Bf16 { Products::Bf16 } else { Products::F32 }
}

/// softmax(q·kᵀ / √d)·v for each head.
///
/// `q` (b, n, heads·d); `k`, `v` (b, m, heads·d); the result has q's shape. The caller has checked
/// the shapes.
///
/// # Errors
/// If stopped.
pub fn attention(q: &Tensor, k: &Tensor, v: &Tensor, heads: usize, mask: Mask<'_>) -> Result<Tensor> {
    let [batch, queries, c] = q.token_shape()?;
    let [_, keys, _] = k.token_shape()?;
    let head_size = c / heads;
    let shape = AttentionShape { batch, queries, keys, heads, head_size, products: products(q.device()) };
    let scale = 1.0 / (head_size as f32).sqrt();
    let mask = match mask {
        Mask::None => AttentionMask::default(),
        Mask::Causal => AttentionMask { causal: true, keys: None },
        Mask::Keys(seen) => AttentionMask { causal: false, keys: Some(seen) },
    };
    Tensor::make(q.device(), q.shape(), |context, y| {
        Ok(cpu::attention(context, q.numbers()?, k.numbers()?, v.numbers()?, shape, scale, mask, y)?)
    })
}

/// Keys and values, packed once for many queries.
pub struct KeysValues {
    packed: cpu::KeysValues,
    shape: AttentionShape,
    device: Device,
}

impl std::fmt::Debug for KeysValues {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "KeysValues({:?})", self.shape)
    }
}

impl KeysValues {
    /// Packs `k` and `v` (b, m, heads·d). The caller has checked the shapes.
    ///
    /// # Errors
    /// If stopped.
    pub fn new(k: &Tensor, v: &Tensor, heads: usize) -> Result<Self> {
        let [batch, keys, c] = k.token_shape()?;
        let device = k.device().clone();
        let products = products(&device);
        let shape = AttentionShape { batch, queries: 0, keys, heads, head_size: c / heads, products };
        let packed = cpu::KeysValues::pack(device.fast()?, k.numbers()?, v.numbers()?, shape)?;
        Ok(Self { packed, shape, device })
    }

    /// softmax(q·kᵀ / √d)·v for each head, of q's shape. The caller has checked the shapes.
    ///
    /// # Errors
    /// If stopped, or q's kernels are of another instruction set.
    pub fn attention(&self, q: &Tensor) -> Result<Tensor> {
        if q.device().simd() != self.device.simd() {
            return Err(Error::Shape("keys and queries are of two instruction sets".to_owned()));
        }
        let [_, queries, _] = q.token_shape()?;
        let scale = 1.0 / (self.shape.head_size as f32).sqrt();
        Tensor::make(q.device(), q.shape(), |context, y| {
            let (q, mask) = (q.numbers()?, AttentionMask::default());
            Ok(attention_packed(context, q, &self.packed, queries, scale, mask, y)?)
        })
    }
}
