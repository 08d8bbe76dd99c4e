//! Attention with an online softmax: no score matrix in memory.

use super::cut::cut_grid;
use super::device::Wgsl;
use super::kernel::{Kernel, Variant};
use super::norm::LayerNorm;
use super::pack::{Form, Matrix};
use super::product::Window;
use super::tensor::{Block, Tensor};
use crate::gpu::Piece;
use crate::ops::backend::{AttentionOps, Epilogue, Source};
use crate::ops::host::TensorRows;
use crate::ops::{Activation, LinearShape, Mask, Result};

/// Queries of a workgroup.
const QUERIES: usize = 64;
/// Channels of a workgroup's result, in quads: more are done in slices.
const QUADS_MAX: usize = 40;

/// Keys and values: nothing is gained by another form.
#[derive(Debug)]
pub struct KeysValues {
    k: Tensor,
    v: Tensor,
    heads: usize,
}

/// Queries, keys and values of the same tokens as one product.
#[derive(Debug)]
pub struct Projections {
    matrix: Matrix,
    channels: usize,
    heads: usize,
}

/// An attention as the kernel sees it.
struct Heads<'a> {
    q: &'a Tensor,
    k: &'a Tensor,
    v: &'a Tensor,
    /// The columns of a row at which keys and values begin.
    first: [usize; 2],
    /// (b, n, heads·d) of the result.
    shape: [usize; 3],
    keys: usize,
    heads: usize,
}

impl AttentionOps for Wgsl {
    type KeysValues = KeysValues;
    type Projections = Projections;

    fn attention(&self, q: &Tensor, k: &Tensor, v: &Tensor, heads: usize, mask: Mask<'_>) -> Result<Tensor> {
        let shape @ [_, _, c] = q.token_shape()?;
        let [_, keys, _] = k.token_shape()?;
        if !(c / heads).is_multiple_of(4) {
            return self.attention_of_odd_heads([q, k, v], heads, mask);
        }
        self.attend_heads(&Heads { q, k, v, first: [0, 0], shape, keys, heads }, mask)
    }

    fn pack_keys_values(&self, k: &Tensor, v: &Tensor, heads: usize) -> Result<KeysValues> {
        Ok(KeysValues { k: k.clone(), v: v.clone(), heads })
    }

    fn attend(&self, keys: &KeysValues, q: &Tensor) -> Result<Tensor> {
        self.attention(q, &keys.k, &keys.v, keys.heads, Mask::None)
    }

    fn joins_projections(&self, shape: LinearShape, heads: usize) -> bool {
        (shape.out_features / heads).is_multiple_of(4)
    }

