//! Graphs as people build them: the nodes between a sampler and its texts.

use serde_json::json;

use super::*;
use crate::sampler::{SamplerKind, ScheduleKind};

/// A plain graph, with more nodes put over it.
fn over_plain(nodes: Value) -> Value {
    let mut graph = json!({
        "3": {"class_type": "KSampler", "inputs": {"seed": 156680208700286_u64, "steps": 20, "cfg": 8,
            "sampler_name": "ddim", "scheduler": "ddim_uniform", "denoise": 1, "model": ["10", 0],
            "positive": ["6", 0], "negative": ["7", 0], "latent_image": ["5", 0]}},
        "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "sd\\v1-5-pruned-emaonly.safetensors"}},
        "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 512, "height": 768, "batch_size": 1}},
        "6": {"class_type": "CLIPTextEncode", "inputs": {"text": ["11", 0], "clip": ["4", 1]}},
        "7": {"class_type": "CLIPTextEncode", "inputs": {"text": "watermark", "clip": ["4", 1]}},
        "10": {"class_type": "LoraLoader", "inputs": {"model": ["4", 0], "lora_name": "x.safetensors"}},
        "11": {"class_type": "PrimitiveString", "inputs": {"value": "a bottle"}}
    });
    for (id, node) in nodes.as_object().unwrap() {
        graph[id] = node.clone();
    }
    graph
}

/// The texts of both sides.
fn texts(graph: &Value) -> (Option<String>, Option<String>) {
    let settings = super::graph(graph).unwrap().settings;
    (settings.prompt, settings.negative_prompt)
}

fn both(positive: &str, negative: &str) -> (Option<String>, Option<String>) {
    (Some(positive.to_owned()), Some(negative.to_owned()))
}

/// The plain sampler with its conditioning linked elsewhere.
fn sampler(positive: Value, negative: Value) -> Value {
    json!({"class_type": "KSampler", "inputs": {"seed": 1, "steps": 20, "cfg": 8, "sampler_name": "ddim",
        "model": ["4", 0], "positive": positive, "negative": negative, "latent_image": ["5", 0]}})
}

#[test]
fn links_are_followed() {
    let found = super::graph(&over_plain(json!({}))).unwrap();
    let settings = &found.settings;
    assert_eq!(
        (settings.prompt.as_deref(), settings.negative_prompt.as_deref()),
        (Some("a bottle"), Some("watermark"))
    );
    assert_eq!((settings.seed, settings.steps), (Some(156_680_208_700_286), Some(20)));
    assert_eq!(settings.guidance, Some(8.0));
    assert_eq!((settings.width, settings.height), (Some(512), Some(768)));
    assert_eq!(settings.sampler, Some(SamplerKind::Ddim));
    assert_eq!(found.model.as_deref(), Some("v1-5-pruned-emaonly"));
    assert_eq!(found.foreign_sampler, None);
}

#[test]
fn each_text_stays_on_its_side() {
    let control = json!({"class_type": "ControlNetApplyAdvanced", "inputs": {"strength": 1, "positive": ["6", 0],
        "negative": ["7", 0], "control_net": ["30", 0], "image": ["31", 0]}});
    let zero = json!({"class_type": "ConditioningZeroOut", "inputs": {"conditioning": ["6", 0]}});
    // Its negative text comes first in the file.
    let loader = json!({"class_type": "Efficient Loader", "inputs": {"ckpt_name": "m.safetensors",
        "negative": "watermark", "positive": "a bottle", "empty_latent_width": 512, "empty_latent_height": 640}});
    let guided = |inputs: Value| json!({"class_type": "ConditioningSetArea", "inputs": inputs});
    let cases = [
        (
            json!({"3": sampler(json!(["20", 0]), json!(["20", 1])), "20": control}),
            both("a bottle", "watermark"),
        ),
        (json!({"3": sampler(json!(["6", 0]), json!(["21", 0])), "21": zero}), both("a bottle", "")),
        (
            json!({"3": sampler(json!(["22", 1]), json!(["22", 2])), "22": loader}),
            both("a bottle", "watermark"),
        ),
        (
            json!({"3": sampler(json!(["20", 0]), json!(["20", 1])),
            "20": {"class_type": "ControlNetApplyAdvanced", "inputs": {"positive": ["22", 1], "negative": ["21", 0]}},
            "21": {"class_type": "ConditioningZeroOut", "inputs": {"conditioning": ["22", 1]}}, "22": loader}),
            both("a bottle", ""),
        ),
        (
            json!({"3": sampler(json!(["23", 0]), json!(["24", 0])), "23": guided(json!({"conditioning": ["6", 0], "width": 4})),
            "24": {"class_type": "Reroute", "inputs": {"": ["7", 0]}}}),
            both("a bottle", "watermark"),
        ),
        // What cannot be followed is none, and never the other side's.
        (
            json!({"3": sampler(json!(["25", 0]), json!(["7", 0])), "25": {"class_type": "Mystery", "inputs": {"negative": ["7", 0], "x": ["4", 0]}}}),
            (None, Some("watermark".to_owned())),
        ),
    ];
    for (nodes, expected) in cases {
        assert_eq!(texts(&over_plain(nodes.clone())), expected, "{nodes}");
    }
}

