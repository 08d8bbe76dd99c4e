//! Sizes: which ones are remembered, offered and taken over, now that the starter draws twice as large.

use std::sync::Arc;

use safelight::app::services::{Answer, Began};
use safelight::message::{Event, ModelInfo, ModelSource};
use safelight::picture::MadeBy;
use safelight::preferences::Memory;
use safelight::settings::{PartialSettings, Settings};

use super::stage::{Setup, Stage, now, record, sample, settings, starter};

#[test]
fn a_picture_of_the_former_starter_is_taken_over_at_the_present_size() {
    let mut stage = Setup::default().open();
    let own = settings("a boat");
    let (width, height) = (own.width / 2, own.height * 3 / 4);
    let made = |hash: &str| MadeBy { name: Some("Starter".into()), hash: Some(hash.into()) };
    let recovered = |made_by: MadeBy| Answer::Recovered {
        path: "/x/boat.png".into(),
        settings: Box::new(Settings { width, height, ..own.clone() }.into()),
        foreign_sampler: None,
        made_by,
        frame: sample(60),
        began: Began::FromNoise,
    };
    let size = |stage: &Stage| {
        let draft = &stage.harness.state().state().draft.settings;
        (draft.width, draft.height)
    };
    let note =
        "This picture is from an earlier starter that made smaller pictures; its size is now 256 × 384";
    // Its own pictures and those of other models are taken over as they are.
    for made_by in [made("0123456789"), MadeBy { name: Some("v1-5".into()), ..made("517e6bb654") }] {
        stage.answer(recovered(made_by));
        assert_eq!(size(&stage), (width, height));
        assert!(!stage.says(note));
    }
    stage.answer(recovered(made("517e6bb654")));
    assert_eq!(size(&stage), (2 * width, 2 * height));
    assert!(stage.says(note));
    // The same of a picture in the gallery.
    let own = Settings { prompt: "a heart on blue".into(), width, height: width, ..own };
    let record = record("/pictures/0000.png", own, made("517e6bb654"), now());
    stage.answer(Answer::Gallery(vec![Arc::new(record)]));
    stage.click("a heart on blue");
    stage.answer(Answer::Read { path: "/pictures/0000.png".into(), frame: sample(5) });
    stage.click("Reuse settings");
    assert_eq!(size(&stage), (2 * width, 2 * width));
}

#[test]
fn a_remembered_size_holds_for_the_file_that_it_was_chosen_for() {
    let size_after = |sized_for: Option<&str>, source: ModelSource| {
        let settings = PartialSettings { width: Some(320), height: Some(256), ..PartialSettings::default() };
        let mut remembered =
            Memory { settings, sized_for: sized_for.map(str::to_owned), ..Setup::default().remembered };
        remembered.opened(&ModelSource::Starter);
        let mut stage = Setup { remembered, ..Setup::default() }.build();
        stage.tell(Event::Opened(Box::new(ModelInfo { source, ..starter() })));
        stage.run();
        let state = stage.harness.state().state();
        assert_eq!(state.remembered().sized_for.as_deref(), Some("0123456789"));
        state.draft.settings.width
    };
    let side = settings("").width;
    assert_eq!(size_after(Some("0123456789"), ModelSource::Starter), 320);
    assert_eq!(size_after(Some("517e6bb654"), ModelSource::Starter), side);
    assert_eq!(size_after(None, ModelSource::Starter), side);
    let other = ModelSource::file("/m/a.safetensors");
    assert_eq!(size_after(Some("0123456789"), other), side);
}

#[test]
fn a_remembered_size_waits_for_a_hash_that_is_not_known_yet() {
    for (hash, expected) in [("0123456789", 320), ("9876543210", settings("").width)] {
        let settings = PartialSettings { width: Some(320), height: Some(256), ..PartialSettings::default() };
        let mut remembered =
            Memory { settings, sized_for: Some("0123456789".into()), ..Setup::default().remembered };
        let source = ModelSource::file("/m/a.safetensors");
        remembered.opened(&source);
        let mut stage = Setup { remembered, ..Setup::default() }.build();
        stage.tell(Event::Opened(Box::new(ModelInfo { source, hash: None, ..starter() })));
        stage.run();
        stage.tell(Event::Hashed { hash: hash.into() });
        stage.run();
        assert_eq!(stage.harness.state().state().draft.settings.width, expected);
    }
}
