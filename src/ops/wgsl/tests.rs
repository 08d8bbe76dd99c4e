//! Every kernel against sums in f64, on shapes of all kinds: one pixel, primes, channels that are no whole
//! quads, batches of three, maps beyond a binding; in f32 and in f16. And what the device is asked to do:
//! shares of work, memory that is kept, stops and failures.
//!
//! Without any card, not even the software one of Mesa, they fail where `CI` is set, and pass elsewhere.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::device::Wgsl;
use super::tensor::Tensor;
use super::variants::{MATRIX_TILES, TILES};
use crate::ops::backend::*;
use crate::ops::cpu::StopSlot;
use crate::ops::host::{HostData, HostTensor, TensorRows};
use crate::ops::{
    Activation, Conv2dShape, DeviceChoice, DeviceOptions, Dtype, Error, LinearShape, Mask, Padding,
};

/// Greatest difference in deviations of what is wanted, by arithmetic.
const BOUNDS: [(Dtype, f64); 2] = [(Dtype::F32, 2e-5), (Dtype::F16, 4e-3)];

pub(super) fn gpu(dtype: Dtype) -> (Wgsl, Arc<AtomicBool>) {
    let flag = Arc::new(AtomicBool::new(false));
    let options = DeviceOptions { choice: DeviceChoice::Wgpu(0), dtype, ..DeviceOptions::default() };
    let opened = Wgsl::open(options, StopSlot::new(flag.clone())).unwrap();
    (opened.unwrap().0, flag)
}

/// Repeatable numbers between -1 and 1 that f16 holds exactly, so that storing them costs nothing.
pub(super) fn noise(seed: u32, count: usize) -> Vec<f32> {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(12345);
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        half::f16::from_f32((state >> 8) as f32 / (1u32 << 23) as f32 - 1.0).to_f32()
    };
    (0..count).map(|_| next()).collect()
}

pub(super) fn rows(shape: &[usize], values: &[f32]) -> TensorRows<'static> {
    TensorRows::here(HostTensor { shape: shape.to_vec(), data: HostData::F32(values.to_vec().into()) })
}

fn check(what: &str, dtype: Dtype, got: &[f32], want: &[f64]) {
    assert_eq!(got.len(), want.len(), "{what}");
    let mean = want.iter().sum::<f64>() / want.len() as f64;
    let deviation = (want.iter().map(|w| (w - mean).powi(2)).sum::<f64>() / want.len() as f64).sqrt();
    let scale = if want.len() < 8 || deviation == 0.0 { 1.0 } else { deviation };
    // `max` passes over what is no number.
    let off = |g: f32, w: f64| if g.is_finite() { (f64::from(g) - w).abs() / scale } else { f64::INFINITY };
    let worst = got.iter().zip(want).map(|(g, w)| off(*g, *w)).fold(0.0, f64::max);
    let bound = BOUNDS.iter().find(|bound| bound.0 == dtype).unwrap().1;
    assert!(worst < bound, "{what} in {}: {worst:e} of {bound:e}", dtype.name());
    if dtype == Dtype::F16 {
        // Rounding is relative to the number where that is large.
        let off = |g: f32, w: f64| (f64::from(g) - w).abs() / scale.max(w.abs());
        let worst = got.iter().zip(want).map(|(g, w)| off(*g, *w)).fold(0.0, f64::max);
        assert!(worst < 2e-3, "{what} in f16: {worst:e} of 2e-3");
    }
}

/// Runs a check in both dtypes on one device.
fn in_both(run: impl Fn(&Wgsl, Dtype)) {
    let (gpu, _) = gpu(Dtype::F32);
    for (dtype, _) in BOUNDS {
        run(&gpu.with_dtype(dtype), dtype);
    }
}

/// The same with every tile of the product, and with those that are taken without a choice.
fn in_both_with_all_tiles(run: impl Fn(&Wgsl, Dtype)) {
    in_both(|gpu, dtype| {
        run(gpu, dtype);
        TILES.iter().for_each(|tile| run(&gpu.with_form(tile.name), dtype));
        // Those that the card has.
        let forms = gpu.forms();
        let by_matrices =
            MATRIX_TILES.iter().filter(|tile| dtype == Dtype::F16 && forms.contains(&tile.name));
        by_matrices.for_each(|tile| {
            println!("computed by {}", tile.name);
            run(&gpu.with_form(tile.name), dtype);
        });
    });
}

