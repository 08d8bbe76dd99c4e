//! Nothing is lost: strips of earlier pictures, pictures that cannot be saved, deletes, what was
//! interrupted, and the queue on hold.

use std::path::PathBuf;
use std::sync::Arc;

use egui::accesskit::Role;
use egui::{Key, Modifiers};
use egui_kittest::kittest::Queryable as _;

use safelight::app::services::{Answer, Task};
use safelight::app::state::Overlay;
use safelight::app::state::generation::Stage as Progress;
use safelight::app::state::shown::Shown;
use safelight::gpu::Trouble;
use safelight::message::{Control, Event, JobId, ModelSource, Report, Request};
use safelight::settings::PreviewMode;

use super::stage::{Setup, Stage, made, now, record, records, sample, settings};

/// A picture from the button to its record in the gallery.
fn keep(stage: &mut Stage, index: usize) -> (JobId, PathBuf) {
    let job = stage.develop();
    stage.begin(job, 5);
    for step in 0..5 {
        stage.step(job, step, 5, index);
    }
    stage.finish(job, index);
    let path = format!("/pictures/made-{index}.png");
    let record = record(&path, settings(&format!("picture {index}")), Default::default(), now());
    stage.answer(Answer::Kept { job, record: Arc::new(record) });
    (job, path.into())
}

fn stop(stage: &mut Stage, job: JobId) {
    stage.tell(Event::Stopped { job, steps_done: 0, latency: Default::default(), made: made("x", 0, 20) });
    stage.run();
}

pub fn close(stage: &mut Stage) {
    let input = stage.harness.input_mut();
    input.viewports.entry(egui::ViewportId::ROOT).or_default().events.push(egui::ViewportEvent::Close);
    stage.run();
}

fn exported(stage: &mut Stage) -> Option<usize> {
    stage.tasks();
    stage.click("Export development");
    stage.click("Export as GIF…");
    stage.tasks().into_iter().find_map(|task| match task {
        Task::Export { frames, .. } => Some(frames.len()),
        _ => None,
    })
}

#[test]
fn a_picture_of_this_session_has_its_strip_again_when_it_is_chosen() {
    let mut stage = Setup::default().open();
    let (first, path) = keep(&mut stage, 1);
    for index in 2..8 {
        keep(&mut stage, index);
    }
    let frames = |stage: &Stage| {
        let state = stage.harness.state().state();
        let shown = state.queue.generation(first).unwrap();
        shown.steps.iter().filter(|step| step.picture.is_some()).count()
    };
    assert_eq!(frames(&stage), 0, "memory does not grow with the pictures");
    stage.requests();
    stage.tasks();
    stage.click("picture 1");
    assert_eq!(stage.harness.state().state().shown, Shown::Generation { job: first, step: None });
    assert_eq!(stage.requests(), [Request::Strip { job: first, mode: PreviewMode::Fast }]);
    if stage.tasks().contains(&Task::Read(path.clone())) {
        stage.answer(Answer::Read { path, frame: sample(1) });
    }
    assert_eq!(exported(&mut stage), None, "half a strip is not exported");
    stage.tell(Event::Strip {
        job: first,
        from: 0,
        frames: vec![Some(sample(40)), Some(sample(41))],
        mode: PreviewMode::Fast,
        whole: false,
    });
    let rest = [42, 43, 44].map(|index| Some(sample(index))).to_vec();
    stage.tell(Event::Strip { job: first, from: 2, frames: rest, mode: PreviewMode::Fast, whole: true });
    stage.run();
    assert_eq!((frames(&stage), stage.requests()), (5, Vec::new()));
    assert_eq!(stage.on_canvas(), sample(1));
    assert_eq!(exported(&mut stage), Some(6));
    // Scrubbed, and decoded in full.
    stage.press(Modifiers::NONE, Key::Escape);
    stage.harness.get_by_role_and_label(Role::Slider, "Filmstrip").focus();
    stage.run();
    stage.press(Modifiers::NONE, Key::Home);
    assert_eq!(stage.on_canvas(), sample(40));
    stage.click("Decode in full");
    assert_eq!(stage.requests(), [Request::Decode { job: first, step: 0 }]);
    stage.tell(Event::Decoded { job: first, step: 0, frame: Ok(sample(50)) });
    stage.run();
    assert_eq!(stage.on_canvas(), sample(50));
}

