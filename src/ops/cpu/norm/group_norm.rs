//! GroupNorm, with SiLU in the same pass over memory.
//!
//! Statistics first: sums of differences from each channel's first pixel (so that a large mean costs
//! no digits) over 64 pixels in f32, everything beyond in f64; then one pass x·factor + shift, and
//! SiLU. Traffic: two reads and one write of the tensor, bound by memory on large maps. The 64 are
//! fixed, so that the thread count changes no bit.
#![expect(unsafe_code, reason = "raw pointers into scratch, disjoint writes of the result")]

use crate::ops::cpu::context::Context;
use crate::ops::cpu::isa::Task;
use crate::ops::cpu::isa::math;
use crate::ops::cpu::isa::simd::{Simd, load_upto, store_upto};
use crate::ops::cpu::memory::arena::Buffer;
use crate::ops::cpu::memory::shared::Shared;
use crate::ops::cpu::stop::KernelError;
use crate::ops::cpu::view::Source;

/// Pixels summed in f32.
const CHUNK: usize = 64;
/// Rows read side by side while summing.
const ROWS: usize = 4;
/// From this many numbers on, a result is too large for the caches and is written past them.
const STREAM: usize = if cfg!(test) { 20_000 } else { 4 << 20 };

/// A GroupNorm's parameters.
#[derive(Clone, Copy)]
pub struct GroupNorm<'a> {
    /// Groups that the channels are divided into.
    pub groups: usize,
    /// Added to the variance.
    pub eps: f32,
    /// One factor for each channel.
    pub weight: &'a [f32],
    /// One summand for each channel.
    pub bias: &'a [f32],
    /// Whether SiLU follows.
    pub silu: bool,
}