#[test]
fn joined_texts_come_whole() {
    let prompt = |node: Value| {
        texts(&over_plain(
            json!({"11": node, "12": {"class_type": "PrimitiveString", "inputs": {"value": "on a table"}}}),
        ))
        .0
    };
    let cases = [
        json!({"class_type": "StringConcatenate", "inputs": {"string_b": ["12", 0], "string_a": "a bottle", "delimiter": ", "}}),
        json!({"class_type": "Text Concatenate", "inputs": {"delimiter": ", ", "clean_whitespace": "true", "text_a": "a bottle", "text_b": ["12", 0]}}),
        json!({"class_type": "JoinStrings", "inputs": {"delimiter": ", ", "string1": "a bottle", "string2": ["12", 0]}}),
        json!({"class_type": "StringFunction|pysssss", "inputs": {"action": "append", "tidy_tags": "yes", "text_a": "a bottle", "text_b": ["12", 0], "text_c": ""}}),
        json!({"class_type": "ShowText|pysssss", "inputs": {"text_0": "old", "text": "a bottle, on a table"}}),
        json!({"class_type": "StringReplace", "inputs": {"string": "a cup, on a table", "find": "cup", "replace": "bottle"}}),
        json!({"class_type": "ImpactWildcardProcessor", "inputs": {"wildcard_text": "a {x|y}", "populated_text": "a bottle, on a table"}}),
        json!({"class_type": "ImpactSwitch", "inputs": {"select": 2, "input1": "no", "input2": "a bottle, on a table"}}),
    ];
    for node in cases {
        assert_eq!(prompt(node.clone()).as_deref(), Some("a bottle, on a table"), "{node}");
    }
    // Half a text is none.
    let half = json!({"class_type": "JoinStrings", "inputs": {"delimiter": ", ", "string1": "a bottle", "string2": ["99", 0]}});
    assert_eq!(prompt(half), None);
    let drawn = json!({"class_type": "DPRandomGenerator", "inputs": {"text": "a {bottle|cup}"}});
    assert_eq!(prompt(drawn), None);
    let joined = json!({"3": sampler(json!(["26", 0]), json!(["7", 0])), "26": {"class_type": "ConditioningConcat",
        "inputs": {"conditioning_to": ["6", 0], "conditioning_from": ["27", 0]}},
        "27": {"class_type": "CLIPTextEncode", "inputs": {"text": "on a table", "clip": ["4", 1]}}});
    assert_eq!(texts(&over_plain(joined)), both("a bottle, on a table", "watermark"));
}

#[test]
fn samplers_made_of_parts() {
    let parts = |guider: Value| {
        over_plain(json!({
            "3": {"class_type": "SamplerCustomAdvanced", "inputs": {"noise": ["30", 0], "guider": ["31", 0], "sampler": ["32", 0],
                "sigmas": ["33", 0], "latent_image": ["5", 0]}},
            "30": {"class_type": "RandomNoise", "inputs": {"noise_seed": 77}},
            "31": guider,
            "32": {"class_type": "KSamplerSelect", "inputs": {"sampler_name": "ddim"}},
            "33": {"class_type": "BasicScheduler", "inputs": {"scheduler": "normal", "steps": 24, "denoise": 1, "model": ["4", 0]}}
        }))
    };
    let cfg = parts(
        json!({"class_type": "CFGGuider", "inputs": {"cfg": 5.5, "model": ["10", 0], "positive": ["6", 0], "negative": ["7", 0]}}),
    );
    let found = super::graph(&cfg).unwrap();
    assert_eq!(
        (found.settings.seed, found.settings.steps, found.settings.guidance),
        (Some(77), Some(24), Some(5.5))
    );
    assert_eq!((found.settings.sampler, found.settings.width), (Some(SamplerKind::Ddim), Some(512)));
    assert_eq!(found.model.as_deref(), Some("v1-5-pruned-emaonly"));
    assert_eq!(texts(&cfg), both("a bottle", "watermark"));
    let basic =
        parts(json!({"class_type": "BasicGuider", "inputs": {"model": ["10", 0], "conditioning": ["6", 0]}}));
    assert_eq!(texts(&basic), both("a bottle", ""));
    assert_eq!(super::graph(&basic).unwrap().settings.guidance, Some(1.0));
    let custom = over_plain(json!({
        "3": {"class_type": "SamplerCustom", "inputs": {"add_noise": true, "noise_seed": ["34", 0], "cfg": 5.5, "model": ["4", 0],
            "positive": ["6", 0], "negative": ["7", 0], "sampler": ["32", 0], "sigmas": ["33", 0], "latent_image": ["5", 0]}},
        "32": {"class_type": "KSamplerSelect", "inputs": {"sampler_name": "euler"}},
        "33": {"class_type": "SplitSigmas", "inputs": {"step": 0, "sigmas": ["35", 0]}},
        "34": {"class_type": "PrimitiveInt", "inputs": {"value": 78}},
        "35": {"class_type": "KarrasScheduler", "inputs": {"steps": 24}}
    }));
    let found = super::graph(&custom).unwrap();
    assert_eq!(
        (found.settings.seed, found.settings.steps, found.settings.guidance),
        (Some(78), Some(24), Some(5.5))
    );
    assert_eq!(found.settings.sampler, Some(SamplerKind::Euler));
    assert_eq!(found.settings.schedule, Some(ScheduleKind::Karras));
}