#[test]
fn a_strip_of_another_model_is_said_and_comes_when_that_one_is_open() {
    let mut stage = Setup::default().open();
    let (first, _) = keep(&mut stage, 1);
    (2..8).for_each(|index| drop(keep(&mut stage, index)));
    stage.click("picture 1");
    stage.requests();
    stage.tell(Event::StripFailed { job: first, other_model: true });
    stage.run();
    assert!(stage.says("This picture was made with another model. Open it to see the steps."));
    assert_eq!(stage.requests(), []);
    stage.tell(Event::Opened(Box::new(super::stage::starter())));
    stage.run();
    assert!(stage.requests().contains(&Request::Strip { job: first, mode: PreviewMode::Fast }));
}

#[test]
fn a_stopped_run_can_be_decoded_step_by_step() {
    let mut stage = Setup::default().open();
    let job = stage.develop();
    stage.begin(job, 20);
    for step in 0..3 {
        stage.step(job, step, 20, 5);
    }
    stage.engine.borrow().as_ref().unwrap().preview(safelight::message::Preview {
        job,
        step: 1,
        image: safelight::message::PreviewImage::Frame(sample(9)),
        mode: safelight::settings::PreviewMode::Fast,
        took: Default::default(),
        share: 0.0,
        note: None,
    });
    stage.press(Modifiers::NONE, Key::Escape);
    stage.tell(Event::Stopped { job, steps_done: 3, latency: Default::default(), made: made("x", 3, 20) });
    stage.run();
    stage.requests();
    stage.harness.get_by_role_and_label(Role::Slider, "Filmstrip").focus();
    stage.run();
    stage.press(Modifiers::NONE, Key::ArrowLeft);
    stage.click("Decode in full");
    assert_eq!(stage.requests(), [Request::Decode { job, step: 1 }]);
    stage.tell(Event::Decoded { job, step: 1, frame: Ok(sample(11)) });
    stage.run();
    assert_eq!(stage.on_canvas(), sample(11));
}

#[test]
fn pictures_that_cannot_be_saved_are_counted_and_asked_about() {
    let mut stage = Setup::default().open();
    let job = stage.develop();
    stage.begin(job, 5);
    stage.finish(job, 5);
    stage.harness.get_by_label_contains("Saving:");
    let unsaved = |count: usize| Answer::Unsaved {
        jobs: if count > 0 { vec![job] } else { Vec::new() },
        count,
        report: (count > 0).then(|| Report::new("error-gallery", "no space left")),
    };
    stage.answer(unsaved(1));
    assert!(stage.says("A picture couldn't be saved. It is kept until it can be."));
    stage.harness.get_by_label_contains("Not saved yet:");
    stage.answer(unsaved(2));
    assert!(stage.says("2 pictures couldn't be saved. They are kept until they can be."));
    assert!(!stage.says("A picture couldn't be saved. It is kept until it can be."), "one toast counts");
    stage.tasks();
    stage.click("Try again");
    assert!(stage.tasks().contains(&Task::SaveAgain));
    stage.click("Choose folder…");
    assert!(stage.tasks().contains(&Task::PickFolder));
    close(&mut stage);
    assert_eq!(stage.harness.state().state().overlay, Overlay::Closing);
    assert!(stage.says("2 pictures are not saved yet."));
    stage.click("Keep working");
    // All saved: closing asks nothing.
    stage.answer(Answer::Kept { job, record: records(1).remove(0) });
    stage.answer(unsaved(0));
    assert!(stage.harness.query_by_label("Try again").is_none());
    stage.harness.get_by_label_contains("0000.png, saved:");
    close(&mut stage);
    assert_eq!(stage.harness.state().state().overlay, Overlay::Nothing);
}

fn deleted(stage: &mut Stage, path: &str) -> bool {
    stage.tasks().contains(&Task::Trash(path.into()))
}