pub(super) fn no_epilogue() -> Epilogue<'static, Tensor> {
    Epilogue { activation: Activation::Identity, channels: None, residual: None }
}

#[test]
fn linear_layers() {
    if !crate::gpu::is_there_for_tests() {
        return;
    }
    let shapes = [
        (1, 1, 1),
        (1, 4, 4),
        (2, 3, 5),
        (7, 13, 11),
        (16, 64, 64),
        (17, 65, 63),
        (31, 320, 40),
        (64, 40, 320),
        (65, 128, 128),
        (77, 33, 96),
        (128, 256, 70),
        (129, 130, 127),
        (200, 48, 31),
        (3, 1280, 32),
        (5, 31, 129),
        (100, 100, 100),
        (257, 17, 9),
        (1, 1283, 77),
        (300, 20, 4),
        (2, 2, 257),
    ];
    in_both_with_all_tiles(|gpu, dtype| {
        for (n, inputs, outputs) in shapes {
            let (x, w, bias) = (noise(1, n * inputs), noise(2, outputs * inputs), noise(3, outputs));
            let shape = LinearShape { in_features: inputs, out_features: outputs, gated: false };
            let layer = gpu.pack_linear(&rows(&[outputs, inputs], &w), Some(bias.clone()), shape).unwrap();
            let y = gpu.linear(&layer, &gpu.upload(&[n, inputs], &x).unwrap(), no_epilogue()).unwrap();
            let want: Vec<f64> = (0..n * outputs)
                .map(|i| {
                    let (row, o) = (i / outputs, i % outputs);
                    let sum: f64 = (0..inputs)
                        .map(|k| f64::from(x[row * inputs + k]) * f64::from(w[o * inputs + k]))
                        .sum();
                    sum + f64::from(bias[o])
                })
                .collect();
            check(&format!("{n} × {inputs} → {outputs}"), dtype, &gpu.download(&y).unwrap(), &want);
        }
    });
}

/// A convolution in f64 over (b, c, h, w), of the map or of the map at twice its size.
fn convolved(
    x: &[f32],
    [b, c, h, w]: [usize; 4],
    weight: &[f32],
    shape: Conv2dShape,
    enlarged: bool,
) -> Vec<f64> {
    let Conv2dShape { out_channels, kernel, stride, .. } = shape;
    let scale = if enlarged { 2 } else { 1 };
    let [_, _, y_h, y_w] = shape.output([b, c, scale * h, scale * w]).unwrap();
    let (before, _) = shape.padding.sides();
    let at = |item: usize, channel: usize, row: isize, column: isize| {
        let inside = row >= 0 && column >= 0 && row < (scale * h) as isize && column < (scale * w) as isize;
        if !inside {
            return 0.0;
        }
        f64::from(x[((item * c + channel) * h + row as usize / scale) * w + column as usize / scale])
    };
    let mut y = Vec::new();
    for i in 0..b * out_channels * y_h * y_w {
        let (item, o) = (i / (out_channels * y_h * y_w), i / (y_h * y_w) % out_channels);
        let (row, column) = (i / y_w % y_h, i % y_w);
        let mut sum = 0.0;
        for k in 0..c * kernel * kernel {
            let (channel, dy, dx) = (k / (kernel * kernel), k / kernel % kernel, k % kernel);
            let place = |out: usize, d: usize| (out * stride + d) as isize - before as isize;
            let weight = f64::from(weight[o * c * kernel * kernel + k]);
            sum += weight * at(item, channel, place(row, dy), place(column, dx));
        }
        y.push(sum);
    }
    y
}

