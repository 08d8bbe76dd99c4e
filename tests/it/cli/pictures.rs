//! `safelight generate` with input that it can follow.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::BufReader;

use safelight::engine::first_settings;
use safelight::picture::metadata::read::{Origin, recover};
use safelight::picture::{Format, Frame, Made, png_head, save_new};
use safelight::settings::Settings;
use safelight::starter;
use safetensors::SafeTensors;
use safetensors::tensor::Dtype;
use serde_json::Value;

use super::{done, files, folder, picture, safelight, shipped, side};

const APPLE: &str = "a red apple on a blue background";

/// The mean color of a square of `side` pixels.
fn mean(frame: &safelight::picture::Frame, left: usize, top: usize, side: usize) -> [f64; 3] {
    let mut sums = [0.0; 3];
    for y in top..top + side {
        for x in left..left + side {
            for (channel, sum) in sums.iter_mut().enumerate() {
                *sum += f64::from(frame.rgb[(y * frame.width + x) * 3 + channel]);
            }
        }
    }
    sums.map(|sum| sum / (side * side) as f64)
}

#[test]
fn the_first_command_makes_a_red_apple_on_blue() {
    let folder = folder();
    assert_eq!(done(&folder, &["generate", APPLE, "--seed", "1", "-o", "apple.png"]), "apple.png\n");
    let frame = picture(&folder, "apple.png");
    let side = side();
    assert_eq!((frame.width, frame.height), (side, side));
    let [red, green, blue] = mean(&frame, side * 3 / 8, side * 13 / 32, side / 4);
    assert!(red > green + 60.0 && red > blue + 60.0, "no apple in the middle: {red} {green} {blue}");
    let (near, far) = (side / 64, side - 5 * side / 64);
    for (left, top) in [(near, near), (far, near), (near, far), (far, far)] {
        let [red, green, blue] = mean(&frame, left, top, side / 16);
        assert!(blue > red + 60.0 && blue > green + 30.0, "no blue background: {red} {green} {blue}");
    }
}

#[test]
fn a_picture_says_how_it_was_made() {
    let folder = folder();
    let arguments = ["--seed", "5", "--steps", "2", "--guidance", "2.5", "--negative", "rain", "-o", "a.png"];
    done(&folder, &[&["generate", "a fox"][..], &arguments].concat());
    let path = folder.path().join("a.png");
    let head = png_head(&mut BufReader::new(File::open(&path).unwrap())).unwrap().unwrap();
    let parameters = head.text("parameters").unwrap();
    let size = format!("Size: {0}x{0}", side());
    for part in ["a fox\nNegative prompt: rain\n", "Steps: 2", "CFG scale: 2.5", "Seed: 5", &size] {
        assert!(parameters.contains(part), "{part} is not in {parameters}");
    }
    assert!(head.text("safelight").is_some());
    let recovered = recover(&path).unwrap().unwrap();
    assert_eq!(recovered.origin, Origin::Safelight);
    let made = recovered.made.unwrap();
    assert_eq!((made.settings.seed, made.settings.steps, made.settings.guidance), (5, 2, 2.5));
    assert_eq!((made.model.as_str(), made.model_hash.len()), ("Starter", 10));
}

#[test]
fn one_seed_gives_one_picture_and_another_seed_another() {
    let folder = folder();
    for (seed, name) in [("7", "a.png"), ("7", "b.png"), ("8", "c.png"), ("4294967303", "d.png")] {
        done(&folder, &["generate", "a boat", "--steps", "2", "--seed", seed, "-o", name]);
    }
    assert_eq!(picture(&folder, "a.png"), picture(&folder, "b.png"));
    assert_ne!(picture(&folder, "a.png"), picture(&folder, "c.png"));
    // The generator takes a seed's low 32 bits.
    assert_eq!(picture(&folder, "a.png"), picture(&folder, "d.png"));
}