#[test]
fn pipes_are_followed() {
    let pipe = json!({
        "1": {"class_type": "easy comfyLoader", "inputs": {"ckpt_name": "m.safetensors", "negative": "watermark", "positive": "a bottle",
            "empty_latent_width": 512, "empty_latent_height": 640}},
        "2": {"class_type": "easy preSampling", "inputs": {"steps": 20, "cfg": 8, "sampler_name": "ddim", "seed": 9, "pipe": ["1", 0]}},
        "3": {"class_type": "easy kSampler", "inputs": {"image_output": "Preview", "pipe": ["2", 0]}},
    });
    let found = super::graph(&pipe).unwrap();
    let settings = &found.settings;
    assert_eq!(texts(&pipe), both("a bottle", "watermark"));
    assert_eq!((settings.seed, settings.steps, settings.guidance), (Some(9), Some(20), Some(8.0)));
    assert_eq!((settings.width, settings.height), (Some(512), Some(640)));
    assert_eq!((settings.sampler, found.model.as_deref()), (Some(SamplerKind::Ddim), Some("m")));
    let bundle = over_plain(json!({
        "3": {"class_type": "ImpactKSamplerBasicPipe", "inputs": {"basic_pipe": ["40", 0], "seed": 9, "steps": 20, "cfg": 8,
            "sampler_name": "ddim", "latent_image": ["5", 0]}},
        "40": {"class_type": "ToBasicPipe", "inputs": {"model": ["4", 0], "negative": ["7", 0], "positive": ["6", 0]}}
    }));
    assert_eq!(texts(&bundle), both("a bottle", "watermark"));
}

#[test]
fn the_first_pass_counts_wherever_it_stands() {
    let mut two = json!({"1": {"class_type": "KSampler", "inputs": {"seed": 1, "steps": 5, "cfg": 3, "sampler_name": "euler",
        "positive": ["7", 0], "negative": ["6", 0], "latent_image": ["2", 0]}},
        "2": {"class_type": "LatentUpscale", "inputs": {"samples": ["3", 0], "width": 1024, "height": 1536}}});
    for (id, node) in over_plain(json!({})).as_object().unwrap() {
        two[id] = node.clone();
    }
    let settings = super::graph(&two).unwrap().settings;
    assert_eq!((settings.seed, settings.steps), (Some(156_680_208_700_286), Some(20)));
    assert_eq!((settings.width, settings.height), (Some(512), Some(768)));
    assert_eq!(texts(&two), both("a bottle", "watermark"));
}

#[test]
fn circles_and_nonsense_end() {
    let circle = json!({"1": {"class_type": "KSampler", "inputs": {"positive": ["2", 0], "latent_image": ["1", 0], "seed": ["2", 0]}},
        "2": {"class_type": "X", "inputs": {"a": ["2", 0], "b": ["1", 0], "c": ["9", 0], "d": []}}});
    assert_eq!(super::graph(&circle).unwrap().settings.prompt, None);
    // Every node twice below the next: a walk without a count would not end.
    let mut wide = serde_json::Map::new();
    wide.insert("0".into(), json!({"class_type": "KSampler", "inputs": {"positive": ["1", 0], "negative": ["1", 0], "latent_image": ["1", 0]}}));
    for node in 1..60 {
        let next = (node + 1).to_string();
        wide.insert(node.to_string(), json!({"class_type": "ConditioningCombine", "inputs": {"conditioning_1": [next, 0], "conditioning_2": [next, 0]}}));
    }
    assert_eq!(super::graph(&Value::Object(wide)).unwrap().settings.prompt, None);
    for nonsense in [json!({}), json!([1, 2]), json!({"1": 3}), json!({"1": {"class_type": "KSampler"}})] {
        assert_eq!(super::graph(&nonsense), None, "{nonsense}");
    }
}
