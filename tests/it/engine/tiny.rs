//! TAESD: a decoder file of the real names and shapes, read, decoded, found beside a model, refused.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use safetensors::tensor::{Dtype, TensorView};

use safelight::checkpoint::Checkpoint;
use safelight::config::parse_yaml;
use safelight::message::{Event, ModelInfo, ModelSource, Preview, Request};
use safelight::model::synthetic::Synthetic;
use safelight::model::{TinyDecoder, TinyShape, instantiate_from_config};
use safelight::ops::host::{HostTensor, TensorSource};
use safelight::ops::{self, Device, DeviceOptions, StopFlag, Tensor, Weights};
use safelight::sampler::RngKind;
use safelight::sampler::noise::Noise;
use safelight::settings::PreviewMode;

use super::Bench;

/// A Stable Diffusion v1 in small: four channels, a latent an eighth of the picture.
pub const CONFIG: &str = include_str!("../../../assets/cases/sd-ddim/config.yaml");

type Tensors = BTreeMap<String, (Vec<usize>, Vec<f32>)>;

fn write(path: &Path, tensors: &Tensors) {
    let views = tensors.iter().map(|(name, (shape, values))| {
        (name.clone(), TensorView::new(Dtype::F32, shape.clone(), bytemuck::cast_slice(values)).unwrap())
    });
    safetensors::serialize_to_file(views, None, path).unwrap();
}

/// Layers of the decoder that have weights, by upstream's numbers.
const BLOCKS: [usize; 10] = [3, 4, 5, 8, 9, 10, 13, 14, 15, 18];
const AFTER_ENLARGING: [usize; 3] = [7, 12, 17];

/// A decoder of drawn weights that answers around the middle of [0, 1].
fn tensors(name: impl Fn(usize) -> String) -> Tensors {
    let mut tensors = Tensors::new();
    let mut conv = |name: &str, [outputs, inputs]: [usize; 2], gain: f32, bias: Option<f32>| {
        let seed = u64::from(crc32fast::hash(format!("{outputs} {inputs} {}", tensors.len()).as_bytes()));
        let mut noise = Noise::seeded(RngKind::Cpu, seed);
        let scale = gain / (9.0 * inputs as f32).sqrt();
        let weights = noise.randn(outputs * inputs * 9).into_iter().map(|value| value * scale).collect();
        tensors.insert(format!("{name}.weight"), (vec![outputs, inputs, 3, 3], weights));
        if let Some(middle) = bias {
            let values = noise.randn(outputs.max(16)).into_iter().take(outputs);
            let values = values.map(|value| middle + 0.05 * value).collect();
            tensors.insert(format!("{name}.bias"), (vec![outputs], values));
        }
    };
    conv(&name(1), [64, 4], 1.0, Some(0.0));
    for block in BLOCKS {
        for part in [0, 2, 4] {
            conv(&format!("{}.conv.{part}", name(block)), [64, 64], 0.8, Some(0.0));
        }
    }
    for layer in AFTER_ENLARGING {
        conv(&name(layer), [64, 64], 1.0, None);
    }
    conv(&name(19), [3, 64], 0.3, Some(0.5));
    tensors
}

fn upstream(layer: usize) -> String {
    layer.to_string()
}

fn diffusers(layer: usize) -> String {
    format!("decoder.layers.{}", layer - 1)
}

/// A map of channels in f64: slow and plain, for comparison.
#[derive(Clone)]
struct Map {
    channels: usize,
    side: usize,
    values: Vec<f64>,
}

impl Map {
    fn at(&self, channel: usize, y: isize, x: isize) -> f64 {
        let inside = |at: isize| usize::try_from(at).ok().filter(|&at| at < self.side);
        match (inside(y), inside(x)) {
            (Some(y), Some(x)) => self.values[(channel * self.side + y) * self.side + x],
            _ => 0.0,
        }
    }

