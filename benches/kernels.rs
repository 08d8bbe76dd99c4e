//! Speed of the kernels at Stable Diffusion's shapes, minima of several runs:
//! `cargo bench --no-default-features --bench kernels -- [linear|cold|conv|attention|norm|all] [avx512|avx2|portable] [THREADS] [CONVOLUTION]`.
//! `cold` (not part of `all`) is `linear` on 100 MB of weights and tensors in turns, more than most
//! caches hold, as in a network. With `BF16=1` in the environment, linears and attention in bf16.
#![allow(missing_docs, clippy::unwrap_used)]
use half::f16;
use safelight::ops::cpu::*;
use std::time::Instant;

fn noise(len: usize) -> Vec<f32> {
    let mut s = 12345u32;
    (0..len)
        .map(|_| {
            s = s.wrapping_mul(1664525).wrapping_add(1013904223);
            (s >> 9) as f32 / (1 << 22) as f32 - 1.0
        })
        .collect()
}
/// Noise in one of the context's buffers (huge pages, as in the program).
fn tensor(context: &Context, len: usize) -> Buffer {
    let mut buffer = context.arena().take(len).unwrap();
    buffer.copy_from_slice(&noise(len));
    buffer
}
fn halves(len: usize) -> Vec<f16> {
    noise(len).into_iter().map(|x| f16::from_f32(x * 0.02)).collect()
}
/// Minimum of several runs, in seconds.
fn best(mut f: impl FnMut()) -> f64 {
    f();
    let (mut best, start, mut n) = (f64::MAX, Instant::now(), 0);
    while n < 5 || (start.elapsed().as_secs_f64() < 0.6 && n < 200) {
        let t = Instant::now();
        f();
        best = best.min(t.elapsed().as_secs_f64());
        n += 1;
    }
    best
}
fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with("--")).collect();
    let what = args.first().map_or("all", |s| s.as_str());
    let level = match args.get(1) {
        Some(name) => {
            let isa = Isa::ALL.into_iter().find(|isa| isa.name() == name);
            isa.and_then(Level::of).unwrap_or_else(|| panic!("this CPU has no {name}"))
        }
        None => Level::detect(),
    };
    let threads: usize = args.get(2).and_then(|t| t.parse().ok()).unwrap_or(2);
    let context = Context::new(threads).with_level(level);
    println!("{} x{threads}", level.name());
    if what == "linear" || what == "all" {
        linears(&context, 1);
    }
    if what == "cold" {
        linears(&context, COLD_BYTES);
    }
    if what == "conv" || what == "all" {
        convs(&context);
    }
    if what == "attention" || what == "all" {
        attentions(&context);
    }
    if what == "norm" || what == "all" {
        norms(&context);
    }
}

/// More than most caches hold.
const COLD_BYTES: usize = 100_000_000;

