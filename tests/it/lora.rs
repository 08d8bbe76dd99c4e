//! LoRA files of every writer against the pictures that diffusers draws with them.
//!
//! `tests/golden/lora/make_cases.py` records both. The model is small, so a change of any layer shows.

use std::collections::BTreeMap;
use std::io::Read;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use safelight::checkpoint::Lora;
use safelight::engine::{OpenModel, Opening, generate, open_model};
use safelight::message::ModelSource;
use safelight::ops::{Device, StopFlag};
use safelight::picture::{AddedKind, Frame};
use safelight::sampler::{Latent, Next, RunState, StepReport};
use safelight::settings::{Embeddings, LoraUse, Loras, Settings};
use safetensors::SafeTensors;
use tempfile::TempDir;

use crate::pipelines::Small;

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

/// The recorded files and pictures.
pub struct Cases {
    bytes: Vec<u8>,
}

impl Cases {
    pub fn read(name: &str) -> Self {
        let packed = std::fs::File::open(golden(name)).unwrap();
        let mut bytes = Vec::new();
        flate2::read::GzDecoder::new(packed).read_to_end(&mut bytes).unwrap();
        Self { bytes }
    }

    fn tensors(&self) -> SafeTensors<'_> {
        SafeTensors::deserialize(&self.bytes).unwrap()
    }

    /// Every case's name with its strength.
    pub fn names(&self) -> Vec<(String, f64)> {
        let (_, header) = SafeTensors::read_metadata(&self.bytes).unwrap();
        let about = &header.metadata().as_ref().unwrap()["about"];
        let about: BTreeMap<String, serde_json::Value> = serde_json::from_str(about).unwrap();
        about.into_iter().map(|(name, case)| (name, case["strength"].as_f64().unwrap())).collect()
    }

    /// Writes a case's files to a folder; the path of its LoRA.
    pub fn unpack(&self, name: &str, folder: &Path) -> PathBuf {
        let own = folder.join(name);
        std::fs::create_dir_all(&own).unwrap();
        for (file, tensor) in self.tensors().iter() {
            if let Some(file) = file.strip_prefix(&format!("{name}/")) {
                std::fs::write(own.join(file), tensor.data()).unwrap();
            }
        }
        let file = own.join("lora.safetensors");
        if file.is_file() { file } else { own }
    }

    /// The last latent and the picture that diffusers made.
    pub fn expected(&self, name: &str) -> (Vec<f32>, Vec<u8>) {
        let tensors = self.tensors();
        let latent = tensors.tensor(&format!("expected/{name}/latent")).unwrap();
        let picture = tensors.tensor(&format!("expected/{name}/picture")).unwrap();
        let latent = latent.data().as_chunks::<4>().0.iter().map(|four| f32::from_le_bytes(*four));
        (latent.collect(), picture.data().to_vec())
    }
}

pub fn source() -> ModelSource {
    ModelSource::Path {
        path: golden("formats/diffusers"),
        config: Some(golden("lora/config.yaml")),
        vae: None,
        text_encoder: None,
        prediction: None,
    }
}

pub fn model() -> OpenModel {
    open_model(&source(), Opening::on(&Device::cpu(StopFlag::default()))).unwrap()
}

pub fn settings() -> Settings {
    Settings {
        prompt: "a red tomato".to_owned(),
        negative_prompt: "rain".to_owned(),
        steps: 5,
        guidance: 4.0,
        seed: 3,
        width: 64,
        height: 64,
        ..Settings::default()
    }
}

/// The last latent and the picture of a run with the layers as they are.
fn draw(model: &OpenModel) -> (Latent, Frame) {
    let settings = settings();
    let plan = generate::plan(&model.networks, &settings).unwrap();
    develop(model, &settings, &plan)
}

/// The same with what the settings lay over the model.
fn draw_with(model: &OpenModel, settings: &Settings) -> (Latent, Frame) {
    develop(model, settings, &model.plan(settings).unwrap())
}

fn develop(model: &OpenModel, settings: &Settings, plan: &generate::Plan) -> (Latent, Frame) {
    let start = generate::start(&model.networks, settings, plan);
    let mut go_on = |_: &StepReport<'_>, _: &RunState| ControlFlow::Continue(Next::default());
    let generated = generate::develop(&model.networks, settings, plan, start, &mut go_on).unwrap();
    let (frame, _) = generate::decode(&model.networks, &generated.samples).unwrap();
    (generated.samples, frame)
}

