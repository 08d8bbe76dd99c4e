//! The library of models in the window: choosing, searching, folders, hashes, last pictures.

use std::path::PathBuf;

use egui::accesskit::Role;
use egui::{Key, Modifiers};
use egui_kittest::kittest::{NodeT as _, Queryable as _};

use safelight::app::services::models::{ListedFolder, ModelsNews, OfModels};
use safelight::app::services::{Answer, Task};
use safelight::app::state::Overlay;
use safelight::library::{Entry, Facts, Folder, FolderOrigin, Refusal, Sort};
use safelight::message::{Event, ModelInfo, ModelSource, Report, Request};
use safelight::picture::MadeBy;
use safelight::preferences::{Memory, RememberedModel};
use safelight::settings::PreviewMode;
use safelight::told::Sentence;

use super::stage::{Setup, Stage, now, record, settings, starter};

pub const OWN: &str = "/home/ada/safelight/models";
pub const ADDED: &str = "/home/ada/stable-diffusion-webui";

/// An entry of `/home/ada/stable-diffusion-webui`.
fn entry(name: &str, sort: Sort, bytes: u64, detail: &str) -> Entry {
    let path = PathBuf::from(ADDED).join(name);
    let facts = Facts {
        sort,
        detail: detail.to_owned(),
        format: "safetensors".to_owned(),
        dtype: Some("F16".to_owned()),
        license: None,
        hashed_file: path.clone(),
        refusal: None,
    };
    Entry { path, folder: ADDED.into(), repository: None, bytes, facts, sha256: None }
}

/// A model whose hash and license are known.
pub fn model() -> Entry {
    let mut model =
        entry("v1-5-pruned-emaonly.safetensors", Sort::Model, 2_132_625_894, "Stable Diffusion 1");
    model.sha256 = Some(format!("6ce0161689{}", "0".repeat(54)));
    model.facts.license = Some("creativeml-openrail-m".to_owned());
    model
}

/// One of each sort, as the library lists them.
pub fn entries() -> Vec<Entry> {
    let mut flux = entry("flux1-dev-fp8.safetensors", Sort::Other, 11_901_525_888, "Flux");
    flux.facts.refusal = Some(Refusal {
        key: "error-other-family".to_owned(),
        values: vec![
            ("file".to_owned(), "flux1-dev-fp8.safetensors".to_owned()),
            ("name".to_owned(), "Flux".to_owned()),
        ],
    });
    vec![
        entry("dreamshaper_8.safetensors", Sort::Model, 2_132_625_644, "Stable Diffusion 1"),
        model(),
        entry("v2-1_768-ema-pruned.safetensors", Sort::Model, 5_214_865_159, "Stable Diffusion 2"),
        entry("ink-and-wash.safetensors", Sort::Lora, 151_112_232, "sd_v1"),
        entry("vae-ft-mse-840000.safetensors", Sort::Vae, 334_641_164, "VAE"),
        entry("taesd_decoder.safetensors", Sort::Taesd, 4_915_980, "TAESD"),
        entry("easynegative.safetensors", Sort::Embedding, 24_655, "textual inversion"),
        flux,
    ]
}

pub fn folders() -> Vec<ListedFolder> {
    let folder = |path: &str, origin, is_there| ListedFolder {
        folder: Folder { path: path.into(), origin },
        is_there,
    };
    vec![
        folder(OWN, FolderOrigin::Own, true),
        folder(ADDED, FolderOrigin::Added, true),
        folder("/media/stick/models", FolderOrigin::Added, false),
        folder("/home/ada/.cache/huggingface/hub", FolderOrigin::HubCache, true),
    ]
}

pub fn listed(entries: Vec<Entry>) -> Answer {
    Answer::Models(ModelsNews::Listed { entries, folders: folders() })
}

/// The library, open with one of each sort.
pub fn library(setup: Setup) -> Stage {
    let mut stage = setup.open();
    stage.press(Modifiers::COMMAND | Modifiers::SHIFT, Key::M);
    stage.answer(listed(entries()));
    stage.requests();
    stage
}

/// What was asked of the library of models.
pub fn asked(stage: &Stage) -> Vec<OfModels> {
    let of_models = |task| if let Task::Models(asked) = task { Some(asked) } else { None };
    stage.tasks().into_iter().filter_map(of_models).collect()
}

/// The lines of the list, in order, as a screen reader has them.
fn lines(stage: &Stage) -> Vec<String> {
    let options = stage.harness.query_all_by_role(Role::ListBoxOption);
    options.filter_map(|node| node.accesskit_node().label()).collect()
}

fn overlay(stage: &Stage) -> Overlay {
    stage.harness.state().state().overlay
}