#[test]
fn convolutions() {
    if !crate::gpu::is_there_for_tests() {
        return;
    }
    let three = Conv2dShape::three;
    let shapes = [
        ([1, 1, 1, 1], three(1, 1), false),
        ([1, 4, 1, 1], three(4, 4), false),
        ([1, 3, 2, 5], three(3, 7), false),
        ([2, 5, 7, 3], three(5, 65), false),
        ([3, 8, 11, 13], three(8, 12), false),
        ([1, 64, 8, 8], three(64, 64), false),
        ([2, 32, 16, 16], three(32, 130), false),
        ([1, 4, 17, 19], three(4, 320), false),
        ([1, 20, 9, 9], three(20, 4), false),
        ([1, 6, 5, 7], three(6, 3), true),
        ([2, 16, 8, 8], three(16, 16), true),
        ([3, 4, 1, 1], three(4, 8), true),
        ([1, 7, 6, 6], Conv2dShape::strided(7, 9, Padding::Same(1)), false),
        ([2, 12, 9, 7], Conv2dShape::strided(12, 20, Padding::Same(1)), false),
        ([1, 8, 8, 8], Conv2dShape::strided(8, 8, Padding::RightBottom), false),
        ([3, 5, 7, 11], Conv2dShape::strided(5, 6, Padding::RightBottom), false),
        ([1, 9, 4, 4], Conv2dShape::one(9, 33), false),
        ([2, 64, 5, 5], Conv2dShape::one(64, 70), false),
        ([3, 3, 1, 7], Conv2dShape::one(3, 2), false),
        ([1, 36, 23, 2], three(36, 5), false),
    ];
    in_both_with_all_tiles(|gpu, dtype| {
        for (x_shape, shape, enlarged) in shapes {
            let x = noise(4, x_shape.iter().product());
            let count = shape.out_channels * shape.in_channels * shape.kernel * shape.kernel;
            let weight = noise(5, count);
            let layer = gpu.pack_conv2d(&rows(&[count], &weight), None, shape).unwrap();
            let x_there = gpu.upload(&x_shape, &x).unwrap();
            let y = gpu.conv2d(&layer, Source::One(&x_there), enlarged, no_epilogue()).unwrap();
            let want = convolved(&x, x_shape, &weight, shape, enlarged);
            let what = format!("{x_shape:?}, {shape:?}, enlarged: {enlarged}");
            check(&what, dtype, &gpu.download(&y).unwrap(), &want);
        }
    });
}

#[test]
fn norms() {
    if !crate::gpu::is_there_for_tests() {
        return;
    }
    let shapes = [
        ([1, 4, 1, 1], 2),
        ([1, 1, 3, 3], 1),
        ([2, 6, 5, 7], 3),
        ([3, 8, 4, 4], 8),
        ([1, 10, 9, 9], 5),
        ([1, 32, 16, 16], 32),
        ([2, 64, 7, 5], 32),
        ([1, 96, 3, 11], 32),
        ([1, 320, 8, 8], 32),
        ([2, 30, 6, 6], 10),
        ([1, 12, 1, 1], 4),
        ([1, 5, 13, 2], 1),
        ([1, 36, 8, 8], 12),
        ([1, 160, 4, 4], 32),
        ([3, 20, 2, 2], 4),
        ([1, 7, 31, 1], 7),
        ([1, 8, 300, 250], 1),
        ([2, 4, 280, 260], 1),
        ([1, 1040, 9, 70], 2),
        ([1, 44, 100, 70], 11),
    ];
    in_both(|gpu, dtype| {
        for (x_shape, groups) in shapes {
            let [b, c, h, w] = x_shape;
            let x: Vec<f32> = noise(6, b * c * h * w).iter().map(|x| x + 4.0).collect();
            let x: Vec<f32> = x.iter().map(|x| half::f16::from_f32(*x).to_f32()).collect();
            let (gain, bias) = (noise(7, c), noise(8, c));
            let norm = gpu.pack_group_norm(gain.clone(), bias.clone(), groups, 1e-5).unwrap();
            let there = gpu.upload(&x_shape, &x).unwrap();
            let y = gpu.group_norm(&norm, Source::One(&there), Activation::Silu).unwrap();
            let (size, plane) = (c / groups, h * w);
            let mut want = vec![0.0; x.len()];
            for (part, own) in x.chunks_exact(size * plane).enumerate() {
                let mean = own.iter().map(|x| f64::from(*x)).sum::<f64>() / own.len() as f64;
                let power = own.iter().map(|x| (f64::from(*x) - mean).powi(2)).sum::<f64>();
                let deviation = (power / own.len() as f64 + 1e-5).sqrt();
                for (i, x) in own.iter().enumerate() {
                    let channel = part % groups * size + i / plane;
                    let value = (f64::from(*x) - mean) / deviation * f64::from(gain[channel])
                        + f64::from(bias[channel]);
                    want[part * size * plane + i] = value / (1.0 + (-value).exp());
                }
            }
            check(&format!("group norm {x_shape:?}/{groups}"), dtype, &gpu.download(&y).unwrap(), &want);
        }
        for (n, c) in [(1, 1), (3, 5), (70, 64), (2, 320), (9, 1283), (130, 22)] {
            let x: Vec<f32> = noise(9, n * c).iter().map(|x| x + 2.0).collect();
            let x: Vec<f32> = x.iter().map(|x| half::f16::from_f32(*x).to_f32()).collect();
            let (gain, bias) = (noise(10, c), noise(11, c));
            let norm = gpu.pack_layer_norm(gain.clone(), bias.clone()).unwrap();
            let y = gpu.layer_norm(&norm, &gpu.upload(&[1, n, c], &x).unwrap()).unwrap();
            let mut want = Vec::new();
            for row in x.chunks_exact(c) {
                let mean = row.iter().map(|x| f64::from(*x)).sum::<f64>() / c as f64;
                let power = row.iter().map(|x| (f64::from(*x) - mean).powi(2)).sum::<f64>() / c as f64;
                want.extend(row.iter().enumerate().map(|(i, x)| {
                    (f64::from(*x) - mean) / (power + 1e-5).sqrt() * f64::from(gain[i]) + f64::from(bias[i])
                }));
            }
            check(&format!("layer norm {n}×{c}"), dtype, &gpu.download(&y).unwrap(), &want);
        }
    });
}

