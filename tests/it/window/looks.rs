//! Snapshots of the main states in both themes.

use egui_kittest::{SnapshotOptions, SnapshotResults};

use safelight::app::services::Answer;
use safelight::remember::{Memory, Theme};

use super::stage::{Setup, Stage, records};

fn setup(theme: Theme, size: [f32; 2], pixels_per_point: f32) -> Setup {
    let base = Setup::default();
    let remembered = Memory { theme, ..base.remembered };
    Setup { size, pixels_per_point, remembered, painted: true }
}

fn name_of(theme: Theme) -> &'static str {
    if theme == Theme::Light { "light" } else { "dark" }
}

fn snapshot(stage: &mut Stage, results: &mut SnapshotResults, name: &str) {
    let options = SnapshotOptions::new().output_path("tests/snapshots");
    stage.harness.snapshot_options(name, &options);
    results.extend_harness(&mut stage.harness);
}

/// A picture half developed, others kept, two waiting.
fn developing(stage: &mut Stage, steps_done: usize) {
    stage.fill_gallery(13);
    let job = stage.develop();
    stage.begin(job, 25);
    stage.click("Add to queue");
    stage.click("Add to queue");
    for step in 0..steps_done {
        stage.step(job, step, 25, 5);
    }
}

fn done(stage: &mut Stage) {
    stage.fill_gallery(13);
    let job = stage.develop();
    stage.begin(job, 25);
    for step in 0..25 {
        stage.step(job, step, 25, 5);
    }
    stage.finish(job, 5);
    let mut record = records(1).remove(0);
    record.path = "/pictures/a-lion-2026.png".into();
    record.prompt = "a lion on a gray background".into();
    stage.answer(Answer::Kept { job, record: Box::new(record) });
    stage.answer(Answer::Thumbnail {
        path: "/pictures/a-lion-2026.png".into(),
        frame: Some(super::stage::sample(5)),
    });
}

#[test]
fn the_main_states_in_both_themes() {
    let mut results = SnapshotResults::new();
    for theme in [Theme::Dark, Theme::Light] {
        let name = name_of(theme);
        let mut stage = setup(theme, [1280.0, 800.0], 1.0).open();
        stage.answer(Answer::Gallery(Vec::new()));
        snapshot(&mut stage, &mut results, &format!("welcome-{name}"));
        let mut stage = setup(theme, [1280.0, 800.0], 1.0).open();
        developing(&mut stage, 12);
        snapshot(&mut stage, &mut results, &format!("developing-{name}"));
        let mut stage = setup(theme, [1280.0, 800.0], 1.0).open();
        done(&mut stage);
        snapshot(&mut stage, &mut results, &format!("done-{name}"));
    }
}
