//! Textures whose edges fit together: each kind of convolution against PyTorch's circular padding, and pictures.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use safelight::engine::takeover::develop_through;
use safelight::engine::{OpenModel, Opening, generate, open_model};
use safelight::message::ModelSource;
use safelight::ops::host::{HostData, HostTensor, TensorSource};
use safelight::ops::{self, Axes, Conv2d, Conv2dShape, Device, Fused, Padding, StopFlag, Tensor, Weights};
use safelight::picture::Frame;
use safelight::sampler::{Latent, Next, RunState, StepReport};
use safelight::settings::{Settings, Tile};
use safetensors::SafeTensors;

use crate::backends::devices;

struct Cases(Vec<u8>);

impl Cases {
    fn read() -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/tile/cases.safetensors");
        Self(std::fs::read(path).unwrap())
    }

    fn numbers(&self, name: &str) -> (Vec<usize>, Vec<f32>) {
        let tensors = SafeTensors::deserialize(&self.0).unwrap();
        let tensor = tensors.tensor(name).unwrap();
        let values = tensor.data().as_chunks::<4>().0.iter().map(|four| f32::from_le_bytes(*four));
        (tensor.shape().to_vec(), values.collect())
    }
}

impl TensorSource for Cases {
    fn shape(&self, name: &str, _expected: &[usize]) -> Option<Vec<usize>> {
        Some(self.numbers(&name.replace('.', "/")).0)
    }

    fn read(&self, name: &str, _shape: &[usize]) -> ops::Result<HostTensor<'_>> {
        let (shape, values) = self.numbers(&name.replace('.', "/"));
        Ok(HostTensor { shape, data: HostData::F32(values.into()) })
    }

    fn names(&self) -> Vec<String> {
        Vec::new()
    }
}

