//! The softmax of attention, a block of keys at a time, with each query in a lane of its own.
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
pub(super) unsafe fn weigh<S: Simd>(lanes: &Lanes, first: bool, count: usize, weights: *mut f32) {
    // SAFETY: the caller vouches for two vectors in each of the lanes' arrays and `count` rows.
    unsafe {
        for half in 0..2 {
            let at = half * S::LANES;
            let row = |key: usize| weights.add(key * 2 * S::LANES + at);
            let old = if first { S::splat(LOWEST) } else { S::load(lanes.highest.add(at)) };
            let mut highest = [old; 4];
            let mut key = 0;
            while key + 4 <= count {
                for (i, h) in highest.iter_mut().enumerate() {
                    *h = S::max(*h, S::load(row(key + i)));
                }
                key += 4;
            }
            while key < count {
                highest[0] = S::max(highest[0], S::load(row(key)));
                key += 1;
            }
            let top = S::max(S::max(highest[0], highest[1]), S::max(highest[2], highest[3]));
            let mut sums = [S::splat(0.0); 4];
            key = 0;
            while key + 4 <= count {
                for (i, sum) in sums.iter_mut().enumerate() {
                    let weight = math::exp2_below::<S>(S::sub(S::load(row(key + i)), top));
                    S::store(row(key + i), weight);
                    *sum = S::add(*sum, weight);
                }
                key += 4;
            }
            while key < count {
                let weight = math::exp2_below::<S>(S::sub(S::load(row(key)), top));
                S::store(row(key), weight);
                sums[0] = S::add(sums[0], weight);
                key += 1;
            }
            let sum = S::add(S::add(sums[0], sums[1]), S::add(sums[2], sums[3]));
            let alpha = math::exp2_below::<S>(S::sub(old, top));
            let before = if first { S::splat(0.0) } else { S::load(lanes.sum.add(at)) };
            S::store(lanes.alpha.add(at), alpha);
            S::store(lanes.sum.add(at), S::fma(before, alpha, sum));
            S::store(lanes.highest.add(at), top);
        }
    }
}
