//! Snapshots of the main states in both themes. Machines differ in how wide their vectors are, so
//! Mesa's software Vulkan is told to take one width: `LP_NATIVE_VECTOR_WIDTH=256`.

use std::sync::Arc;

use egui::{Key, Modifiers};
use egui_kittest::{SnapshotOptions, SnapshotResults};

use safelight::app::services::{Answer, Task};
use safelight::message::{Event, ModelInfo, ModelSource, Report, Request, TokenCount};
use safelight::picture::MadeBy;
use safelight::preferences::{Memory, RememberedModel, Theme};
use safelight::told::Sentence;

use super::lens::under_the_lens;
use super::stage::{Setup, Stage, forming, now, record, sample, settings, starter};
use super::{models, models_get, negatives, prompts, sheets, tray};

fn setup(theme: Theme, size: [f32; 2], pixels_per_point: f32) -> Setup {
    let base = Setup::default();
    // A seed that is not locked would be another in each run.
    let remembered = Memory { theme, seed_locked: true, ..base.remembered };
    Setup { size, pixels_per_point, remembered, painted: true, ..Setup::default() }
}

fn snapshot(stage: &mut Stage, results: &mut SnapshotResults, name: &str) {
    let options = SnapshotOptions::new().output_path("tests/snapshots");
    stage.harness.snapshot_options(name, &options);
    results.extend_harness(&mut stage.harness);
}

/// A picture half developed, others kept, two waiting.
fn developing(stage: &mut Stage) {
    stage.fill_gallery(13);
    stage.press(Modifiers::COMMAND, Key::Enter);
    let job = stage.job().id;
    stage.begin(job, 25);
    stage.press(Modifiers::COMMAND, Key::Enter);
    stage.press(Modifiers::COMMAND, Key::Enter);
    for step in 0..17 {
        stage.step(job, step, 25, 5);
    }
}

/// A picture finished and kept.
fn done(stage: &mut Stage) {
    stage.fill_gallery(13);
    stage.press(Modifiers::COMMAND, Key::Enter);
    let job = stage.job().id;
    stage.begin(job, 25);
    for step in 0..25 {
        stage.step(job, step, 25, 5);
    }
    stage.finish(job, 5);
    let lion = settings("a lion on a gray background");
    let record = record("/pictures/a-lion-2026.png", lion, Default::default(), now());
    stage.answer(Answer::Kept { job, record: Arc::new(record) });
    stage.answer(Answer::Thumbnail { path: "/pictures/a-lion-2026.png".into(), frame: Some(sample(5)) });
}

#[test]
fn the_main_states_look_as_they_did() {
    let mut results = SnapshotResults::new();
    let wide = [1280.0, 800.0];
    let usual = [1040.0, 650.0];
    for (theme, name) in [(Theme::Dark, "dark"), (Theme::Light, "light")] {
        let mut stage = setup(theme, wide, 1.0).open();
        stage.answer(Answer::Gallery(Vec::new()));
        snapshot(&mut stage, &mut results, &format!("welcome-{name}"));
        let mut stage = setup(theme, usual, 1.0).open();
        developing(&mut stage);
        snapshot(&mut stage, &mut results, &format!("developing-{name}"));
    }
    let mut stage = setup(Theme::Dark, usual, 1.0).open();
    done(&mut stage);
    snapshot(&mut stage, &mut results, "done-dark");
    stage.tasks();
    stage.press(Modifiers::COMMAND, Key::D);
    for task in stage.tasks() {
        if let Task::Read(path) = task {
            stage.answer(Answer::Read { path, frame: sample(7) });
        }
    }
    snapshot(&mut stage, &mut results, "compare-dark");
}

