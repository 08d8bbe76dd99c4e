//! An attention's keys and values as the register tiles read them, packed once.
//!
//! Keys: per picture and head, groups of tile rows (14, 6 or 4), `[group][head_size][rows]`, so that a
//! tile walks one stream. Values: per picture and head, `[key][head_size]`. For products of bf16
//! numbers each place holds a pair: a key's channels of the first half of the head with those of the
//! second, and the values of the first half of a block of keys with the second's. Trap: the group is
//! the instruction set's, so packed keys serve only contexts of the same level.
#![expect(unsafe_code, reason = "threads write disjoint groups")]

use crate::ops::cpu::context::Context;
use crate::ops::cpu::isa::Task;
use crate::ops::cpu::isa::simd::Simd;
use crate::ops::cpu::isa::transpose::{Strided, transpose};
use crate::ops::cpu::memory::arena::{Arena, Buffer};
use crate::ops::cpu::memory::shared::{Places, Shared};
use crate::ops::cpu::stop::KernelError;

/// Tile rows in a block of keys. Even, so that a block halves into pairs.
pub(super) const BLOCK_TILES: usize = 8;

/// How numbers are multiplied; sums are f32 always.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Products {
    /// As they are.
    #[default]
    F32,
    /// Rounded to bf16 first: fast on a CPU with AVX512-BF16 (see
    /// [`crate::ops::cpu::Level::has_bf16`]).
    Bf16,
}

/// The sizes of an attention.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AttentionShape {
    /// Pictures (or prompts).
    pub batch: usize,
    /// Query tokens of each.
    pub queries: usize,
    /// Key tokens of each.
    pub keys: usize,
    /// Heads; they interleave in the channels, head by head.
    pub heads: usize,
    /// Channels of a head.
    pub head_size: usize,
    /// Its products.
    pub products: Products,
}

impl AttentionShape {
    /// Numbers or pairs of a head's channels.
    pub(super) fn words(&self) -> usize {
        match self.products {
            Products::F32 => self.head_size,
            Products::Bf16 => self.head_size.div_ceil(2),
        }
    }
}

/// Keys and values, packed: cross-attention packs them once for all steps.
pub struct KeysValues {
    pub(super) keys: Buffer,
    pub(super) values: Buffer,
    pub(super) shape: AttentionShape,
    /// Keys of a packed group.
    pub(super) group: usize,
}

impl KeysValues {
    /// Packs `(batch, keys, heads·head_size)` keys and values, to be kept for many attentions.
    /// `shape.queries` does not matter.
    ///
    /// # Errors
    /// [`KernelError`].
    ///
    /// # Panics
    /// If a slice does not have the shape said.
    pub fn pack(
        context: &Context,
        k: &[f32],
        v: &[f32],
        shape: AttentionShape,
    ) -> Result<KeysValues, KernelError> {
        Self::pack_in(context.kept(), context, k, v, shape)
    }

    /// The same in buffers of `arena`.
    pub(super) fn pack_in(
        arena: &Arena,
        context: &Context,
        k: &[f32],
        v: &[f32],
        shape: AttentionShape,
    ) -> Result<KeysValues, KernelError> {
        let AttentionShape { batch, keys, heads, head_size, .. } = shape;
        assert!(
            k.len() == batch * keys * heads * head_size && v.len() == k.len(),
            "keys and values have the shape's size"
        );
        let context = &context.for_pairs(shape.products == Products::Bf16);
        let (group, _) = context.level().tile_shape();
        let mut packed = KeysValues {
            keys: arena.take(keys_offset(&shape, group, batch * heads, 0))?,
            values: arena.take(values_offset(&shape, batch * heads, 0))?,
            shape,
            group,
        };
        let block = group * BLOCK_TILES;
        let blocks = keys.div_ceil(block);
        let (to_keys, to_values) = (Shared::new(&mut packed.keys), Shared::new(&mut packed.values));
        context.each(batch * heads * blocks, |_, item| PackBlock {
            k,
            v,
            shape,
            item: item / blocks,
            start: item % blocks * block,
            count: block.min(keys - item % blocks * block),
            // SAFETY: each block of keys of each picture and head has a place of its own in both buffers.
            to: unsafe { (to_keys.claim_places(), to_values.claim_places()) },
        })?;
        Ok(packed)
    }

    /// The packed keys of picture and head `item` from key `start`, the first of a group, on.
    pub(super) fn keys_at(&self, item: usize, start: usize) -> *const f32 {
        self.keys.as_ptr().wrapping_add(keys_offset(&self.shape, self.group, item, start))
    }

