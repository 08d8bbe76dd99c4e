//! The lens: where words and guidance act, against plain numbers in f64, live and looked at later.

use std::ops::ControlFlow;

use safelight::engine::lens::Lens;
use safelight::engine::{ConditionedModel, EngineOptions, OpenModel, Opening, generate, open_model};
use safelight::message::{Event, JobId, ModelSource, Origin, Request, StepHeat};
use safelight::model::{Conditioning, ConditioningKey};
use safelight::negative::{BUDGET, Store};
use safelight::ops::{Device, StopFlag, Tensor};
use safelight::sampler::{Denoiser as _, Latent, Next, RunState, StepReport};
use safelight::settings::{PreviewMode, Settings};
use safetensors::SafeTensors;

use super::{Bench, apple};

fn starter() -> OpenModel {
    let device = Device::cpu(StopFlag::default());
    open_model(&ModelSource::Starter, Opening::on(&device)).unwrap()
}

fn read(file: &str) -> Vec<u8> {
    std::fs::read(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap()
}

fn floats(file: &[u8], name: &str) -> (Vec<usize>, Vec<f32>) {
    let file = SafeTensors::deserialize(file).unwrap();
    let tensor = file.tensor(name).unwrap();
    let values = tensor.data().as_chunks().0.iter().map(|four| f32::from_le_bytes(*four)).collect();
    (tensor.shape().to_vec(), values)
}

fn furthest(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

/// How far the maps of the recorded call lie from those that `tools/lens/reference.py` computes in f64, from the
/// weights to the enlargement.
pub fn away_from_f64(model: &OpenModel) -> f32 {
    let recorded = read("assets/starter/expected.safetensors");
    let (shape, expected) = floats(&read("tests/golden/lens/starter.safetensors"), "maps");
    let conditioning = |name: &str| {
        let (shape, values) = floats(&recorded, name);
        let context = Tensor::from_f32(model.networks.device(), &shape, &values).unwrap();
        Conditioning::from_tensor(context, ConditioningKey::Crossattn)
    };
    let (context, other) = (conditioning("context"), conditioning("unconditional_context"));
    let (x_shape, x) = floats(&recorded, "probe_x");
    let x = Latent::new(x_shape.try_into().unwrap(), x);
    let file = SafeTensors::deserialize(&recorded).unwrap();
    let t = i64::from_le_bytes(file.tensor("probe_t").unwrap().data().try_into().unwrap()) as f32;
    let lens = Lens::on();
    let denoiser = ConditionedModel::new(&model.networks, context, Some(&other));
    let mut denoiser = denoiser.watched_by(Some(&lens));
    // The conditional half alone, and as the second of two.
    let (plain, (e_uncond, e_cond)) = (denoiser.conditional(&x, t).unwrap(), denoiser.guided(&x, t).unwrap());
    let seen = lens.take().unwrap();
    assert_eq!([shape[1], shape[2]], seen.size);
    let apart = furthest(&seen.tokens, &expected);
    println!("{:?}: {apart:e} away from f64", model.info.device);
    // A position looks somewhere: its probabilities are one in sum, but for the overshoot of the cubic.
    let [h, w] = seen.size;
    let sum: f32 = seen.tokens.iter().sum::<f32>() / (h * w) as f32;
    assert!((sum - 1.0).abs() < 0.02, "{sum}");
    let delta = |i: usize| {
        (0..4).map(|c| (e_cond.values[c * h * w + i] - e_uncond.values[c * h * w + i]).abs() / 4.0).sum()
    };
    let expected: Vec<f32> = (0..h * w).map(delta).collect();
    assert!(furthest(&seen.guidance, &expected) < 1e-6);
    assert!(furthest(&plain.values, &e_cond.values) < 1e-4);
    apart
}

#[test]
fn maps_are_those_of_a_plain_computation_in_f64() {
    let apart = away_from_f64(&starter());
    assert!(apart <= 1e-4, "{apart}");
}

#[test]
fn a_watched_run_is_the_same_run() {
    let model = starter();
    let settings = Settings { steps: 4, ..apple(&model.info, 4) };
    let run = |lens: Option<&Lens>| {
        let plan = generate::plan(&model.networks, &settings).unwrap();
        let state = generate::start(&model.networks, &settings, &plan);
        let mut on_step = |_: &StepReport<'_>, _: &RunState| ControlFlow::Continue(Next::default());
        generate::develop_watched(&model.networks, &settings, &plan, state, &mut on_step, lens)
            .unwrap()
            .samples
    };
    let lens = Lens::on();
    assert_eq!(run(None), run(Some(&lens)));
    assert!(lens.take().is_some());
    let off = Lens::default();
    run(Some(&off));
    assert_eq!(off.take(), None);
}

fn heats(bench: &mut Bench, settings: Settings, id: u64) -> Vec<StepHeat> {
    let steps = settings.steps;
    bench.generate(id, settings, PreviewMode::Off);
    let mut heats = Vec::new();
    while heats.len() < steps {
        match bench.until(|event| matches!(event, Event::Heat(_) | Event::Finished { .. })) {
            Event::Heat(heat) => heats.push(*heat),
            other => panic!("{other:?}"),
        }
    }
    bench.until(|event| matches!(event, Event::Finished { .. }));
    heats
}

fn later(bench: &mut Bench, job: JobId, step: usize) -> StepHeat {
    bench.engine.request(Request::Heat { job, step }).unwrap();
    match bench.until(|event| matches!(event, Event::Heat(_) | Event::HeatFailed { .. })) {
        Event::Heat(heat) => *heat,
        failed => panic!("step {step} cannot be looked at: {failed:?}"),
    }
}

#[test]
fn the_steps_before_a_branch_point_are_looked_at_as_the_run_made_them_that_it_came_from() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::new(folder.path(), BUDGET);
    let mut bench = Bench::of(EngineOptions { negatives: Some(store.clone()), ..EngineOptions::default() });
    let info = bench.open();
    let settings = apple(&info, 4);
    bench.job(1, &settings, Origin::Anew);
    let negative = store.ids()[0].clone();
    let other = Settings { prompt: "green cup".to_owned(), ..settings };
    bench.job(2, &other, Origin::Branch { negative, at: 2 });
    let words =
        |heat: &StepHeat| -> Vec<String> { heat.words.iter().map(|word| word.word.clone()).collect() };
    for step in 0..4 {
        let [parent, branch] = [1, 2].map(|job| later(&mut bench, JobId(job), step));
        let expected = if step < 2 { ["red", "apple"] } else { ["green", "cup"] };
        assert_eq!(words(&branch), expected, "step {step}");
        assert_eq!(parent.words == branch.words, step < 2, "step {step}");
        assert_eq!(words(&parent), ["red", "apple"]);
    }
}

#[test]
fn a_step_that_is_looked_at_later_shows_what_it_showed_live() {
    let folder = tempfile::tempdir().unwrap();
    let negatives = Some(Store::new(folder.path(), BUDGET));
    let mut bench = Bench::of(EngineOptions { negatives, ..EngineOptions::default() });
    let info = bench.open();
    bench.engine.request(Request::Look { on: true }).unwrap();
    let live = heats(&mut bench, apple(&info, 5), 1);
    bench.engine.request(Request::Look { on: false }).unwrap();
    let job = live[0].job;
    for heat in &live {
        let words: Vec<&str> = heat.words.iter().map(|word| word.word.as_str()).collect();
        assert_eq!(words, ["red", "apple"]);
        assert!(heat.guidance.is_some() && !heat.took.is_zero());
        let side = info.defaults.width / 16;
        assert_eq!(heat.size, [side, side]);
        let later = later(&mut bench, job, heat.step);
        assert_eq!((&later.words, &later.guidance, later.step), (&heat.words, &heat.guidance, heat.step));
    }
    bench.engine.request(Request::Heat { job, step: 5 }).unwrap();
    let failed = bench.until(|event| matches!(event, Event::Heat(_) | Event::HeatFailed { .. }));
    assert!(matches!(failed, Event::HeatFailed { step: 5, .. }), "{failed:?}");
    // Nobody looks any more.
    bench.generate(2, apple(&info, 3), PreviewMode::Off);
    let end = bench.until(|event| matches!(event, Event::Heat(_) | Event::Finished { .. }));
    assert!(matches!(end, Event::Finished { .. }), "{end:?}");
}
