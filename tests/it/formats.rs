//! The same weights in every layout give the same picture, number by number.

mod beside;
mod field;
mod odd;

use std::path::{Path, PathBuf};

use safelight::engine::{OpenModel, Opening, generate, open_model};
use safelight::message::ModelSource;
use safelight::note::{ModelNote, Note};
use safelight::ops::{Device, DeviceChoice, DeviceOptions, StopFlag, WeightsKept};
use safelight::picture::Frame;
use safelight::sampler::{Latent, Next};
use safelight::settings::Settings;
use std::ops::ControlFlow;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/formats").join(name)
}

/// The last latent and the picture of a run on the model in `layout`.
fn develop(layout: &str) -> (Latent, Frame) {
    let source = ModelSource::Path {
        path: fixture(layout),
        config: Some(fixture("config.yaml")),
        vae: None,
        text_encoder: None,
        prediction: None,
    };
    let model = open_model(&source, Opening::on(&Device::cpu(StopFlag::default()))).unwrap();
    assert!(model.info.notes.is_empty(), "{layout}");
    picture_of(&model)
}

fn picture_of(model: &OpenModel) -> (Latent, Frame) {
    let settings = Settings {
        prompt: "a red tomato".to_owned(),
        negative_prompt: "rain".to_owned(),
        steps: 4,
        seed: 3,
        ..model.info.defaults.clone()
    };
    let plan = generate::plan(&model.networks, &settings).unwrap();
    let start = generate::start(&model.networks, &settings, &plan);
    let mut go_on = |_: &safelight::sampler::StepReport<'_>, _: &safelight::sampler::RunState| {
        ControlFlow::Continue(Next::default())
    };
    let generated = generate::develop(&model.networks, &settings, &plan, start, &mut go_on).unwrap();
    let (frame, _) = generate::decode(&model.networks, &generated.samples).unwrap();
    (generated.samples, frame)
}

#[test]
fn gguf_gives_the_same_picture() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.gguf");
    crate::checkpoint::gguf::model_gguf(&path);
    assert!(develop("model.safetensors") == develop(path.to_str().unwrap()));
}

#[test]
fn every_layout_gives_the_same_picture() {
    let (samples, frame) = develop("model.safetensors");
    assert_eq!((frame.width, frame.height), (64, 64));
    assert!(frame.rgb.iter().any(|value| *value != frame.rgb[0]), "the picture is of one color");
    for layout in ["model.ckpt", "model-legacy.ckpt", "bare.ckpt", "diffusers", "diffusers-old"] {
        let (other_samples, other_frame) = develop(layout);
        assert!(samples == other_samples, "{layout}: another latent");
        assert!(frame == other_frame, "{layout}: another picture");
    }
}

#[test]
fn rounded_weights_say_how_far_they_are_off() {
    let error = |weights_kept| {
        let options = DeviceOptions { weights_kept, choice: DeviceChoice::Cpu, ..DeviceOptions::default() };
        let (device, _) = Device::open(options, StopFlag::default()).unwrap();
        let model = open_model(&ModelSource::Starter, Opening::on(&device)).unwrap();
        model.info.notes.iter().find_map(|note| match note {
            Note::Model(ModelNote::WeightsRounded { error }) => Some(*error),
            _ => None,
        })
    };
    assert_eq!(error(WeightsKept::File), None);
    let (eight, four) = (error(WeightsKept::Q8_0).unwrap(), error(WeightsKept::Q4_0).unwrap());
    assert!((0.003..0.01).contains(&eight), "{eight}");
    assert!((0.05..0.12).contains(&four), "{four}");
}
