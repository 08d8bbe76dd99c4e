//! Large pictures: the first stage in bands gives what it gives at once, in the memory that was told.

use safelight::engine::{OpenModel, Opening, generate, open_model};
use safelight::message::ModelSource;
use safelight::note::{ModelNote, Note};
use safelight::ops::{Device, StopFlag, Tensor};
use safelight::sampler::Latent;
use safelight::settings::Settings;

fn starter() -> OpenModel {
    open_model(&ModelSource::Starter, Opening::on(&Device::cpu(StopFlag::default()))).unwrap()
}

fn latent([h, w]: [usize; 2]) -> Latent {
    let values =
        (0..4 * h * w).map(|i| ((i * 37 % 101) as f32 / 50.0 - 1.0) + (i as f32 * 0.013).sin()).collect();
    Latent::new([1, 4, h, w], values)
}

fn largest(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

#[test]
fn bands_give_what_is_given_at_once() {
    let model = starter();
    let networks = &model.networks;
    let z = latent([40, 27]);
    let halves = || {
        let (frame, image) = generate::decode(networks, &z).unwrap();
        let encoded = networks.encode_first_stage(&image).unwrap();
        (frame, image.to_f32().unwrap(), encoded.mode().to_f32().unwrap())
    };
    let (frame, image, encoded) = halves();
    networks.decode_in_bands(true);
    let (in_bands, image_in_bands, encoded_in_bands) = halves();
    let (decoder, encoder) = (largest(&image, &image_in_bands), largest(&encoded, &encoded_in_bands));
    let levels = frame.rgb.iter().zip(&*in_bands.rgb).map(|(a, b)| a.abs_diff(*b)).max().unwrap();
    println!("decoder {decoder:e}, encoder {encoder:e}, {levels} of 255");
    assert!(decoder < 2e-5 && encoder < 2e-4 && levels <= 1, "{decoder:e} {encoder:e} {levels}");
}

#[test]
fn a_large_picture_takes_the_memory_that_is_told() {
    let model = starter();
    let networks = &model.networks;
    let [width, height] = [1280, 1344];
    let settings = Settings { width, height, steps: 1, ..model.info.defaults.clone() };
    let told = model.plan(&settings).unwrap().notes.into_iter().find_map(|note| match note {
        Note::Model(ModelNote::LargePicture { megabytes }) => Some(megabytes),
        _ => None,
    });
    let told = told.unwrap() << 20;
    let small = model.plan(&Settings { width: 256, height: 256, ..settings }).unwrap();
    assert!(!small.notes.iter().any(|note| matches!(note, Note::Model(ModelNote::LargePicture { .. }))));
    // Each half on a device of its own, whose peak is its alone.
    let peak = |work: &dyn Fn(&OpenModel)| {
        let model = starter();
        work(&model);
        model.networks.device().buffers().unwrap().peak as u64
    };
    let decoded = peak(&|model| {
        generate::decode(&model.networks, &latent([height / 16, width / 16])).unwrap();
    });
    let encoded = peak(&|model| {
        let device = model.networks.device();
        let picture =
            Tensor::from_f32(device, &[1, 3, height, width], &vec![0.1; 3 * height * width]).unwrap();
        model.networks.encode_first_stage(&picture).unwrap();
    });
    println!("told {told}, decoding took {decoded}, encoding {encoded}");
    for took in [decoded, encoded] {
        assert!(took < told + told / 4 && took > told / 3, "told {told}, took {took}");
    }
    assert!(!networks.decodes_in_bands(), "it is the size that decides");
}