    fn conv(&self, tensors: &Tensors, name: &str) -> Self {
        let (shape, weights) = &tensors[&format!("{name}.weight")];
        let bias = tensors.get(&format!("{name}.bias"));
        let mut values = Vec::new();
        for output in 0..shape[0] {
            for i in 0..self.side * self.side {
                let (y, x) = ((i / self.side) as isize, (i % self.side) as isize);
                let mut sum = bias.map_or(0.0, |(_, values)| f64::from(values[output]));
                for input in 0..self.channels {
                    for tap in 0..9 {
                        let weight = weights[(output * self.channels + input) * 9 + tap];
                        let (dy, dx) = (tap as isize / 3 - 1, tap as isize % 3 - 1);
                        sum += f64::from(weight) * self.at(input, y + dy, x + dx);
                    }
                }
                values.push(sum);
            }
        }
        Self { channels: shape[0], side: self.side, values }
    }

    fn relu(mut self) -> Self {
        self.values.iter_mut().for_each(|value| *value = value.max(0.0));
        self
    }

    fn plus(mut self, other: &Self) -> Self {
        self.values.iter_mut().zip(&other.values).for_each(|(sum, value)| *sum += value);
        self
    }

    /// Twice as large, each value four times.
    fn enlarged(&self) -> Self {
        let side = 2 * self.side;
        let values = (0..self.channels * side * side).map(|i| {
            let (channel, y, x) = (i / (side * side), i / side % side, i % side);
            self.values[(channel * self.side + y / 2) * self.side + x / 2]
        });
        Self { channels: self.channels, side, values: values.collect() }
    }
}

/// What upstream's `taesd.py` computes, layer by layer in its numbers.
fn slow_decode(tensors: &Tensors, z: &[f32], side: usize) -> Map {
    let clamped = z.iter().map(|&value| 3.0 * (f64::from(value) / 3.0).tanh()).collect();
    let mut x = Map { channels: 4, side, values: clamped }.conv(tensors, "1").relu();
    for layer in 3..=18 {
        if BLOCKS.contains(&layer) {
            let conv = |x: &Map, part: usize| x.conv(tensors, &format!("{layer}.conv.{part}"));
            let inner = conv(&conv(&x, 0).relu(), 2).relu();
            x = conv(&inner, 4).plus(&x).relu();
        } else if AFTER_ENLARGING.contains(&layer) {
            x = x.conv(tensors, &layer.to_string());
        } else if layer != 2 {
            x = x.enlarged();
        }
    }
    x.conv(tensors, "19")
}

#[test]
fn a_file_of_either_naming_decodes_as_the_plain_definition_does() {
    let folder = tempfile::tempdir().unwrap();
    let (device, _) = Device::open(DeviceOptions::default(), StopFlag::default()).unwrap();
    let plain = tensors(upstream);
    let z: Vec<f32> = Noise::seeded(RngKind::Cpu, 5).randn(16).into_iter().map(|value| 2.0 * value).collect();
    let expected = slow_decode(&plain, &z, 2);
    assert_eq!((expected.channels, expected.side), (3, 16));
    for (is_diffusers, tensors) in [(false, plain), (true, tensors(diffusers))] {
        let parameters: usize = tensors.values().map(|(_, values)| values.len()).sum();
        assert_eq!(parameters, 1_222_531, "as many as the published decoder has");
        let path = folder.path().join("taesd_decoder.safetensors");
        write(&path, &tensors);
        let weights = Weights::new(Arc::new(Checkpoint::open(&path).unwrap()), device.clone());
        let root = if is_diffusers { weights.pp("decoder").pp("layers") } else { weights.clone() };
        let tiny = TinyDecoder::new(&root, &TinyShape::taesd(4, is_diffusers)).unwrap();
        assert_eq!(weights.unused(), Vec::<String>::new());
        let image = tiny.decode(&Tensor::from_f32(&device, &[1, 4, 2, 2], &z).unwrap()).unwrap();
        assert_eq!(image.shape(), [1, 3, 16, 16]);
        let values = image.to_f32().unwrap();
        assert!(values.iter().all(|value| (-0.5..1.5).contains(value)), "about [0, 1]");
        assert!(values.iter().any(|value| (value - values[0]).abs() > 0.02), "it is a picture");
        let apart = values.iter().zip(&expected.values).map(|(a, b)| (f64::from(*a) - b).abs());
        let apart = apart.fold(0.0, f64::max);
        assert!(apart < 1e-4, "{apart}");
    }
}

