//! 3×3 convolutions: Winograd where it pays, a product over patches elsewhere.
//!
//! Patches cost 9·C·K multiply-adds a pixel and win with few input channels, on maps below a tile or
//! two, and at stride 2, where Winograd has nothing to give.

mod gather;
mod plan;
mod scatter;
mod stripe;
mod transform;
mod winograd;

use super::context::Context;
use super::gemm::Gemm;
use super::stop::KernelError;
use crate::ops::cpu::conv::plan::Winograd;
use crate::ops::cpu::gemm::epilogue::Epilogue;
use crate::ops::cpu::gemm::groups::Rounding;
use crate::ops::cpu::gemm::matrix::PackedMatrix;
use crate::ops::cpu::gemm::panel::Kept;
use crate::ops::cpu::gemm::rows::{Map, Patches, Window};
use crate::ops::cpu::gemm::weight_rows::WeightRows;
use crate::ops::cpu::view::Source;

/// A 3×3 convolution's weights, packed.
pub struct Conv3x3 {
    weights: PackedMatrix,
}

/// How a 3×3 convolution is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// A product over patches.
    Direct,
    /// F(4×4, 3×3), or F(4×4, 2×2) on the parities of an enlarged map.
    Winograd,
}

impl Conv3x3 {
    /// Packs weights `(outputs, channels, 3, 3)` in the type they are stored in, bf16 in f32.
    ///
    /// # Errors
    /// As [`PackedMatrix::pack_as`].
    ///
    /// # Panics
    /// If there are more or fewer numbers.
    pub fn pack<R: WeightRows + ?Sized>(
        context: &Context,
        weights: &R,
        outputs: usize,
        channels: usize,
    ) -> Result<Conv3x3, R::Error> {
        Self::pack_as(context, weights, outputs, channels, Kept::as_stored(weights.element()))
    }

    /// The same in a type of choice, f16 or f32.
    ///
    /// # Errors
    /// As [`PackedMatrix::pack_as`].
    ///
    /// # Panics
    /// If there are more or fewer numbers.
    pub fn pack_as<R: WeightRows + ?Sized>(
        context: &Context,
        weights: &R,
        outputs: usize,
        channels: usize,
        kept: Kept,
    ) -> Result<Conv3x3, R::Error> {
        Ok(Conv3x3 { weights: PackedMatrix::pack_as(context, weights, outputs, channels * 9, false, kept)? })
    }

    /// Output channels.
    pub fn outputs(&self) -> usize {
        self.weights.outputs()
    }

    /// Input channels.
    pub fn channels(&self) -> usize {
        self.weights.columns() / 9
    }

    /// Bytes of the packed weights.
    pub fn bytes(&self) -> usize {
        self.weights.bytes()
    }

    /// What rounding to groups changed.
    pub fn rounding(&self) -> Rounding {
        self.weights.rounding()
    }

    /// The method that is expected to be the fastest.
    pub fn method(&self, map: Map, window: Window) -> Method {
        let strided = matches!(window, Window::HalfEven | Window::HalfRight);
        let tiny = map.height * map.width < 9;
        if strided || tiny || self.channels() < 16 { Method::Direct } else { Method::Winograd }
    }

    /// y = epilogue(x ∗ w) by the fastest method. `x` has the map's pixels as rows; `y` those of
    /// [`Window::output`], with this convolution's outputs.
    ///
    /// # Errors
    /// [`KernelError`]: `y` is incomplete.
    ///
    /// # Panics
    /// If a slice does not have the shape said.
    pub fn forward(
        &self,
        context: &Context,
        x: Source<'_>,
        map: Map,
        window: Window,
        epilogue: Epilogue<'_>,
        y: &mut [f32],
    ) -> Result<(), KernelError> {
        self.forward_by(self.method(map, window), context, x, map, window, epilogue, y)
    }

