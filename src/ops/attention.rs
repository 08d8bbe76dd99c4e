//! Scaled dot-product attention over heads that lie side by side in the last dimension.

use std::sync::{Arc, Mutex, PoisonError};

use super::adapters::Slot;
use super::backend::AttentionOps;
use super::dispatch::{Own, on, own};
use super::meter::Described;
use super::{Device, Error, LayerNorm, Linear, LinearShape, Mask, Result, Tensor, Weights};

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
    let device = q.device();
    let attend = || {
        on!(device, backend => {
            let own = |tensor: &Tensor| tensor.whole(backend, device);
            let y = backend.attention(&own(q)?, &own(k)?, &own(v)?, heads, mask)?;
            Ok(Tensor::made(backend, device, y))
        })
    };
    device.measure(attend, |_| describe([b, n, c], m, heads))
}

fn describe([b, n, c]: [usize; 3], m: usize, heads: usize) -> Described {
    Described {
        kind: "attention",
        shape: format!("{n} to {m}, {heads} heads of {}, batch {b}", c / heads),
        operations: 4.0 * (b * n) as f64 * (m * c) as f64,
    }
}

/// Keys and values prepared once for many queries: a text's stay the same in every step of a run.
#[derive(Debug)]
pub struct KeysValues {
    device: Device,
    heads: usize,
    shape: [usize; 3],
    packed: own::KeysValues,
}

impl KeysValues {
    /// Prepares `k` and `v` (b, m, heads·d).
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
        let device = k.device().clone();
        let packed = on!(device, backend => {
            let (k, v) = (k.whole(backend, &device)?, v.whole(backend, &device)?);
            backend.pack_keys_values(&k, &v, heads)?.put()
        });
        Ok(Self { device, heads, shape, packed })
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
        let device = q.device();
        let attend = || {
            on!(device, backend => {
                let keys = device.own(&self.device, &self.packed)?;
                let y = backend.attend(keys, &q.whole(backend, device)?)?;
                Ok(Tensor::made(backend, device, y))
            })
        };
        device.measure(attend, |_| describe([b, n, c], m, self.heads))
    }
}

/// Layers of queries, keys and values of the same tokens: one product where the backend joins them.
#[derive(Debug)]
pub struct SelfAttention {
    heads: usize,
    form: Form,
}

#[derive(Debug)]
enum Form {
    Joined(Box<Joined>),
    Apart(Box<[Linear; 3]>),
}

/// The layers as one, or one by one while one of them is changed; both are never in memory.
struct Joined {
    weights: Weights,
    features: [usize; 2],
    heads: usize,
    slots: [Arc<Slot>; 3],
    /// None after a reading that failed.
    held: Mutex<Option<Held>>,
}

#[derive(Clone)]
enum Held {
    Together(Arc<own::Projections>),
    Apart(Arc<[Linear; 3]>),
}

impl std::fmt::Debug for Joined {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Joined").field("features", &self.features).finish_non_exhaustive()
    }
}

impl Joined {
    fn new(weights: &Weights, features: [usize; 2], heads: usize, packed: own::Projections) -> Self {
        let [dim, inner] = features;
        let slots = PATHS.map(|path| weights.pp(path).slot(&[inner, dim]));
        let held = Mutex::new(Some(Held::Together(Arc::new(packed))));
        Self { weights: weights.without_progress(), features, heads, slots, held }
    }

    /// The layers as they are wanted now; the others are freed before these are read.
    fn held(&self) -> Result<Held> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let is_changed = self.slots.iter().any(|slot| slot.is_filled());
        if let Some(kept) = &*held
            && matches!(kept, Held::Apart(_)) == is_changed
        {
            return Ok(kept.clone());
        }
        *held = None;
        let read = if is_changed {
            Held::Apart(Arc::new(projections(&self.weights, self.features)?))
        } else {
            let apart = || Error::Shape("expected layers that are joined, found them apart".to_owned());
            let packed = join(&self.weights, self.features, self.heads)?.ok_or_else(apart)?;
            Held::Together(Arc::new(packed))
        };
        Ok(held.insert(read).clone())
    }
}

/// The names of the layers of queries, keys and values.
const PATHS: [&str; 3] = ["to_q", "to_k", "to_v"];

/// The layers of queries, keys and values.
fn projections(weights: &Weights, [dim, inner]: [usize; 2]) -> Result<[Linear; 3]> {
    let [q, k, v] = PATHS.map(|path| Linear::without_bias(&weights.pp(path), dim, inner));
    Ok([q?, k?, v?])
}

/// The same as one, where the backend joins them; weights that are not taken are not asked for.
fn join(weights: &Weights, [dim, inner]: [usize; 2], heads: usize) -> Result<Option<own::Projections>> {
    let device = weights.device();
    let paths = PATHS.map(|name| weights.pp(name));
    let shape = LinearShape { in_features: dim, out_features: inner, gated: false };
    let [q, k, v] = &paths;
    let packed = on!(device, backend => if !backend.joins_projections(shape, heads) { None } else {
        let rows = [q.rows("weight", &[inner, dim])?, k.rows("weight", &[inner, dim])?, v.rows("weight", &[inner, dim])?];
        backend.pack_projections([&rows[0], &rows[1], &rows[2]], shape, heads)?.map(Own::put)
    });
    Ok(packed)
}

impl SelfAttention {
    /// Reads `to_q.weight`, `to_k.weight` and `to_v.weight` (inner, dim), which have no bias.
    ///
    /// # Errors
    /// If they are missing or of another shape.
    pub fn new(weights: &Weights, dim: usize, inner: usize, heads: usize) -> Result<Self> {
        let form = match join(weights, [dim, inner], heads)? {
            Some(packed) => Form::Joined(Box::new(Joined::new(weights, [dim, inner], heads, packed))),
            None => Form::Apart(Box::new(projections(weights, [dim, inner])?)),
        };
        Ok(Self { heads, form })
    }

    fn apart(&self, [q, k, v]: &[Linear; 3], norm: &LayerNorm, x: &Tensor) -> Result<Tensor> {
        let x = norm.forward(x)?;
        attention(&q.forward(&x)?, &k.forward(&x)?, &v.forward(&x)?, self.heads, Mask::None)
    }

    /// The attention of `x` (b, n, dim) to itself after `norm`: (b, n, inner).
    ///
    /// # Errors
    /// If shapes do not fit, or stopped.
    pub fn forward_after(&self, norm: &LayerNorm, x: &Tensor) -> Result<Tensor> {
        let joined = match &self.form {
            Form::Apart(layers) => return self.apart(layers, norm, x),
            Form::Joined(joined) => joined,
        };
        let packed = match joined.held()? {
            Held::Apart(layers) => return self.apart(&layers, norm, x),
            Held::Together(packed) => packed,
        };
        let (home, [_, channels]) = (joined.weights.device(), joined.features);
        norm.check(x)?;
        let [b, n, _] = x.token_shape()?;
        let device = x.device();
        let attend = || {
            on!(device, backend => {
                let packed = device.own(home, &*packed)?;
                let y = backend.self_attention(norm.own(device)?, packed, &x.whole(backend, device)?)?;
                Ok(Tensor::made(backend, device, y))
            })
        };
        device.measure(attend, |_| {
            let attention = describe([b, n, channels], n, self.heads);
            let products = 6.0 * (b * n * channels) as f64 * x.shape()[2] as f64;
            Described { kind: "self-attention", operations: attention.operations + products, ..attention }
        })
    }
}
