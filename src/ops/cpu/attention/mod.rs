//! softmax(Q·Kᵀ·scale)·V for many heads, in tiles, with no score matrix in memory: the scheme of Dao et
//! al., "FlashAttention: Fast and Memory-Efficient Exact Attention with IO-Awareness" (2022), for caches.
//!
//! Queries lie in the lanes: for two vectors of queries, Q is transposed and scaled once; then for
//! each block of keys (112, or 48 on 8 lanes) scores are the register tile K·Qᵀ, the running maximum
//! and the exponentials go lane by lane with no sum across a vector, and the block's Vᵀ·P is added to
//! the output after scaling it by 2^(old maximum - new). With products of bf16 numbers queries, keys,
//! P and values are rounded as they are packed in pairs; scores, maximum and sums stay f32. Heads of
//! 512 (the VAE) share each block of keys between four groups of queries, or keys would come from
//! memory again for each. Cost: 4·queries·keys·head_size operations, and about a tenth on top for the
//! exponentials at head size 40. Trap: sums start from zero in each block; adding 4,096 keys in one
//! chain costs a digit.
#![expect(unsafe_code, reason = "raw pointers into scratch, disjoint writes of the result")]

pub(in crate::ops::cpu) mod keys_values;
mod online_softmax;

use super::context::Context;
use super::stop::KernelError;
use crate::ops::cpu::attention::keys_values::{AttentionShape, BLOCK_TILES, KeysValues, Products};
use crate::ops::cpu::attention::online_softmax::{LOWEST, Lanes, weigh};
use crate::ops::cpu::isa::Task;
use crate::ops::cpu::isa::micro_kernel::run_rows;
use crate::ops::cpu::isa::simd::Simd;
use crate::ops::cpu::isa::tile::{Tile, Write};
use crate::ops::cpu::isa::transpose::{Strided, transpose};
use crate::ops::cpu::memory::shared::{Places, Shared};

/// Which keys a query may look at.
#[derive(Clone, Copy, Default)]
pub struct AttentionMask<'a> {
    /// Query i only sees keys 0..=i.
    pub causal: bool,
    /// `(batch, keys)`: whether a key may be seen.
    pub keys: Option<&'a [bool]>,
}

/// y = softmax(q·kᵀ·scale)·v: `q` and `y` are `(batch, queries, heads·head_size)`, `k` and `v`
/// `(batch, keys, heads·head_size)`.
///
/// # Errors
/// [`KernelError`]: `y` is incomplete.
///
/// # Panics
/// If a slice does not have the shape said.
#[expect(clippy::too_many_arguments, reason = "three tensors, what they are, and where to")]
pub fn attention(
    context: &Context,
    q: &[f32],
    k: &[f32],
    v: &[f32],
    shape: AttentionShape,
    scale: f32,
    mask: AttentionMask<'_>,
    y: &mut [f32],
) -> Result<(), KernelError> {
    let packed = KeysValues::pack_in(context.arena(), context, k, v, shape)?;
    attention_packed(context, q, &packed, shape.queries, scale, mask, y)
}

/// [`attention`] with keys and values packed before, for `queries` query tokens of each picture.
///
/// # Errors
/// [`KernelError`]: `y` is incomplete.
///
/// # Panics
/// If a slice does not have the shape said, or the keys were packed for another instruction set.
pub fn attention_packed(
    context: &Context,
    q: &[f32],
    packed: &KeysValues,
    queries: usize,
    scale: f32,
    mask: AttentionMask<'_>,
    y: &mut [f32],
) -> Result<(), KernelError> {
    let shape = AttentionShape { queries, ..packed.shape };
    let AttentionShape { batch, keys, heads, head_size, .. } = shape;
    assert!(
        q.len() == batch * queries * heads * head_size && y.len() == q.len(),
        "queries have the shape's size"
    );
    assert!(mask.keys.is_none_or(|m| m.len() == batch * keys), "one flag for each key");
    let context = &context.for_pairs(shape.products == Products::Bf16);
    let (group, lanes) = context.level().tile_shape();
    assert_eq!(packed.group, group, "keys are packed for one instruction set");
    if keys == 0 || y.is_empty() {
        y.fill(0.0);
        return Ok(());
    }
    let groups = if head_size > 256 { 4 } else { 1 };
    let block = lanes * groups;
    let blocks = queries.div_ceil(block);
    let keys_block = group * BLOCK_TILES;
    let scratch_len = groups * (2 * head_size + 3) * lanes + keys_block * lanes;
    let mut scratch = context.arena().take(scratch_len * context.threads())?;
    let (scratch, y) = (Shared::new(&mut scratch), Shared::new(y));
    context.each(batch * heads * blocks, |worker, item| Job {
        q,
        packed,
        shape,
        scale: scale * std::f32::consts::LOG2_E,
        mask,
        picture: item / blocks / heads,
        head: item / blocks % heads,
        first: item % blocks * block,
        count: block.min(queries - item % blocks * block),
        // SAFETY: a worker's number belongs to one thread, which is done with its scratch by the next job.
        scratch: unsafe { scratch.claim(worker * scratch_len..(worker + 1) * scratch_len) },
        // SAFETY: jobs differ in picture, head or queries, and write those alone.
        y: unsafe { y.claim_places() },
    })
}

