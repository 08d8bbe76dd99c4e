//! Numbers of changes: products of low rank joined into one, and weights that are rewritten.

use std::borrow::Cow;
use std::sync::Arc;

use half::f16;

use super::{Change, LowRank, Rewrite};
use crate::ops::cpu::{Element, WeightRows as _};
use crate::ops::host::{HostData, HostTensor, TensorRows};
use crate::ops::{Error, Result};

/// All products of a change as one: `down` (ranks, in…) and `up` (out, ranks), which has the strengths in it.
/// `shape` is the weight's.
pub(in crate::ops) fn down_and_up(change: &Change, shape: &[usize]) -> Result<[HostTensor<'static>; 2]> {
    let (out, columns) = (shape[0], shape[1..].iter().product::<usize>());
    let mut ranks = Vec::with_capacity(change.low_rank.len());
    for (product, _) in &change.low_rank {
        let rank = product.down.shape.first().copied().unwrap_or(0);
        if product.down.len() != rank * columns || product.up.len() != out * rank {
            return Err(Error::Shape(format!(
                "expected a product of low rank for weights {shape:?}, found {:?} and {:?}",
                product.down.shape, product.up.shape
            )));
        }
        ranks.push(rank);
    }
    let rank: usize = ranks.iter().sum();
    let mut up = vec![0.0; out * rank];
    let mut first = 0;
    for ((product, strength), own) in change.low_rank.iter().zip(&ranks) {
        let values = product.up.to_f32();
        for (row, to) in up.chunks_exact_mut(rank.max(1)).enumerate() {
            let from = &values[row * own..(row + 1) * own];
            to[first..first + own].iter_mut().zip(from).for_each(|(to, from)| *to = from * strength);
        }
        first += own;
    }
    let down_shape = [&[rank], &shape[1..]].concat();
    let down =
        HostTensor { shape: down_shape, data: joined(change.low_rank.iter().map(|(product, _)| &**product)) };
    Ok([down, HostTensor { shape: vec![out, rank], data: HostData::F32(up.into()) }])
}

/// The rows of all `down`s, in half precision if all are.
fn joined<'a>(products: impl Iterator<Item = &'a LowRank> + Clone) -> HostData<'static> {
    let halves = |product: &'a LowRank| match &product.down.data {
        HostData::F16(values) => Some(&**values),
        _ => None,
    };
    if let Some(parts) = products.clone().map(halves).collect::<Option<Vec<&[f16]>>>() {
        return HostData::F16(Cow::Owned(parts.concat()));
    }
    HostData::F32(Cow::Owned(products.flat_map(|product| product.down.to_f32().into_owned()).collect()))
}

/// `rows` of `shape` after some rewrites, in f16 if they were in that or in a smaller form.
pub(in crate::ops) fn rewritten(
    rows: &TensorRows<'_>,
    shape: &[usize],
    rewrites: &[Arc<dyn Rewrite>],
) -> Result<HostTensor<'static>> {
    let mut values = rows.to_f32()?.into_owned();
    for rewrite in rewrites {
        rewrite.rewrite(&mut values, shape)?;
    }
    let data = if rows.element() == Element::F16 || rows.groups().is_some() {
        HostData::F16(values.into_iter().map(f16::from_f32).collect())
    } else {
        HostData::F32(values.into())
    };
    Ok(HostTensor { shape: shape.to_vec(), data })
}
