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
//! channels ([`Source::two`]). Weights stay as small as the file has them, f16 or f32, in panels of
//! 16 outputs ([`PackedMatrix`]), and are widened, or transformed for Winograd, block by block in the
//! cache at each call. All arithmetic is f32, but for [`PackedMatrix::pack_bf16`].
//!
//! # How it is built
//!
//! `simd` is one trait over vectors of 16 (AVX-512), 8 (AVX2) and 8 (plain Rust, which the compiler
//! turns into NEON on aarch64) numbers; `level` finds the best at run time and is the only door to
//! it. `tile` is the one micro-kernel: 14 × 32, 6 × 16 or 4 × 16 sums in registers, with the rows'
//! numbers broadcast. Everything else arranges memory for it: `gemm` copies blocks of rows and widens
//! weights; `winograd`, `scatter`, `gather` and `transform` are the convolution, `rows` the patches;
//! `attention`, `keys_values` and `running_softmax` put queries into the lanes; `epilogue` finishes
//! sums while they are in L1. `pack` brings weights into panels, from memory or from a file;
//! `refusal` is what happens when the system gives no memory.
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
//! # Measured speed
//!
//! Billions of operations a second (a convolution's counted as if direct), by `benches/kernels.rs`:
//! minima of several runs on a shared machine, weights f16. Zen 5, 2 cores; FMA peak 536 on AVX-512,
//! 134 for one thread on AVX2. The peers' figures are of another day on the same kind of machine.
//!
//! | AVX-512, 2 threads | here | OpenVINO f32 | PyTorch |
//! |---|---|---|---|
//! | linear 8192×320×320 / 2048×640×640 / 512×1280×5120 | 441 / 481 / 449 | 310–365 / – / 431 | 198 / – / 201 |
//! | GEGLU 8192×2560×320 / 512×10240×1280 | 463 / 464 | 224 / 389 | 191 / 178 |
//! | 3×3 320→320 @64 b2 / 640→640 @32 b2 | 1538 / 1742 | 487 / 487 | 500 / 458 |
//! | 3×3 1280→1280 @16 b2 / @8 b2 | 1493 / 989 | 490 / 410 | 400 / 250 |
//! | 3×3 512→512 @64 / @128 / 256→256 @256 | 1588 / 1524 / 1360 | about 470 | 480 |
//! | 3×3 128→128 @512, with residual | 1510 | 440–500 | 490 |
//! | enlarged 640 @32 b2 / 512 @64 / 256 @256 | 2237 / 2205 / 1811 | as PyTorch | 440 / – / 480 |
//! | attention 4096×4096: 16 heads of 40 / one of 512 | 408 / 461 | 230–300 / 347 | 158 / 200 |
//! | bf16 linears (level with AVX512-BF16; within a UNet 740–925) | 706–886 | – | 810–920 |
//!
//! AVX2, one thread of Zen 5 (processor time): linears 122–126 of 134; 3×3 460–475 (128 channels
//! @512 433, 1280 @8 314); enlarged 610; attention 108 (head size 40), 113 (80), 126 (512). Two
//! threads of Zen 3, within a UNet: linears 146; 3×3 495 (1280 @8 290); enlarged 740–790; attention
//! 121.
//!
//! Whole networks, where their time goes, the peers and the commands: `benches/README.md`.
//!
//! What is left: GroupNorm of the large maps runs at 39–47 GB/s and adds about 0.1 s to a decode; it
//! could hide in the convolutions before (statistics) and after (factors). 2560 and 1920 channels @16
//! reach 1200, since their V leaves the cache. In bf16 3×3 convolutions stay f32: F(4×4) with both
//! factors rounded to bf16 was tried and is off by 3e-2 of the deviation (352 channels), three times
//! as much as products of bf16 numbers elsewhere.

mod attention;
mod bf16_pays;
mod context;
mod conv;
mod denormal;
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
pub use gemm::linear::linear;
pub use gemm::matrix::PackedMatrix;
pub use gemm::pack::Kept;
pub use gemm::rows::{Map, Window};
pub use gemm::weight_rows::{Element, WeightRows, WeightSlice};
pub use isa::Level;
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
            held.push(context.arena.usage());
        }
        assert_eq!(held[0], held[2]);
    }
}