/// Some queries of one head.
struct Job<'a> {
    q: &'a [f32],
    packed: &'a KeysValues,
    shape: AttentionShape,
    scale: f32,
    mask: AttentionMask<'a>,
    picture: usize,
    head: usize,
    first: usize,
    count: usize,
    /// The worker's own.
    scratch: &'a mut [f32],
    /// The result, whose queries of this head are this job's.
    y: Places<'a, f32>,
}

impl Task for Job<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let AttentionShape { keys, head_size, .. } = self.shape;
        let width = 2 * S::LANES;
        let groups = self.count.div_ceil(width);
        let block = S::ROWS * BLOCK_TILES;
        let weights = self.scratch.as_mut_ptr();
        let size = (2 * head_size + 3) * width;
        // SAFETY: the scratch has room for a block of weights and then the groups' parts.
        unsafe {
            let group = |g: usize| {
                let q = weights.add(block * width + g * size);
                let highest = q.add(2 * head_size * width);
                Lanes {
                    q,
                    o: q.add(head_size * width),
                    highest,
                    sum: highest.add(width),
                    alpha: highest.add(2 * width),
                }
            };
            for g in 0..groups {
                self.load_queries(s, &group(g), g * width);
                if self.shape.products == Products::Bf16 {
                    pair_rows(s, group(g).q, head_size);
                }
            }
            let end = if self.mask.causal { keys.min(self.first + self.count) } else { keys };
            for start in (0..end).step_by(block) {
                let count = block.min(keys - start);
                for g in 0..groups {
                    // A later block than the group's last query may see would add nothing.
                    if self.mask.causal && start >= self.first + (g + 1) * width {
                        continue;
                    }
                    let lanes = group(g);
                    self.scores(s, &lanes, start, count, weights);
                    self.hide(g * width, width, start, count, weights);
                    weigh(s, &lanes, start == 0, count, weights);
                    self.add_values(s, &lanes, start, count, weights);
                }
            }
            for g in 0..groups {
                self.store_outputs(s, &group(g), g * width);
            }
        }
    }
}

