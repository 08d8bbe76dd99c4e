//! An attention's keys and values as the register tiles read them, packed once.
//!
//! Keys: per picture and head, groups of tile rows (14, 6 or 4), `[group][head_size][rows]`, so that a
//! tile walks one stream. Values: per picture and head, `[key][head_size]`. Trap: the group is the
//! instruction set's, so packed keys serve only contexts of the same level.
#![expect(unsafe_code, reason = "threads write disjoint heads")]

use super::arena::{Arena, Buffer};
use super::context::Context;
use super::level::Level;
use super::shared::Shared;
use super::stop::Stopped;

/// The sizes of an attention.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
}

/// Keys and values, packed: cross-attention packs them once for all steps.
pub struct KeysValues {
    pub(super) keys: Buffer,
    pub(super) values: Buffer,
    pub(super) shape: AttentionShape,
    /// Keys of a packed group.
    pub(super) group: usize,
}

/// Rows and columns of the register tiles.
pub(super) fn tile_shape(level: Level) -> (usize, usize) {
    match level {
        Level::Avx512 => (14, 32),
        Level::Avx2 => (6, 16),
        Level::Portable => (4, 16),
    }
}

impl KeysValues {
    /// Packs `(batch, keys, heads·head_size)` keys and values, to be kept for many attentions.
    /// `shape.queries` does not matter.
    ///
    /// # Errors
    /// [`Stopped`].
    ///
    /// # Panics
    /// If a slice does not have the shape said.
    pub fn pack(
        context: &Context,
        k: &[f32],
        v: &[f32],
        shape: AttentionShape,
    ) -> Result<KeysValues, Stopped> {
        Self::pack_in(&context.kept, context, k, v, shape)
    }

    /// The same in buffers of `arena`.
    pub(super) fn pack_in(
        arena: &Arena,
        context: &Context,
        k: &[f32],
        v: &[f32],
        shape: AttentionShape,
    ) -> Result<KeysValues, Stopped> {
        let AttentionShape { batch, keys, heads, head_size, .. } = shape;
        assert!(
            k.len() == batch * keys * heads * head_size && v.len() == k.len(),
            "keys and values have the shape's size"
        );
        let (group, _) = tile_shape(context.level);
        let padded = keys.next_multiple_of(group);
        let mut packed = KeysValues {
            keys: arena.take(batch * heads * padded * head_size),
            values: arena.take(batch * heads * keys * head_size),
            shape,
            group,
        };
        let (to_keys, to_values) = (Shared::new(&mut packed.keys), Shared::new(&mut packed.values));
        let groups = keys.div_ceil(group);
        context.pool.run(batch * heads, &*context.stop, &|_, item| {
            let (picture, head) = (item / heads, item % heads);
            for g in 0..groups {
                let count = group.min(keys - g * group);
                for r in 0..count {
                    let key = g * group + r;
                    let at = ((picture * keys + key) * heads + head) * head_size;
                    // SAFETY: head `item` of the packed buffers is written by this item alone.
                    let (keys_to, values_to) = unsafe {
                        let keys_to = to_keys.at((item * padded + g * group) * head_size);
                        let values_to = to_values.at((item * keys + key) * head_size);
                        (
                            std::slice::from_raw_parts_mut(keys_to, group * head_size),
                            std::slice::from_raw_parts_mut(values_to, head_size),
                        )
                    };
                    values_to.copy_from_slice(&v[at..at + head_size]);
                    for (to, from) in keys_to[r..].iter_mut().step_by(group).zip(&k[at..at + head_size]) {
                        *to = *from;
                    }
                }
            }
        })?;
        Ok(packed)
    }
}
