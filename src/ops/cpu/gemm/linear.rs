//! Linear layers and 1×1 convolutions: the same product, over tokens or over pixels.

use crate::ops::cpu::context::Context;
use crate::ops::cpu::gemm::Gemm;
use crate::ops::cpu::gemm::epilogue::Epilogue;
use crate::ops::cpu::gemm::matrix::PackedMatrix;
use crate::ops::cpu::stop::KernelError;
use crate::ops::cpu::view::Source;

/// y = epilogue(x·Wᵀ). `x` has `rows` rows of W's columns (from one tensor or two), `y` has `rows`
/// rows of W's outputs. With weights from [`PackedMatrix::pack_geglu`] the result is value·gelu(gate).
/// `per_picture` needs the rows to divide evenly: `pictures` of them, else give 1.
///
/// # Errors
/// [`KernelError`]: `y` is incomplete.
///
/// # Panics
/// If a slice does not have the shape said.
pub fn linear(
    context: &Context,
    x: Source<'_>,
    (rows, pictures): (usize, usize),
    weights: &PackedMatrix,
    epilogue: Epilogue<'_>,
    y: &mut [f32],
) -> Result<(), KernelError> {
    x.check(rows);
    assert_eq!(x.channels(), weights.columns(), "x has as many channels as the weights have columns");
    let picture_rows = rows / pictures.max(1);
    Gemm { rows: &x, count: rows, weights, taps: 1, epilogue, picture_rows }.run(context, y)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::cpu::gemm::epilogue::Activation;
    use crate::ops::cpu::gemm::weight_rows::WeightSlice;
    use crate::ops::cpu::testing::{check, gelu, halves, noise, weights, wide, wide_halves};

    /// x·Wᵀ in f64.
    fn product(x: &[f32], w: &[f64], rows: usize, outputs: usize, columns: usize) -> Vec<f64> {
        let x = wide(x);
        let dot = |r: usize, n: usize| (0..columns).map(|k| x[r * columns + k] * w[n * columns + k]).sum();
        (0..rows * outputs).map(|i| dot(i / outputs, i % outputs)).collect()
    }

    #[test]
    fn plain_products_of_odd_shapes() {
        for (rows, outputs, columns) in
            [(1, 1, 1), (1, 48, 37), (5, 17, 1283), (37, 100, 320), (259, 33, 641), (300, 7, 3)]
        {
            let (x, w) = (noise(1, rows * columns), halves(2, outputs * columns, columns));
            let want = product(&x, &wide_halves(&w), rows, outputs, columns);
            check(&format!("linear {rows}x{outputs}x{columns}"), &want, 6e-6, |context, y| {
                let packed = PackedMatrix::pack(context, &weights(&w), outputs, columns).unwrap();
                linear(context, Source::one(&x, columns), (rows, 1), &packed, Epilogue::default(), y)
                    .unwrap();
            });
        }
    }

    #[test]
    fn two_sources_f32_weights_and_the_whole_epilogue() {
        let (rows, outputs, columns, first) = (42, 50, 402, 99);
        let w: Vec<f32> = noise(3, outputs * columns).iter().map(|x| x / 20.0).collect();
        let (a, b) = (noise(4, rows * first), noise(5, rows * (columns - first)));
        let x: Vec<f32> = (0..rows)
            .flat_map(|r| {
                a[r * first..][..first].iter().chain(&b[r * (columns - first)..][..columns - first]).copied()
            })
            .collect();
        let (bias, residual, time) = (noise(6, outputs), noise(7, rows * outputs), noise(8, 3 * outputs));
        for activation in [
            Activation::None,
            Activation::Silu,
            Activation::QuickGelu,
            Activation::Gelu,
            Activation::Relu,
            Activation::LeakyRelu,
        ] {
            let mut want = product(&x, &wide(&w), rows, outputs, columns);
            for (i, y) in want.iter_mut().enumerate() {
                let (row, column) = (i / outputs, i % outputs);
                let sum = *y + f64::from(bias[column]) + f64::from(time[row / 14 * outputs + column]);
                *y = f64::from(residual[i])
                    + match activation {
                        Activation::None => sum,
                        Activation::Silu => sum / (1.0 + (-sum).exp()),
                        Activation::QuickGelu => sum / (1.0 + (-1.702 * sum).exp()),
                        Activation::Gelu => gelu(sum),
                        Activation::Relu => sum.max(0.0),
                        Activation::LeakyRelu => sum.max(0.2 * sum),
                    };
            }
            let epilogue = Epilogue {
                bias: Some(&bias),
                per_picture: Some(&time),
                activation,
                residual: Some(&residual),
            };
            check(&format!("linear {activation:?}"), &want, 6e-6, |context, y| {
                let packed = PackedMatrix::pack(context, &WeightSlice::F32(&w), outputs, columns).unwrap();
                let source = Source::two(&a, first, &b, columns - first);
                linear(context, source, (rows, 3), &packed, epilogue, y).unwrap();
            });
        }
    }

    #[test]
    fn geglu() {
        for (rows, outputs, columns) in [(1, 5, 7), (37, 40, 96), (20, 64, 330)] {
            let (x, w) = (noise(9, rows * columns), halves(10, 2 * outputs * columns, columns));
            let bias = noise(11, 2 * outputs);
            let both = product(&x, &wide_halves(&w), rows, 2 * outputs, columns);
            let sum = |r: usize, n: usize| both[r * 2 * outputs + n] + f64::from(bias[n]);
            let want: Vec<f64> = (0..rows * outputs)
                .map(|i| (i / outputs, i % outputs))
                .map(|(r, n)| sum(r, n) * gelu(sum(r, outputs + n)))
                .collect();
            check(&format!("geglu {rows}x{outputs}x{columns}"), &want, 4e-6, |context, y| {
                let packed = PackedMatrix::pack_geglu(context, &weights(&w), outputs, columns).unwrap();
                let epilogue = Epilogue { bias: Some(&bias), ..Epilogue::default() };
                linear(context, Source::one(&x, columns), (rows, 1), &packed, epilogue, y).unwrap();
            });
        }
    }

    #[test]
    fn bf16_products() {
        for (rows, outputs, columns) in [(1, 5, 7), (37, 40, 96), (20, 64, 641), (9, 33, 1283)] {
            let (x, w) = (noise(12, rows * columns), halves(13, outputs * columns, columns));
            let w: Vec<f64> = w.iter().map(|w| half::bf16::from_f32(w.to_f32()).to_f64()).collect();
            let rounded: Vec<f32> = x.iter().map(|x| half::bf16::from_f32(*x).to_f32()).collect();
            let want = product(&rounded, &w, rows, outputs, columns);
            let w: Vec<f32> = w.iter().map(|w| *w as f32).collect();
            // Against numbers rounded to bf16 beforehand: the sums are f32.
            check(&format!("bf16 {rows}x{outputs}x{columns}"), &want, 1e-5, |context, y| {
                let packed =
                    PackedMatrix::pack_bf16(context, &WeightSlice::F32(&w), outputs, columns, false).unwrap();
                linear(context, Source::one(&x, columns), (rows, 1), &packed, Epilogue::default(), y)
                    .unwrap();
            });
        }
    }
}