#[test]
fn small_and_fine_windows_and_what_lies_over_them_look_as_they_did() {
    let mut results = SnapshotResults::new();
    let mut stage = setup(Theme::Light, [900.0, 600.0], 1.0).open();
    let source = ModelSource::file("/models/xl.safetensors");
    let values = vec![("file", "xl.safetensors".to_owned()), ("found", "Stable Diffusion XL".to_owned())];
    let sentence = Sentence { key: "error-other-model", values };
    let report = Report { sentence, details: "two text encoders".into() };
    stage.tell(Event::OpenFailed { source, report, former_is_open: true });
    stage.run();
    stage.click("Show details");
    snapshot(&mut stage, &mut results, "failed-light-small");
    let mut stage = setup(Theme::Dark, [900.0, 600.0], 1.0).open();
    stage.press(Modifiers::COMMAND, Key::K);
    snapshot(&mut stage, &mut results, "palette-dark-small");
    let mut stage = setup(Theme::Light, [1040.0, 650.0], 1.0).open();
    stage.press(Modifiers::COMMAND, Key::M);
    stage.press(Modifiers::COMMAND, Key::Comma);
    stage.click("简体中文");
    snapshot(&mut stage, &mut results, "settings-light-chinese");
    // The smallest window, in words of another length, with something to tell.
    let mut stage = setup(Theme::Light, safelight::app::theme::size::WINDOW_LEAST, 1.0);
    stage.remembered.language = Some("zh-Hans".into());
    let mut stage = stage.open();
    developing(&mut stage);
    stage.answer(Answer::Saved("/pictures/a-lion-2026.png".into()));
    snapshot(&mut stage, &mut results, "developing-light-least");
    let mut stage = setup(Theme::Dark, [1040.0, 650.0], 2.0).open();
    snapshot(&mut stage, &mut results, "welcome-dark-fine");
}

#[test]
fn the_lens_and_the_curve_look_as_they_did() {
    let mut results = SnapshotResults::new();
    for (theme, name) in [(Theme::Dark, "dark"), (Theme::Light, "light")] {
        let mut base = setup(theme, [1040.0, 650.0], 1.0);
        base.remembered.folds.insert("curve".to_owned(), true);
        base.remembered.settings.guidance_curve = "0:2,0.3:7.5,1:3".parse().ok();
        // The model of the last session keeps the settings as they were left.
        base.remembered.model = RememberedModel::of(&ModelSource::Starter);
        base.remembered.sized_for = starter().hash;
        base.remembered.settings.prompt = Some("a fox on a green background".to_owned());
        if theme == Theme::Light {
            base.remembered.language = Some("zh-Hans".to_owned());
        }
        let mut stage = base.open();
        stage.fill_gallery(13);
        under_the_lens(&mut stage, 12);
        // Back over four words, to the fox.
        for _ in 0..5 {
            stage.press(Modifiers::CTRL, Key::ArrowLeft);
        }
        snapshot(&mut stage, &mut results, &format!("lens-{name}"));
    }
}

#[test]
fn loras_and_embeddings_look_as_they_did() {
    let mut results = SnapshotResults::new();
    for (theme, name) in [(Theme::Dark, "dark"), (Theme::Light, "light")] {
        let mut base = setup(theme, [1040.0, 650.0], 1.0);
        if theme == Theme::Light {
            base.remembered.language = Some("zh-Hans".to_owned());
        }
        let mut stage = base.open();
        stage.answer(Answer::Lora("/models/loras/ink-and-wash-on-old-paper-v2.safetensors".into()));
        stage.answer(Answer::Lora("/models/loras/lcm-lora-sdv1-5.safetensors".into()));
        stage.answer(Answer::Embedding("/models/embeddings/easynegative.pt".into()));
        snapshot(&mut stage, &mut results, &format!("additions-{name}"));
    }
}