impl Job<'_> {
    /// Where in q and y the head's part of query `query` starts.
    fn place(&self, query: usize) -> usize {
        let AttentionShape { queries, heads, head_size, .. } = self.shape;
        ((self.picture * queries + query) * heads + self.head) * head_size
    }

    /// Transposes and scales the queries; lanes without a query are zero.
    #[inline(always)]
    unsafe fn load_queries<S: Simd>(&self, s: S, lanes: &Lanes, offset: usize) {
        let AttentionShape { heads, head_size, .. } = self.shape;
        for half in 0..2 {
            let first = offset + half * S::LANES;
            let rows = self.count.saturating_sub(first).min(S::LANES);
            for r in (0..head_size).step_by(S::LANES) {
                // SAFETY: the queries exist, and Qᵀ has head_size rows of two vectors.
                unsafe {
                    let start = self.q.as_ptr().wrapping_add(self.place(self.first + first) + r);
                    let to = lanes.q.add(r * 2 * S::LANES + half * S::LANES);
                    transpose(
                        s,
                        Strided { start, stride: heads * head_size },
                        (rows, S::LANES.min(head_size - r)),
                        s.splat(self.scale),
                        Strided { start: to, stride: 2 * S::LANES },
                        S::LANES,
                    );
                }
            }
        }
    }

    /// Scores of a block of keys, one row for each key.
    #[inline(always)]
    unsafe fn scores<S: Simd>(&self, s: S, lanes: &Lanes, start: usize, count: usize, weights: *mut f32) {
        let words = self.shape.words();
        let packed = self.packed.keys_at(self.picture * self.shape.heads + self.head, start);
        for key in (0..count).step_by(S::ROWS) {
            let rows = S::ROWS.min(count - key);
            let a = packed.wrapping_add(key * words);
            let tile = Tile {
                a,
                k_stride: S::ROWS,
                b: lanes.q,
                c: weights.wrapping_add(key * 2 * S::LANES),
                c_stride: 2 * S::LANES,
                k: words,
                write: Write::Store,
                next: a.wrapping_add(S::ROWS * words),
            };
            // SAFETY: keys are packed in groups of ROWS; the weights have a row for each key.
            unsafe {
                match self.shape.products {
                    Products::F32 => s.tile::<2, 0>(rows)(&tile),
                    Products::Bf16 => s.tile_pairs::<2, 0>(rows)(&tile),
                }
            }
        }
    }

    /// Gives hidden keys the lowest score.
    #[inline(always)]
    unsafe fn hide(&self, offset: usize, width: usize, start: usize, count: usize, weights: *mut f32) {
        let first = self.first + offset;
        for key in 0..count {
            let hidden = self.mask.keys.is_some_and(|m| !m[self.picture * self.shape.keys + start + key]);
            // Lane i holds query first + i, which sees keys up to its own number.
            let hidden_lanes = match (hidden, self.mask.causal) {
                (true, _) => width,
                (false, true) => (start + key).saturating_sub(first).min(width),
                (false, false) => continue,
            };
            for lane in 0..hidden_lanes {
                // SAFETY: the weights have a row of `width` for each key.
                unsafe { *weights.add(key * width + lane) = LOWEST };
            }
        }
    }

    /// O = O·α + Vᵀ·P.
    #[inline(always)]
    unsafe fn add_values<S: Simd>(&self, s: S, lanes: &Lanes, start: usize, count: usize, weights: *mut f32) {
        let AttentionShape { heads, head_size, products, .. } = self.shape;
        let values = self.packed.values_at(self.picture * heads + self.head, start);
        let tile = Tile {
            a: values,
            k_stride: head_size,
            b: weights,
            c: lanes.o,
            c_stride: 2 * S::LANES,
            k: if products == Products::F32 { count } else { count.div_ceil(2) },
            write: if start == 0 { Write::Store } else { Write::Scale(lanes.alpha) },
            next: values,
        };
        // SAFETY: the values have a row for each of `count` keys or pairs of them; O has head_size rows.
        unsafe {
            match products {
                Products::F32 => run_rows::<S, 2, 0, false>(s, head_size, tile),
                Products::Bf16 => {
                    pair_rows(s, weights, count);
                    run_rows::<S, 2, 0, true>(s, head_size, tile);
                }
            }
        }
    }

    /// Divides by the sums and writes the outputs, transposed back.
    #[inline(always)]
    unsafe fn store_outputs<S: Simd>(&self, s: S, lanes: &Lanes, offset: usize) {
        let AttentionShape { heads, head_size, .. } = self.shape;
        for half in 0..2 {
            let first = offset + half * S::LANES;
            let queries = self.count.saturating_sub(first).min(S::LANES);
            // SAFETY: O, the sums and y have these numbers; this job alone writes them.
            unsafe {
                let factor = s.div(s.splat(1.0), s.load(lanes.sum.add(half * S::LANES)));
                for r in (0..head_size).step_by(S::LANES) {
                    let rows = S::LANES.min(head_size - r);
                    let start = lanes.o.add(r * 2 * S::LANES + half * S::LANES).cast_const();
                    transpose(
                        s,
                        Strided { start, stride: 2 * S::LANES },
                        (rows, queries),
                        factor,
                        Strided {
                            start: self.y.at(self.place(self.first + first) + r),
                            stride: heads * head_size,
                        },
                        rows,
                    );
                }
            }
        }
    }
}