#[test]
fn attentions() {
    if !crate::gpu::is_there_for_tests() {
        return;
    }
    // Batch, queries, keys, heads, channels of a head.
    let shapes = [
        (1, 1, 1, 1, 4),
        (2, 3, 5, 2, 8),
        (1, 64, 64, 1, 40),
        (1, 65, 33, 2, 40),
        (2, 70, 77, 3, 64),
        (1, 128, 32, 1, 80),
        (1, 17, 100, 1, 160),
        (3, 9, 9, 2, 5),
        (1, 5, 200, 1, 3),
        (1, 63, 31, 1, 512),
        (1, 2, 40, 1, 256),
        (1, 130, 130, 2, 20),
        (2, 11, 77, 8, 40),
        (1, 33, 64, 2, 48),
        (1, 1, 77, 4, 12),
        (1, 96, 96, 1, 16),
        (1, 7, 1, 1, 2),
        (1, 200, 3, 1, 1),
        (1, 66, 66, 1, 72),
        (1, 40, 65, 5, 4),
    ];
    in_both(|gpu, dtype| {
        for (b, n, m, heads, d) in shapes {
            let c = heads * d;
            let [q, k, v] = [(12, n), (13, m), (14, m)].map(|(seed, rows)| noise(seed, b * rows * c));
            let [there_q, there_k, there_v] =
                [(&q, n), (&k, m), (&v, m)].map(|(x, rows)| gpu.upload(&[b, rows, c], x).unwrap());
            let seen: Vec<bool> = (0..b * m).map(|i| i % m == 0 || i % 3 != 1).collect();
            for mask in [Mask::None, Mask::Causal, Mask::Keys(&seen)] {
                let y = gpu.attention(&there_q, &there_k, &there_v, heads, mask).unwrap();
                let sees = |item: usize, query: usize, key: usize| match mask {
                    Mask::None => true,
                    Mask::Causal => key <= query,
                    Mask::Keys(seen) => seen[item * m + key],
                };
                let mut want = vec![0.0; b * n * c];
                for i in 0..b * n * heads {
                    let (item, query, head) = (i / (n * heads), i / heads % n, i % heads);
                    let at = |x: &[f32], row: usize, k: usize| f64::from(x[row * c + head * d + k]);
                    let score = |key: usize| {
                        (0..d)
                            .map(|k_| at(&q, item * n + query, k_) * at(&k, item * m + key, k_))
                            .sum::<f64>()
                            / (d as f64).sqrt()
                    };
                    let keys: Vec<usize> = (0..m).filter(|key| sees(item, query, *key)).collect();
                    let weights: Vec<f64> = keys.iter().map(|key| score(*key).exp()).collect();
                    let total: f64 = weights.iter().sum();
                    for channel in 0..d {
                        let sum: f64 = keys
                            .iter()
                            .zip(&weights)
                            .map(|(key, w)| w * at(&v, item * m + key, channel))
                            .sum();
                        want[(item * n + query) * c + head * d + channel] = sum / total;
                    }
                }
                let what = format!("attention {b}, {n} to {m}, {heads} of {d}, {mask:?}");
                check(&what, dtype, &gpu.download(&y).unwrap(), &want);
            }
        }
    });
}