/// Draws every tensor that is requested, and records it.
struct Noted(Mutex<Tensors>);

impl TensorSource for Noted {
    fn shape(&self, _name: &str, expected: &[usize]) -> Option<Vec<usize>> {
        Some(expected.to_vec())
    }

    fn read(&self, name: &str, shape: &[usize]) -> ops::Result<HostTensor<'_>> {
        let tensor = Synthetic { weights_seed: 0 }.read(name, shape)?;
        let values: Cow<'_, [f32]> = tensor.to_f32();
        self.0.lock().unwrap().insert(name.to_owned(), (shape.to_vec(), values.into_owned()));
        Synthetic { weights_seed: 0 }.read(name, shape)
    }

    fn names(&self) -> Vec<String> {
        Vec::new()
    }
}

/// Writes a small model with its config, and opens it with what lies beside.
fn open_beside(folder: &Path) -> (Bench, ModelInfo) {
    let path = folder.join("small.safetensors");
    if !path.exists() {
        let (device, _) = Device::open(DeviceOptions::default(), StopFlag::default()).unwrap();
        let noted = Arc::new(Noted(Mutex::default()));
        let config = parse_yaml(CONFIG).unwrap();
        let nothing = |_: &str| Err("it carries its own words".to_owned());
        instantiate_from_config(&config, &Weights::new(noted.clone(), device), &nothing).unwrap();
        write(&path, &noted.0.lock().unwrap());
        std::fs::write(path.with_extension("yaml"), CONFIG).unwrap();
    }
    let mut bench = Bench::start();
    bench.engine.request(Request::Open(ModelSource::file(path))).unwrap();
    let opened = bench.until(|event| matches!(event, Event::Opened(_) | Event::OpenFailed { .. }));
    let Event::Opened(info) = opened else { panic!("{opened:?}") };
    (bench, *info)
}

/// The first preview of a run that asks for the tiny decoder.
fn first_preview(bench: &mut Bench, info: &ModelInfo) -> Preview {
    let settings =
        safelight::settings::Settings { steps: 2, prompt: "a fox".into(), ..info.defaults.clone() };
    bench.generate(1, settings, PreviewMode::Tiny);
    bench.until(|event| matches!(event, Event::Finished { .. }));
    bench.until_previews(2);
    bench.previews.remove(0)
}

#[test]
fn the_engine_finds_the_file_beside_the_model_and_says_why_it_cannot_use_one() {
    let folder = tempfile::tempdir().unwrap();
    let (mut bench, info) = open_beside(folder.path());
    assert_eq!(first_preview(&mut bench, &info).mode, PreviewMode::Fast, "there is no such file yet");

    std::fs::create_dir(folder.path().join("vae_approx")).unwrap();
    let path = folder.path().join("vae_approx/taesd_decoder.safetensors");
    write(&path, &tensors(upstream));
    let (mut bench, info) = open_beside(folder.path());
    assert!(info.notes.is_empty(), "{:?}", info.notes);
    let preview = first_preview(&mut bench, &info);
    assert_eq!(preview.mode, PreviewMode::Tiny);
    let frame = preview.image.frame().unwrap();
    assert_eq!((frame.width, frame.height), (info.defaults.width, info.defaults.height));
    assert!(frame.rgb.iter().any(|&level| level != frame.rgb[0]));

    let mut damaged = tensors(upstream);
    damaged.remove("18.conv.2.weight");
    write(&path, &damaged);
    let (mut bench, info) = open_beside(folder.path());
    let note: String = info.notes.iter().map(ToString::to_string).collect();
    assert!(note.contains("taesd_decoder.safetensors") && note.contains("expected"), "{note}");
    assert_eq!(first_preview(&mut bench, &info).mode, PreviewMode::Fast, "the model works all the same");

    std::fs::write(&path, b"no tensors at all").unwrap();
    let (_, info) = open_beside(folder.path());
    assert!(
        info.notes.iter().any(|note| note.to_string().contains("taesd_decoder.safetensors")),
        "{:?}",
        info.notes
    );
}

