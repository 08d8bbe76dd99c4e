//! Kept pictures: the gallery, comparing, deleting, dropped files; and what is remembered.

use std::sync::Arc;
use std::time::Instant;

use egui::accesskit::Role;
use egui::{Key, Modifiers};
use egui_kittest::kittest::Queryable;

use safelight::app::i18n::Language;
use safelight::app::services::{Answer, Began, Task};
use safelight::app::state::Overlay;
use safelight::app::state::shown::{Beside, Shown};
use safelight::message::Request;
use safelight::picture::MadeBy;
use safelight::preferences::{Memory, Theme};
use safelight::settings::PartialSettings;

use super::stage::{Setup, Stage, records, sample};

#[test]
fn a_click_shows_a_picture_and_its_settings_can_be_used() {
    let mut stage = Setup::default().open();
    stage.fill_gallery(13);
    stage.harness.get_by_label("13 pictures");
    stage.click("a lion on gray");
    assert_eq!(stage.harness.state().state().shown, Shown::Record("/pictures/0002.png".into()));
    assert!(stage.tasks().contains(&Task::Read("/pictures/0002.png".into())));
    stage.answer(Answer::Read { path: "/pictures/0002.png".into(), frame: sample(5) });
    assert_eq!(stage.harness.state().state().picture().unwrap().whole(), Some(&sample(5)));
    stage.click("Reuse settings");
    let draft = &stage.harness.state().state().draft;
    assert_eq!((draft.settings.prompt.as_str(), draft.settings.seed), ("a lion on gray", 2));
    // The very seed of the picture is used next.
    stage.click("Develop");
    assert_eq!(stage.job().settings.seed, 2);
}

#[test]
fn the_search_narrows_the_gallery_and_says_when_nothing_is_found() {
    let mut stage = Setup::default().open();
    stage.fill_gallery(13);
    stage.press(Modifiers::COMMAND, Key::F);
    stage.harness.event(egui::Event::Text("lion".into()));
    stage.run();
    stage.harness.get_by_label("a lion on gray");
    assert!(!stage.says("a rooster on yellow"));
    stage.harness.event(egui::Event::Text("ess".into()));
    stage.run();
    assert!(stage.harness.query_by_role(Role::ListBoxOption).is_none());
}

#[test]
fn two_pictures_are_compared_under_a_wipe() {
    let mut stage = Setup::default().open();
    stage.fill_gallery(13);
    stage.click("a lion on gray");
    stage.click("Compare");
    stage.harness.get_by_role_and_label(Role::Slider, "Wipe").focus();
    stage.run();
    for _ in 0..5 {
        stage.press(Modifiers::NONE, Key::ArrowRight);
    }
    let compare = stage.harness.state().state().compare.clone().unwrap();
    assert!((compare.wipe - 0.6).abs() < 1e-3, "{compare:?}");
    // All of the picture is the handle.
    let picture = stage.harness.get_by_role(Role::Image).rect();
    let at = picture.left_top() + picture.size() * egui::vec2(0.25, 0.9);
    stage.harness.drag_at(at);
    stage.run();
    stage.harness.drop_at(at);
    stage.run();
    let compare = stage.harness.state().state().compare.clone().unwrap();
    assert!((compare.wipe - 0.25).abs() < 0.01, "{compare:?}");
    // While comparing, a click chooses the other picture.
    stage.click("a pumpkin on red");
    let compare = stage.harness.state().state().compare.clone().unwrap();
    assert_eq!(compare.with, Beside::Record("/pictures/0004.png".into()));
    stage.press(Modifiers::NONE, Key::Escape);
    assert!(stage.harness.state().state().compare.is_none());
}

#[test]
fn a_deleted_picture_can_be_brought_back() {
    let mut stage = Setup::default().open();
    stage.fill_gallery(3);
    stage.click("a pepper on pink");
    stage.tasks();
    stage.click("Delete");
    assert!(stage.tasks().contains(&Task::Trash("/pictures/0001.png".into())));
    stage.answer(Answer::Trashed("/pictures/0001.png".into()));
    stage.harness.get_by_label("2 pictures");
    assert!(stage.says("Deleted 0001.png"));
    stage.click("Undo delete");
    assert!(stage.tasks().contains(&Task::Untrash));
    stage.answer(Answer::Untrashed(records(2).remove(1)));
    stage.harness.get_by_label("3 pictures");
    assert!(!stage.says("Deleted 0001.png"));
}