#[test]
fn bands_change_no_bit() {
    if !crate::gpu::is_there_for_tests() {
        return;
    }
    let (gpu, _) = gpu(Dtype::F32);
    let (x_shape, shape) = ([2, 8, 40, 24], Conv2dShape::three(8, 20));
    let x = gpu.upload(&x_shape, &noise(1, 2 * 8 * 40 * 24)).unwrap();
    let layer = gpu.pack_conv2d(&rows(&[20 * 72], &noise(2, 20 * 72)), None, shape).unwrap();
    let strided = Conv2dShape::strided(8, 20, Padding::Same(1));
    let strided = gpu.pack_conv2d(&rows(&[20 * 72], &noise(2, 20 * 72)), None, strided).unwrap();
    let tokens = gpu.upload(&[1, 300, 16], &noise(3, 4800)).unwrap();
    let all = |gpu: &Wgsl| {
        [
            gpu.conv2d(&layer, Source::One(&x), false, no_epilogue()).unwrap(),
            gpu.conv2d(&layer, Source::One(&x), true, no_epilogue()).unwrap(),
            gpu.conv2d(&strided, Source::One(&x), false, no_epilogue()).unwrap(),
            gpu.attention(&tokens, &tokens, &tokens, 2, Mask::None).unwrap(),
        ]
        .map(|y| gpu.download(&y).unwrap())
    };
    gpu.context().fix_rate(1e15);
    let before = gpu.context().counts();
    let whole = all(&gpu);
    let one = gpu.context().counts();
    assert_eq!((one.dispatches - before.dispatches, one.bands), (4, 0));
    // So slow that every share holds one tile.
    gpu.context().fix_rate(1e6);
    assert_eq!(all(&gpu), whole);
    assert!(gpu.context().counts().dispatches - one.dispatches > 60);
}

#[test]
fn a_map_just_beyond_a_binding_is_computed_in_bands() {
    if !crate::gpu::is_there_for_tests() {
        return;
    }
    let (gpu, _) = gpu(Dtype::F32);
    let (h, w) = (1030, 1024);
    let shape = [1, 32, h, w];
    let bytes = (32 * h * w * 4) as u64;
    assert!(
        bytes > 128 << 20 && bytes > gpu.context().binding_max() || gpu.context().binding_max() > 128 << 20
    );
    // One channel of 32 is set, and one weight: sums are known without computing all of them.
    let ramp: Vec<f32> = (0..h * w).map(|i| (i % 251) as f32 / 251.0).collect();
    let mut x = vec![0.0; 32 * h * w];
    x[5 * h * w..6 * h * w].copy_from_slice(&ramp);
    let there = gpu.upload(&shape, &x).unwrap();
    let mut weight = vec![0.0; 4 * 32 * 9];
    weight[2 * 288 + 5 * 9] = 2.0; // output 2 is twice the pixel above and to the left
    let layer = gpu.pack_conv2d(&rows(&[4 * 288], &weight), None, Conv2dShape::three(32, 4)).unwrap();
    let y = gpu.download(&gpu.conv2d(&layer, Source::One(&there), false, no_epilogue()).unwrap()).unwrap();
    for (row, column) in [(0, 0), (1, 1), (1029, 1023), (514, 7), (515, 1023), (1024, 1)] {
        let want = if row == 0 || column == 0 { 0.0 } else { 2.0 * ramp[(row - 1) * w + column - 1] };
        assert_eq!(y[(2 * h + row) * w + column], want, "{row}, {column}");
        assert_eq!(y[(h + row) * w + column], 0.0);
    }
    let doubled = gpu.download(&gpu.add(&there, &there).unwrap()).unwrap();
    assert!(doubled.iter().zip(&x).all(|(y, x)| *y == 2.0 * x));
}