/// The largest differences of latents, as a share of the largest number, and of pixels.
pub fn differences(drawn: &(Latent, Frame), (latent, picture): &(Vec<f32>, Vec<u8>)) -> (f32, u8) {
    let most = latent.iter().fold(0.0f32, |most, value| most.max(value.abs()));
    let latents = drawn.0.values.iter().zip(latent).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max) / most;
    let pixels = drawn.1.rgb.iter().zip(picture).map(|(a, b)| a.abs_diff(*b)).max().unwrap();
    (latents, pixels)
}

#[test]
fn every_writers_loras_give_diffusers_pictures() {
    let (cases, folder, model) = (Cases::read("lora/cases.safetensors.gz"), TempDir::new().unwrap(), model());
    let plain = draw(&model);
    let (latents, pixels) = differences(&plain, &cases.expected("base"));
    assert!(latents < 1e-3 && pixels <= 1, "without a LoRA: {latents} {pixels}");
    let mut faults = Vec::new();
    for (name, strength) in cases.names().into_iter().filter(|(name, _)| name != "embeddings") {
        let lora = Lora::open(&cases.unpack(&name, folder.path())).unwrap();
        let fit = lora.fit(&model.networks.layers());
        let mut changes = BTreeMap::new();
        fit.add_to(&mut changes, strength, strength);
        model.networks.adapt(changes);
        let drawn = draw(&model);
        let (latents, pixels) = differences(&drawn, &cases.expected(&name));
        if !fit.unfit.is_empty() || latents > 2e-3 || pixels > 2 {
            let unfit: Vec<_> = fit.unfit.iter().take(3).collect();
            faults.push(format!(
                "{name}: latents {latents}, pixels {pixels}, unfit {} {unfit:?}",
                fit.unfit.len()
            ));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    // Nothing of it stays.
    model.networks.adapt(BTreeMap::new());
    assert!(draw(&model) == plain, "a removed LoRA left something behind");
}

/// Version 2's text encoder, in diffusers' layout and with queries, keys and values in one tensor.
#[test]
fn loras_of_the_encoder_of_version_2_give_diffusers_pictures() {
    let (cases, folder) = (Cases::read("lora/v2.safetensors.gz"), TempDir::new().unwrap());
    let small = Small::of("v2");
    for (layout, path) in [("folder", small.folder()), ("single file", small.single_file(folder.path()))] {
        let model = small.open(&path);
        let draw = || small.draw(&model);
        let plain = draw();
        let (latents, pixels) = differences(&plain, &cases.expected("base"));
        assert!(latents < 1e-3 && pixels <= 1, "{layout} without a LoRA: {latents} {pixels}");
        for (name, strength) in cases.names() {
            let lora = Lora::open(&cases.unpack(&name, folder.path())).unwrap();
            let fit = lora.fit(&model.networks.layers());
            assert_eq!(fit.unfit, Vec::<String>::new(), "{layout} {name}");
            let mut changes = BTreeMap::new();
            fit.add_to(&mut changes, 0.0, strength);
            model.networks.adapt(changes);
            let (latents, pixels) = differences(&draw(), &cases.expected(&name));
            assert!(latents < 2e-3 && pixels <= 2, "{layout} {name}: {latents} {pixels}");
        }
        model.networks.adapt(BTreeMap::new());
        assert!(draw() == plain, "{layout}: a removed LoRA left something behind");
    }
}

/// Another run is looked at between the steps of one, and planned before it.
#[test]
fn a_run_keeps_its_loras_whatever_is_laid_meanwhile() {
    let (cases, folder, model) = (Cases::read("lora/cases.safetensors.gz"), TempDir::new().unwrap(), model());
    let (name, strength) = cases.names().into_iter().find(|(name, _)| name != "embeddings").unwrap();
    let name = cases.unpack(&name, folder.path()).to_string_lossy().into_owned();
    let with = Settings { loras: Loras(vec![LoraUse { strength, ..LoraUse::new(name) }]), ..settings() };
    let (plain, expected) = (draw_with(&model, &settings()), draw_with(&model, &with));
    assert!(plain != expected);
    let (plan, other) = (model.plan(&with).unwrap(), model.plan(&settings()).unwrap());
    model.lay(&plan);
    let start = generate::start(&model.networks, &with, &plan);
    let mut look = |_: &StepReport<'_>, _: &RunState| {
        model.apart(|| {
            model.lay(&other);
            assert!(develop(&model, &settings(), &other) == plain);
        });
        ControlFlow::Continue(Next::default())
    };
    let generated = generate::develop(&model.networks, &with, &plan, start, &mut look).unwrap();
    assert!(generated.samples == expected.0);
    assert_eq!(plan.added.len(), 1);
}

#[test]
fn embeddings_of_both_layouts_give_diffusers_picture() {
    let (cases, folder) = (Cases::read("lora/cases.safetensors.gz"), TempDir::new().unwrap());
    let files = cases.unpack("embeddings", folder.path());
    let expected = cases.expected("embeddings");
    let model = model();
    // The small model hardly hears words; guidance makes them louder.
    let guided = || Settings { guidance: 40.0, ..settings() };
    let plain = draw_with(&model, &guided());
    for own in ["t.pt", "t.safetensors"] {
        let names = [own, "learned_embeds.bin"].map(|name| files.join(name).to_string_lossy().into_owned());
        let settings = Settings { embeddings: Embeddings(names.to_vec()), ..guided() };
        let drawn = draw_with(&model, &settings);
        let (latents, pixels) = differences(&drawn, &expected);
        assert!(latents < 1e-3 && pixels <= 2, "{own}: {latents} {pixels}");
        let [added] = model.plan(&settings).unwrap().added.try_into().unwrap();
        assert_eq!((added.kind, added.name.as_str(), added.hash.len()), (AddedKind::Embedding, "t", 12));
    }
    assert!(draw_with(&model, &guided()) == plain, "what was taught is known without its file");
}

/// A damaged file among the embeddings is told, unless it was asked for: then it ends the run.
#[test]
fn a_damaged_embedding_near_the_model_is_told() {
    let folder = TempDir::new().unwrap();
    let model = folder.path().join("model");
    for file in walk(&golden("formats/diffusers")) {
        let to = model.join(file.strip_prefix(golden("formats/diffusers")).unwrap());
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        std::fs::copy(&file, &to).unwrap();
    }
    let damaged = folder.path().join("embeddings/tomato.pt");
    std::fs::create_dir_all(damaged.parent().unwrap()).unwrap();
    std::fs::write(&damaged, "no embedding").unwrap();
    let ModelSource::Path { config, vae, text_encoder, prediction, .. } = source() else { unreachable!() };
    let source = ModelSource::Path { path: model, config, vae, text_encoder, prediction };
    let model = open_model(&source, Opening::on(&Device::cpu(StopFlag::default()))).unwrap();
    let notes = model.plan(&settings()).unwrap().notes;
    let told: Vec<String> = notes.iter().map(ToString::to_string).collect();
    assert!(told.iter().any(|note| note.starts_with("tomato among the embeddings is left out")), "{told:?}");
    let asked = Settings { embeddings: Embeddings(vec!["tomato".to_owned()]), ..settings() };
    assert!(model.plan(&asked).is_err());
}

fn walk(folder: &Path) -> Vec<PathBuf> {
    let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    paths.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}

#[test]
fn settings_and_tags_lay_loras_over_a_model_and_take_them_off() {
    let (cases, folder) = (Cases::read("lora/cases.safetensors.gz"), TempDir::new().unwrap());
    let kohya = cases.unpack("kohya", folder.path()).to_string_lossy().into_owned();
    let loha = cases.unpack("loha", folder.path()).to_string_lossy().into_owned();
    let model = model();
    let plain = draw(&model);
    let with = |loras: &str| Settings { loras: loras.parse().unwrap(), ..settings() };
    let strong = draw_with(&model, &with(&format!("{kohya}:0.8")));
    assert!(differences(&strong, &cases.expected("kohya")).1 <= 2);
    let tagged = Settings { prompt: format!("a red tomato<lora:{kohya}:0.8>"), ..settings() };
    assert!(draw_with(&model, &tagged) == strong, "a tag is the same as a setting");
    let weak = draw_with(&model, &with(&format!("{kohya}:0.1")));
    assert!(weak != strong && weak != plain, "the strength acts");
    assert!(draw_with(&model, &with(&format!("{kohya}:0"))) == plain, "no strength is no LoRA");
    let both = draw_with(&model, &with(&format!("{kohya}:0.8|{loha}:0.8")));
    assert!(both != strong, "both act");
    assert!(draw_with(&model, &with(&format!("{loha}:0.8"))) != both);
    assert!(draw_with(&model, &settings()) == plain, "a removed LoRA left something behind");
    let twice = draw_with(&model, &with(&format!("{kohya}:0.4|{kohya}:0.4")));
    let (latents, pixels) = differences(&twice, &(strong.0.values.clone(), strong.1.rgb.to_vec()));
    assert!(latents < 1e-3 && pixels <= 1, "two halves are a whole: {latents} {pixels}");
}

#[test]
fn what_does_not_fit_is_said() {
    let (cases, folder) = (Cases::read("lora/cases.safetensors.gz"), TempDir::new().unwrap());
    let kohya = cases.unpack("kohya", folder.path());
    let model = model();
    let with = |path: &Path| Settings { loras: path.to_string_lossy().parse().unwrap(), ..settings() };
    let error = |settings: &Settings| model.plan(settings).map(drop).unwrap_err().to_string();
    assert!(error(&with(Path::new("nowhere"))).contains("found no \"nowhere\""));
    assert!(
        error(&with(&golden("formats/model.safetensors")))
            .starts_with("expected a LoRA for v1 or v2 models, ")
    );
    // A LoRA with one layer that no model has, and one of another width.
    let bytes = std::fs::read(&kohya).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    // One for another family, some of whose layers fit by chance.
    let both: Vec<_> =
        tensors.iter().chain([("lora_te2_a.alpha", tensors.iter().next().unwrap().1)]).collect();
    let other = folder.path().join("other.safetensors");
    std::fs::write(&other, safetensors::serialize(both, None).unwrap()).unwrap();
    assert!(error(&with(&other)).contains("found an addition to models (Stable Diffusion XL LoRA)"));
    let renamed = tensors.iter().map(|(name, tensor)| {
        let name = match name.strip_prefix("lora_unet_conv_in.") {
            Some(part) => format!("lora_unet_nobody_has.{part}"),
            None => name.to_owned(),
        };
        (name, tensor)
    });
    let odd = folder.path().join("odd.safetensors");
    std::fs::write(&odd, safetensors::serialize(renamed, None).unwrap()).unwrap();
    let plan = model.plan(&with(&odd)).unwrap();
    let notes: Vec<String> = plan.notes.iter().map(ToString::to_string).collect();
    assert!(
        notes.iter().any(|note| note.contains("1 of its parts") && note.contains("nobody_has")),
        "{notes:?}"
    );
    // Two names of one layer: the second is left out.
    let again = tensors.iter().filter_map(|(name, tensor)| {
        let part = name.strip_prefix("lora_unet_conv_in.")?;
        Some((format!("lora_unet_input_blocks_0_0.{part}"), tensor))
    });
    let all: Vec<_> = tensors.iter().map(|(name, tensor)| (name.to_owned(), tensor)).chain(again).collect();
    let twice = folder.path().join("twice.safetensors");
    std::fs::write(&twice, safetensors::serialize(all, None).unwrap()).unwrap();
    let fit = Lora::open(&twice).unwrap().fit(&model.networks.layers());
    assert_eq!(fit.unfit, ["lora_unet_input_blocks_0_0"]);
    let foreign = folder.path().join("foreign.safetensors");
    let renamed = tensors.iter().map(|(name, tensor)| (format!("x{name}"), tensor));
    std::fs::write(&foreign, safetensors::serialize(renamed, None).unwrap()).unwrap();
    assert!(error(&with(&foreign)).contains("none of its layers"));
    // A tag of a LoRA that is nowhere is left out, and said.
    let tagged = Settings { prompt: "a red tomato <lora:nowhere:1>".to_owned(), ..settings() };
    let notes: Vec<String> = model.plan(&tagged).unwrap().notes.iter().map(ToString::to_string).collect();
    assert!(notes.iter().any(|note| note.contains("no LoRA called \"nowhere\"")), "{notes:?}");
}
