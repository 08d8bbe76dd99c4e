//! Prompts in A1111's grammar: the contexts of A1111 and compel, what acts at which call, and prompts that act
//! together.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::ops::ControlFlow;

use safelight::engine::generate::{self, Plan};
use safelight::engine::{OpenModel, Opening, open_model};
use safelight::message::ModelSource;
use safelight::note::Note;
use safelight::ops::{Device, StopFlag, Tensor};
use safelight::sampler::{Latent, Next, RunState, SamplerKind, StepReport, TimestepSpacing};
use safelight::settings::{Emphasis, PromptGrammar, Settings};
use safetensors::SafeTensors;

fn starter() -> OpenModel {
    open_model(&ModelSource::Starter, Opening::on(&Device::cpu(StopFlag::default()))).unwrap()
}

fn settings(prompt: &str) -> Settings {
    Settings {
        prompt: prompt.to_owned(),
        sampler: SamplerKind::Euler,
        steps: 10,
        timesteps: TimestepSpacing::Exact,
        guidance: 3.0,
        width: 64,
        height: 64,
        seed: 7,
        grammar: PromptGrammar::A1111,
        ..Settings::default()
    }
}

fn plan(model: &OpenModel, settings: &Settings) -> Plan {
    generate::plan(&model.networks, settings).unwrap()
}

/// The context of the first strand at a call.
fn context(plan: &Plan, call: usize) -> &Tensor {
    let strands = &plan.prompts.as_ref().unwrap().strands;
    &strands[0].timeline.at(call).conditioning.c_crossattn[0]
}

fn furthest(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

/// `tools/prompts/embeddings.py` records them.
#[test]
fn contexts_are_those_of_a1111_and_compel() {
    let packed = include_bytes!("../../golden/prompts/embeddings.safetensors.gz");
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(packed.as_slice()).read_to_end(&mut bytes).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
    let about = &header.metadata().as_ref().unwrap()["about"];
    let about: BTreeMap<String, serde_json::Value> = serde_json::from_str(about).unwrap();
    let model = starter();
    for (name, case) in about {
        let texts: Vec<&str> =
            case["texts"].as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect();
        let (prompt, calls) = match texts.as_slice() {
            [one] => ((*one).to_owned(), vec![0]),
            [first, second] => (format!("[{first}:{second}:5]"), vec![0, 9]),
            [first, second, ..] => (format!("[{first}|{second}]"), vec![1, 2]),
            [] => unreachable!("every case has a text"),
        };
        let settings = Settings {
            emphasis: Emphasis::from_name(case["emphasis"].as_str().unwrap()).unwrap(),
            clip_skip: case["clip_skip"].as_u64().unwrap() as usize,
            ..settings(&prompt)
        };
        let plan = plan(&model, &settings);
        let expected = file.tensor(&name).unwrap();
        let channels = expected.shape()[2];
        let expected: Vec<f32> =
            expected.data().as_chunks().0.iter().map(|four| f32::from_le_bytes(*four)).collect();
        let found = calls.iter().flat_map(|call| {
            let context = context(&plan, *call);
            let all = context.to_f32().unwrap();
            let first = all.chunks(context.shape()[2]).flat_map(|place| place[..channels].to_vec());
            first.collect::<Vec<_>>()
        });
        let found: Vec<f32> = found.collect();
        let away = furthest(&found, &expected);
        println!("{name}: {away:e}");
        assert!(away < 1e-4, "{name}: {away}");
    }
}

#[test]
fn schedules_act_by_calls() {
    let model = starter();
    let texts = |prompt: &str, sampler| plan(&model, &Settings { sampler, ..settings(prompt) });
    let (fox, apple) = (texts("fox", SamplerKind::Euler), texts("apple", SamplerKind::Euler));
    let same = |a: &Tensor, b: &Tensor| furthest(&a.to_f32().unwrap(), &b.to_f32().unwrap()) < 1e-5;
    let told = |plan: &Plan, calls: usize| -> String {
        let one = |call| if same(context(plan, call), context(&fox, 0)) { 'f' } else { 'a' };
        (0..calls).map(one).collect()
    };
    assert!(!same(context(&fox, 0), context(&apple, 0)));
    assert_eq!(told(&texts("[fox:apple:5]", SamplerKind::Euler), 10), "ffffffaaaa");
    assert_eq!(told(&texts("[fox|apple]", SamplerKind::Euler), 10), "ffafafafaf");
    // Twice as many calls.
    assert_eq!(told(&texts("[fox:apple:0.5]", SamplerKind::Heun), 19), "fffffffffffaaaaaaaa");
    let words = |plan: &Plan, step| -> Vec<String> {
        let prompt = "[fox:red apple:0.5] on blue";
        let words = plan.prompts.as_ref().unwrap().words_of_step(step);
        words.iter().map(|word| prompt[word.text.clone()].to_owned()).collect()
    };
    let plan = texts("[fox:red apple:0.5] on blue", SamplerKind::Euler);
    assert_eq!(words(&plan, 0), ["fox", "on", "blue"]);
    assert_eq!(words(&plan, 9), ["red", "apple", "on", "blue"]);
}

fn draw(model: &OpenModel, settings: &Settings, until: usize) -> Latent {
    let plan = plan(model, settings);
    let start = generate::start(&model.networks, settings, &plan);
    draw_from(model, settings, &plan, start, until).x
}

fn draw_from(model: &OpenModel, settings: &Settings, plan: &Plan, start: RunState, until: usize) -> RunState {
    let mut last = start.clone();
    let mut on_step = |_: &StepReport<'_>, state: &RunState| {
        last = state.clone();
        if state.step < until { ControlFlow::Continue(Next::default()) } else { ControlFlow::Break(()) }
    };
    generate::develop(&model.networks, settings, plan, start, &mut on_step).unwrap();
    last
}

