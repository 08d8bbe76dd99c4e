//! The CPU kernels.

mod arena;
mod attention;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod block;
mod context;
mod conv;
mod denormal;
mod elementwise;
mod epilogue;
mod gather;
mod gemm;
mod group_norm;
mod keys_values;
mod layer_norm;
mod level;
mod linear;
mod math;
mod matrix;
mod pool;
mod portable;
mod rows;
mod running_softmax;
mod scatter;
mod shared;
mod simd;
mod source;
mod stop;
#[cfg(test)]
mod testing;
mod tile;
mod transform;
mod winograd;

pub use arena::{Arena, Buffer, Usage};
pub use attention::{AttentionMask, attention, attention_packed};
pub use context::Context;
pub use conv::{Conv3x3, Method};
pub use elementwise::{activate, scale_add, softmax};
pub use epilogue::{Activation, Epilogue};
pub use group_norm::GroupNorm;
pub use keys_values::{AttentionShape, KeysValues};
pub use layer_norm::layer_norm;
pub use level::Level;
pub use linear::linear;
pub use matrix::{PackedMatrix, WeightSlice};
pub use pool::Pool;
pub use rows::{Map, Window};
pub use source::Source;
pub use stop::{Stop, Stopped};

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;

    use super::testing::{halves, noise, weights};
    use super::*;

    #[test]
    fn a_raised_flag_stops_every_kernel() {
        let context = Context::new(2);
        let map = Map {
            batch: 1,
            height: 16,
            width: 16,
        };
        let (x, w) = (noise(1, 256 * 32), halves(2, 32 * 32 * 9, 288));
        let conv = Conv3x3::pack(&context.pool, weights(&w), 32, 32);
        let matrix = PackedMatrix::pack(&context.pool, weights(&w[..1024]), 32, 32);
        let context = context.with_stop(Arc::new(AtomicBool::new(true)));
        let (source, none, ones) = (Source::one(&x, 32), Epilogue::default(), [1.0; 32]);
        let mut y = vec![0.0; x.len()];
        for method in [Method::Direct, Method::Winograd] {
            let result = conv.forward_by(method, &context, source, map, Window::Same, none, &mut y);
            assert_eq!(result, Err(Stopped));
        }
        assert_eq!(
            linear(&context, source, (256, 1), &matrix, none, &mut y),
            Err(Stopped)
        );
        let shape = AttentionShape {
            batch: 1,
            queries: 256,
            keys: 256,
            heads: 2,
            head_size: 16,
        };
        let mask = AttentionMask::default();
        assert_eq!(
            attention(&context, &x, &x, &x, shape, 0.25, mask, &mut y),
            Err(Stopped)
        );
        let norm = GroupNorm {
            groups: 4,
            eps: 1e-5,
            weight: &ones,
            bias: &ones,
            silu: true,
        };
        assert_eq!(
            norm.forward(&context, source, (256, 1), &mut y),
            Err(Stopped)
        );
        assert_eq!(
            layer_norm(&context, &x, &ones, &ones, 1e-5, &mut y),
            Err(Stopped)
        );
        assert_eq!(softmax(&context, &mut y, 256), Err(Stopped));
        assert_eq!(
            activate(&context, &x, Activation::Silu, &mut y),
            Err(Stopped)
        );
    }

    #[test]
    fn a_warm_kernel_allocates_nothing() {
        let context = Context::new(2);
        let map = Map {
            batch: 1,
            height: 20,
            width: 20,
        };
        let (x, w) = (noise(1, 400 * 48), halves(2, 48 * 48 * 9, 432));
        let conv = Conv3x3::pack(&context.pool, weights(&w), 48, 48);
        let mut y = vec![0.0; x.len()];
        let mut held = Vec::new();
        for _ in 0..3 {
            conv.forward(
                &context,
                Source::one(&x, 48),
                map,
                Window::Same,
                Epilogue::default(),
                &mut y,
            )
            .unwrap();
            held.push(context.arena.usage());
        }
        assert_eq!(held[0], held[2]);
    }
}
