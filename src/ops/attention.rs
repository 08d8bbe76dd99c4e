//! Scaled dot-product attention over heads that lie side by side in the last dimension.

use super::meter::Described;
use super::{Error, Result, Tensor};
use crate::ops::{candle, native};

/// What may not be looked at.
#[derive(Clone, Copy, Debug, Default)]
pub enum Mask<'a> {
    /// Everything may.
    #[default]
    None,
    /// Only earlier positions and itself: CLIP's text model.
    Causal,
    /// Only keys that are true, (b, keys) row-major.
    Keys(&'a [bool]),
}

/// softmax(q·kᵀ / √d)·v for each head.
///
/// `q` (b, n, heads·d); `k`, `v` (b, m, heads·d); the result has q's shape. As
/// `CrossAttention.forward` of the reference.
///
/// # Errors
/// If the shapes do not fit, or stopped.
pub fn attention(q: &Tensor, k: &Tensor, v: &Tensor, heads: usize, mask: Mask<'_>) -> Result<Tensor> {
    let [b, n, c] = q.token_shape()?;
    let [_, m, _] = k.token_shape()?;
    let keys_fit = !matches!(mask, Mask::Keys(keys) if keys.len() != b * m);
    if heads == 0
        || c % heads != 0
        || k.shape() != v.shape()
        || k.shape() != [b, m, c]
        || n == 0
        || m == 0
        || !keys_fit
    {
        return Err(Error::Shape(format!(
            "attention over {heads} heads cannot join q {:?}, k {:?} and v {:?}",
            q.shape(),
            k.shape(),
            v.shape()
        )));
    }
    let look = || match q {
        Tensor::Fast(q) => native::attention(q, k.as_ref()?, v.as_ref()?, heads, mask).map(Tensor::Fast),
        Tensor::Stock(q) => candle::attention(q, k.as_ref()?, v.as_ref()?, heads, mask).map(Tensor::Stock),
    };
    q.device().meter().measure(look, |_| describe([b, n, c], m, heads))
}

fn describe([b, n, c]: [usize; 3], m: usize, heads: usize) -> Described {
    Described {
        kind: "attention",
        shape: format!("{n} to {m}, {heads} heads of {}, batch {b}", c / heads),
        operations: 4.0 * (b * n) as f64 * (m * c) as f64,
    }
}

/// Keys and values that many queries look at: a text's, the same in every step of a run.
#[derive(Debug)]
pub struct KeysValues {
    heads: usize,
    shape: [usize; 3],
    backend: Backend,
}

#[derive(Debug)]
enum Backend {
    Fast(native::KeysValues),
    Stock(candle::Tensor, candle::Tensor),
}

impl KeysValues {
    /// Of `k` and `v` (b, m, heads·d).
    ///
    /// # Errors
    /// If the shapes do not fit, or stopped.
    pub fn new(k: &Tensor, v: &Tensor, heads: usize) -> Result<Self> {
        let shape @ [_, m, c] = k.token_shape()?;
        if v.shape() != shape || heads == 0 || c % heads != 0 || m == 0 {
            return Err(Error::Shape(format!(
                "attention over {heads} heads cannot join k {:?} and v {:?}",
                k.shape(),
                v.shape()
            )));
        }
        let backend = match k {
            Tensor::Fast(k) => Backend::Fast(native::KeysValues::new(k, v.as_ref()?, heads)?),
            Tensor::Stock(k) => Backend::Stock(k.clone(), v.as_ref::<candle::Tensor>()?.clone()),
        };
        Ok(Self { heads, shape, backend })
    }

    /// softmax(q·kᵀ / √d)·v for each head, of the shape of `q` (b, n, heads·d).
    ///
    /// # Errors
    /// If the shapes do not fit, or stopped.
    pub fn attention(&self, q: &Tensor) -> Result<Tensor> {
        let [b, n, c] = q.token_shape()?;
        let [batch, m, channels] = self.shape;
        if (b, c) != (batch, channels) || n == 0 {
            return Err(Error::Shape(format!("q {:?} cannot look at keys {:?}", q.shape(), self.shape)));
        }
        let look = || match (&self.backend, q) {
            (Backend::Fast(keys), Tensor::Fast(q)) => keys.attention(q).map(Tensor::Fast),
            (Backend::Stock(k, v), Tensor::Stock(q)) => {
                candle::attention(q, k, v, self.heads, Mask::None).map(Tensor::Stock)
            }
            _ => Err(super::tensor::two_devices()),
        };
        q.device().meter().measure(look, |_| describe([b, n, c], m, self.heads))
    }
}
