//! Buffers that outlive their use: what a step needs is kept for the next, so that nothing is
//! mapped, faulted in and given back while a picture is computed.
//!
//! Invariant: a buffer's numbers are always initialised (fresh memory is zero, reused memory holds
//! old numbers), 64-byte aligned, and on Linux in huge pages from 2 MiB up, where a page fault costs
//! an eighth as much per byte.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::block::Block;

/// What an arena holds.
#[derive(Default)]
struct State {
    free: Vec<Block>,
    /// Bytes in buffers that are in use.
    used: usize,
    /// Bytes in all blocks.
    held: usize,
    /// The most that `held` has been.
    peak: usize,
}

/// A store of reusable buffers. Cloning it gives another handle on the same store.
#[derive(Clone, Default)]
pub struct Arena(Arc<Mutex<State>>);

/// Numbers borrowed from an [`Arena`]; they go back when dropped.
pub struct Buffer {
    block: Option<Block>,
    len: usize,
    arena: Arena,
}

/// How much memory an [`Arena`] has, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// In buffers that are in use.
    pub used: usize,
    /// In all, used and free.
    pub held: usize,
    /// The most that was ever held.
    pub peak: usize,
}

impl Arena {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A buffer of `len` numbers of any value: the smallest free one that fits and is not more than
    /// half wasted, or a new one.
    pub fn take(&self, len: usize) -> Buffer {
        let bytes = size_class(len * size_of::<f32>());
        let mut state = self.state();
        let fits = |b: &Block| b.bytes() >= bytes && b.bytes() <= bytes * 2;
        let best =
            (0..state.free.len()).filter(|i| fits(&state.free[*i])).min_by_key(|i| state.free[*i].bytes());
        let block = match best {
            Some(i) => state.free.swap_remove(i),
            None => {
                state.held += bytes;
                state.peak = state.peak.max(state.held);
                Block::new(bytes)
            }
        };
        state.used += block.bytes();
        drop(state);
        #[cfg_attr(not(test), expect(unused_mut, reason = "tests poison it"))]
        let mut buffer = Buffer { block: Some(block), len, arena: self.clone() };
        // A kernel that reads scratch it has not written fails its test.
        #[cfg(test)]
        buffer.fill(f32::NAN);
        buffer
    }

    /// Gives all free buffers back to the system.
    pub fn trim(&self) {
        let mut state = self.state();
        let free = std::mem::take(&mut state.free);
        state.held -= free.iter().map(Block::bytes).sum::<usize>();
    }

    /// How much memory is held.
    pub fn usage(&self) -> Usage {
        let state = self.state();
        Usage { used: state.used, held: state.held, peak: state.peak }
    }
}

/// Rounds a size up to an eighth of its power of two, so that near sizes share buffers.
fn size_class(bytes: usize) -> usize {
    let step = (bytes.max(512).next_power_of_two() / 16).max(64);
    bytes.max(64).next_multiple_of(step)
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if let Some(block) = self.block.take() {
            let mut state = self.arena.state();
            state.used -= block.bytes();
            state.free.push(block);
        }
    }
}

impl Deref for Buffer {
    type Target = [f32];
    fn deref(&self) -> &[f32] {
        self.block.as_ref().map_or(&[], |block| &block.as_slice::<f32>()[..self.len])
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        let len = self.len;
        self.block.as_mut().map_or(&mut [], |block| &mut block.as_mut_slice::<f32>()[..len])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_come_back_and_are_aligned() {
        let arena = Arena::default();
        let first = arena.take(1000);
        let address = first.as_ptr();
        assert_eq!(address as usize % 64, 0);
        drop(first);
        let mut again = arena.take(990);
        assert_eq!(again.as_ptr(), address);
        assert_eq!(again.len(), 990);
        again[989] = 1.0;
        let big = arena.take(3 << 20);
        assert_eq!(big.as_ptr() as usize % 64, 0);
        assert_eq!(big.len(), 3 << 20);
        let usage = arena.usage();
        assert_eq!(usage.used, usage.held);
        drop((again, big));
        arena.trim();
        assert_eq!(arena.usage(), Usage { used: 0, held: 0, peak: usage.peak });
        assert!(usage.peak >= 12 << 20);
    }

    #[test]
    fn a_warm_step_allocates_nothing() {
        let arena = Arena::default();
        let step = |arena: &Arena| {
            let a = arena.take(5000);
            let b = arena.take(70_000);
            drop(a);
            drop((arena.take(5000), b));
        };
        step(&arena);
        let warm = arena.usage();
        for _ in 0..10 {
            step(&arena);
        }
        assert_eq!(arena.usage(), warm);
    }
}