#[test]
fn the_offer_to_undo_ends_by_itself() {
    let mut stage = Setup::default().open();
    stage.fill_gallery(3);
    stage.answer(Answer::Trashed("/pictures/0001.png".into()));
    assert!(stage.says("Deleted 0001.png"));
    // Nobody moves: the window itself asks to be drawn when the ten seconds are over.
    let wanted = || stage.harness.output().viewport_output[&egui::ViewportId::ROOT].repaint_delay;
    assert!(wanted() <= std::time::Duration::from_secs(10), "{:?}", wanted());
    let time = |stage: &Stage| stage.harness.ctx.input(|input| input.time);
    let began = time(&stage);
    while stage.says("Deleted 0001.png") {
        stage.harness.step();
        assert!(time(&stage) - began < 12.0, "it is still there");
    }
    assert!(time(&stage) - began > 8.0, "it was gone after {} s", time(&stage) - began);
}

#[test]
fn a_dropped_picture_restores_its_settings_and_what_it_lacks_stays() {
    let mut stage = Setup::default().open();
    #[derive(Debug)]
    struct Dropped;
    impl egui::DroppedFile for Dropped {
        fn path(&self) -> &std::path::Path {
            std::path::Path::new("/x/from-elsewhere.png")
        }
        fn bytes(&self) -> Result<Vec<u8>, String> {
            Err("not asked for".to_owned())
        }
    }
    stage.harness.input_mut().dropped_files.push(std::sync::Arc::new(Dropped));
    stage.run();
    assert!(stage.tasks().contains(&Task::Examine("/x/from-elsewhere.png".into())));
    let settings = PartialSettings {
        prompt: Some("a dinosaur".into()),
        negative_prompt: Some("blurry".into()),
        seed: Some(7),
        ..PartialSettings::default()
    };
    stage.answer(Answer::Recovered {
        path: "/x/from-elsewhere.png".into(),
        settings: Box::new(settings),
        foreign_sampler: None,
        made_by: MadeBy::default(),
        frame: sample(60),
        began: Began::FromNoise,
    });
    let draft = &stage.harness.state().state().draft.settings;
    assert_eq!(
        (draft.prompt.as_str(), draft.negative_prompt.as_str(), draft.seed),
        ("a dinosaur", "blurry", 7)
    );
    assert_eq!(draft.steps, 25);
    let told = "Using some settings of from-elsewhere.png. What it doesn't say stays as it was.";
    assert!(stage.says(told));
    assert_eq!(stage.harness.state().state().picture().unwrap().whole(), Some(&sample(60)));
}

#[test]
fn a_sampler_that_is_none_of_ours_is_named_with_what_is_used_instead() {
    let mut stage = Setup::default().open();
    let settings = PartialSettings { prompt: Some("a castle".into()), ..PartialSettings::default() };
    stage.answer(Answer::Recovered {
        path: "/x/castle.png".into(),
        settings: Box::new(settings),
        foreign_sampler: Some("Euler a".into()),
        made_by: MadeBy::default(),
        frame: sample(60),
        began: Began::FromNoise,
    });
    assert!(
        stage.says("Using the settings of castle.png. It was made with Euler a; DDIM is used instead."),
        "it is told"
    );
    assert_eq!(stage.harness.state().state().draft.settings.prompt, "a castle");
    // The same of a picture in the gallery.
    let mut record = Arc::unwrap_or_clone(records(1).remove(0));
    record.recovered.as_mut().unwrap().foreign_sampler = Some("k_lms".into());
    stage.answer(Answer::Gallery(vec![Arc::new(record)]));
    stage.click("a heart on blue");
    stage.answer(Answer::Read { path: "/pictures/0000.png".into(), frame: sample(5) });
    stage.click("Reuse settings");
    assert!(stage.says("Using the settings of 0000.png. It was made with k_lms; DDIM is used instead."));
}