/// A prompt with all that a prompt can have, in two chunks.
fn inked(stage: &mut Stage, negative: &str) {
    let text = "(masterpiece:1.2), a ((small)) fox in [grass:snow:0.5], (blurry trees:0.7), {oil|2::ink} on \
                __colors/warm__ paper <lora:ink:0.8>, __animl__ BREAK (soft light:1.4) [morning|evening] # old";
    stage.write(text);
    for request in stage.requests() {
        if let Request::CountTokens { text, .. } = request {
            let starts = vec![text.find("(soft").unwrap() + 1];
            let count = TokenCount { used: 75 + 10 + 4, max: 154, dropped_from: None, chunks: 2, starts };
            stage.tell(Event::Tokens { text, count });
        }
    }
    stage.run();
    stage.click(negative);
    stage.write("(lowres:1.3), text, [frame]");
    stage.count();
}

#[test]
fn prompts_look_as_they_did() {
    let mut results = SnapshotResults::new();
    for (theme, name) in [(Theme::Dark, "dark"), (Theme::Light, "light")] {
        let mut base = setup(theme, [760.0, 460.0], 1.0);
        base.remembered.folds.insert("controls".to_owned(), false);
        if theme == Theme::Light {
            base.remembered.language = Some("zh-Hans".to_owned());
        }
        let mut stage = prompts::reading(base);
        let [negative, styles] =
            if theme == Theme::Light { ["反向提示词", "风格"] } else { ["Negative prompt", "Styles"] };
        inked(&mut stage, negative);
        snapshot(&mut stage, &mut results, &format!("prompt-{name}-small"));
        stage.click(styles);
        snapshot(&mut stage, &mut results, &format!("styles-{name}-small"));
    }
}

/// A kept run on the canvas, the list of runs beside it.
fn kept_run(setup: Setup) -> Stage {
    let mut stage = negatives::listed(setup);
    stage.click("at 4: guidance 5 · 10 steps");
    for request in stage.requests() {
        match request {
            Request::Strip { job, mode, .. } => {
                let frames = (0..10).map(|step| Some(forming(0, step, 10))).collect();
                stage.tell(Event::Strip { job, from: 0, frames, mode, whole: true });
            }
            Request::Decode { job, step } => stage.tell(Event::Decoded { job, step, frame: Ok(sample(0)) }),
            _ => {}
        }
    }
    stage.run();
    stage
}

/// A sheet of nine seeds, all as far as they shall go, three of them picked.
fn formed(setup: Setup) -> Stage {
    let mut stage = setup.open();
    stage.fill_gallery(13);
    stage.press(Modifiers::COMMAND, Key::G);
    stage.click("Develop 9 to step 5");
    let sheet = sheets::asked(&stage);
    sheets::form(&mut stage, &sheet);
    sheets::stop(&mut stage, &sheet);
    for seed in [2027, 2030, 2031] {
        stage.click(&format!("Seed {seed}"));
    }
    stage
}

#[test]
fn kept_runs_and_sheets_look_as_they_did() {
    let mut results = SnapshotResults::new();
    let usual = [1040.0, 650.0];
    for (theme, name) in [(Theme::Dark, "dark"), (Theme::Light, "light")] {
        let mut stage = kept_run(setup(theme, usual, 1.0));
        negatives::scrub_back(&mut stage, 3);
        stage.click("Branch from here");
        stage.harness.event(egui::Event::PointerGone);
        stage.run();
        snapshot(&mut stage, &mut results, &format!("negatives-{name}"));
        let mut stage = formed(setup(theme, usual, 1.0));
        snapshot(&mut stage, &mut results, &format!("sheet-{name}"));
    }
    let mut stage = setup(Theme::Light, usual, 1.0).open();
    let sheet = sheets::values(&mut stage);
    sheets::form(&mut stage, &sheet);
    snapshot(&mut stage, &mut results, "grid-light");
    stage.press(Modifiers::COMMAND, Key::G);
    snapshot(&mut stage, &mut results, "sheet-dialog-light");
    let mut stage = formed(setup(Theme::Dark, safelight::app::theme::size::WINDOW_LEAST, 1.0));
    snapshot(&mut stage, &mut results, "sheet-dark-least");
}