fn largest(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

#[test]
fn convolutions_wrap_as_pytorch_pads_in_a_circle() {
    let cases = Arc::new(Cases::read());
    let (shape, x) = cases.numbers("x");
    for device in devices() {
        let weights = Weights::new(cases.clone(), device.clone());
        let x = Tensor::from_f32(&device, &shape, &x).unwrap();
        for (name, form) in [
            ("one", Conv2dShape::one(3, 4)),
            ("three", Conv2dShape::three(3, 4)),
            ("strided", Conv2dShape::strided(3, 4, Padding::Same(1))),
            ("corner", Conv2dShape::strided(3, 4, Padding::RightBottom)),
            ("enlarged", Conv2dShape::three(3, 4)),
        ] {
            let conv = Conv2d::new(&weights.pp(name), form).unwrap();
            for (axes, wrapped) in [
                ("x", Axes { x: true, y: false }),
                ("y", Axes { x: false, y: true }),
                ("xy", Axes { x: true, y: true }),
            ] {
                weights.wrapping().set(wrapped);
                let y = if name == "enlarged" { conv.forward_upsampled(&x) } else { conv.forward(&x) };
                let y = y.unwrap();
                let (expected_shape, expected) = cases.numbers(&format!("{name}/{axes}"));
                assert_eq!(y.shape(), expected_shape, "{name} {axes}");
                let off = largest(&y.to_f32().unwrap(), &expected);
                println!("{device:?} {name} {axes}: {off:e}");
                assert!(off < 2e-5, "{device:?} {name} {axes}: {off:e}");
                // What is added comes where it belongs.
                if name != "enlarged" {
                    let added = conv.forward_fused(&x, Fused { residual: Some(&y), channels: None }).unwrap();
                    let twice: Vec<f32> = expected.iter().map(|value| 2.0 * value).collect();
                    assert!(largest(&added.to_f32().unwrap(), &twice) < 4e-5, "{name} {axes}");
                }
            }
        }
    }
}

fn starter() -> OpenModel {
    open_model(&ModelSource::Starter, Opening::on(&Device::cpu(StopFlag::default()))).unwrap()
}

fn made(model: &OpenModel, settings: &Settings) -> Frame {
    made_from(model, settings, 0)
}

/// The picture of a run whose first noise is moved by so many places to the left and up.
fn made_from(model: &OpenModel, settings: &Settings, by: usize) -> Frame {
    let plan = model.plan(settings).unwrap();
    let mut start = generate::start(&model.networks, settings, &plan);
    start.x = moved(&start.x, by);
    let mut go_on = |_: &StepReport<'_>, _: &RunState| ControlFlow::Continue(Next::default());
    let done = develop_through(model, settings, &plan, start, &mut go_on, &mut |_, _| None, None);
    done.unwrap().unwrap().frame
}

/// A latent whose places are moved by so many to the left and up, around its edges.
fn moved(z: &Latent, by: usize) -> Latent {
    let [b, c, h, w] = z.shape;
    let from = |i: usize| z.values[i / (h * w) * (h * w) + (i / w % h + by) % h * w + (i % w + by) % w];
    Latent::new(z.shape, (0..b * c * h * w).map(from).collect())
}

#[test]
fn a_texture_moves_as_its_noise_does() {
    let model = starter();
    let places = 1 << (model.networks.size_multiple() / model.networks.config.first_stage_factor).ilog2();
    let base = Settings { prompt: "a fox".into(), steps: 4, seed: 3, ..model.info.defaults.clone() };
    let off = |tile| {
        let settings = Settings { tile, ..base.clone() };
        let (still, moved) = (made(&model, &settings), made_from(&model, &settings, places));
        let (w, h, by) = (still.width, still.height, places * model.networks.config.first_stage_factor);
        let from = |i: usize| 3 * ((i / w + by) % h * w + (i % w + by) % w);
        let differs = |i: usize| (0..3).map(|c| moved.rgb[3 * i + c].abs_diff(still.rgb[from(i) + c])).max();
        (0..w * h).filter_map(differs).max().unwrap()
    };
    let (tiling, plain) = (off(Tile::Xy), off(Tile::None));
    println!("{tiling} of 255 where it tiles, {plain} where it does not");
    assert!(tiling <= 2 && plain > 20, "{tiling} {plain}");
}

/// The mean difference across the edges from right to left, and of neighboring columns; the same of rows.
fn seams(frame: &Frame) -> [[f64; 2]; 2] {
    let at = |x: usize, y: usize, c: usize| f64::from(frame.rgb[3 * (y * frame.width + x) + c]);
    let mean = |of: &dyn Fn(usize, usize) -> f64, across: usize, down: usize| {
        let sum: f64 = (0..down).flat_map(|y| (0..across).map(move |x| (x, y))).map(|(x, y)| of(x, y)).sum();
        sum / (across * down) as f64
    };
    let (width, height) = (frame.width, frame.height);
    let off = |a: [usize; 2], b: [usize; 2]| {
        (0..3).map(|c| (at(a[0], a[1], c) - at(b[0], b[1], c)).abs()).sum::<f64>()
    };
    [
        [
            mean(&|_, y| off([0, y], [width - 1, y]), 1, height),
            mean(&|x, y| off([x, y], [x + 1, y]), width - 1, height),
        ],
        [
            mean(&|x, _| off([x, 0], [x, height - 1]), width, 1),
            mean(&|x, y| off([x, y], [x, y + 1]), width, height - 1),
        ],
    ]
}

#[test]
fn pictures_fit_together_along_the_axes_that_tile() {
    let model = starter();
    let base = Settings {
        prompt: "a pile of strawberries".into(),
        steps: 8,
        seed: 3,
        ..model.info.defaults.clone()
    };
    let plain = made(&model, &base);
    for (tile, hires) in [(Tile::X, "1"), (Tile::Y, "1"), (Tile::Xy, "1"), (Tile::Xy, "1.5:4:0.5")] {
        let settings = Settings { tile, hires: hires.parse().unwrap(), ..base.clone() };
        let frame = made(&model, &settings);
        for (axis, ([across, within], tiles)) in seams(&frame).into_iter().zip(tile.axes()).enumerate() {
            println!(
                "{tile:?} {hires}, axis {axis}: {across:.2} across the edge, {within:.2} between neighbors"
            );
            assert!(!tiles || across < 2.0 * within + 1.0, "{tile:?} {hires} {axis}: {across} {within}");
        }
    }
    // A run that does not tile is as it was before one that did.
    assert_eq!(made(&model, &base), plain);
}

#[test]
fn bands_wrap_as_the_whole_does() {
    let model = starter();
    let networks = &model.networks;
    networks.wrapping().set(Axes { x: true, y: true });
    let values =
        (0..4 * 40 * 24).map(|i| ((i * 37 % 101) as f32 / 50.0 - 1.0) + (i as f32 * 0.013).sin()).collect();
    let z = Latent::new([1, 4, 40, 24], values);
    let halves = || {
        let image = generate::decode_image(networks, &z).unwrap();
        let encoded = networks.encode_first_stage(&image).unwrap().mode().to_f32().unwrap();
        [image.to_f32().unwrap(), encoded]
    };
    let whole = halves();
    networks.decode_in_bands(true);
    let banded = halves();
    let off = [largest(&whole[0], &banded[0]), largest(&whole[1], &banded[1])];
    println!("decoder {:e}, encoder {:e}", off[0], off[1]);
    assert!(off[0] < 2e-5 && off[1] < 2e-4, "{off:?}");
    // A shift of the latent is the same shift of the picture.
    let shifted: Vec<f32> = (0..4 * 40 * 24)
        .map(|i| z.values[i / 960 * 960 + (i / 24 % 40 + 7) % 40 * 24 + (i % 24 + 5) % 24])
        .collect();
    let moved = generate::decode(networks, &Latent::new(z.shape, shifted)).unwrap().1.to_f32().unwrap();
    let (w, h) = (24 * 16, 40 * 16);
    let at = |c: usize, y: usize, x: usize| banded[0][(c * h + y) * w + x];
    let off = (0..3 * h * w)
        .map(|i| (moved[i] - at(i / (h * w), (i / w % h + 7 * 16) % h, (i % w + 5 * 16) % w)).abs())
        .fold(0.0, f32::max);
    println!("shifted {off:e}");
    assert!(off < 1e-4, "{off:e}");
}