/// Each product with so many sets of weights and tensors, in turns, that they take `bytes` together.
fn linears(context: &Context, bytes: usize) {
    let mut total = [0.0; 3];
    for (m, n, k, gated, count, which) in [
        (8192, 320, 320, false, 26, 0),
        (4096, 320, 320, false, 4, 0),
        (8192, 1280, 320, true, 5, 0),
        (8192, 320, 1280, false, 5, 0),
        (2048, 640, 640, false, 30, 0),
        (2048, 2560, 640, true, 5, 0),
        (2048, 640, 2560, false, 5, 0),
        (512, 1280, 1280, false, 30, 0),
        (512, 5120, 1280, true, 5, 0),
        (512, 1280, 5120, false, 5, 0),
        (128, 1280, 1280, false, 6, 0),
        (128, 5120, 1280, true, 1, 0),
        (128, 1280, 5120, false, 1, 0),
        (8192, 320, 320, false, 10, 1),
        (2048, 640, 640, false, 10, 1),
        (512, 1280, 1280, false, 10, 1),
        (128, 1280, 1280, false, 2, 1),
        (2048, 640, 320, false, 1, 1),
        (512, 1280, 640, false, 1, 1),
        (128, 1280, 2560, false, 3, 1),
        (512, 1280, 2560, false, 2, 1),
        (512, 1280, 1920, false, 1, 1),
        (2048, 640, 1920, false, 1, 1),
        (2048, 640, 1280, false, 1, 1),
        (2048, 640, 960, false, 1, 1),
        (8192, 320, 960, false, 1, 1),
        (8192, 320, 640, false, 2, 1),
        (2, 1280, 1280, false, 11, 1),
        (154, 768, 768, false, 48, 2),
        (154, 3072, 768, false, 12, 2),
        (154, 768, 3072, false, 12, 2),
    ] {
        let rows = if gated { 2 * n } else { n };
        let w = halves(rows * k);
        let pack = || {
            if std::env::var_os("BF16").is_some() {
                PackedMatrix::pack_bf16(context, &WeightSlice::F16(&w), n, k, gated).unwrap()
            } else if gated {
                PackedMatrix::pack_geglu(context, &WeightSlice::F16(&w), n, k).unwrap()
            } else {
                PackedMatrix::pack(context, &WeightSlice::F16(&w), n, k).unwrap()
            }
        };
        let bias = noise(rows);
        let epilogue = Epilogue { bias: Some(&bias), ..Epilogue::default() };
        let sets = bytes.div_ceil(2 * rows * k + 4 * m * (k + n));
        let mut sets: Vec<_> =
            (0..sets).map(|_| (pack(), tensor(context, m * k), tensor(context, m * n))).collect();
        let mut turn = 0;
        let t = best(|| {
            turn = (turn + 1) % sets.len();
            let (packed, x, y) = &mut sets[turn];
            linear(context, Source::one(x, k), (m, 1), packed, epilogue, y).unwrap();
        });
        let gflop = 2.0 * (m * rows * k) as f64 / 1e9;
        println!(
            "linear {m}x{rows}x{k}{}: {:.3} ms, {:.0} GF/s",
            if gated { " geglu" } else { "" },
            t * 1e3,
            gflop / t
        );
        total[which] += t * count as f64;
    }
    println!("UNet linears {:.3} s, 1x1 {:.3} s, text {:.4} s", total[0], total[1], total[2]);
}
fn convs(context: &Context) {
    let mut total = [0.0; 2];
    for (which, b, side, c, k, window, count) in [
        (0, 2, 64, 320, 320, Window::Same, 7),
        (0, 2, 32, 320, 640, Window::Same, 1),
        (0, 2, 32, 640, 640, Window::Same, 6),
        (0, 2, 16, 640, 1280, Window::Same, 1),
        (0, 2, 16, 1280, 1280, Window::Same, 6),
        (0, 2, 8, 1280, 1280, Window::Same, 11),
        (0, 2, 8, 2560, 1280, Window::Same, 3),
        (0, 2, 8, 1280, 1280, Window::Double, 1),
        (0, 2, 16, 2560, 1280, Window::Same, 2),
        (0, 2, 16, 1920, 1280, Window::Same, 1),
        (0, 2, 16, 1280, 1280, Window::Double, 1),
        (0, 2, 32, 1920, 640, Window::Same, 1),
        (0, 2, 32, 1280, 640, Window::Same, 1),
        (0, 2, 32, 960, 640, Window::Same, 1),
        (0, 2, 32, 640, 640, Window::Double, 1),
        (0, 2, 64, 960, 320, Window::Same, 1),
        (0, 2, 64, 640, 320, Window::Same, 2),
        (0, 2, 64, 4, 320, Window::Same, 1),
        (0, 2, 64, 320, 4, Window::Same, 1),
        (0, 2, 64, 320, 320, Window::HalfEven, 1),
        (0, 2, 32, 640, 640, Window::HalfEven, 1),
        (0, 2, 16, 1280, 1280, Window::HalfEven, 1),
        (1, 1, 64, 512, 512, Window::Same, 10),
        (1, 1, 64, 512, 512, Window::Double, 1),
        (1, 1, 128, 512, 512, Window::Same, 6),
        (1, 1, 128, 512, 512, Window::Double, 1),
        (1, 1, 256, 512, 256, Window::Same, 1),
        (1, 1, 256, 256, 256, Window::Same, 5),
        (1, 1, 256, 256, 256, Window::Double, 1),
        (1, 1, 512, 256, 128, Window::Same, 1),
        (1, 1, 512, 128, 128, Window::Same, 5),
        (1, 1, 64, 4, 512, Window::Same, 1),
        (1, 1, 512, 128, 3, Window::Same, 1),
    ] {
        if std::env::args().nth(4).is_some_and(|f| !format!("{c}->{k}@{side} {window:?}").contains(&f)) {
            continue;
        }
        let map = Map { batch: b, height: side, width: side };
        let out = window.output(map).pixels();
        let conv = Conv3x3::pack(context, &WeightSlice::F16(&halves(k * c * 9)), k, c).unwrap();
        let (x, bias, residual, mut y) =
            (tensor(context, map.pixels() * c), noise(k), tensor(context, out * k), tensor(context, out * k));
        let epilogue = Epilogue {
            bias: Some(&bias),
            residual: Some(&residual).filter(|_| c == k).map(|r| &r[..]),
            ..Epilogue::default()
        };
        let t = best(|| conv.forward(context, Source::one(&x, c), map, window, epilogue, &mut y).unwrap());
        let gflop = 2.0 * (out * k * c * 9) as f64 / 1e9;
        println!("conv {c}->{k}@{side} b{b} {window:?}: {:.2} ms, {:.0} GF/s", t * 1e3, gflop / t);
        total[which] += t * count as f64;
    }
    println!("UNet conv3x3 {:.3} s, decode conv3x3 {:.3} s", total[0], total[1]);
    println!("arena {:?}", context.arena().usage());
}
fn attentions(context: &Context) {
    let mut total = [0.0; 2];
    for (which, batch, queries, keys, heads, head_size, count) in [
        (0, 2, 4096, 4096, 8, 40, 5),
        (0, 2, 1024, 1024, 8, 80, 5),
        (0, 2, 256, 256, 8, 160, 5),
        (0, 2, 64, 64, 8, 160, 1),
        (0, 2, 4096, 77, 8, 40, 5),
        (0, 2, 1024, 77, 8, 80, 5),
        (0, 2, 256, 77, 8, 160, 5),
        (0, 2, 64, 77, 8, 160, 1),
        (1, 1, 4096, 4096, 1, 512, 1),
    ] {
        let products = if std::env::var_os("BF16").is_some() { Products::Bf16 } else { Products::F32 };
        let shape = AttentionShape { batch, queries, keys, heads, head_size, products };
        let (q, k, v) = (
            noise(batch * queries * heads * head_size),
            noise(batch * keys * heads * head_size),
            noise(batch * keys * heads * head_size),
        );
        let mut y = q.clone();
        let t =
            best(|| attention(context, &q, &k, &v, shape, 0.1, AttentionMask::default(), &mut y).unwrap());
        let gflop = 4.0 * (batch * queries * keys * heads * head_size) as f64 / 1e9;
        println!("attention {queries}x{keys} d{head_size}: {:.2} ms, {:.0} GF/s", t * 1e3, gflop / t);
        total[which] += t * count as f64;
    }
    println!("UNet attention {:.3} s, decode attention {:.3} s", total[0], total[1]);
}
fn norms(context: &Context) {
    for (b, pixels, c, what) in [
        (2, 4096, 320, "UNet"),
        (2, 1024, 640, "UNet"),
        (2, 256, 1280, "UNet"),
        (2, 4096, 960, "UNet"),
        (1, 4096, 512, "VAE"),
        (1, 65536, 256, "VAE"),
        (1, 262144, 128, "VAE"),
        (1, 262144, 256, "VAE"),
    ] {
        let (x, w) = (tensor(context, b * pixels * c), noise(c));
        let mut y = tensor(context, b * pixels * c);
        let norm = GroupNorm { groups: 32, eps: 1e-5, weight: &w, bias: &w, silu: true };
        let t = best(|| norm.forward(context, Source::one(&x, c), (b * pixels, b), &mut y).unwrap());
        println!(
            "{what} group norm {b}x{pixels}x{c}: {:.3} ms, {:.1} GB/s",
            t * 1e3,
            12.0 * x.len() as f64 / t / 1e9
        );
        if what == "UNet" {
            let t = best(|| layer_norm(context, &x, &w, &w, 1e-5, &mut y).unwrap());
            println!(
                "{what} layer norm {b}x{pixels}x{c}: {:.3} ms, {:.1} GB/s",
                t * 1e3,
                8.0 * x.len() as f64 / t / 1e9
            );
        }
    }
}
