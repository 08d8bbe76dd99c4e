//! GroupNorm, with SiLU in the same pass over memory.
//!
//! Statistics first: sums of differences from each channel's first pixel (so that a large mean costs
//! no digits) over 64 pixels in f32, everything beyond in f64; then one pass x·factor + shift, and
//! SiLU. Traffic: two reads and one write of the tensor, bound by memory on large maps. The 64 are
//! fixed, so that the thread count changes no bit.
#![expect(unsafe_code, reason = "streamed writes, a norm in place, channels of a group")]

use crate::ops::cpu::context::Context;
use crate::ops::cpu::cut::Pieces;
use crate::ops::cpu::isa::Task;
use crate::ops::cpu::isa::math;
use crate::ops::cpu::isa::simd::Simd;
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
        self.apply(context, Some(x), (channels, rows / pictures), &factors, stream, y)
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
        self.apply(context, None, (channels, rows / pictures), &factors, false, x)
    }

    /// Mean and sum of squared deviations of each group over `rows` rows of one picture.
    ///
    /// # Errors
    /// [`KernelError`].
    ///
    /// # Panics
    /// As [`GroupNorm::forward`]; if there is no row.
    pub fn moments(
        &self,
        context: &Context,
        x: Source<'_>,
        rows: usize,
    ) -> Result<Vec<[f64; 2]>, KernelError> {
        x.check(rows);
        assert!(rows > 0, "moments are of some rows");
        self.check(x.channels(), (rows, 1));
        let sums = self.sums_of(context, x, (rows, 1))?;
        let count = (rows * x.channels() / self.groups) as f64;
        let pairs = (0..self.groups).map(|group| self.mean_and_power(x, (0, rows), group, &sums));
        Ok(pairs.map(|[mean, power]| [mean, power * count]).collect())
    }

    /// x normalized in its own memory by each group's mean and mean square of deviations from it.
    ///
    /// # Errors
    /// [`KernelError`]: `x` is neither what it was nor what it should be.
    ///
    /// # Panics
    /// As [`GroupNorm::forward`]; if there is not one pair for each group.
    pub fn forward_by(
        &self,
        context: &Context,
        x: &mut [f32],
        channels: usize,
        known: &[[f64; 2]],
    ) -> Result<(), KernelError> {
        let rows = x.len() / channels.max(1);
        assert_eq!(x.len(), rows * channels, "a tensor is rows times channels");
        assert_eq!(known.len(), self.groups, "one pair for each group");
        self.check(channels, (rows, 1));
        if x.is_empty() {
            return Ok(());
        }
        let mut factors = context.arena().take(2 * channels)?;
        let (factor, shift) = factors.split_at_mut(channels);
        let size = channels / self.groups;
        for ((known, factor), (group, shift)) in
            known.iter().zip(factor.chunks_exact_mut(size)).zip(shift.chunks_exact_mut(size).enumerate())
        {
            self.scale_and_shift(*known, group, [factor, shift]);
        }
        self.apply(context, None, (channels, rows), &factors, false, x)
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
        let sums = self.sums_of(context, x, (rows, pictures))?;
        let mut factors = context.arena().take(pictures * 2 * channels)?;
        for (picture, (factors, sums)) in
            factors.chunks_exact_mut(2 * channels).zip(sums.chunks_exact(chunks * 2 * channels)).enumerate()
        {
            let factors = Shared::new(factors);
            let size = channels / self.groups;
            context.section(self.groups, |_, group| {
                let own = |row: usize| row * channels + group * size..row * channels + (group + 1) * size;
                // SAFETY: each group has channels of its own in either row.
                let to = unsafe { [factors.claim(own(0)), factors.claim(own(1))] };
                self.factors(x, (picture * pixels, pixels), group, sums, to);
            })?;
        }
        Ok(factors)
    }

    /// Sums of each chunk of pixels, and of their squares, one a channel.
    fn sums_of(
        &self,
        context: &Context,
        x: Source<'_>,
        (rows, pictures): (usize, usize),
    ) -> Result<Buffer, KernelError> {
        let channels = x.channels();
        let pixels = rows / pictures;
        let chunks = pixels.div_ceil(CHUNK);
        let mut sums = context.arena().take(pictures * chunks * 2 * channels)?;
        let pieces = Pieces::new(pictures * chunks, 2 * channels, 2 * channels);
        context.each_piece(&mut sums, pieces, |start, to| {
            let item = start / (2 * channels);
            let (first, start) = (item / chunks * pixels, item % chunks * CHUNK);
            Sum { piece: Piece { x, first, start, count: CHUNK.min(pixels - start) }, to }
        })?;
        Ok(sums)
    }

    /// The second pass: y = x·factor + shift, activated, picture by picture of so many pixels; x is y's
    /// own memory where there is none.
    fn apply(
        &self,
        context: &Context,
        x: Option<Source<'_>>,
        (channels, pixels): (usize, usize),
        factors: &[f32],
        stream: bool,
        y: &mut [f32],
    ) -> Result<(), KernelError> {
        let picture = pixels * channels;
        let pieces = Pieces::new(y.len() / picture, picture, CHUNK * channels);
        context.each_piece(y, pieces, |start, y| Apply {
            x: x.map(|x| x.parts().map(|(data, own)| (&data[start / channels * own..], own))),
            factors: &factors[start / picture * 2 * channels..][..2 * channels],
            channels,
            silu: self.silu,
            stream,
            y,
        })
    }

    /// Factors and shifts of a group's channels, from the chunks' sums, in f64. `first` is the picture's
    /// first row.
    fn factors(
        &self,
        x: Source<'_>,
        (first, pixels): (usize, usize),
        group: usize,
        sums: &[f32],
        to: [&mut [f32]; 2],
    ) {
        self.scale_and_shift(self.mean_and_power(x, (first, pixels), group, sums), group, to);
    }

    /// A group's mean and the mean square of deviations from it, from the chunks' sums.
    fn mean_and_power(
        &self,
        x: Source<'_>,
        (first, pixels): (usize, usize),
        group: usize,
        sums: &[f32],
    ) -> [f64; 2] {
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
        for c in own {
            let (pivot, sum, square) = totals(c);
            let off = pivot - mean;
            power += square / n + 2.0 * off * sum / n + off * off;
        }
        [mean, power.max(0.0) / size as f64]
    }

    /// A group's factors and shifts from its mean and the mean square of deviations.
    fn scale_and_shift(&self, [mean, power]: [f64; 2], group: usize, [factors, shifts]: [&mut [f32]; 2]) {
        let deviation = (power + f64::from(self.eps)).sqrt();
        let own = group * factors.len()..(group + 1) * factors.len();
        for ((c, to), shift) in own.zip(factors).zip(shifts) {
            let factor = f64::from(self.weight[c]) / deviation;
            *to = factor as f32;
            *shift = (f64::from(self.bias[c]) - mean * factor) as f32;
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
    /// Two rows of all channels: sums and sums of squares.
    to: &'a mut [f32],
}

impl Task for Sum<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Piece { x, first, start, count } = self.piece;
        let all = x.channels();
        let (mut sums, mut squares) = self.to.split_at_mut(all);
        for (data, channels) in x.parts() {
            let pivot = &data[first * channels..][..channels];
            let rows = &data[(first + start) * channels..][..count * channels];
            let (sum, more_sums) = sums.split_at_mut(channels);
            let (square, more_squares) = squares.split_at_mut(channels);
            let mut is_first = true;
            let mut groups = rows.chunks_exact((ROWS * channels).max(1));
            for group in &mut groups {
                sum_rows::<S, ROWS>(s, pivot, group, is_first, sum, square);
                is_first = false;
            }
            for row in groups.remainder().chunks_exact(channels.max(1)) {
                sum_rows::<S, 1>(s, pivot, row, is_first, sum, square);
                is_first = false;
            }
            (sums, squares) = (more_sums, more_squares);
        }
    }
}

