//! A model of two text encoders, as SDXL has them in large: what they give is joined, and what the second
//! pools reaches the UNet.

use std::ops::ControlFlow;
use std::sync::Arc;

use serde_json::{Value, json};

use safelight::config::parse_yaml;
use safelight::engine::generate;
use safelight::model::cond::{ClipOutput, ClipShape};
use safelight::model::synthetic::Synthetic;
use safelight::model::tokenizer::Tokenizer;
use safelight::model::{
    Conditioning, ConditioningKey, FrozenCLIPEmbedder, LatentDiffusion, ModelError, instantiate_from_config,
};
use safelight::ops::{Device, StopFlag, Tensor, Weights};
use safelight::sampler::{Next, RunState, StepReport};
use safelight::settings::Settings;

use super::tiny::CONFIG;

/// Channels of the first encoder's context and of the second's.
const WIDTHS: [usize; 2] = [32, 16];
/// Positions of a context.
const N: usize = 77;
const TEXTS: [&str; 2] = ["a red fox", ""];

fn clip_config(width: usize, further: Value) -> Value {
    let mut params = json!({
        "hidden_size": width, "num_hidden_layers": 2, "num_attention_heads": 2, "max_length": N,
        "layer": "hidden", "layer_idx": 1,
    });
    params.as_object_mut().unwrap().extend(further.as_object().unwrap().clone());
    let target = "sgm.modules.encoders.modules.FrozenCLIPEmbedder";
    json!({ "target": target, "input_key": "txt", "is_trainable": false, "params": params })
}

/// A config with both; the UNet takes a vector of so many channels.
fn config(vector: usize) -> Value {
    let mut config = parse_yaml(CONFIG).unwrap();
    let params = config["model"]["params"].as_object_mut().unwrap();
    params.remove("cond_stage_config");
    let encoders =
        [clip_config(WIDTHS[0], json!({})), clip_config(WIDTHS[1], json!({ "always_return_pooled": true }))];
    params.insert(
        "conditioner_config".into(),
        json!({ "target": "sgm.modules.GeneralConditioner", "params": { "emb_models": encoders } }),
    );
    let unet = &mut params["unet_config"]["params"];
    unet["context_dim"] = json!(WIDTHS[0] + WIDTHS[1]);
    unet["num_classes"] = json!("sequential");
    unet["adm_in_channels"] = json!(vector);
    config
}

fn weights() -> Weights {
    Weights::new(Arc::new(Synthetic { weights_seed: 0 }), Device::cpu(StopFlag::default()))
}

fn model(config: &Value) -> Result<LatentDiffusion, ModelError> {
    instantiate_from_config(config, &weights(), &|_| Err("there is no tokenizer beside it".to_owned()))
}

/// What the i-th encoder gives of both texts by itself, with so many layers.
fn alone(i: usize, layers: usize, output: ClipOutput) -> (Vec<f32>, Option<Vec<f32>>) {
    let tokenizer = Tokenizer::clip().unwrap();
    let shape = ClipShape {
        vocabulary: tokenizer.vocabulary_size(),
        max_length: N,
        hidden_size: WIDTHS[i],
        num_hidden_layers: layers,
        num_attention_heads: 2,
    };
    let weights = weights().pp("conditioner").pp("embedders").pp(i);
    let ids: Vec<i64> = TEXTS.iter().flat_map(|text| tokenizer.encode(text, N).unwrap().ids).collect();
    let found = FrozenCLIPEmbedder::new(&weights, shape, output).unwrap().forward(&ids).unwrap();
    (found.context.to_f32().unwrap(), found.pooled.map(|pooled| pooled.to_f32().unwrap()))
}