#[test]
fn every_choice_changes_the_picture() {
    let folder = folder();
    let (whole, half) = (side(), (side() / 2).to_string());
    let choices: &[&[&str]] = &[
        &[],
        &["--guidance", "1"],
        &["--eta", "1"],
        &["--eta", "1", "--temperature", "0.5"],
        &["--steps", "5"],
        &["--sampler", "plms"],
        &["--timesteps", "quad"],
        &["--rng", "nv"],
        &["--negative", "rain"],
        &["--width", &half],
        &["--height", &half],
        &["--timesteps", "exact"],
    ];
    let mut pictures = Vec::new();
    for (number, choice) in choices.iter().enumerate() {
        let name = format!("{number}.png");
        let mut arguments = vec!["generate", "a boat", "--seed", "3", "-o", &name];
        if !choice.contains(&"--steps") {
            arguments.extend(["--steps", "3"]);
        }
        arguments.extend(*choice);
        done(&folder, &arguments);
        pictures.push(picture(&folder, &name));
        let before = pictures[..number].iter().position(|other| *other == pictures[number]);
        assert_eq!(before, None, "{choice:?} changed nothing");
    }
    assert_eq!((pictures[9].width, pictures[9].height), (whole / 2, whole));
    assert_eq!((pictures[10].width, pictures[10].height), (whole, whole / 2));
}

#[test]
fn a_count_makes_the_pictures_that_the_seeds_make_alone() {
    let folder = folder();
    let said =
        done(&folder, &["generate", "A boat!", "--steps", "2", "--seed", "20", "--count", "2", "-o", "out/"]);
    assert_eq!(said, "out/a-boat-20.png\nout/a-boat-21.png\n");
    for seed in ["20", "21"] {
        let alone = format!("{seed}.png");
        done(&folder, &["generate", "A boat!", "--steps", "2", "--seed", seed, "-o", &alone]);
        assert_eq!(picture(&folder, &alone), picture(&folder, &format!("out/a-boat-{seed}.png")));
    }
}

#[test]
fn a_seed_that_was_drawn_is_printed_and_kept() {
    let folder = folder();
    let run = safelight(&folder, &["generate", "a boat", "--steps", "1", "-o", "a.png"]);
    let seed = recover(&folder.path().join("a.png")).unwrap().unwrap().settings.seed.unwrap();
    assert!(run.stderr.contains(&format!("seed {seed},")), "{}", run.stderr);
    assert!(seed < 1 << 32);
    done(&folder, &["generate", "a boat", "--steps", "1", "--seed", &seed.to_string(), "-o", "b.png"]);
    assert_eq!(picture(&folder, "a.png"), picture(&folder, "b.png"));
}

#[test]
fn nothing_is_overwritten_unless_told() {
    let folder = folder();
    fs::write(folder.path().join("a.png"), b"mine").unwrap();
    let arguments = ["generate", "a boat", "--steps", "1", "--seed", "1", "-o", "a.png"];
    assert_eq!(done(&folder, &arguments), "a-2.png\n");
    assert_eq!(done(&folder, &arguments), "a-3.png\n");
    assert_eq!(fs::read(folder.path().join("a.png")).unwrap(), b"mine");
    assert_eq!(done(&folder, &[&arguments[..], &["--force"]].concat()), "a.png\n");
    assert_eq!(picture(&folder, "a.png"), picture(&folder, "a-2.png"));
    assert_eq!(files(folder.path()), ["a-2.png", "a-3.png", "a.png"]);
}

#[test]
fn json_lines_tell_the_whole_run() {
    let folder = folder();
    let arguments = ["generate", "a boat", "--steps", "3", "--seed", "9", "--json", "-o", "a.png"];
    let lines: Vec<Value> =
        done(&folder, &arguments).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let events: Vec<&str> = lines.iter().map(|line| line["event"].as_str().unwrap()).collect();
    // Three steps asked for are four: the reference's own count.
    assert_eq!(events, ["start", "step", "step", "step", "step", "saved"]);
    assert_eq!(lines[0]["timesteps"], serde_json::json!([1000, 667, 334, 1].map(|t: i64| t.min(999))));
    assert_eq!(lines[0]["settings"]["seed"], 9);
    assert_eq!(lines[0]["tokens"], 4);
    assert_eq!(
        (&lines[2]["step"], &lines[2]["steps"], &lines[2]["timestep"]),
        (&2.into(), &4.into(), &667.into())
    );
    assert_eq!((&lines[5]["path"], &lines[5]["seed"]), (&"a.png".into(), &9.into()));
    assert!(lines[5]["seconds"].as_f64().unwrap() > 0.0);
}

#[test]
fn previews_show_every_step() {
    let folder = folder();
    done(
        &folder,
        &["generate", "a boat", "--steps", "2", "--seed", "9", "--previews", "steps", "-o", "a.png"],
    );
    assert_eq!(
        files(folder.path()),
        ["a.png", "steps/a-boat-9-step-0001.png", "steps/a-boat-9-step-0002.png"]
    );
    let first = picture(&folder, "steps/a-boat-9-step-0001.png");
    assert_eq!((first.width, first.height), (side(), side()));
    assert_ne!(first, picture(&folder, "steps/a-boat-9-step-0002.png"));
}