#[test]
fn pasted_files_and_pictures_are_taken_as_if_dropped_and_words_stay_words() {
    let mut stage = Setup::default().open();
    let prompt = |stage: &Stage| stage.harness.state().state().draft.settings.prompt.clone();
    stage.press(Modifiers::COMMAND, Key::A);
    stage.harness.event(egui::Event::Paste("an owl, and/or a fox".into()));
    stage.run();
    assert_eq!(prompt(&stage), "an owl, and/or a fox");
    stage.press(Modifiers::COMMAND, Key::V);
    stage.tasks();
    let file = if cfg!(windows) { "C:\\x\\fox.png" } else { "/x/fox.png" };
    stage.harness.event(egui::Event::Paste(file.into()));
    stage.run();
    assert!(stage.tasks().contains(&Task::Examine(file.into())));
    assert_eq!(prompt(&stage), "an owl, and/or a fox", "the path is not typed");
    let image = std::sync::Arc::new(egui::ColorImage::filled([2, 2], egui::Color32::GRAY));
    stage.harness.event(egui::Event::PasteImage(image.clone()));
    stage.run();
    assert!(stage.tasks().contains(&Task::Paste { picture: Some(image) }));
    // The key's release ends that paste; the next one brings nothing that egui tells of.
    let release = |stage: &mut Stage| {
        stage.harness.event(egui::Event::Key {
            key: Key::V,
            physical_key: None,
            pressed: false,
            repeat: false,
            modifiers: Modifiers::COMMAND,
        });
        stage.run();
        stage.tasks().contains(&Task::Paste { picture: None })
    };
    assert!(!release(&mut stage), "it has brought something");
    assert!(release(&mut stage), "the services look for files");
}

#[test]
fn a_file_over_the_window_is_told_what_will_happen() {
    let mut stage = Setup::default().open();
    stage
        .harness
        .input_mut()
        .hovered_files
        .push(egui::HoveredFile { path: Some("/x/v1-5.safetensors".into()), ..egui::HoveredFile::default() });
    stage.harness.step();
    stage.harness.input_mut().hovered_files.clear();
    stage.answer(Answer::Model("/x/v1-5.safetensors".into()));
    assert!(stage.requests().iter().any(|request| matches!(request, Request::Open(_))));
}

#[test]
fn closing_with_work_in_progress_asks() {
    let mut stage = Setup::default().open();
    let close = |stage: &mut Stage| {
        let input = stage.harness.input_mut();
        input.viewports.entry(egui::ViewportId::ROOT).or_default().events.push(egui::ViewportEvent::Close);
        stage.run();
    };
    let job = stage.develop();
    stage.begin(job, 20);
    close(&mut stage);
    assert_eq!(stage.harness.state().state().overlay, Overlay::Closing);
    stage.click("Keep working");
    assert_eq!(stage.harness.state().state().overlay, Overlay::Nothing);
    assert!(stage.harness.state().state().queue.running().is_some());
    stage.finish(job, 5);
    stage.tasks();
    close(&mut stage);
    assert_eq!(stage.harness.state().state().overlay, Overlay::Nothing);
    assert!(stage.tasks().iter().any(|task| matches!(task, Task::Remember(_))), "all is written at the end");
}

#[test]
fn whoever_ends_the_session_is_not_asked_and_everything_is_written() {
    let mut stage = Setup::default().open();
    stage.press(Modifiers::COMMAND, Key::A);
    stage.harness.event(egui::Event::Text("half a thought".into()));
    stage.harness.step();
    let job = stage.develop();
    stage.begin(job, 20);
    stage.tasks();
    stage.asked_to_end.store(true, std::sync::atomic::Ordering::Release);
    stage.harness.step();
    let commands = &stage.harness.output().viewport_output[&egui::ViewportId::ROOT].commands;
    assert!(commands.contains(&egui::ViewportCommand::Close), "{commands:?}");
    // The system's answer to that.
    let input = stage.harness.input_mut();
    input.viewports.entry(egui::ViewportId::ROOT).or_default().events.push(egui::ViewportEvent::Close);
    stage.harness.step();
    let commands = &stage.harness.output().viewport_output[&egui::ViewportId::ROOT].commands;
    assert!(!commands.contains(&egui::ViewportCommand::CancelClose), "{commands:?}");
    assert_eq!(stage.harness.state().state().overlay, Overlay::Nothing);
    let written = stage.tasks().into_iter().find_map(|task| match task {
        Task::Remember(memory) => memory.settings.prompt,
        _ => None,
    });
    assert!(written.is_some_and(|prompt| prompt == "half a thought"));
}