#[test]
fn contexts_lie_side_by_side_and_the_second_is_pooled() {
    let model = model(&config(WIDTHS[1])).unwrap();
    let both = model.get_learned_conditioning(&TEXTS).unwrap();
    let width = WIDTHS[0] + WIDTHS[1];
    assert_eq!(both.context.shape(), [2, N, width]);
    let context = both.context.to_f32().unwrap();
    // The state after one of two layers is what a transformer of that one layer gives without its norm.
    let hidden = ClipOutput { layer_idx: Some(1), pooled_at: None };
    let [first, second] = [0, 1].map(|i| alone(i, 1, hidden).0);
    for (place, row) in context.chunks(width).enumerate() {
        let of = |states: &[f32], width: usize| states[place * width..(place + 1) * width].to_vec();
        assert_eq!(row[..WIDTHS[0]], of(&first, WIDTHS[0]));
        assert_eq!(row[WIDTHS[0]..], of(&second, WIDTHS[1]));
    }
    // What is pooled is the last state, with the norm, where the text ends.
    let pooled = both.pooled.as_ref().unwrap();
    assert_eq!(pooled.shape(), [2, WIDTHS[1]]);
    let last = alone(1, 2, ClipOutput::default()).0;
    let tokenizer = Tokenizer::clip().unwrap();
    for (text, row) in pooled.to_f32().unwrap().chunks(WIDTHS[1]).enumerate() {
        let at = text * N + tokenizer.encode(TEXTS[text], N).unwrap().used - 1;
        assert_eq!(row, &last[at * WIDTHS[1]..(at + 1) * WIDTHS[1]]);
    }
    let one = both.batch_item(1).unwrap();
    assert_eq!((one.context.shape(), one.pooled.unwrap().shape()), (&[1, N, width][..], &[1, WIDTHS[1]][..]));
}

#[test]
fn what_is_pooled_reaches_the_unet() {
    let model = model(&config(WIDTHS[1])).unwrap();
    let texts = model.get_learned_conditioning(&TEXTS[..1]).unwrap();
    let conditioning = Conditioning::from_texts(texts, ConditioningKey::Crossattn);
    let x: Vec<f32> = (0..4 * 64).map(|i| (i as f32).sin()).collect();
    let x = Tensor::from_f32(model.device(), &[1, 4, 8, 8], &x).unwrap();
    let e_t = |conditioning: &Conditioning| model.apply_model(&x, &[500.0], conditioning);
    let found = e_t(&conditioning).unwrap().to_f32().unwrap();
    let twice = conditioning.vector.as_ref().map(|vector| vector.scale(2.0).unwrap());
    let other = Conditioning { vector: twice, ..conditioning.clone() };
    assert_ne!(e_t(&other).unwrap().to_f32().unwrap(), found);
    assert!(e_t(&Conditioning { vector: None, ..conditioning }).is_err());
}

#[test]
fn a_guided_run_takes_both_halves_of_what_is_pooled() {
    let model = model(&config(WIDTHS[1])).unwrap();
    let settings =
        Settings { prompt: TEXTS[0].into(), steps: 2, width: 64, height: 64, ..Settings::default() };
    let samples = |settings: &Settings| {
        let plan = generate::plan(&model, settings).unwrap();
        assert_eq!(plan.tokens.max, N);
        let state = generate::start(&model, settings, &plan);
        let mut on_step = |_: &StepReport<'_>, _: &RunState| ControlFlow::Continue(Next::default());
        generate::develop(&model, settings, &plan, state, &mut on_step).unwrap().samples.values
    };
    let found = samples(&settings);
    assert!(found.iter().all(|value| value.is_finite()));
    assert_ne!(samples(&Settings { guidance: 1.0, ..settings.clone() }), found);
    assert_ne!(samples(&Settings { negative_prompt: "a boat".into(), ..settings }), found);
}

#[test]
fn a_list_that_does_not_fit_is_refused_in_words() {
    let refused = |config: &Value| model(config).err().map(|error| error.to_string()).unwrap_or_default();
    let said = refused(&config(8));
    assert!(said.contains("adm_in_channels 16"), "{said}");
    let with = |pointer: &str, value: Value| {
        let mut config = config(WIDTHS[1]);
        *config.pointer_mut(&format!("/model/params/conditioner_config/params/{pointer}")).unwrap() = value;
        refused(&config)
    };
    for (pointer, value, expected) in [
        ("emb_models", json!([]), "a list of text encoders"),
        ("emb_models/1/target", json!("sgm.modules.encoders.modules.Mystery"), "Mystery"),
        ("emb_models/0/params/layer_idx", json!(3), "0 to 2"),
        ("emb_models/0/params/layer", json!("pooled"), "last or hidden"),
    ] {
        let said = with(pointer, value);
        assert!(said.contains(expected), "{said}");
    }
}
