//! The CPU kernels: Stable Diffusion's arithmetic in f32, on vectors, threads and caches.
//!
//! # What there is
//!
//! | kernel | computes | where the time goes |
//! |---|---|---|
//! | [`linear()`] | y = act(x·Wᵀ + bias) + residual, or GEGLU; 1×1 convolutions too | 2·rows·outputs·columns operations at 0.85–0.9 of the peak |
//! | [`Conv3x3`] | 3×3 convolution, stride 1 or 2, or on a map enlarged twice | Winograd: a quarter of the multiplications (0.17 when enlarged); patches elsewhere |
//! | [`attention()`] | softmax(q·kᵀ)·v for any head size, causal or masked | 4·queries·keys·head_size operations, a tenth more for the exponentials |
//! | [`GroupNorm`] | GroupNorm, with SiLU | two reads and one write of the tensor |
//! | [`layer_norm()`], [`softmax`], [`activate`], [`scale_add`] | what their names say | one read and one write |
//!
//! All of them take a [`Context`]: a [`Pool`] of threads, an [`Arena`] of buffers, a [`Level`] of
//! instructions and a [`Stop`] flag, which is read once per block of work (some milliseconds). A kernel that
//! was stopped, or got no memory, returns a [`KernelError`] and leaves its output incomplete.
//!
//! # Layout
//!
//! Activations are f32, channels last: a tensor is rows × channels, a row being a token or, picture
//! by picture and line by line, a pixel. Two tensors can stand for their concatenation in the
//! channels ([`Source::two`]). Weights stay as small as the file has them, f16, f32 or in groups of few bits, in panels of
//! 16 outputs ([`PackedMatrix`]), and are widened, or transformed for Winograd, block by block in the
//! cache at each call. All arithmetic is f32, but for [`PackedMatrix::pack_bf16`].
//!
//! # How it is built
//!
//! `isa` finds the best instruction set at run time. Its [`Level`] holds a token that only asking the CPU
//! can make, and `isa::simd` is one trait over vectors of 16 (AVX-512), 8 (AVX2) and 8 (plain Rust, which
//! the compiler turns into NEON on aarch64) numbers whose methods take that token: arithmetic is safe
//! code, loads and stores through pointers are not. `isa::micro_kernel` is the one micro-kernel: 14 × 32,
//! 6 × 16 or 4 × 16 sums in registers, with the rows' numbers broadcast. Everything else arranges memory
//! for it:
//!
//! | folder | what |
//! |---|---|
//! | `gemm` | copies blocks of rows and widens weights; `pack` brings those into panels, from memory or from a file; `epilogue` finishes sums while they are in L1 |
//! | `conv` | `winograd` and its steps `scatter`, `stripe`, `gather`; patches are rows of `gemm` |
//! | `attention` | puts queries into the lanes; `keys_values` packs what they look at |
//! | `pool`, `context` | threads, and parallel sections over pieces of a slice |
//! | `memory` | reusable buffers, and what happens when the system gives none |
//!
//! Whoever writes a part of a shared slice has claimed it: safely, piece by piece
//! (`Context::each_piece`), or by an `unsafe` call that names why no two items overlap (`memory::shared`).
//!
//! Three rules keep the numbers exact and repeatable. Sums run in two levels: over at most 320 columns
//! (80 channels, 112 keys) from zero, then over those. No sum is ever divided between threads, and
//! its blocks depend on the sizes alone: any number of threads gives the same bits. Winograd's points
//! are 0, ±√½, ±√2, which halve the error of the usual ones.
//!
//! # Measured error
//!
//! Greatest difference from f64 over the odd shapes of the tests, in standard deviations of the
//! result, the same on every level unless said: products 2.6e-6, GEGLU 3.2e-6, direct convolution
//! 1.7e-6, Winograd 2.6e-6, on enlarged maps 3.5e-6, attention 5.4e-6 (6.3e-6 in plain Rust; its
//! products in bf16 6.3e-3), LayerNorm 1.2e-6, GroupNorm 4.3e-6 (of data 13 deviations from zero;
//! 6.2e-6 in plain Rust).
//!
//! # Speed
//!
//! Tables, peers and commands: `benches/README.md`. What is left: GroupNorm of the large maps is bound
//! by memory and could hide in the convolutions before (statistics) and after (factors). In bf16 3×3
//! convolutions stay f32: F(4×4) with both factors rounded to bf16 was tried and is off by 3e-2 of the
//! deviation (352 channels), three times as much as products of bf16 numbers elsewhere.
//!
//! # Sources
//!
//! - Blocks, panels and the micro-kernel: Goto and van de Geijn, "Anatomy of High-Performance Matrix
//!   Multiplication", ACM TOMS 34 (2008).
//! - F(4×4, 3×3): Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", CVPR 2016.
//! - Attention in tiles: Dao et al., "FlashAttention: Fast and Memory-Efficient Exact Attention with
//!   IO-Awareness", NeurIPS 2022; its running maximum: Milakov and Gimelshein, "Online normalizer
//!   calculation for softmax", arXiv:1805.02867 (2018).
//! - GELU: Hendrycks and Gimpel, "Gaussian Error Linear Units", arXiv:1606.08415 (2016).