#[test]
fn prompts_that_act_together_are_a_sum() {
    let model = starter();
    let short = |prompt: &str| draw(&model, &Settings { steps: 4, ..settings(prompt) }, 4);
    let one = short("a red apple");
    let halves = short("a red apple:0.5 AND a red apple:0.5");
    assert!(furthest(&one.values, &halves.values) < 1e-3);
    let both = short("a red apple AND a fox");
    assert!(furthest(&one.values, &both.values) > 0.05);
    // Guidance is the weight's factor.
    let double = short("a red apple:2");
    let guided = draw(&model, &Settings { steps: 4, guidance: 6.0, ..settings("a red apple") }, 4);
    assert!(furthest(&double.values, &guided.values) < 1e-3);
}

#[test]
fn a_run_with_a_schedule_goes_on_where_it_was() {
    let model = starter();
    let settings =
        Settings { sampler: SamplerKind::Heun, steps: 6, ..settings("[a fox:a (red:1.2) apple:0.5]") };
    let plan = plan(&model, &settings);
    let start = generate::start(&model.networks, &settings, &plan);
    let whole = draw_from(&model, &settings, &plan, start.clone(), 6);
    for at in [1, 3, 4] {
        let half = draw_from(&model, &settings, &plan, start.clone(), at);
        assert_eq!(draw_from(&model, &settings, &plan, half, 6).x, whole.x, "{at}");
    }
}

#[test]
fn nothing_of_a_long_prompt_is_lost_and_a_literal_one_is_cut() {
    let model = starter();
    let long = "a red apple on a blue background and ".repeat(4);
    let read = plan(&model, &settings(&long));
    assert_eq!(context(&read, 0).shape(), [1, 48, 192]);
    assert!(read.notes.is_empty() && read.tokens.dropped_from.is_none(), "{:?}", read.notes);
    assert_eq!((read.tokens.used, read.tokens.max), (36, 48));
    let second = long.rfind("background and a red").unwrap();
    assert_eq!((read.tokens.chunks, read.tokens.starts), (2, vec![second]));
    // Another length of the negative prompt is two calls in the place of one.
    draw(&model, &Settings { steps: 1, ..settings(&long) }, 1);
    let literal = plan(&model, &Settings { grammar: PromptGrammar::Literal, ..settings(&long) });
    assert_eq!(context(&literal, 0).shape(), [1, 24, 192]);
    assert!(literal.notes.iter().any(|note| matches!(note, Note::TokensDropped { .. })));
    // Brackets are letters then.
    let literal =
        |prompt: &str| plan(&model, &Settings { grammar: PromptGrammar::Literal, ..settings(prompt) });
    assert_ne!(literal("(fox)").ids, literal("fox").ids);
}
