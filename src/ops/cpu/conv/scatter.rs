//! Winograd's first phase: from the map's pixels to V = Bᵀ·d·B, tile by tile.
//!
//! A table of the N × N pixels under a tile points outside taps at a row of zeros, so that edges need
//! no code. Bound by cache misses, not by arithmetic: what will be read is prefetched.
#![expect(unsafe_code, reason = "raw pointers into checked tensors and scratch")]

use crate::ops::cpu::conv::plan::{OUT, Plan, STRIDE, Winograd};
use crate::ops::cpu::conv::transform;
use crate::ops::cpu::gemm::rows::Map;
use crate::ops::cpu::isa::Task;
use crate::ops::cpu::isa::prefetch::prefetch;
use crate::ops::cpu::isa::simd::Simd;
use crate::ops::cpu::memory::shared::Places;

/// How many vectors of channels ahead the inputs are prefetched.
const AHEAD: usize = 8;

/// Phase 1 for some tiles: V = Bᵀ·d·B.
pub(super) struct Scatter<'a, const N: usize> {
    pub winograd: &'a Winograd<'a, N>,
    pub plan: &'a Plan,
    /// At least as many as a part has channels, and a vector.
    pub zeros: &'a [f32],
    /// The first tile of all, and its place in the block.
    pub first: usize,
    pub at: usize,
    pub count: usize,
    /// V, whose rows of these tiles are this job's.
    pub v: Places<'a, f32>,
}

impl<const N: usize> Task for Scatter<'_, N> {
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let most = self.winograd.source.parts().iter().map(|part| part.1).max().unwrap_or(0);
        assert!(self.zeros.len() >= most, "zeros stand for every channel of a part");
        for i in 0..self.count {
            for part in 0..2 {
                let (_, channels) = self.winograd.source.parts()[part];
                if channels == 0 {
                    continue;
                }
                let taps = self.taps(self.first + i, part);
                for (number, depth) in self.plan.depths.iter().enumerate().filter(|d| d.1.part == part) {
                    let v = self.v.at(number * N * N * self.plan.v_plane + (self.at + i) * STRIDE);
                    let whole = depth.count / S::LANES * S::LANES;
                    // SAFETY: every tap points at a pixel of this part or at zeros of its length;
                    // the channels exist; V has a row of STRIDE numbers for this tile alone.
                    unsafe {
                        for c in (0..whole).step_by(S::LANES) {
                            prefetch_ahead::<N>(&taps, depth.start + c + AHEAD * S::LANES, channels);
                            transform_taps::<S, N, true>(
                                s,
                                &taps,
                                depth.start + c,
                                S::LANES,
                                v.add(c),
                                self.plan.v_plane,
                            );
                        }
                        if whole < depth.count {
                            let rest = depth.count - whole;
                            transform_taps::<S, N, false>(
                                s,
                                &taps,
                                depth.start + whole,
                                rest,
                                v.add(whole),
                                self.plan.v_plane,
                            );
                        }
                    }
                }
            }
        }
    }
}

impl<const N: usize> Scatter<'_, N> {
    /// Where the N × N pixels under a tile are, with zeros outside the map.
    #[inline(always)]
    fn taps(&self, tile: usize, part: usize) -> [[*const f32; 6]; 6] {
        let Map { height, width, .. } = self.winograd.map;
        let (data, channels) = self.winograd.source.parts()[part];
        let (picture, down, across) = self.plan.place(tile);
        let (py, px) = self.winograd.parity;
        let mut taps = [[self.zeros.as_ptr(); 6]; 6];
        for (i, row) in taps.iter_mut().enumerate().take(N) {
            let y = down * OUT + i + py;
            if y < 1 || y > height {
                continue;
            }
            for (j, tap) in row.iter_mut().enumerate().take(N) {
                let x = across * OUT + j + px;
                if x >= 1 && x <= width {
                    *tap = data[((picture * height + y - 1) * width + x - 1) * channels..].as_ptr();
                }
            }
        }
        taps
    }
}

/// Prefetches the inputs some vectors of channels ahead, in this tile or the next one across.
#[inline(always)]
fn prefetch_ahead<const N: usize>(taps: &[[*const f32; 6]; 6], channel: usize, channels: usize) {
    let (offset, first) =
        if channel < channels { (channel, 0) } else { (channel + (OUT - 1) * channels, N - OUT) };
    for row in taps.iter().take(N) {
        for tap in row.iter().take(N).skip(first) {
            prefetch(tap.wrapping_add(offset));
        }
    }
}

/// One vector of channels of one tile, from its taps to its N² places in V.
#[inline(always)]
unsafe fn transform_taps<S: Simd, const N: usize, const WHOLE: bool>(
    s: S,
    taps: &[[*const f32; 6]; 6],
    channel: usize,
    count: usize,
    v: *mut f32,
    plane: usize,
) {
    // SAFETY: the caller vouches for the taps' channels and V's planes.
    unsafe {
        let zero = s.splat(0.0);
        let mut half = [[zero; 6]; 6];
        for j in 0..N {
            let mut line = [zero; 6];
            for i in 0..N {
                let p = taps[i][j].add(channel);
                line[i] = if WHOLE { s.load(p) } else { s.load_part(p, count) };
            }
            let line = transform::input::<S, N>(s, line);
            for i in 0..N {
                half[i][j] = line[i];
            }
        }
        for (i, line) in half.iter().enumerate().take(N) {
            let line = transform::input::<S, N>(s, *line);
            for (j, value) in line.iter().enumerate().take(N) {
                s.store(v.add((i * N + j) * plane), *value);
            }
        }
    }
}