#[test]
fn deletes_are_undone_in_turn_and_redone_and_text_goes_first() {
    let (z, shift_z) = ((Modifiers::COMMAND, Key::Z), (Modifiers::COMMAND | Modifiers::SHIFT, Key::Z));
    let mut stage = Setup::default().open();
    stage.fill_gallery(5);
    let mut all = records(5);
    for at in [1, 2] {
        stage.answer(Answer::Trashed(all[at].path.clone()));
    }
    stage.tasks();
    // The prompt is written in: its own words first.
    stage.harness.event(egui::Event::Text(" at night".into()));
    stage.run();
    let prompt = |stage: &Stage| stage.harness.state().state().draft.settings.prompt.clone();
    assert!(prompt(&stage).ends_with(" at night"));
    stage.press(z.0, z.1);
    assert!(!prompt(&stage).ends_with(" at night") && !stage.tasks().contains(&Task::Untrash));
    // Nothing is left to undo in it: the deletes, the last first.
    for at in [2, 1] {
        for _ in 0..4 {
            stage.press(z.0, z.1);
            if stage.tasks().contains(&Task::Untrash) {
                break;
            }
        }
        stage.answer(Answer::Untrashed(all[at].clone()));
        let last = stage.harness.state().state().undeleted.last().cloned();
        assert_eq!(last.as_ref(), Some(&all[at].path));
    }
    stage.press(z.0, z.1);
    assert!(!stage.tasks().contains(&Task::Untrash), "there is nothing more");
    stage.harness.get_by_role_and_label(Role::Button, "Develop").focus();
    stage.run();
    stage.press(shift_z.0, shift_z.1);
    assert!(deleted(&mut stage, "/pictures/0001.png"));
    stage.answer(Answer::Trashed(all.remove(1).path.clone()));
    stage.press(shift_z.0, shift_z.1);
    assert!(deleted(&mut stage, "/pictures/0002.png"));
}

#[test]
fn escape_holds_the_queue_and_shift_escape_clears_it() {
    let mut stage = Setup::default().open();
    (0..3).for_each(|_| stage.click("One more"));
    let first = stage.develop();
    stage.begin(first, 20);
    assert!(stage.says("1 of 4: a fox on a green background"));
    stage.press(Modifiers::NONE, Key::Escape);
    assert_eq!(stage.controls(), [Control::Stop { job: first }]);
    stop(&mut stage, first);
    assert!(stage.running().is_none() && stage.says("On hold"));
    stage.click("Continue queue");
    let second = stage.job().id;
    stage.begin(second, 20);
    assert!(stage.says("2 of 4: a fox on a green background"));
    stage.press(Modifiers::SHIFT, Key::Escape);
    assert_eq!(stage.controls(), [Control::Stop { job: second }]);
    stop(&mut stage, second);
    assert!(stage.running().is_none() && stage.harness.state().state().queue.waiting.is_empty());
    // All of it is found by its name.
    stage.press(Modifiers::COMMAND, Key::K);
    stage.harness.event(egui::Event::Text("queue".into()));
    stage.run();
    for name in ["Clear queue", "Continue queue", "Stop all"] {
        stage.harness.get_by_role_and_label(Role::MenuItem, name);
    }
}

#[test]
fn what_is_under_way_is_noted_until_the_end_and_offered_again_after_a_crash() {
    let noted = |stage: &Stage| {
        let noted = stage.tasks().into_iter().rev().find_map(|task| match task {
            Task::UnderWay(settings) => Some(settings),
            _ => None,
        });
        noted.map(|settings| settings.into_iter().map(|settings| settings.seed).collect::<Vec<_>>())
    };
    let mut stage = Setup::default().open();
    stage.click("One more");
    let first = stage.develop();
    assert_eq!(noted(&stage), Some(vec![2026, 2027]));
    stage.begin(first, 20);
    stage.finish(first, 5);
    assert_eq!(noted(&stage), Some(vec![2027]));
    stage.click("Stop");
    let second = stage.job().id;
    stop(&mut stage, second);
    assert_eq!(noted(&stage), Some(Vec::new()));

    let mut stage = Setup::default().open();
    stage.answer(Answer::Interrupted(vec![settings("an owl"), settings("a whale")]));
    let toast = "2 pictures were interrupted or waiting when the program ended, the first: an owl";
    assert!(stage.says(toast));
    stage.click("Develop again");
    assert_eq!(stage.job().settings, settings("an owl"));
    assert_eq!(stage.harness.state().state().queue.waiting[0].job.settings, settings("a whale"));
    assert!(!stage.says(toast));
}