#[test]
fn the_tray_looks_as_it_did() {
    let mut results = SnapshotResults::new();
    let usual = [1040.0, 650.0];
    let mut stage = setup(Theme::Dark, usual, 1.0).open();
    stage.fill_gallery(13);
    tray::lay(&mut stage, 480, 320);
    snapshot(&mut stage, &mut results, "tray-dark");
    let mut stage = setup(Theme::Light, usual, 1.0).open();
    stage.fill_gallery(13);
    tray::lay(&mut stage, 480, 320);
    tray::paint(&mut stage);
    snapshot(&mut stage, &mut results, "tray-painted-light");
    let mut stage = setup(Theme::Dark, [900.0, 600.0], 1.0).open();
    tray::lay(&mut stage, 480, 320);
    tray::paint(&mut stage);
    tray::widen(&mut stage);
    snapshot(&mut stage, &mut results, "tray-room-dark-small");
    let mut stage = setup(Theme::Light, safelight::app::theme::size::WINDOW_LEAST, 1.0);
    stage.remembered.language = Some("zh-Hans".into());
    let mut stage = stage.open();
    tray::lay(&mut stage, 320, 480);
    snapshot(&mut stage, &mut results, "tray-light-least");
}

/// A window with a model of the library open, which has made a picture; the library over it.
fn library(theme: Theme, size: [f32; 2], language: &str) -> Stage {
    let mut base = setup(theme, size, 1.0);
    base.remembered.language = Some(language.to_owned());
    let mut stage = base.build();
    let model = models::model();
    let (name, hash) = (model.name(), model.hash().map(str::to_owned));
    let source = ModelSource::file(model.path);
    let info = ModelInfo {
        source,
        name: name.clone(),
        hash: hash.clone(),
        bytes: model.bytes,
        concepts: Vec::new(),
        ..starter()
    };
    stage.tell(Event::Opened(Box::new(info)));
    stage.run();
    let made_by = MadeBy { name: Some(name), hash };
    let mut inked = settings("an owl in ink");
    inked.loras = "ink-and-wash:0.8".parse().unwrap();
    let old = now() - std::time::Duration::from_secs(60);
    let records = [
        record("/pictures/0002.png", settings("a lion"), made_by.clone(), now()),
        record("/pictures/0009.png", inked, MadeBy::default(), old),
    ];
    stage.answer(Answer::Gallery(records.map(Arc::new).to_vec()));
    stage.thumbnails();
    stage.press(Modifiers::COMMAND | Modifiers::SHIFT, Key::M);
    stage.answer(models::listed(models::entries()));
    stage.thumbnails();
    stage
}

#[test]
fn the_library_of_models_looks_as_it_did() {
    let mut results = SnapshotResults::new();
    let (usual, small) = ([1040.0, 650.0], [900.0, 600.0]);
    let mut stage = library(Theme::Dark, usual, "en");
    snapshot(&mut stage, &mut results, "models-dark");
    let mut stage = library(Theme::Light, small, "zh-Hans");
    stage.press(Modifiers::NONE, Key::PageDown);
    stage.press(Modifiers::NONE, Key::PageDown);
    snapshot(&mut stage, &mut results, "models-light-small");
    let mut stage = library(Theme::Light, small, "en");
    stage.click("Get a model…");
    snapshot(&mut stage, &mut results, "get-light-small");
    let mut stage = library(Theme::Dark, small, "en");
    stage.click("Get a model…");
    models_get::look_up(&mut stage, "dreamshaper-8");
    snapshot(&mut stage, &mut results, "get-dark-small");
    stage.click("Back");
    stage.click("Back");
    models_get::downloading(&mut stage);
    snapshot(&mut stage, &mut results, "downloads-dark-small");
    stage.press(Modifiers::NONE, Key::Escape);
    snapshot(&mut stage, &mut results, "downloading-dark-small");
}