#[test]
fn a_picture_tells_its_settings_and_another_is_made_like_it() {
    let folder = folder();
    let flags =
        ["--negative", "rain", "--seed", "5", "--steps", "2", "--guidance", "2,5", "--timesteps", "quad"];
    done(&folder, &[&["generate", "a fox", "-o", "a.png"][..], &flags].concat());
    let said = done(&folder, &["inspect", "a.png"]);
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines[..4], ["prompt: a fox", "negative prompt: rain", "steps: 2", "guidance: 2.5"]);
    assert!(lines.contains(&"seed: 5") && lines.contains(&"made by: Safelight"), "{said}");
    let object: Value = serde_json::from_str(&done(&folder, &["inspect", "a.png", "--json"])).unwrap();
    assert_eq!(object["settings"]["guidance"], 2.5);
    assert_eq!((&object["made_by"], &object["model"]), (&"Safelight".into(), &"Starter".into()));
    assert_eq!(object["not_read"], serde_json::json!([]));

    done(&folder, &["generate", "--like", "a.png", "-o", "b.png"]);
    assert_eq!(picture(&folder, "a.png"), picture(&folder, "b.png"));
    // What is typed wins.
    done(&folder, &["generate", "a boat", "--like", "a.png", "--seed", "6", "-o", "c.png"]);
    let settings = recover(&folder.path().join("c.png")).unwrap().unwrap().settings;
    assert_eq!((settings.prompt.as_deref(), settings.seed), (Some("a boat"), Some(6)));
    assert_eq!((settings.negative_prompt.as_deref(), settings.steps), (Some("rain"), Some(2)));
}