#[test]
fn a_lost_card_starts_the_program_again_and_that_goes_on_by_itself() {
    let mut stage = Setup::default().open();
    let job = stage.develop();
    stage.begin(job, 20);
    let kept = stage.tasks();
    assert!(kept.iter().any(|task| matches!(task, Task::UnderWay(settings) if settings.len() == 1)));
    stage.graphics.send(Trouble::Busy).unwrap();
    stage.run();
    let failed = "Some of the window couldn’t be drawn. If it looks wrong, restart Safelight.";
    assert!(!stage.says(failed), "to be tried again is no error");
    stage.graphics.send(Trouble::Error("a texture".into())).unwrap();
    stage.run();
    assert!(stage.says(failed));
    assert_eq!(*stage.begun_again.borrow(), 0, "an error is no loss");
    stage.graphics.send(Trouble::Lost("gone".into())).unwrap();
    stage.run();
    assert_eq!(*stage.begun_again.borrow(), 1);
    assert_eq!(stage.controls(), [Control::SetAside { job }]);
    assert!(
        !stage.tasks().iter().any(|task| matches!(task, Task::UnderWay(under_way) if under_way.is_empty()))
    );

    let mut stage = Setup { goes_on: true, ..Setup::default() }.open();
    assert!(stage.says("The graphics card failed. Safelight has started again, and the processor goes on."));
    stage.answer(Answer::Interrupted(vec![settings("an owl")]));
    assert_eq!(stage.job().settings, settings("an owl"));
    stage.graphics.send(Trouble::Lost("gone".into())).unwrap();
    stage.run();
    assert_eq!(*stage.begun_again.borrow(), 0, "a third would fare no better");
}

#[test]
fn another_start_brings_this_window_to_the_front_with_its_model() {
    let mut stage = Setup::default().open();
    let source = ModelSource::file("/models/v1.safetensors");
    stage.world.borrow_mut().answers.push(Answer::Called(Some(source.clone())));
    stage.harness.step();
    let commands = &stage.harness.output().viewport_output[&egui::ViewportId::ROOT].commands;
    assert!(commands.contains(&egui::ViewportCommand::Focus), "{commands:?}");
    assert!(stage.requests().contains(&Request::Open(source)));
}

#[test]
fn a_remembered_model_that_is_gone_leaves_the_starter_and_one_message() {
    let mut stage = Setup::default().build();
    stage.requests();
    // Asked for before there is a model: it waits.
    stage.click("Develop");
    assert_eq!(stage.requests(), []);
    let source = ModelSource::file("/gone.safetensors");
    let report = Report::new("error-model-missing", "");
    stage.tell(Event::OpenFailed { source, report, former_is_open: false });
    stage.run();
    assert_eq!(stage.requests(), [Request::Open(ModelSource::Starter)]);
    stage.tell(Event::Opened(Box::new(super::stage::starter())));
    stage.run();
    let message = "Model not found. It may have been moved or deleted. The starter is open instead.";
    assert!(stage.says(message));
    assert_eq!(stage.harness.state().state().toasts.list.len(), 1);
    assert!(matches!(stage.requests()[0], Request::Generate(_)), "what waited is made");
    assert_eq!(stage.running().map(|(_, stage)| stage), Some(Progress::Asked));
}

#[test]
fn without_any_model_nothing_is_begun_and_nothing_fails() {
    let mut stage = Setup::default().build();
    stage.click("Develop");
    stage.requests();
    let report = Report::new("error-no-starter", "");
    stage.tell(Event::OpenFailed { source: ModelSource::Starter, report, former_is_open: false });
    stage.run();
    let state = stage.harness.state().state();
    assert_eq!((state.queue.generations.len(), state.queue.waiting.len(), state.queue.held), (0, 1, true));
    assert!(!state.can_develop());
    assert!(stage.harness.query_by_label_contains("Failed after").is_none());
    stage.press(Modifiers::COMMAND, Key::Enter);
    assert!(stage.requests().is_empty() && stage.says("No model is open. Open one first."));
}