impl GroupNorm<'_> {
    /// y = norm(x), over `pictures` pictures of equally many rows of `x`.
    ///
    /// # Errors
    /// [`KernelError`]: `y` is incomplete.
    ///
    /// # Panics
    /// If a slice does not have the shape said, or the groups do not divide the channels.
    pub fn forward(
        &self,
        context: &Context,
        x: Source<'_>,
        (rows, pictures): (usize, usize),
        y: &mut [f32],
    ) -> Result<(), KernelError> {
        let channels = x.channels();
        x.check(rows);
        assert_eq!(y.len(), rows * channels, "y has x's shape");
        self.check(channels, (rows, pictures));
        if y.is_empty() {
            return Ok(());
        }
        let whole = x.parts().iter().all(|p| p.1.is_multiple_of(16));
        let stream = y.len() >= STREAM && whole && y.as_ptr().addr().is_multiple_of(64);
        let factors = self.factors_of(context, x, (rows, pictures))?;
        let parts = x.parts().map(|(data, channels)| (Shared::reading(data), channels));
        self.apply(context, parts, (rows, pictures), factors, stream, Shared::new(y))
    }

    /// x = norm(x), one tensor of `channels`, in its own memory.
    ///
    /// # Errors
    /// [`KernelError`]: `x` is neither what it was nor what it should be.
    ///
    /// # Panics
    /// As [`GroupNorm::forward`].
    pub fn forward_in_place(
        &self,
        context: &Context,
        x: &mut [f32],
        channels: usize,
        (rows, pictures): (usize, usize),
    ) -> Result<(), KernelError> {
        assert_eq!(x.len(), rows * channels, "a tensor is rows times channels");
        self.check(channels, (rows, pictures));
        if x.is_empty() {
            return Ok(());
        }
        let factors = self.factors_of(context, Source::one(x, channels), (rows, pictures))?;
        let x = Shared::new(x);
        // Each number is read and then written by one item.
        self.apply(context, [(x, channels), (x, 0)], (rows, pictures), factors, false, x)
    }

    fn check(&self, channels: usize, (rows, pictures): (usize, usize)) {
        assert!(
            self.weight.len() == channels && self.bias.len() == channels,
            "one weight and bias for each channel"
        );
        assert!(self.groups > 0 && channels.is_multiple_of(self.groups), "groups divide the channels");
        assert!(pictures > 0 && rows.is_multiple_of(pictures), "pictures have equally many rows");
    }

    /// The first pass: each picture's factors and shifts, one a channel.
    fn factors_of(
        &self,
        context: &Context,
        x: Source<'_>,
        (rows, pictures): (usize, usize),
    ) -> Result<Buffer, KernelError> {
        let channels = x.channels();
        let pixels = rows / pictures;
        let chunks = pixels.div_ceil(CHUNK);
        let mut sums = context.arena.take(pictures * chunks * 2 * channels)?;
        let mut factors = context.arena.take(pictures * 2 * channels)?;
        let (to_sums, to_factors) = (Shared::new(&mut sums), Shared::new(&mut factors));
        let piece = |item: usize| Piece {
            x,
            first: item / chunks * pixels,
            start: item % chunks * CHUNK,
            count: CHUNK.min(pixels - item % chunks * CHUNK),
        };
        context.each(pictures * chunks, |_, item| Sum {
            piece: piece(item),
            to: to_sums.at(item * 2 * channels),
        })?;
        for picture in 0..pictures {
            let sums = &sums[picture * chunks * 2 * channels..][..chunks * 2 * channels];
            context.pool.run(self.groups, &*context.stop.present(), &|_, group| {
                // SAFETY: each group of each picture writes its own channels' factors and shifts.
                unsafe {
                    self.factors(
                        x,
                        picture * pixels,
                        pixels,
                        group,
                        sums,
                        to_factors.at(picture * 2 * channels),
                    )
                };
            })?;
        }
        Ok(factors)
    }

    /// The second pass: y = x·factor + shift, activated. `parts` are x's: data and channels.
    fn apply(
        &self,
        context: &Context,
        parts: [(Shared<f32>, usize); 2],
        (rows, pictures): (usize, usize),
        mut factors: Buffer,
        stream: bool,
        y: Shared<f32>,
    ) -> Result<(), KernelError> {
        let channels = parts[0].1 + parts[1].1;
        let pixels = rows / pictures;
        let chunks = pixels.div_ceil(CHUNK);
        let factors = Shared::new(&mut factors);
        context.each(pictures * chunks, |_, item| {
            let row = item / chunks * pixels + item % chunks * CHUNK;
            Apply {
                x: parts.map(|(data, channels)| (data.at(row * channels).cast_const(), channels)),
                count: CHUNK.min(pixels - item % chunks * CHUNK),
                factors: factors.at(item / chunks * 2 * channels),
                silu: self.silu,
                stream,
                y: y.at(row * channels),
            }
        })
    }

    /// Factor and shift of a group's channels, from the chunks' sums, in f64.
    unsafe fn factors(
        &self,
        x: Source<'_>,
        first: usize,
        pixels: usize,
        group: usize,
        sums: &[f32],
        to: *mut f32,
    ) {
        let channels = x.channels();
        let size = channels / self.groups;
        let own = group * size..(group + 1) * size;
        // Per channel: the first pixel, Σ(x - first) and Σ(x - first)².
        let totals = |c: usize| {
            let (mut sum, mut square) = (0.0f64, 0.0f64);
            for chunk in sums.chunks_exact(2 * channels) {
                sum += f64::from(chunk[c]);
                square += f64::from(chunk[channels + c]);
            }
            (f64::from(x.piece(first, c, c + 1)[0]), sum, square)
        };
        let n = pixels as f64;
        let (mut mean, mut power) = (0.0, 0.0);
        for c in own.clone() {
            let (pivot, sum, _) = totals(c);
            mean += pivot + sum / n;
        }
        mean /= size as f64;
        for c in own.clone() {
            let (pivot, sum, square) = totals(c);
            let off = pivot - mean;
            power += square / n + 2.0 * off * sum / n + off * off;
        }
        let deviation = (power.max(0.0) / size as f64 + f64::from(self.eps)).sqrt();
        for c in own {
            let factor = f64::from(self.weight[c]) / deviation;
            // SAFETY: the caller has room for two rows of channels.
            unsafe {
                *to.add(c) = factor as f32;
                *to.add(channels + c) = (f64::from(self.bias[c]) - mean * factor) as f32;
            }
        }
    }
}

/// Some pixels of one picture.
struct Piece<'a> {
    x: Source<'a>,
    /// The picture's first row.
    first: usize,
    /// The piece's first row within the picture.
    start: usize,
    count: usize,
}

/// The first pass over a piece.
struct Sum<'a> {
    piece: Piece<'a>,
    to: *mut f32,
}

impl Task for Sum<'_> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let Piece { x, first, start, count } = self.piece;
        let (all, mut offset) = (x.channels(), 0);
        for (data, channels) in x.parts() {
            let pivot = data.as_ptr().wrapping_add(first * channels);
            for row in (0..count).step_by(ROWS) {
                let rows = data.as_ptr().wrapping_add((first + start + row) * channels);
                let to = self.to.wrapping_add(offset);
                // SAFETY: rows and channels exist; the target has two rows of all channels.
                unsafe {
                    if count - row >= ROWS {
                        sum_rows::<S, ROWS>(pivot, rows, channels, row == 0, to, all);
                    } else {
                        for left in 0..count - row {
                            let rows = rows.add(left * channels);
                            sum_rows::<S, 1>(pivot, rows, channels, row + left == 0, to, all);
                        }
                    }
                }
            }
            offset += channels;
        }
    }
}