mod attention;
mod bf16_pays;
mod context;
mod conv;
mod cut;
mod elementwise;
mod gemm;
mod isa;
mod memory;
mod norm;
mod pool;
mod stop;
#[cfg(test)]
mod testing;
mod view;

pub use attention::keys_values::{AttentionShape, KeysValues, Products};
pub use attention::{AttentionMask, attention, attention_packed};
pub use bf16_pays::bf16_pays;
pub use context::Context;
pub use conv::{Conv3x3, Method};
pub use elementwise::{activate, scale_add, softmax};
pub use gemm::epilogue::{Activation, Epilogue};
pub use gemm::groups::{Bits, Factors, GROUP, Group, Groups, Rounding};
pub use gemm::linear::linear;
pub use gemm::matrix::PackedMatrix;
pub use gemm::panel::Kept;
pub use gemm::rows::{Map, Window};
pub use gemm::weight_rows::{Element, WeightRows, WeightSlice};
pub use isa::{Isa, Level};
pub use memory::arena::{Arena, Buffer, Usage};
pub use memory::refusal::{LastResort, OutOfMemory, zeros};
pub use norm::group_norm::GroupNorm;
pub use norm::layer_norm::layer_norm;
pub use pool::Pool;
pub use stop::{KernelError, Stop, StopSlot, Stopped};
pub use view::Source;

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;

    use super::testing::{halves, noise, weights};
    use super::*;

    #[test]
    fn a_raised_flag_stops_every_kernel() {
        let context = Context::new(2);
        let map = Map { batch: 1, height: 16, width: 16 };
        let (x, w) = (noise(1, 256 * 32), halves(2, 32 * 32 * 9, 288));
        let conv = Conv3x3::pack(&context, &weights(&w), 32, 32).unwrap();
        let matrix = PackedMatrix::pack(&context, &weights(&w[..1024]), 32, 32).unwrap();
        let context = context.with_stop(Arc::new(AtomicBool::new(true)));
        let (source, none, ones) = (Source::one(&x, 32), Epilogue::default(), [1.0; 32]);
        let mut y = vec![0.0; x.len()];
        for method in [Method::Direct, Method::Winograd] {
            let result = conv.forward_by(method, &context, source, map, Window::Same, none, &mut y);
            assert_eq!(result, Err(KernelError::Stopped));
        }
        assert_eq!(linear(&context, source, (256, 1), &matrix, none, &mut y), Err(KernelError::Stopped));
        let shape = AttentionShape {
            batch: 1,
            queries: 256,
            keys: 256,
            heads: 2,
            head_size: 16,
            ..Default::default()
        };
        let mask = AttentionMask::default();
        assert_eq!(attention(&context, &x, &x, &x, shape, 0.25, mask, &mut y), Err(KernelError::Stopped));
        let norm = GroupNorm { groups: 4, eps: 1e-5, weight: &ones, bias: &ones, silu: true };
        assert_eq!(norm.forward(&context, source, (256, 1), &mut y), Err(KernelError::Stopped));
        assert_eq!(layer_norm(&context, &x, &ones, &ones, 1e-5, &mut y), Err(KernelError::Stopped));
        assert_eq!(softmax(&context, &mut y, 256), Err(KernelError::Stopped));
        assert_eq!(activate(&context, &x, Activation::Silu, &mut y), Err(KernelError::Stopped));
    }

    #[test]
    fn a_warm_kernel_allocates_nothing() {
        let context = Context::new(2);
        let map = Map { batch: 1, height: 20, width: 20 };
        let (x, w) = (noise(1, 400 * 48), halves(2, 48 * 48 * 9, 432));
        let conv = Conv3x3::pack(&context, &weights(&w), 48, 48).unwrap();
        let mut y = vec![0.0; x.len()];
        let mut held = Vec::new();
        for _ in 0..3 {
            conv.forward(&context, Source::one(&x, 48), map, Window::Same, Epilogue::default(), &mut y)
                .unwrap();
            held.push(context.arena().usage());
        }
        assert_eq!(held[0], held[2]);
    }
}