/// Packs `count` rows of two vectors, in place, as pairs of bf16: the first half with the second.
#[inline(always)]
unsafe fn pair_rows<S: Simd>(s: S, rows: *mut f32, count: usize) {
    let half = count.div_ceil(2);
    for row in 0..half {
        for vector in 0..2 {
            // SAFETY: the caller vouches for the rows; a row is read before it is written.
            unsafe {
                let at = rows.add((row * 2 + vector) * S::LANES);
                let high =
                    if row + half < count { s.load(at.add(half * 2 * S::LANES)) } else { s.splat(0.0) };
                s.store(at, s.pack_pairs(s.load(at), high));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check, noise, wide};
    use super::*;

    fn reference(
        q: &[f32],
        k: &[f32],
        v: &[f32],
        shape: AttentionShape,
        scale: f64,
        mask: AttentionMask<'_>,
    ) -> Vec<f64> {
        let AttentionShape { batch, queries, keys, heads, head_size, .. } = shape;
        let (q, k, v) = (wide(q), wide(k), wide(v));
        let at = |b: usize, tokens: usize, t: usize, h: usize| ((b * tokens + t) * heads + h) * head_size;
        let mut y = vec![0.0; q.len()];
        for (b, i, h) in
            (0..batch).flat_map(|b| (0..queries).flat_map(move |i| (0..heads).map(move |h| (b, i, h))))
        {
            let seen = |j: usize| mask.keys.is_none_or(|m| m[b * keys + j]) && (!mask.causal || j <= i);
            let dot = |j: usize| {
                (0..head_size).map(|r| q[at(b, queries, i, h) + r] * k[at(b, keys, j, h) + r]).sum::<f64>()
                    * scale
            };
            let scores: Vec<f64> =
                (0..keys).map(|j| if seen(j) { dot(j) } else { f64::NEG_INFINITY }).collect();
            let top = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let total: f64 = scores.iter().map(|s| (s - top).exp()).sum();
            for (j, score) in scores.iter().enumerate() {
                for r in 0..head_size {
                    y[at(b, queries, i, h) + r] += (score - top).exp() / total * v[at(b, keys, j, h) + r];
                }
            }
        }
        y
    }

    fn try_shape(shape: AttentionShape, mask: AttentionMask<'_>) {
        let AttentionShape { batch, queries, keys, heads, head_size, products } = shape;
        let width = heads * head_size;
        let mut inputs =
            [(1, queries), (2, keys), (3, keys)].map(|(seed, tokens)| noise(seed, batch * tokens * width));
        // Measured: 7e-6 at most (head size 512 without fused multiply-adds).
        let (mut scale, mut bound) = (1.0 / (head_size as f32).sqrt(), 1.4e-5);
        if products == Products::Bf16 {
            // With inputs that bf16 has, and a power of two for scale·log2 e, only P is rounded: 4e-3.
            for x in inputs.iter_mut().flatten() {
                *x = half::bf16::from_f32(*x).to_f32();
            }
            (scale, bound) = (std::f32::consts::LN_2 / 8.0, 8e-3);
        }
        let [q, k, v] = inputs;
        let want = reference(&q, &k, &v, shape, f64::from(scale), mask);
        check(&format!("attention {shape:?}"), &want, bound, |context, y| {
            attention(context, &q, &k, &v, shape, scale, mask, y).unwrap();
        });
    }

    #[test]
    fn head_sizes_and_odd_token_counts() {
        for (batch, queries, keys, heads, head_size) in [
            (1, 1, 1, 1, 1),
            (3, 5, 77, 2, 8),
            (1, 37, 200, 2, 40),
            (2, 33, 78, 1, 80),
            (1, 70, 129, 1, 160),
            (1, 150, 113, 1, 512),
            (1, 7, 30, 3, 13),
        ] {
            for products in [Products::F32, Products::Bf16] {
                let shape = AttentionShape { batch, queries, keys, heads, head_size, products };
                try_shape(shape, AttentionMask::default());
            }
        }
    }

    #[test]
    fn masks() {
        let shape =
            AttentionShape { batch: 2, queries: 77, keys: 77, heads: 2, head_size: 64, ..Default::default() };
        try_shape(shape, AttentionMask { causal: true, keys: None });
        let keys: Vec<bool> = (0..154).map(|i| i % 3 != 1 && i != 0).collect();
        try_shape(shape, AttentionMask { causal: false, keys: Some(&keys) });
        let long = AttentionShape {
            batch: 1,
            queries: 150,
            keys: 150,
            heads: 1,
            head_size: 16,
            ..Default::default()
        };
        try_shape(long, AttentionMask { causal: true, keys: None });
    }
}