    /// [`Conv3x3::forward`] by a method of choice (strided windows are always direct).
    ///
    /// # Errors
    /// [`KernelError`]: `y` is incomplete.
    ///
    /// # Panics
    /// If a slice does not have the shape said.
    #[expect(clippy::too_many_arguments, reason = "forward's, and the method")]
    pub fn forward_by(
        &self,
        method: Method,
        context: &Context,
        x: Source<'_>,
        map: Map,
        window: Window,
        epilogue: Epilogue<'_>,
        y: &mut [f32],
    ) -> Result<(), KernelError> {
        let output = window.output(map);
        x.check(map.pixels());
        assert_eq!(x.channels(), self.channels(), "x has the weights' channels");
        assert_eq!(y.len(), output.pixels() * self.outputs(), "y has the output's pixels and channels");
        epilogue.check(output.pixels(), self.outputs(), map.batch, false);
        if y.is_empty() {
            return Ok(());
        }
        let weights = &self.weights;
        match (method, window) {
            (Method::Winograd, Window::Same) => {
                Winograd::<6> { source: x, map, weights, epilogue, parity: (0, 0) }.run(context, y)
            }
            (Method::Winograd, Window::Double) => {
                for parity in [(0, 0), (0, 1), (1, 0), (1, 1)] {
                    Winograd::<5> { source: x, map, weights, epilogue, parity }.run(context, y)?;
                }
                Ok(())
            }
            _ => {
                let rows = Patches { source: x, map, window, output };
                let picture_rows = output.height * output.width;
                Gemm { rows: &rows, count: output.pixels(), weights, taps: 9, epilogue, picture_rows }
                    .run(context, y)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{FORMS, Grouped, check, halves, noise, weights, wide, wide_halves};
    use super::*;

    /// The convolution by its definition, in f64, on a map enlarged or not.
    fn convolve(x: &[f32], w: &[f64], map: Map, window: Window, channels: usize, outputs: usize) -> Vec<f64> {
        let (x, out) = (wide(x), window.output(map));
        let scale = if window == Window::Double { 2 } else { 1 };
        let (stride, pad) = match window {
            Window::Same | Window::Double => (1, 1),
            Window::HalfEven => (2, 1),
            Window::HalfRight => (2, 0),
        };
        let mut y = Vec::new();
        for pixel in 0..out.pixels() {
            let (b, oy, ox) =
                (pixel / (out.height * out.width), pixel / out.width % out.height, pixel % out.width);
            let mut sums = vec![0.0; outputs];
            for tap in 0..9 {
                let iy = (oy * stride + tap / 3).checked_sub(pad).filter(|y| *y < map.height * scale);
                let ix = (ox * stride + tap % 3).checked_sub(pad).filter(|x| *x < map.width * scale);
                if let (Some(iy), Some(ix)) = (iy, ix) {
                    let from =
                        &x[((b * map.height + iy / scale) * map.width + ix / scale) * channels..][..channels];
                    for (k, sum) in sums.iter_mut().enumerate() {
                        *sum += from
                            .iter()
                            .enumerate()
                            .map(|(c, v)| v * w[(k * channels + c) * 9 + tap])
                            .sum::<f64>();
                    }
                }
            }
            y.extend(sums);
        }
        y
    }

    #[test]
    fn quantized_numbers_convolve_as_the_same_numbers_in_f32() {
        let (channels, outputs, map) = (32, 40, Map { batch: 1, height: 8, width: 9 });
        let x = noise(1, map.pixels() * channels);
        for form in FORMS {
            let rows = Grouped::new(form, outputs, channels * 9);
            for method in [Method::Direct, Method::Winograd] {
                let run = |kept| {
                    let context = Context::new(2);
                    let conv = Conv3x3::pack_as(&context, &rows, outputs, channels, kept).unwrap();
                    let mut y = vec![0.0; map.pixels() * outputs];
                    let source = Source::one(&x, channels);
                    conv.forward_by(method, &context, source, map, Window::Same, Epilogue::default(), &mut y)
                        .unwrap();
                    y
                };
                assert_eq!(run(Kept::Groups(form)), run(Kept::F32), "{form:?} {method:?}");
            }
        }
    }

    fn try_shape(map: Map, channels: usize, outputs: usize, window: Window) {
        let (x, w) = (noise(1, map.pixels() * channels), halves(2, outputs * channels * 9, channels * 9));
        let out = window.output(map);
        let (bias, time) = (noise(3, outputs), noise(4, map.batch * outputs));
        let residual = noise(5, out.pixels() * outputs);
        let mut want = convolve(&x, &wide_halves(&w), map, window, channels, outputs);
        for (i, y) in want.iter_mut().enumerate() {
            let (pixel, k) = (i / outputs, i % outputs);
            let picture = pixel / (out.height * out.width);
            *y += f64::from(bias[k]) + f64::from(time[picture * outputs + k]) + f64::from(residual[i]);
        }
        let epilogue = Epilogue {
            bias: Some(&bias),
            per_picture: Some(&time),
            residual: Some(&residual),
            ..Epilogue::default()
        };
        // Measured: direct 3e-6, F(4,3) 8e-6, F(4,2) 1.2e-5.
        for (method, bound) in [(Method::Direct, 6e-6), (Method::Winograd, 2e-5)] {
            let name = format!(
                "{window:?} {method:?} {channels}->{outputs} on {}x{}x{}",
                map.batch, map.height, map.width
            );
            check(&name, &want, bound, |context, y| {
                let conv = Conv3x3::pack(context, &weights(&w), outputs, channels).unwrap();
                let first = channels / 3;
                let (mut a, mut b) = (Vec::new(), Vec::new());
                for pixel in x.chunks_exact(channels) {
                    a.extend_from_slice(&pixel[..first]);
                    b.extend_from_slice(&pixel[first..]);
                }
                conv.forward_by(method, context, Source::one(&x, channels), map, window, epilogue, y)
                    .unwrap();
                let two = Source::two(&a, first, &b, channels - first);
                let mut again = vec![f32::NAN; y.len()];
                conv.forward_by(method, context, two, map, window, epilogue, &mut again).unwrap();
                assert!(
                    y.iter().zip(&again).all(|(a, b)| (a - b).abs() < 1e-4),
                    "{name}: two sources differ"
                );
            });
        }
    }

    #[test]
    fn every_window_on_odd_maps() {
        let sizes =
            [(1, 1, 1, 3, 5), (3, 5, 7, 17, 33), (1, 13, 9, 32, 20), (2, 4, 4, 96, 48), (1, 2, 3, 160, 16)];
        for window in [Window::Same, Window::HalfEven, Window::HalfRight, Window::Double] {
            for (batch, height, width, channels, outputs) in sizes {
                let map = Map { batch, height, width };
                try_shape(map, channels, outputs, window);
            }
        }
    }

    #[test]
    fn wider_maps_and_more_channels() {
        try_shape(Map { batch: 1, height: 9, width: 20 }, 352, 37, Window::Same);
        try_shape(Map { batch: 1, height: 6, width: 5 }, 163, 96, Window::Double);
        // Enough tiles for jobs that do both phases by themselves.
        try_shape(Map { batch: 1, height: 130, width: 90 }, 5, 16, Window::Same);
        try_shape(Map { batch: 1, height: 67, width: 181 }, 4, 7, Window::Double);
    }
}