/// Adds `R` neighbouring rows to the sums at `to`, whose squares lie `all` further on.
#[inline(always)]
unsafe fn sum_rows<S: Simd, const R: usize>(
    pivot: *const f32,
    rows: *const f32,
    channels: usize,
    first: bool,
    to: *mut f32,
    all: usize,
) {
    for c in (0..channels).step_by(S::LANES) {
        let left = channels - c;
        // SAFETY: the caller vouches for the pointers.
        unsafe {
            let (mut sum, mut square) = (S::splat(0.0), S::splat(0.0));
            if !first {
                sum = load_upto::<S>(to.add(c), left);
                square = load_upto::<S>(to.add(all + c), left);
            }
            let pivot = load_upto::<S>(pivot.add(c), left);
            for row in 0..R {
                let off = S::sub(load_upto::<S>(rows.add(row * channels + c), left), pivot);
                sum = S::add(sum, off);
                square = S::fma(off, off, square);
            }
            store_upto::<S>(to.add(c), sum, left);
            store_upto::<S>(to.add(all + c), square, left);
        }
    }
}

/// The second pass over a piece.
struct Apply {
    /// Where its rows of each part start, and the part's channels.
    x: [(*const f32, usize); 2],
    count: usize,
    factors: *const f32,
    silu: bool,
    /// Whether y is written past the caches: all vectors are whole and aligned.
    stream: bool,
    y: *mut f32,
}

impl Task for Apply {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let all = self.x[0].1 + self.x[1].1;
        for row in 0..self.count {
            let mut offset = 0;
            for (data, channels) in self.x {
                for c in (0..channels).step_by(S::LANES) {
                    // SAFETY: rows and channels exist; factors has two rows, y a row for each pixel.
                    unsafe {
                        let left = channels - c;
                        let value = load_upto::<S>(data.add(row * channels + c), left);
                        let factor = load_upto::<S>(self.factors.add(offset + c), left);
                        let mut value =
                            S::fma(value, factor, load_upto::<S>(self.factors.add(all + offset + c), left));
                        if self.silu {
                            value = math::silu::<S>(value, 1.0);
                        }
                        let y = self.y.add(row * all + offset + c);
                        if self.stream {
                            S::stream(y, value);
                        } else {
                            store_upto::<S>(y, value, left);
                        }
                    }
                }
                offset += channels;
            }
        }
        // SAFETY: the CPU has `S`.
        unsafe { S::fence() };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::cpu::testing::{check, noise, wide};

    #[test]
    fn groups_means_and_two_sources() {
        for (pictures, pixels, first, channels, groups) in [
            (2, 400, 0, 64, 2),
            (1, 1, 32, 64, 4),
            (3, 117, 13, 96, 32),
            (2, 35, 160, 320, 32),
            (1, 180, 0, 33, 3),
            (1, 1000, 64, 128, 1),
        ] {
            let rows = pictures * pixels;
            let x: Vec<f32> = noise(1, rows * channels)
                .iter()
                .enumerate()
                .map(|(i, x)| x + 10.0 + (i % channels) as f32 / 20.0)
                .collect();
            let (weight, bias) = (noise(2, channels), noise(3, channels));
            let size = channels / groups;
            for silu in [false, true] {
                let wide_x = wide(&x);
                let mut want = vec![0.0; x.len()];
                for (b, g) in (0..pictures).flat_map(|b| (0..groups).map(move |g| (b, g))) {
                    let own: Vec<usize> = (0..pixels)
                        .flat_map(|p| (0..size).map(move |c| (b * pixels + p) * channels + g * size + c))
                        .collect();
                    let mean = own.iter().map(|i| wide_x[*i]).sum::<f64>() / own.len() as f64;
                    let variance =
                        own.iter().map(|i| (wide_x[*i] - mean).powi(2)).sum::<f64>() / own.len() as f64;
                    for i in own {
                        let c = i % channels;
                        let y = (wide_x[i] - mean) / (variance + 1e-5).sqrt() * f64::from(weight[c])
                            + f64::from(bias[c]);
                        want[i] = if silu { y / (1.0 + (-y).exp()) } else { y };
                    }
                }
                let (mut a, mut b) = (Vec::new(), Vec::new());
                for row in x.chunks_exact(channels) {
                    a.extend_from_slice(&row[..first]);
                    b.extend_from_slice(&row[first..]);
                }
                // x is about 13 deviations from zero, so x·factor + shift rounds at 13 · 6e-8.
                check(
                    &format!("group norm {pictures}x{pixels}x{channels}/{groups}"),
                    &want,
                    8e-6,
                    |context, y| {
                        let norm = GroupNorm { groups, eps: 1e-5, weight: &weight, bias: &bias, silu };
                        norm.forward(
                            context,
                            Source::two(&a, first, &b, channels - first),
                            (rows, pictures),
                            y,
                        )
                        .unwrap();
                        let mut again = x.clone();
                        norm.forward_in_place(context, &mut again, channels, (rows, pictures)).unwrap();
                        let differ = y.iter().zip(&again).any(|(a, b)| a != b);
                        assert!(!differ, "in place is the same");
                    },
                );
            }
        }
    }
}