#[test]
fn a_chosen_file_makes_previews_at_once_and_of_the_next_models() {
    let folder = tempfile::tempdir().unwrap();
    let (mut bench, info) = open_beside(folder.path());
    let elsewhere = tempfile::tempdir().unwrap();
    let path = elsewhere.path().join("small decoder.safetensors");
    write(&path, &tensors(diffusers));
    let choose = |bench: &mut Bench, path: &Path| {
        bench.engine.request(Request::Taesd(path.to_owned())).unwrap();
        match bench.until(|event| matches!(event, Event::Taesd { .. })) {
            Event::Taesd { acts, .. } => acts,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(choose(&mut bench, &path), Ok(true));
    assert_eq!(first_preview(&mut bench, &info).mode, PreviewMode::Tiny);
    // The starter has no use for it, and it is there again for the next model.
    bench.open();
    assert_eq!(choose(&mut bench, &path), Ok(false));
    bench.engine.request(Request::Open(info.source.clone())).unwrap();
    bench.until(|event| matches!(event, Event::Opened(_)));
    bench.previews.clear();
    assert_eq!(first_preview(&mut bench, &info).mode, PreviewMode::Tiny);
    // One that is none leaves the former.
    let other = elsewhere.path().join("other.safetensors");
    let mut damaged = tensors(upstream);
    damaged.remove("18.conv.2.weight");
    write(&other, &damaged);
    let refused = choose(&mut bench, &other).unwrap_err();
    assert_eq!(refused.sentence.key, "note-no-tiny-previews");
    bench.previews.clear();
    assert_eq!(first_preview(&mut bench, &info).mode, PreviewMode::Tiny);
}

#[test]
fn it_makes_the_pictures_too_where_it_is_laid_over_the_vae() {
    let folder = tempfile::tempdir().unwrap();
    let (mut bench, info) = open_beside(folder.path());
    let own = first_preview(&mut bench, &info);
    let beside = folder.path().join("vae_approx/taesd_decoder.safetensors");
    std::fs::create_dir(beside.parent().unwrap()).unwrap();
    write(&beside, &tensors(upstream));
    let (mut bench, info) = open_beside(folder.path());
    let tiny = first_preview(&mut bench, &info);
    assert!(tiny.image != own.image);
    let whole = |layer| format!("decoder.{layer}");
    for (name, tensors) in
        [("plain", tensors(upstream)), ("whole", tensors(whole)), ("diffusers", tensors(diffusers))]
    {
        let vae = folder.path().join(format!("{name}.safetensors"));
        write(&vae, &tensors);
        let source = ModelSource::Path {
            path: folder.path().join("small.safetensors"),
            config: None,
            vae: Some(vae),
            text_encoder: None,
            prediction: None,
        };
        bench.engine.request(Request::Open(source)).unwrap();
        let opened = bench.until(|event| matches!(event, Event::Opened(_) | Event::OpenFailed { .. }));
        let Event::Opened(info) = opened else { panic!("{opened:?}") };
        let settings =
            safelight::settings::Settings { steps: 2, prompt: "a fox".into(), ..info.defaults.clone() };
        bench.previews.clear();
        bench.generate(7, settings, PreviewMode::Full);
        let finished = bench.until(|event| matches!(event, Event::Finished { .. }));
        let Event::Finished { frame, .. } = finished else { unreachable!() };
        assert_eq!((frame.width, frame.height), (info.defaults.width, info.defaults.height));
        bench.until_previews(2);
        assert!(bench.previews[0].image == tiny.image, "{name}");
    }
}
