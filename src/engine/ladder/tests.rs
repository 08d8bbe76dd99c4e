//! The ladder on a card whose budget is capped: each rung, what it says, and that what was foretold is what the arena
//! counted; and the memory of v1 at full size, which is rehearsed alone.

use std::borrow::Cow;
use std::ops::ControlFlow;
use std::sync::Arc;

use super::*;
use crate::config::parse_yaml;
use crate::engine::generate::{self, GenerateError};
use crate::model::instantiate_from_config;
use crate::model::synthetic::Synthetic;
use crate::note::Note;
use crate::ops::host::{HostData, HostTensor, TensorSource};
use crate::ops::{self, Device, DeviceChoice, DeviceOptions, Dtype, StopFlag, Weights};
use crate::sampler::Next;
use crate::settings::Settings;

const MIB: u64 = 1 << 20;

fn card(dtype: Dtype) -> Option<Device> {
    if !crate::gpu::is_there_for_tests() {
        return None;
    }
    let options = DeviceOptions { choice: DeviceChoice::Wgpu(0), dtype, ..DeviceOptions::default() };
    let (device, _) = Device::open(options, StopFlag::default()).unwrap();
    device.card_memory().unwrap().memory().set_budget(None);
    Some(device)
}

/// A source of tensors without numbers.
struct Shapes;

impl TensorSource for Shapes {
    fn shape(&self, _name: &str, expected: &[usize]) -> Option<Vec<usize>> {
        Some(expected.to_vec())
    }

    fn read(&self, _name: &str, shape: &[usize]) -> ops::Result<HostTensor<'_>> {
        let zeros = vec![half::f16::ZERO; shape.iter().product()];
        Ok(HostTensor { shape: shape.to_vec(), data: HostData::F16(Cow::Owned(zeros)) })
    }

    fn names(&self) -> Vec<String> {
        Vec::new()
    }
}

#[test]
fn v1_at_full_size_fits_the_cards_that_it_is_for() {
    let Some(device) = card(Dtype::F16) else { return };
    let memory = device.card_memory().unwrap();
    let config = parse_yaml(include_str!("../../../assets/config/v1-inference.yaml")).unwrap();
    let none = |_: &str| Err("it carries its own words".to_owned());
    let needed = |side: usize, in_bands: bool| {
        let rehearsed = memory.rehearse(|| {
            let weights = Weights::new(Arc::new(Shapes), device.clone());
            let model = instantiate_from_config(&config, &weights, &none).unwrap();
            model.decode_in_bands(in_bands);
            run(&model, [side, side])
        });
        let bytes = rehearsed.unwrap().1.bytes;
        println!(
            "{side}, in bands: {in_bands}: {} MiB of weights, {} MiB of activations (at least {}), {} MiB in all",
            (bytes.most - bytes.held) / MIB,
            bytes.held / MIB,
            bytes.peak / MIB,
            bytes.most / MIB
        );
        bytes
    };
    let [small, large] = [512, 768].map(|side| [needed(side, false), needed(side, true)]);
    assert!(small[0].most <= 2457 * MIB, "{small:?}");
    assert!(large[0].most <= 3 * 1024 * MIB, "{large:?}");
    // Weights of 0.97 billion numbers in f16 are counted, and bands save a good part of the activations.
    assert!(
        small[0].most - small[0].held > 1900 * MIB && large[1].held * 10 < large[0].held * 7,
        "{small:?} {large:?}"
    );
}

#[cfg(feature = "starter")]
mod starter {
    use super::*;
    use crate::engine::{OpenModel, Opening, first_settings, open_model};
    use crate::message::ModelSource;

    fn starter(device: &Device) -> OpenModel {
        open_model(&ModelSource::Starter, Opening::on(device)).unwrap()
    }

    fn settings() -> Settings {
        Settings { steps: 2, seed: 3, prompt: "a red apple".to_owned(), ..first_settings() }
    }

    fn said(notes: &[Note]) -> Vec<CardNote> {
        notes
            .iter()
            .filter_map(|note| if let Note::Card(note) = note { Some(note.clone()) } else { None })
            .collect()
    }

