//! Scaled dot-product attention over heads that lie side by side in the last dimension.

use super::meter::Described;
use super::{Error, Result, Tensor, fast, stock};

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
        Tensor::Fast(q) => fast::attention(q, k.as_ref()?, v.as_ref()?, heads, mask).map(Tensor::Fast),
        Tensor::Stock(q) => stock::attention(q, k.as_ref()?, v.as_ref()?, heads, mask).map(Tensor::Stock),
    };
    q.device().meter().measure(look, |_| Described {
        kind: "attention",
        shape: format!("{n} to {m}, {heads} heads of {}, batch {b}", c / heads),
        operations: 4.0 * (b * n) as f64 * (m * c) as f64,
    })
}