/// Adds `R` neighboring rows to the sums and squares of as many channels as there are pivots.
#[inline(always)]
fn sum_rows<S: Simd, const R: usize>(
    s: S,
    pivots: &[f32],
    rows: &[f32],
    first: bool,
    sums: &mut [f32],
    squares: &mut [f32],
) {
    let channels = pivots.len();
    let (sums, squares) = (&mut sums[..channels], &mut squares[..channels]);
    let rows: [&[f32]; R] = std::array::from_fn(|row| &rows[row * channels..][..channels]);
    let mut c = 0;
    while c + S::LANES <= channels {
        let here = c..c + S::LANES;
        let (sums, squares) = (&mut sums[here.clone()], &mut squares[here.clone()]);
        sum_vectors(s, &pivots[here.clone()], rows.map(|row| &row[here.clone()]), first, sums, squares);
        c += S::LANES;
    }
    if c < channels {
        sum_vectors(s, &pivots[c..], rows.map(|row| &row[c..]), first, &mut sums[c..], &mut squares[c..]);
    }
}

/// The same for a vector of channels, or a part of one at the end.
#[inline(always)]
fn sum_vectors<S: Simd, const R: usize>(
    s: S,
    pivots: &[f32],
    rows: [&[f32]; R],
    first: bool,
    sums: &mut [f32],
    squares: &mut [f32],
) {
    let (mut sum, mut square) = (s.splat(0.0), s.splat(0.0));
    if !first {
        sum = s.read(sums);
        square = s.read(squares);
    }
    let pivot = s.read(pivots);
    for row in rows {
        let off = s.sub(s.read(row), pivot);
        sum = s.add(sum, off);
        square = s.fma(off, off, square);
    }
    s.write(sums, sum);
    s.write(squares, square);
}

/// The second pass over a piece.
struct Apply<'a> {
    /// Its rows of each part from the piece's first on, and the part's channels; none if x is y.
    x: Option<[(&'a [f32], usize); 2]>,
    /// A row of factors and a row of shifts.
    factors: &'a [f32],
    channels: usize,
    silu: bool,
    /// Whether y is written past the caches: all vectors are whole and aligned.
    stream: bool,
    y: &'a mut [f32],
}

impl Task for Apply<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let all = self.channels;
        let (count, y) = (self.y.len() / all, self.y.as_mut_ptr());
        let parts = match self.x {
            Some(parts) => parts.map(|(data, channels)| (data.as_ptr(), channels)),
            None => [(y.cast_const(), all), (y.cast_const(), 0)],
        };
        let (factors, shifts) = self.factors.split_at(all);
        for row in 0..count {
            let mut offset = 0;
            for (data, channels) in parts {
                for c in (0..channels).step_by(S::LANES) {
                    // SAFETY: x, factors and y have these channels, x and y this row; where both are the
                    // same, a vector is read before it is written.
                    unsafe {
                        let left = channels - c;
                        let value = s.load_upto(data.add(row * channels + c), left);
                        let factor = s.load_upto(factors.as_ptr().add(offset + c), left);
                        let mut value =
                            s.fma(value, factor, s.load_upto(shifts.as_ptr().add(offset + c), left));
                        if self.silu {
                            value = math::silu(s, value, 1.0);
                        }
                        let y = y.add(row * all + offset + c);
                        if self.stream {
                            s.stream(y, value);
                        } else {
                            s.store_upto(y, value, left);
                        }
                    }
                }
                offset += channels;
            }
        }
        s.fence();
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