    /// The pixels of a run, after its plan.
    fn picture(model: &OpenModel) -> (Vec<u8>, Vec<CardNote>) {
        let settings = settings();
        let plan = generate::plan(&model.networks, &settings).unwrap();
        assert_eq!(plan.refused, None);
        let state = generate::start(&model.networks, &settings, &plan);
        let mut on_step = |_: &crate::sampler::StepReport<'_>, _: &crate::sampler::RunState| {
            ControlFlow::Continue(Next::default())
        };
        let made = generate::develop(&model.networks, &settings, &plan, state, &mut on_step).unwrap();
        let (frame, _) = generate::decode(&model.networks, &made.samples).unwrap();
        (frame.rgb.to_vec(), said(&plan.notes))
    }

    fn differ(a: &[u8], b: &[u8]) -> u8 {
        a.iter().zip(b).map(|(a, b)| a.abs_diff(*b)).max().unwrap()
    }

    #[test]
    fn what_was_foretold_is_what_the_arena_counts_and_each_rung_is_said() {
        let Some(device) = card(Dtype::F32) else { return };
        let memory = device.card_memory().unwrap();
        let model = starter(&device);
        assert_eq!(said(&model.info.notes), []);
        let size = [settings().width, settings().height];
        let whole = need(memory, &model.networks, size).unwrap();
        let (wanted, notes) = picture(&model);
        assert_eq!(notes, []);
        let counted = memory.memory().bytes();
        assert_eq!((counted.held, memory.memory().segments()), (whole.bytes.held, whole.segments.clone()));
        assert_eq!(counted.most, whole.bytes.most);
        assert_eq!(counted.grown, 1, "nothing was taken after the plan");
        // A second picture takes nothing, though the first has left its context behind.
        picture(&model);
        assert_eq!((memory.memory().bytes().held, memory.memory().bytes().grown), (counted.held, 1));

        // A byte less than that, and the picture is decoded in bands.
        model.networks.forget_context();
        device.trim();
        memory.memory().set_budget(Some(whole.bytes.most - 1));
        let (banded, notes) = picture(&model);
        assert_eq!(notes, [CardNote::InBands, CardNote::SmallerPreviews]);
        assert!(differ(&wanted, &banded) <= 1, "{}", differ(&wanted, &banded));
        let in_bands = need(memory, &model.networks, size).unwrap();
        assert!(
            in_bands.bytes.most < whole.bytes.most && memory.memory().bytes().held <= in_bands.bytes.held
        );

        // Less than bands take: the texts go to the processor, and their weights from the card.
        model.networks.forget_context();
        device.trim();
        let weights = memory.memory().bytes().own;
        memory.memory().set_budget(Some(in_bands.bytes.most - 1));
        let (apart, notes) = picture(&model);
        assert_eq!(notes, [CardNote::InBands, CardNote::SmallerPreviews, CardNote::TextsOnProcessor]);
        assert!(differ(&wanted, &apart) <= 2, "{}", differ(&wanted, &apart));
        assert!(memory.memory().bytes().own < weights && !model.networks.has_texts_beside());

        // Less than the weights: the processor has to do it.
        memory.memory().set_budget(Some(MIB));
        let plan = generate::plan(&model.networks, &settings()).unwrap();
        assert!(matches!(plan.refused, Some(GenerateError::Ops(ops::Error::OutOfCardMemory { .. }))));
        assert_eq!(said(&plan.notes), [CardNote::OnProcessor]);
    }

    #[test]
    fn a_model_opens_in_f16_or_on_the_processor_where_the_card_is_small() {
        let Some(device) = card(Dtype::F32) else { return };
        let memory = device.card_memory().unwrap();
        let side = [settings().width, settings().height];
        let most = {
            let model = starter(&device);
            need(memory, &model.networks, side).unwrap().bytes.most
        };
        device.trim();
        memory.memory().set_budget(Some(most - 1));
        let model = starter(&device);
        assert_eq!(said(&model.info.notes), [CardNote::InHalf]);
        assert_eq!((model.info.device.dtype, model.info.device.is_card), ("f16", true));
        drop(model);
        memory.memory().set_budget(Some(MIB));
        let model = starter(&device);
        assert_eq!(said(&model.info.notes), [CardNote::OnProcessor]);
        assert_eq!((model.info.device.dtype, model.info.device.is_card), ("f32", false));
        picture(&model);
    }
}

/// Drawn weights, of which one convolution of the decoder is larger.
struct Loud;

impl TensorSource for Loud {
    fn shape(&self, _name: &str, expected: &[usize]) -> Option<Vec<usize>> {
        Some(expected.to_vec())
    }

    fn read(&self, name: &str, shape: &[usize]) -> ops::Result<HostTensor<'_>> {
        let drawn = Synthetic { weights_seed: 0 }.read(name, shape)?;
        let factor = if name == "first_stage_model.decoder.up.1.block.0.conv2.weight" { 1e5 } else { 1.0 };
        let values: Vec<f32> = drawn.to_f32().iter().map(|value| value * factor).collect();
        Ok(HostTensor { shape: shape.to_vec(), data: HostData::F32(values.into()) })
    }

    fn names(&self) -> Vec<String> {
        Vec::new()
    }
}

#[test]
fn a_stage_beyond_f16_is_named_and_the_latents_are_decoded_in_f32() {
    let Some(half) = card(Dtype::F16) else { return };
    let config = parse_yaml(include_str!("../../../assets/cases/sd-ddim/config.yaml")).unwrap();
    let none = |_: &str| Err("it carries its own words".to_owned());
    let decoded = |source: Arc<dyn TensorSource>, device: &Device| {
        let weights = Weights::new(source, device.clone());
        let model = instantiate_from_config(&config, &weights, &none).unwrap();
        let shape = [1, model.config.channels, 8, 8];
        let z: Vec<f32> = (0..shape.iter().product()).map(|i: usize| (i as f32).sin()).collect();
        let z = Tensor::from_f32(&model.first_stage_device(), &shape, &z).unwrap();
        let first = model.decode_first_stage(&z).unwrap().to_f32().unwrap();
        assert_eq!(model.decode_first_stage(&z).unwrap().to_f32().unwrap(), first);
        (first, model.take_notes())
    };
    let off = |a: &[f32], b: &[f32]| {
        let largest = b.iter().fold(0.0, |most: f32, b| most.max(b.abs()));
        a.iter().zip(b).map(|(a, b)| (a - b).abs() / largest).fold(0.0, f32::max)
    };
    let processor = half.processor();
    let (quiet, notes) = decoded(Arc::new(Synthetic { weights_seed: 0 }), &half);
    assert_eq!(notes, []);
    let (wanted, _) = decoded(Arc::new(Synthetic { weights_seed: 0 }), &processor);
    assert!(off(&quiet, &wanted) < 2e-2, "{}", off(&quiet, &wanted));
    let (loud, notes) = decoded(Arc::new(Loud), &half);
    assert_eq!(notes, [CardNote::Repeated { stage: "up.1".to_owned() }]);
    let (wanted, _) = decoded(Arc::new(Loud), &processor);
    assert!(loud.iter().all(|x| x.is_finite()) && off(&loud, &wanted) < 2e-2, "{}", off(&loud, &wanted));
}
