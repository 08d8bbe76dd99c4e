//! Small models of drawn weights draw what diffusers' own pipelines drew with them.
//!
//! `tests/golden/pipelines/make_pipelines.py` records the pictures and says how weights follow from their
//! names; here the same folders are written and opened.

use std::fs;
use std::io::Read as _;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use half::f16;
use safelight::checkpoint::Checkpoint;
use safelight::checkpoint::diffusers::diffusers_config;
use safelight::engine::takeover::{Developed, develop_through};
use safelight::engine::{OpenModel, Opening, generate, open_model};
use safelight::message::{ModelSource, Takes};
use safelight::ops::{Device, StopFlag};
use safelight::picture::Frame;
use safelight::sampler::{Latent, Next, RunState, SamplerKind, StepReport, TimestepSpacing};
use safelight::settings::{Settings, Treatment};
use safelight::tray::{Mask, MaskFrom, Photo, PictureFrom, Source};
use safetensors::tensor::{Dtype, TensorView, serialize};
use serde_json::{Value, json};
use tempfile::TempDir;

/// The largest difference of a pixel, of 255.
const MOST: u8 = 2;

fn recorded(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/pipelines/{name}.json.gz"));
    let mut text = String::new();
    GzDecoder::new(fs::File::open(path).unwrap()).read_to_string(&mut text).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// The numbers of a weight, as the script draws them.
fn drawn(name: &str, shape: &[usize]) -> Vec<f32> {
    let mut crc = flate2::Crc::new();
    crc.update(name.as_bytes());
    let base = u64::from(crc.sum()) << 32;
    let count: usize = shape.iter().product();
    let row = count / shape[0];
    let is_table = name.contains("embedding") && !name.contains("time");
    let scale = if is_table { 0.5 } else { (3.0f32 / row as f32).sqrt() };
    (0..count as u64)
        .map(|index| {
            let mut z = (base + index + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^= z >> 31;
            let u = (z >> 40) as f32 * (2.0 / 16_777_216.0) - 1.0;
            match shape {
                [_] if name.ends_with("weight") => 1.0 + 0.1 * u,
                [_] => 0.1 * u,
                _ => u * scale,
            }
        })
        .collect()
}

/// A part's tensors as bytes, in f32 or in f16.
fn tensors(case: &Value, part: &str, half: bool) -> Vec<(String, Vec<usize>, Vec<u8>)> {
    let shapes = case["parts"][part]["tensors"].as_object().unwrap();
    let tensor = |(name, shape): (&String, &Value)| {
        let shape: Vec<usize> = serde_json::from_value(shape.clone()).unwrap();
        let numbers = drawn(&format!("{part}/{name}"), &shape);
        let bytes = match half {
            true => numbers.iter().flat_map(|n| f16::from_f32(*n).to_le_bytes()).collect(),
            false => numbers.iter().flat_map(|n| n.to_le_bytes()).collect(),
        };
        (name.clone(), shape, bytes)
    };
    shapes.iter().map(tensor).collect()
}

fn write(path: &Path, tensors: &[(String, Vec<usize>, Vec<u8>)], half: bool) {
    let dtype = if half { Dtype::F16 } else { Dtype::F32 };
    let views = tensors
        .iter()
        .map(|(name, shape, bytes)| (name, TensorView::new(dtype, shape.clone(), bytes).unwrap()));
    fs::write(path, serialize(views, None).unwrap()).unwrap();
}

/// The diffusers folder of a case.
fn folder(case: &Value) -> TempDir {
    let folder = TempDir::new().unwrap();
    let at = |name: &str| {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        path
    };
    let json = |path: PathBuf, value: &Value| fs::write(path, value.to_string()).unwrap();
    json(at("model_index.json"), &case["index"]);
    json(at("scheduler/scheduler_config.json"), &case["scheduler"]);
    let variant = case["variant"].as_str();
    for part in ["unet", "vae", "text_encoder"] {
        json(at(&format!("{part}/config.json")), &case["parts"][part]["config"]);
        let stem = if part == "text_encoder" { "model" } else { "diffusion_pytorch_model" };
        let stem = variant.map_or(stem.to_owned(), |variant| format!("{stem}.{variant}"));
        let tensors = tensors(case, part, variant.is_some());
        if case["shards"] != true {
            write(&at(&format!("{part}/{stem}.safetensors")), &tensors, variant.is_some());
            continue;
        }
        let mut map = serde_json::Map::new();
        let shards: Vec<_> = tensors.chunks(tensors.len().div_ceil(3)).collect();
        for (i, shard) in shards.iter().enumerate() {
            let name = format!("{stem}-{:05}-of-{:05}.safetensors", i + 1, shards.len());
            write(&at(&format!("{part}/{name}")), shard, false);
            map.extend(shard.iter().map(|(tensor, ..)| (tensor.clone(), json!(name))));
        }
        json(at(&format!("{part}/{stem}.safetensors.index.json")), &json!({ "weight_map": map }));
    }
    folder
}

/// The settings that the case's request asks for.
fn settings(case: &Value, defaults: &Settings) -> Settings {
    let request = &case["request"];
    let number = |key: &str| request[key].as_u64().unwrap() as usize;
    let sampler = match request["sampler"].as_str().unwrap() {
        "lcm" => SamplerKind::Lcm,
        _ => SamplerKind::Ddim,
    };
    let timesteps = match request["timesteps"].as_str() {
        Some("trailing") => TimestepSpacing::Trailing,
        _ => TimestepSpacing::Leading,
    };
    Settings {
        prompt: case["prompt"].as_str().unwrap().to_owned(),
        negative_prompt: case["negative_prompt"].as_str().unwrap().to_owned(),
        steps: number("steps"),
        seed: request["seed"].as_u64().unwrap(),
        guidance: request["guidance"].as_f64().unwrap(),
        width: number("side"),
        height: number("side"),
        sampler,
        timesteps,
        ..Settings { eta: 0.0, ..defaults.clone() }
    }
}

/// The model at `path`.
fn opened(path: &Path) -> OpenModel {
    let device = Device::cpu(StopFlag::default());
    open_model(&ModelSource::file(path), Opening::on(&device)).unwrap()
}

/// The last latent and the picture that are drawn with a model.
fn drawn_with(case: &Value, model: &OpenModel) -> (Latent, Frame) {
    let settings = settings(case, &model.info.defaults);
    let plan = generate::plan(&model.networks, &settings).unwrap();
    let start = generate::start(&model.networks, &settings, &plan);
    let mut go_on = |_: &StepReport<'_>, _: &RunState| ControlFlow::Continue(Next::default());
    let generated = generate::develop(&model.networks, &settings, &plan, start, &mut go_on).unwrap();
    let (frame, _) = generate::decode(&model.networks, &generated.samples).unwrap();
    (generated.samples, frame)
}

/// One of the small models, in both layouts.
pub struct Small {
    case: Value,
    folder: TempDir,
}

impl Small {
    pub fn of(name: &str) -> Self {
        let case = recorded(name);
        let folder = folder(&case);
        Self { case, folder }
    }

    /// diffusers' folder.
    pub fn folder(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    /// The same model as CompVis's single file with its config beside it, in `to`.
    pub fn single_file(&self, to: &Path) -> PathBuf {
        let checkpoint = Checkpoint::open(self.folder.path()).unwrap();
        let tensors: Vec<(String, Vec<usize>, Vec<u8>)> = checkpoint
            .tensors()
            .map(|info| {
                let numbers = checkpoint.tensor(info.name).unwrap().to_f32().into_owned();
                let bytes = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
                (info.name.to_owned(), info.shape.to_vec(), bytes)
            })
            .collect();
        let path = to.join("single.safetensors");
        write(&path, &tensors, false);
        let config = diffusers_config(&checkpoint).unwrap().config;
        // JSON is YAML.
        fs::write(path.with_extension("yaml"), config.to_string()).unwrap();
        path
    }

    pub fn open(&self, path: &Path) -> OpenModel {
        opened(path)
    }

    /// What the case's request draws.
    pub fn draw(&self, model: &OpenModel) -> (Latent, Frame) {
        drawn_with(&self.case, model)
    }
}

/// The largest difference between the picture that is drawn and the recorded one.
fn difference(name: &str) -> u8 {
    let case = recorded(name);
    let folder = folder(&case);
    let (_, found) = drawn_with(&case, &opened(folder.path()));
    let expected = base64(case["pixels"].as_str().unwrap());
    assert_eq!(
        (found.rgb.len(), expected.len()),
        (found.width * found.height * 3, found.rgb.len()),
        "{name}"
    );
    found.rgb.iter().zip(&expected).map(|(a, b)| a.abs_diff(*b)).max().unwrap()
}

fn base64(text: &str) -> Vec<u8> {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let letters = text.bytes().filter(|letter| *letter != b'=');
    let values: Vec<u32> =
        letters.map(|letter| LETTERS.iter().position(|known| *known == letter).unwrap() as u32).collect();
    let bytes = values.chunks(4).flat_map(|chunk| {
        let word = chunk.iter().enumerate().fold(0, |word, (i, value)| word | value << (18 - 6 * i));
        word.to_be_bytes()[1..chunk.len()].to_vec()
    });
    bytes.collect()
}

#[test]
fn distilled_models_bring_what_suits_them() {
    for (name, sampler, steps, guidance) in
        [("lcm", SamplerKind::Lcm, 4, 8.0), ("sdxs", SamplerKind::Ddim, 1, 1.0)]
    {
        let folder = folder(&recorded(name));
        let suits = opened(folder.path()).info.defaults;
        assert_eq!((suits.sampler, suits.steps, suits.guidance), (sampler, steps, guidance), "{name}");
        // What lies beside the model is asked first.
        fs::write(folder.path().join("settings.json"), r#"{"steps": 9}"#).unwrap();
        let suits = opened(folder.path()).info.defaults;
        assert_eq!((suits.sampler, suits.steps, suits.guidance), (sampler, 9, guidance), "{name}");
    }
}

/// What a case begins from.
fn source(case: &Value) -> Source {
    let side = case["request"]["side"].as_u64().unwrap() as usize;
    let pixels = |name: &str| case["begins"][name].as_str().map(base64);
    let frame = |rgb: Vec<u8>| Frame { width: side, height: side, rgb: rgb.into() };
    let photo = |rgb| PictureFrom::Pixels(Photo::from(frame(rgb)));
    let gray = |levels: Vec<u8>| levels.into_iter().flat_map(|level| [level; 3]).collect();
    let number = |key: &str, usual: f64| case["request"][key].as_f64().unwrap_or(usual);
    let treatment = Treatment {
        strength: number("strength", 1.0),
        image_guidance: number("image_guidance", 1.5),
        mask_blur: 0.0,
        ..Treatment::default()
    };
    let painted =
        |levels: Vec<u8>| MaskFrom::Painted(Mask { width: side, height: side, levels: levels.into() });
    Source {
        mask: pixels("mask").map(painted),
        depth: pixels("depth").map(gray).map(photo),
        treatment,
        ..Source::of(photo(pixels("picture").unwrap()))
    }
}

#[test]
fn pictures_from_pictures_are_those_of_diffusers() {
    let mut differences = Vec::new();
    for (name, takes) in [
        ("from-picture", Takes::Nothing),
        ("inpaint", Takes::MaskedPicture),
        ("inpaint-part", Takes::MaskedPicture),
        ("edit", Takes::Picture),
        ("depth", Takes::Depth),
    ] {
        let case = recorded(name);
        let folder = folder(&case);
        let model = opened(folder.path());
        assert_eq!(model.info.takes, takes, "{name}");
        let (settings, source) = (settings(&case, &model.info.defaults), source(&case));
        let ground = model.ground(&settings, &source, None).unwrap();
        let plan = model.plan_on(&settings, Some(model.seeded(&ground, &settings))).unwrap();
        let start = generate::start(&model.networks, &settings, &plan);
        let mut go_on = |_: &StepReport<'_>, _: &RunState| ControlFlow::Continue(Next::default());
        let developed = develop_through(&model, &settings, &plan, start, &mut go_on, &mut |_, _| None, None);
        let Developed { made, frame, .. } = developed.unwrap().unwrap();
        let expected = base64(case["pixels"].as_str().unwrap());
        let apart = made.rgb.iter().zip(&expected).map(|(a, b)| a.abs_diff(*b)).max().unwrap();
        differences.push((name, apart));
        let Some(MaskFrom::Painted(mask)) = &source.mask else { continue };
        // What diffusers' picture has outside of the mask is its decoder's; here it is the original's.
        let original = base64(case["begins"]["picture"].as_str().unwrap());
        for pixel in 0..mask.levels.len() {
            let at = 3 * pixel..3 * pixel + 3;
            if mask.levels[pixel] == 0 {
                assert_eq!(frame.rgb[at.clone()], original[at], "{name}, pixel {pixel}");
            }
        }
    }
    println!("{differences:?}");
    assert!(differences.iter().all(|(_, difference)| *difference <= MOST), "{differences:?}");
}

#[test]
fn pictures_are_those_of_diffusers() {
    let names = ["v1", "v1-wide", "v2", "v2-v", "v2-ztsnr", "no-middle", "one-block", "lcm", "sdxs"];
    let found: Vec<(&str, u8)> = names.map(|name| (name, difference(name))).to_vec();
    println!("{found:?}");
    assert!(found.iter().all(|(_, difference)| *difference <= MOST), "{found:?}");
}