    /// The packed values of picture and head `item` from key `start`, the first of a block, on.
    pub(super) fn values_at(&self, item: usize, start: usize) -> *const f32 {
        self.values.as_ptr().wrapping_add(values_offset(&self.shape, item, start))
    }
}

/// Where a group's keys start.
fn keys_offset(shape: &AttentionShape, group: usize, item: usize, start: usize) -> usize {
    (item * shape.keys.next_multiple_of(group) + start) * shape.words()
}

/// Where a block's values start; a pair takes the place of two keys.
fn values_offset(shape: &AttentionShape, item: usize, start: usize) -> usize {
    match shape.products {
        Products::F32 => (item * shape.keys.next_multiple_of(2) + start) * shape.head_size,
        Products::Bf16 => (item * shape.keys.next_multiple_of(2) + start) / 2 * shape.head_size,
    }
}

/// Packs a block of keys and values of one head.
struct PackBlock<'a> {
    k: &'a [f32],
    v: &'a [f32],
    shape: AttentionShape,
    /// Picture and head.
    item: usize,
    start: usize,
    count: usize,
    /// The packed keys and values; this block's places are its own.
    to: (Places<'a, f32>, Places<'a, f32>),
}

impl Task for PackBlock<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        for first in (0..self.count).step_by(S::ROWS) {
            // SAFETY: the block has these keys.
            unsafe { self.pack_group(s, first, S::ROWS.min(self.count - first)) };
        }
        // SAFETY: as above.
        unsafe { self.pack_values(s) };
    }
}

impl PackBlock<'_> {
    /// Where in k and v the head's part of the block's key `key` starts.
    fn place(&self, key: usize) -> usize {
        let AttentionShape { keys, heads, head_size, .. } = self.shape;
        let (picture, head) = (self.item / heads, self.item % heads);
        ((picture * keys + self.start + key) * heads + head) * head_size
    }

    /// Transposes one group of keys.
    #[inline(always)]
    unsafe fn pack_group<S: Simd>(&self, s: S, first: usize, count: usize) {
        let AttentionShape { heads, head_size, .. } = self.shape;
        let stride = heads * head_size;
        let to = self.to.0.at(keys_offset(&self.shape, S::ROWS, self.item, self.start + first));
        let half = self.shape.words();
        let from = self.k.as_ptr().wrapping_add(self.place(first));
        for r in (0..half).step_by(S::LANES) {
            let low = S::LANES.min(half - r);
            let start = from.wrapping_add(r);
            let to = Strided { start: to.wrapping_add(r * S::ROWS), stride: S::ROWS };
            // SAFETY: the group's keys exist; its packed place has a row of ROWS for each word.
            unsafe {
                if self.shape.products == Products::F32 {
                    let from = Strided { start, stride };
                    transpose(s, from, (count, low), s.splat(1.0), to, S::ROWS);
                    continue;
                }
                // The last pair of an odd head has no second half.
                let high = low.min(head_size - half - r.min(head_size - half));
                let mut square = [s.splat(0.0); 16];
                for (i, row) in square.iter_mut().enumerate().take(count) {
                    let low = s.load_upto(start.add(i * stride), low);
                    *row = s.pack_pairs(low, s.load_upto(start.add(i * stride).wrapping_add(half), high));
                }
                s.transpose(&mut square);
                for (i, row) in square.iter().enumerate().take(low) {
                    s.store_upto(to.start.add(i * to.stride), *row, S::ROWS);
                }
            }
        }
    }

    /// Copies the block's values, or pairs the first half with the second.
    #[inline(always)]
    unsafe fn pack_values<S: Simd>(&self, s: S) {
        let head_size = self.shape.head_size;
        let to = self.to.1.at(values_offset(&self.shape, self.item, self.start));
        let pairs = self.shape.products == Products::Bf16;
        let half = self.count.div_ceil(2);
        for key in 0..if pairs { half } else { self.count } {
            let from = self.v.as_ptr().wrapping_add(self.place(key));
            let below = self.v.as_ptr().wrapping_add(self.place(key + half));
            for r in (0..head_size).step_by(S::LANES) {
                let count = S::LANES.min(head_size - r);
                // SAFETY: the keys exist; the block's packed place has a row for each key or pair.
                unsafe {
                    let mut row = s.load_upto(from.add(r), count);
                    if pairs {
                        let high = if key + half < self.count { count } else { 0 };
                        row = s.pack_pairs(row, s.load_upto(below.wrapping_add(r), high));
                    }
                    s.store_upto(to.add(key * head_size + r), row, count);
                }
            }
        }
    }
}