    fn pack_projections(
        &self,
        weights: [&TensorRows<'_>; 3],
        shape: LinearShape,
        heads: usize,
    ) -> Result<Option<Projections>> {
        let LinearShape { in_features, out_features, .. } = shape;
        let form = Form { outputs: 3 * out_features, channels: in_features, taps: 1, gated: false };
        let matrix = self.pack(&weights, None, form)?;
        Ok(Some(Projections { matrix, channels: out_features, heads }))
    }

    fn self_attention(&self, norm: &LayerNorm, projections: &Projections, x: &Tensor) -> Result<Tensor> {
        let Projections { matrix, channels, heads } = projections;
        let [b, n, _] = x.token_shape()?;
        let epilogue = Epilogue { activation: Activation::Identity, channels: None, residual: None };
        let window = Window::rows(x.rows());
        let shape = [b, n, 3 * channels];
        let qkv = self.product_normalized(matrix, Some(norm), Source::One(x), window, &shape, epilogue)?;
        let heads = Heads {
            q: &qkv,
            k: &qkv,
            v: &qkv,
            first: [*channels, 2 * channels],
            shape: [b, n, *channels],
            keys: n,
            heads: *heads,
        };
        self.attend_heads(&heads, Mask::None)
    }
}

/// Quads of a piece of a head, even, and pieces of a workgroup's result: as little as possible of them is
/// left empty.
fn pieces(quads: usize) -> (usize, usize) {
    let least_waste = |piece: &usize| (quads.div_ceil(*piece) * piece, quads.div_ceil(*piece));
    let piece = [10, 8, 4, 2].into_iter().min_by_key(least_waste).unwrap_or(8);
    let all = quads.div_ceil(piece);
    let slices = all.div_ceil(QUADS_MAX / piece);
    (piece, all.div_ceil(slices))
}

/// Where the blocks of a grid begin.
fn starts(grid: [usize; 3], block: [usize; 3]) -> impl Iterator<Item = [usize; 3]> {
    let along = move |axis: usize| (0..grid[axis]).step_by(block[axis]);
    along(0).flat_map(move |x| along(1).flat_map(move |y| along(2).map(move |z| [x, y, z])))
}

impl Wgsl {
    /// The kernel, a share of the queries at a time.
    fn attend_heads(&self, of: &Heads<'_>, mask: Mask<'_>) -> Result<Tensor> {
        let Heads { q, k, v, first, shape: [b, n, c], keys, heads } = *of;
        let y = self.empty(&of.shape, q.storage())?;
        let (d, quads) = (c / heads, c / heads / 4);
        let seen = match mask {
            Mask::Keys(seen) => Some(self.flags(seen)?),
            Mask::None | Mask::Causal => None,
        };
        let mask = match mask {
            Mask::None => 0,
            Mask::Causal => 1,
            Mask::Keys(_) => 2,
        };
        let none = self.context.no_activations();
        let seen = seen.as_ref().map_or(none, |seen| seen.bound(0, (4 * b * keys) as u64));
        let bound = [q.bound(), k.bound(), v.bound(), seen, y.bound()];
        if bound.iter().any(|bound| bound.bytes > self.context.binding_max()) {
            return Err(super::device::too_large("attention"));
        }
        let (piece, pieces) = pieces(quads);
        let slices = quads.div_ceil(piece * pieces);
        let variant = Variant {
            constants: vec![("PIECE", format!("{piece}u")), ("PIECES", format!("{pieces}u"))],
            ..Variant::plain(Kernel::Attention, q.storage())
        };
        let grid = [n.div_ceil(QUERIES), b * heads, slices];
        // Scores are computed again for each slice of the values.
        let work = (2 * (1 + slices) * QUERIES.min(n) * keys * d) as f64 / slices as f64;
        let block = cut_grid(grid, work, self.context().share());
        let scale = (d as f32).sqrt().recip() * std::f32::consts::LOG2_E;
        let [k_first, v_first] = first.map(|column| column / 4);
        let rows = [q.quads(), k.quads(), y.quads(), quads, k_first, v_first];
        for start in starts(grid, block) {
            if start != [0; 3] {
                self.context.count_band();
            }
            let groups = [0, 1, 2].map(|axis| block[axis].min(grid[axis] - start[axis]));
            let words = [&[n, keys][..], &rows, &[heads], &start, &[mask]].concat();
            let mut parameters: Vec<u32> = words.into_iter().map(|word| word as u32).collect();
            parameters.push(scale.to_bits());
            let work = work * groups.iter().product::<usize>() as f64;
            self.dispatch(&variant, &bound, &parameters, groups.map(|count| count as u32), work)?;
        }
        Ok(y)
    }

    /// One word a flag.
    fn flags(&self, flags: &[bool]) -> Result<Piece> {
        let bytes: Vec<u8> = flags.iter().flat_map(|flag| u32::from(*flag).to_le_bytes()).collect();
        let piece = self.context.take(bytes.len() as u64)?;
        self.context.write(piece.bound(0, bytes.len() as u64), &bytes, &|| self.stopped())?;
        Ok(piece)
    }

    /// Heads that are no whole quads: they are filled up with zeros, which change no score.
    fn attention_of_odd_heads(&self, qkv: [&Tensor; 3], heads: usize, mask: Mask<'_>) -> Result<Tensor> {
        let [b, n, c] = qkv[0].token_shape()?;
        let (d, wide) = (c / heads, (c / heads).next_multiple_of(4));
        let spread = |x: &Tensor| -> Result<Tensor> {
            let [b, n, _] = x.token_shape()?;
            let y = self.empty(&[b, n, heads * wide], x.storage())?;
            for head in 0..heads {
                let (from, to) = ([0, 0, head * d], [0, 0, head * wide]);
                self.copy(x, &y, &Block { outer: 1, inner: b * n, count: d, from, to })?;
            }
            Ok(y)
        };
        let [q, k, v] = qkv.map(spread);
        // The scale is that of the real size.
        let factor = (wide as f64 / d as f64).sqrt();
        let q = crate::ops::backend::TensorOps::scale(self, &q?, factor)?;
        let wide_y = self.attention(&q, &k?, &v?, heads, mask)?;
        let y = self.empty(&[b, n, c], wide_y.storage())?;
        for head in 0..heads {
            let (from, to) = ([0, 0, head * wide], [0, 0, head * d]);
            self.copy(&wide_y, &y, &Block { outer: 1, inner: b * n, count: d, from, to })?;
        }
        Ok(y)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_cut_with_little_waste() {
        assert_eq!(pieces(10), (10, 1));
        assert_eq!(pieces(16), (8, 2));
        assert_eq!(pieces(20), (10, 2));
        assert_eq!(pieces(40), (10, 4));
        assert_eq!(pieces(128), (8, 4));
        assert_eq!(pieces(1), (2, 1));
    }
}