#[test]
fn a_warm_step_takes_no_memory_and_compiles_nothing() {
    if !crate::gpu::is_there_for_tests() {
        return;
    }
    let (gpu, _) = gpu(Dtype::F16);
    let layer = {
        let shape = Conv2dShape::three(16, 16);
        gpu.pack_conv2d(&rows(&[16 * 144], &noise(1, 16 * 144)), None, shape).unwrap()
    };
    let step = || {
        let x = gpu.upload(&[2, 16, 24, 24], &noise(2, 2 * 16 * 24 * 24)).unwrap();
        let y = gpu.conv2d(&layer, Source::One(&x), false, no_epilogue()).unwrap();
        let z = gpu.conv2d(&layer, Source::One(&y), true, no_epilogue()).unwrap();
        gpu.download(&gpu.average_pool(&z).unwrap()).unwrap();
    };
    step();
    let (warm, pipelines) = (gpu.context().allocator().memory().bytes(), gpu.context().counts().pipelines);
    (0..5).for_each(|_| step());
    assert_eq!(gpu.context().allocator().memory().bytes(), warm);
    assert_eq!(gpu.context().counts().pipelines, pipelines);
    gpu.trim();
    let empty = gpu.context().allocator().memory().bytes();
    assert_eq!((empty.used, empty.held), (0, 0));
}

#[test]
fn a_capped_budget_is_out_of_memory_and_the_device_lives() {
    if !crate::gpu::is_there_for_tests() {
        return;
    }
    let (gpu, _) = gpu(Dtype::F32);
    gpu.context().allocator().memory().set_budget(Some(4 << 20));
    let refused = gpu.upload(&[1, 64, 256, 256], &vec![0.0; 64 << 16]).unwrap_err();
    assert!(matches!(refused, Error::OutOfCardMemory { .. }), "{refused}");
    let small = gpu.upload(&[1, 3], &[1.0, 2.0, 3.0]).unwrap();
    assert_eq!(gpu.download(&small).unwrap(), [1.0, 2.0, 3.0]);
}

#[test]
fn a_raised_flag_ends_the_work_between_two_shares() {
    if !crate::gpu::is_there_for_tests() {
        return;
    }
    let (gpu, flag) = gpu(Dtype::F32);
    gpu.context().fix_rate(1e7);
    let x = gpu.upload(&[1, 64, 64], &noise(1, 4096)).unwrap();
    let shape = LinearShape { in_features: 64, out_features: 64, gated: false };
    let layer = gpu.pack_linear(&rows(&[64, 64], &noise(2, 4096)), None, shape).unwrap();
    flag.store(true, Ordering::Relaxed);
    assert_eq!(gpu.linear(&layer, &x, no_epilogue()).unwrap_err(), Error::Stopped);
    assert_eq!(gpu.download(&x).unwrap_err(), Error::Stopped);
    flag.store(false, Ordering::Relaxed);
    assert!(gpu.download(&gpu.linear(&layer, &x, no_epilogue()).unwrap()).is_ok());
}

#[test]
fn a_destroyed_device_is_an_error_and_no_panic() {
    if !crate::gpu::is_there_for_tests() {
        return;
    }
    let (gpu, _) = gpu(Dtype::F32);
    let x = gpu.upload(&[1, 64], &noise(1, 64)).unwrap();
    gpu.context().destroy();
    let failed = gpu.add(&x, &x).and_then(|y| gpu.download(&y)).unwrap_err();
    assert!(matches!(failed, Error::Backend { device: "graphics card", .. }), "{failed}");
    // It does not come back.
    let failed = gpu.upload(&[1, 64], &noise(1, 64)).and_then(|y| gpu.download(&y)).unwrap_err();
    assert!(matches!(failed, Error::Backend { device: "graphics card", .. }), "{failed}");
}