#[test]
fn what_was_remembered_is_there_again() {
    let base = Setup::default();
    let mut memory = Memory {
        settings: PartialSettings {
            prompt: Some("a lantern".into()),
            steps: Some(30),
            ..PartialSettings::default()
        },
        seed_locked: true,
        count: Some(3),
        ..base.remembered
    };
    memory.opened(&safelight::message::ModelSource::Starter);
    memory.folds.insert("more".into(), true);
    let stage = Setup { remembered: memory, ..Setup::default() }.open();
    let state = stage.harness.state().state();
    assert_eq!(state.draft.settings.prompt, "a lantern", "the model's own example does not replace it");
    assert_eq!((state.draft.settings.steps, state.draft.count, state.draft.seed_locked), (30, 3, true));
    // 1000 // 30 is 33, and that makes 31 steps in the reference.
    stage.harness.get_by_label("Runs exactly 30 · reference rule: 31");
    stage.harness.get_by_label("Sampler");
    let again = state.remembered();
    assert_eq!(again.settings.prompt.as_deref(), Some("a lantern"));
    assert_eq!(again.count, Some(3));
}

#[test]
fn the_language_changes_while_the_window_is_open() {
    let mut stage = Setup::default().open();
    stage.press(Modifiers::COMMAND, Key::Comma);
    stage.click("简体中文");
    stage.harness.get_by_label("显影");
    assert!(!stage.says("Develop"));
    assert_eq!(stage.harness.state().state().preferences.language.as_deref(), Some("zh-Hans"));
    stage.click("浅色");
    assert_eq!(stage.harness.state().state().preferences.theme, Theme::Light);
    stage.click("关闭");
    assert_eq!(stage.harness.state().state().overlay, Overlay::Nothing);
}

#[test]
fn the_bundled_fonts_have_every_character_of_the_words() {
    let stage = Setup::default().open();
    for language in Language::all() {
        let text: String = language.source().chars().filter(|c| !c.is_whitespace()).collect();
        let missing: String = stage.harness.ctx.fonts_mut(|fonts| {
            let font = safelight::app::theme::body();
            text.chars().filter(|c| !fonts.has_glyph(&font, *c)).collect()
        });
        assert!(missing.is_empty(), "{}: {missing}", language.name());
    }
}

#[test]
fn nothing_is_drawn_while_nothing_happens() {
    let mut stage = Setup::default().open();
    stage.fill_gallery(13);
    // What has changed is written within two seconds; then there is nothing more to do.
    std::thread::sleep(std::time::Duration::from_millis(2100));
    stage.run();
    stage.harness.run_steps(16);
    let wanted = stage.harness.output().viewport_output[&egui::ViewportId::ROOT].repaint_delay;
    assert!(wanted > std::time::Duration::from_millis(400), "repaint after {wanted:?}");
}

#[test]
fn a_prompt_that_has_the_keyboard_and_is_left_alone_asks_for_no_frame() {
    let mut stage = Setup::default().open();
    assert!(stage.harness.get_by_role_and_label(Role::MultilineTextInput, "Prompt").is_focused());
    stage.write("an owl");
    stage.count();
    let wanted =
        |stage: &Stage| stage.harness.output().viewport_output[&egui::ViewportId::ROOT].repaint_delay;
    assert!(wanted(&stage) < std::time::Duration::from_secs(1), "the cursor blinks while one writes");
    std::thread::sleep(std::time::Duration::from_millis(2100));
    for _ in 0..40 {
        // What an input method and a window manager send by themselves is no input of the user's.
        let preedit = egui::ImeEvent::Preedit { text: String::new(), active_range_chars: None };
        stage.harness.event(egui::Event::Ime(preedit));
        stage.harness.event(egui::Event::PointerMoved(egui::pos2(640.0, 300.0)));
        stage.harness.step();
    }
    stage.harness.step();
    stage.harness.step();
    assert_eq!(wanted(&stage), std::time::Duration::MAX);
}

#[test]
fn a_thousand_pictures_are_drawn_in_little_time_and_few_are_asked_for() {
    let mut stage = Setup::default().open();
    stage.answer(Answer::Gallery(records(1000)));
    let asked = stage.tasks().into_iter().filter(|task| matches!(task, Task::Thumbnail(_))).count();
    assert!((4..60).contains(&asked), "{asked} thumbnails");
    let began = Instant::now();
    stage.harness.run_steps(20);
    let frame = began.elapsed() / 20;
    assert!(frame.as_millis() < 60, "{frame:?} a frame");
}
