//! The softmax of attention, a block of keys at a time, with each query in a lane of its own: the online
//! softmax of Milakov and Gimelshein, "Online normalizer calculation for softmax" (2018).
//!
//! Invariant: after a block, sum and output count in units of 2^(running maximum), so a later, higher
//! maximum scales both by α = 2^(old - new). No step goes across the lanes of a vector.
#![expect(unsafe_code, reason = "raw pointers into scratch")]

use crate::ops::cpu::isa::math;
use crate::ops::cpu::isa::simd::Simd;

/// Lower than any score, yet finite, so that differences are numbers.
pub(super) const LOWEST: f32 = -1e30;

/// The scratch of one group of queries, two vectors wide.
pub(super) struct Lanes {
    /// Qᵀ and the output, `head_size` rows each.
    pub q: *mut f32,
    pub o: *mut f32,
    /// Running maximum, running sum, and 2^(old maximum - new).
    pub highest: *mut f32,
    pub sum: *mut f32,
    pub alpha: *mut f32,
}

/// Turns a block's scores into weights 2^(score - maximum), and updates maximum, sum and α.
#[inline(always)]
pub(super) unsafe fn weigh<S: Simd>(s: S, lanes: &Lanes, first: bool, count: usize, weights: *mut f32) {
    // SAFETY: the caller vouches for two vectors in each of the lanes' arrays and `count` rows.
    unsafe {
        for half in 0..2 {
            let at = half * S::LANES;
            let row = |key: usize| weights.add(key * 2 * S::LANES + at);
            let old = if first { s.splat(LOWEST) } else { s.load(lanes.highest.add(at)) };
            let mut highest = [old; 4];
            let mut key = 0;
            while key + 4 <= count {
                for (i, h) in highest.iter_mut().enumerate() {
                    *h = s.max(*h, s.load(row(key + i)));
                }
                key += 4;
            }
            while key < count {
                highest[0] = s.max(highest[0], s.load(row(key)));
                key += 1;
            }
            let top = s.max(s.max(highest[0], highest[1]), s.max(highest[2], highest[3]));
            let mut sums = [s.splat(0.0); 4];
            key = 0;
            while key + 4 <= count {
                for (i, sum) in sums.iter_mut().enumerate() {
                    let weight = math::exp2_below(s, s.sub(s.load(row(key + i)), top));
                    s.store(row(key + i), weight);
                    *sum = s.add(*sum, weight);
                }
                key += 4;
            }
            while key < count {
                let weight = math::exp2_below(s, s.sub(s.load(row(key)), top));
                s.store(row(key), weight);
                sums[0] = s.add(sums[0], weight);
                key += 1;
            }
            let sum = s.add(s.add(sums[0], sums[1]), s.add(sums[2], sums[3]));
            let alpha = math::exp2_below(s, s.sub(old, top));
            let before = if first { s.splat(0.0) } else { s.load(lanes.sum.add(at)) };
            s.store(lanes.alpha.add(at), alpha);
            s.store(lanes.sum.add(at), s.fma(before, alpha, sum));
            s.store(lanes.highest.add(at), top);
        }
    }
}