#[test]
fn what_cannot_be_followed_is_a_note_and_the_nearest_is_taken() {
    let folder = folder();
    let write = |name: &str, text: &str| {
        let mut encoder = png::Encoder::new(File::create(folder.path().join(name)).unwrap(), 1, 1);
        encoder.add_text_chunk("parameters".to_owned(), text.to_owned()).unwrap();
        encoder.write_header().unwrap().write_image_data(&[0]).unwrap();
    };
    let text = "a fox\nNegative prompt: rain\nSteps: 2, Sampler: Restart, CFG scale: 2, Seed: 5, Size: 100x1, Model: other, Eta: 0.3";
    write("a.png", text);
    let run = safelight(&folder, &["generate", "--like", "a.png", "-o", "b.png"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    for part in ["note: the picture was made with the sampler Restart", "100x1", "the model other"] {
        assert!(run.stderr.contains(part), "{part} is not in {}", run.stderr);
    }
    let made = recover(&folder.path().join("b.png")).unwrap().unwrap().made.unwrap();
    assert_eq!((made.settings.prompt.as_str(), made.settings.seed, made.settings.eta), ("a fox", 5, 0.0));
    assert_eq!(made.model, "Starter");
    let object: Value = serde_json::from_str(&done(&folder, &["inspect", "a.png", "--json"])).unwrap();
    assert_eq!(object["settings"]["sampler"], "Restart");

    write("bare.png", "Steps: 2, Sampler: DDIM, CFG scale: 2, Seed: 5");
    let run = safelight(&folder, &["generate", "--like", "bare.png", "-o", "c.png"]);
    assert_eq!((run.code, run.stderr.lines().count()), (2, 1), "{}", run.stderr);
    write("nothing.png", "a holiday");
    for arguments in [&["inspect", "nothing.png"][..], &["generate", "--like", "nothing.png"], &["generate"]]
    {
        let run = safelight(&folder, arguments);
        assert_eq!(run.code, 2, "{arguments:?}: {}", run.stderr);
    }
    assert_eq!(files(folder.path()), ["a.png", "b.png", "bare.png", "nothing.png"]);
}

#[test]
fn a_negative_seed_is_any_seed() {
    let folder = folder();
    let seed = |name: &str| {
        done(&folder, &["generate", "a boat", "--steps", "1", "--seed", "-1", "-o", name]);
        recover(&folder.path().join(name)).unwrap().unwrap().settings.seed.unwrap()
    };
    let (first, second) = (seed("a.png"), seed("b.png"));
    assert!(first != second && first < 1 << 32, "{first} {second}");
}

#[test]
fn long_names_and_long_prompts_lose_nothing() {
    let folder = folder();
    let name = format!("{}.png", "n".repeat(251));
    for _ in 0..2 {
        done(&folder, &["generate", "a boat", "--steps", "1", "-o", &name]);
    }
    assert_eq!(files(folder.path()).len(), 2);
    let prompt = "apple, ".repeat(10_000);
    let run = safelight(&folder, &["generate", &prompt, "--steps", "1", "-o", "a.jpg"]);
    assert_eq!(run.code, 0, "{:.300}", run.stderr);
    assert!(run.stderr.contains("cut"), "{:.300}", run.stderr);
    let found = recover(&folder.path().join("a.jpg")).unwrap().unwrap().settings;
    assert!(found.prompt.unwrap().starts_with("apple, apple, ") && found.steps == Some(1));
}

/// A trace of the starter's recorded run holds what the reference computed, under its names.
#[test]
fn a_trace_is_the_recorded_run_of_the_reference() {
    let folder = folder();
    let request: Value =
        serde_json::from_slice(&fs::read(shipped("assets/starter/request.json")).unwrap()).unwrap();
    let text = |key: &str| request[key].as_str().map_or_else(|| request[key].to_string(), str::to_owned);
    let arguments = ["prompt", "negative_prompt", "steps", "scale", "seed"].map(text);
    let [prompt, negative, steps, scale, seed] = arguments.each_ref().map(String::as_str);
    done(
        &folder,
        &[
            "generate",
            prompt,
            "--negative",
            negative,
            "--steps",
            steps,
            "--guidance",
            scale,
            "--seed",
            seed,
            "--trace",
            "run.safetensors",
            "-o",
            "a.png",
        ],
    );
    let found = fs::read(folder.path().join("run.safetensors")).unwrap();
    let expected = fs::read(shipped("assets/starter/expected.safetensors")).unwrap();
    let (found, expected) = (tensors(&found), tensors(&expected));
    let probes = |name: &&String| !name.starts_with("probe_");
    assert!(found.keys().eq(expected.keys().filter(probes)), "{:?}", found.keys());
    for (name, (dtype, shape, values)) in &found {
        let (expected_dtype, expected_shape, expected_values) = &expected[name];
        assert_eq!((dtype, shape), (expected_dtype, expected_shape), "{name}");
        let largest = expected_values.iter().fold(0.0_f64, |largest, value| largest.max(value.abs()));
        let worst =
            values.iter().zip(expected_values).fold(0.0_f64, |worst, (a, b)| worst.max((a - b).abs()));
        assert!(worst <= 1e-4 * largest, "{name} differs by {worst:e}");
    }
}

type Tensors = BTreeMap<String, (Dtype, Vec<usize>, Vec<f64>)>;

fn tensors(bytes: &[u8]) -> Tensors {
    let file = SafeTensors::deserialize(bytes).unwrap();
    let tensor = |(name, view): (String, safetensors::tensor::TensorView<'_>)| {
        let data = view.data();
        let values = match view.dtype() {
            Dtype::F32 => bytemuck::pod_collect_to_vec::<u8, f32>(data).into_iter().map(f64::from).collect(),
            Dtype::F64 => bytemuck::pod_collect_to_vec::<u8, f64>(data),
            Dtype::I64 => {
                bytemuck::pod_collect_to_vec::<u8, i64>(data).into_iter().map(|i| i as f64).collect()
            }
            other => panic!("{name} is {other:?}"),
        };
        (name, (view.dtype(), view.shape().to_vec(), values))
    };
    file.tensors().into_iter().map(tensor).collect()
}

#[test]
fn a_picture_of_the_former_starter_is_followed_at_twice_its_size() {
    let folder = folder();
    let half = side() / 2;
    let settings = Settings { width: half, height: half, steps: 2, ..first_settings() };
    let frame = Frame { width: half, height: half, rgb: vec![0; 3 * half * half].into() };
    for (hash, expected, noted) in [("517e6bb654", side(), true), (starter::hash(), half, false)] {
        let made = Made::new(&settings, 2, &[settings.guidance; 2], "Starter", hash);
        save_new(folder.path(), hash, Format::Png, &frame, &made).unwrap();
        let old = format!("{hash}.png");
        let run = safelight(&folder, &["generate", "--like", &old, "-o", "new.png", "--force"]);
        assert_eq!(run.code, 0, "{}", run.stderr);
        let new = picture(&folder, "new.png");
        assert_eq!((new.width, new.height), (expected, expected));
        assert_eq!(run.stderr.contains("earlier starter"), noted, "{}", run.stderr);
    }
}