#[test]
fn the_list_is_kept_up_to_date_while_it_is_open_and_choosing_opens() {
    let mut stage = Setup::default().open();
    stage.tasks();
    stage.click("Model: Starter");
    assert_eq!(asked(&stage), [OfModels::Watch(true)]);
    assert!(stage.says("Looking through your folders"));
    stage.requests();
    stage.answer(listed(entries()));
    // What a prompt names may lie in one of these folders.
    let paths = folders().into_iter().map(|listed| listed.folder.path).collect();
    assert_eq!(stage.requests(), [Request::ModelFolders(paths)]);
    stage.answer(listed(entries()));
    assert!(stage.requests().is_empty());
    let names: Vec<String> = lines(&stage);
    assert_eq!(names[0], "Starter · Small, built in");
    assert_eq!(
        names[2],
        "v1-5-pruned-emaonly · Stable Diffusion 1 · 2.13 GB · F16 · 6ce0161689 · creativeml-openrail-m"
    );
    stage.click(&names[2]);
    let source = ModelSource::file(model().path);
    assert!(stage.requests().contains(&Request::Open(source)));
    assert_eq!(overlay(&stage), Overlay::Nothing);
    assert_eq!(asked(&stage), [OfModels::Watch(false)]);
}

#[test]
fn what_is_laid_over_a_model_is_chosen_like_a_dropped_file() {
    for name in ["ink-and-wash", "vae-ft-mse-840000", "taesd_decoder", "easynegative"] {
        let mut stage = library(Setup::default());
        stage.tasks();
        stage.harness.event(egui::Event::Text(name.into()));
        stage.run();
        let line = lines(&stage).remove(0);
        assert!(line.starts_with(name), "{line}");
        stage.press(Modifiers::NONE, Key::Enter);
        let path = PathBuf::from(ADDED).join(format!("{name}.safetensors"));
        assert!(stage.tasks().contains(&Task::Examine(path)), "{name}");
        assert_eq!(overlay(&stage), Overlay::Nothing);
    }
}

#[test]
fn a_file_that_cannot_be_used_says_why_and_is_not_opened() {
    let mut stage = library(Setup::default());
    stage.harness.event(egui::Event::Text("flux".into()));
    stage.run();
    let said = "flux1-dev-fp8 · flux1-dev-fp8.safetensors is a model of another family (Flux). Choose a Stable \
                Diffusion v1 or v2 model.";
    assert_eq!(lines(&stage), [said]);
    stage.tasks();
    stage.press(Modifiers::NONE, Key::Enter);
    assert_eq!(overlay(&stage), Overlay::Models);
    assert!(stage.tasks().is_empty() && stage.requests().is_empty());
    stage.write("nothing like it");
    assert!(stage.says("No model matches"));
}

#[test]
fn arrows_move_the_choice_and_files_come_and_go() {
    let mut stage = library(Setup::default());
    stage.press(Modifiers::NONE, Key::ArrowDown);
    stage.press(Modifiers::NONE, Key::ArrowDown);
    let mut fewer = entries();
    let gone = fewer.remove(1);
    let mut new = entry("a-new-one.safetensors", Sort::Model, 7, "Stable Diffusion 1");
    new.facts.dtype = None;
    fewer.insert(0, new);
    stage.answer(listed(fewer));
    let names = lines(&stage);
    assert_eq!(names[1], "a-new-one · Stable Diffusion 1 · 1 kB");
    assert!(!names.iter().any(|name| name.starts_with(&gone.name())));
    stage.press(Modifiers::NONE, Key::ArrowUp);
    stage.press(Modifiers::NONE, Key::Enter);
    let source = ModelSource::file(PathBuf::from(ADDED).join("a-new-one.safetensors"));
    assert!(stage.requests().contains(&Request::Open(source)));
}

#[test]
fn a_hash_is_found_when_it_is_asked_for() {
    let mut stage = library(Setup::default());
    stage.press(Modifiers::NONE, Key::ArrowDown);
    stage.tasks();
    stage.click("Find hash");
    let path = PathBuf::from(ADDED).join("dreamshaper_8.safetensors");
    assert_eq!(asked(&stage), [OfModels::Hash { entry: path.clone(), file: path.clone() }]);
    assert!(lines(&stage)[1].ends_with("F16 · finding its hash"));
    let sha256 = Some("879db523c3".repeat(7)[..64].to_owned());
    stage.answer(Answer::Models(ModelsNews::Hashed { entry: path, sha256 }));
    assert!(lines(&stage)[1].ends_with("F16 · 879db523c3"));
    assert!(!stage.says("Find hash"));
}

#[test]
fn models_that_lie_elsewhere_or_have_other_parts_are_listed_too() {
    let mut remembered = Memory { language: Some("en".into()), ..Memory::default() };
    let source = |path: PathBuf, vae: Option<&str>| ModelSource::Path {
        path,
        config: None,
        vae: vae.map(Into::into),
        text_encoder: None,
        prediction: None,
    };
    let elsewhere = source("/elsewhere/other.ckpt".into(), None);
    let mixed = source(model().path, Some("/m/mse.pt"));
    let known = [elsewhere, mixed.clone(), ModelSource::file(model().path), ModelSource::Starter];
    remembered.recent_models = known.iter().filter_map(RememberedModel::of).collect();
    let mut stage = library(Setup { remembered, ..Setup::default() });
    let names = lines(&stage);
    let named = |start: &str| names.iter().filter(|name| name.starts_with(start)).count();
    assert_eq!((named("other · /elsewhere"), named("Starter"), named("v1-5-pruned-emaonly ")), (1, 1, 2));
    stage.click(names.iter().find(|name| name.contains(" + mse")).unwrap());
    assert!(stage.requests().contains(&Request::Open(mixed)));
}

#[test]
fn a_models_last_picture_stands_beside_its_name() {
    let mut stage = library(Setup::default());
    let made_by = |name: &str, hash: &str| MadeBy { name: Some(name.into()), hash: Some(hash.into()) };
    let v1 = |path: &str, hash: &str| record(path, settings("a fox"), made_by(&model_name(), hash), now());
    let records = [v1("/pictures/other.png", "ffffffffff"), v1("/pictures/7.png", "6ce0161689")];
    stage.tasks();
    stage.answer(Answer::Gallery(records.into_iter().map(Into::into).collect()));
    let wanted = |stage: &Stage| stage.tasks().contains(&Task::Thumbnail("/pictures/7.png".into()));
    assert!(wanted(&stage), "in the list");
    // And where the open model is named.
    stage.press(Modifiers::NONE, Key::Escape);
    let source = ModelSource::file(model().path);
    let info = ModelInfo { source, name: model_name(), hash: Some("6ce0161689".into()), ..starter() };
    let mut fresh = Setup::default().build();
    fresh.tell(Event::Opened(Box::new(info)));
    let record = v1("/pictures/7.png", "6ce0161689");
    // Far down the gallery, where it is out of sight.
    let others = (0..60).map(|i| v1(&format!("/pictures/x{i}.png"), "ffffffffff").into());
    fresh.answer(Answer::Gallery(others.chain([record.into()]).collect()));
    assert!(wanted(&fresh), "in the controls");
}

fn model_name() -> String {
    model().name()
}

#[test]
fn folders_are_added_taken_away_and_shown() {
    let mut stage = library(Setup::default());
    stage.click("Models folders…");
    assert_eq!(overlay(&stage), Overlay::ModelsFolders);
    stage.harness.get_by_label(&format!("{OWN} · Safelight's own, where downloads go · 0 files"));
    stage.harness.get_by_label(&format!("{ADDED} · Added · 8 files"));
    stage.harness.get_by_label("/media/stick/models · Added · not there now");
    assert!(stage.harness.query_by_label(&format!("Take away: {OWN}")).is_none());
    stage.tasks();
    stage.click(&format!("Take away: {ADDED}"));
    assert_eq!(asked(&stage), [OfModels::RemoveFolder(ADDED.into())]);
    stage.click(&format!("Show: {ADDED}"));
    assert!(stage.tasks().contains(&Task::Reveal(ADDED.into())));
    stage.click("Add a models folder…");
    assert!(stage.tasks().contains(&Task::PickModelsFolder));
    let sentence = Sentence::with("error-models-no-folder", "folder", "/m/a.txt");
    let refused = Report { sentence, details: String::new() };
    stage.answer(Answer::Models(ModelsNews::Refused(refused)));
    assert!(stage.says("This is not a folder: /m/a.txt"));
    stage.click("Back");
    assert_eq!(overlay(&stage), Overlay::Models);
}

#[test]
fn the_palette_leads_to_the_library() {
    for (typed, expected) in [
        ("models…", Overlay::Models),
        ("get a model", Overlay::GetModel),
        ("add a models folder", Overlay::ModelsFolders),
    ] {
        let mut stage = Setup::default().open();
        stage.press(Modifiers::COMMAND, Key::K);
        stage.harness.event(egui::Event::Text(typed.into()));
        stage.run();
        stage.press(Modifiers::NONE, Key::Enter);
        assert_eq!(overlay(&stage), expected, "{typed}");
    }
}

#[test]
fn a_dropped_taesd_makes_the_previews() {
    let mut stage = Setup::default().open();
    stage.requests();
    let path = PathBuf::from("/m/taesd_decoder.pth");
    stage.answer(Answer::Taesd(path.clone()));
    assert!(stage.requests().contains(&Request::Taesd(path.clone())));
    stage.tell(Event::Taesd { path: path.clone(), acts: Ok(false) });
    stage.run();
    assert!(stage.says(
        "taesd_decoder.pth is for previews of Stable Diffusion models; the open model has no use for it."
    ));
    stage.tell(Event::Taesd { path, acts: Ok(true) });
    stage.run();
    assert!(stage.says("Previews are made with taesd_decoder.pth now."));
    let state = stage.harness.state().state();
    assert_eq!(state.draft.previews, PreviewMode::Auto);
    assert_eq!(state.remembered().taesd.as_deref(), Some("/m/taesd_decoder.pth"));
}
