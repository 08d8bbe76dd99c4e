//! Making pictures: from the prompt to the last step, by pointer and by keys.

use egui::accesskit::Role;
use egui::{Key, Modifiers};
use egui_kittest::kittest::{NodeT as _, Queryable as _};

use safelight::app::services::{Answer, Task};
use safelight::app::state::generation::Stage as Progress;
use safelight::app::state::shown::Shown;
use safelight::message::{Control, Event, JobId, ModelSource, Request};
use safelight::settings::PreviewMode;

use super::stage::{Setup, Stage, made, records, sample, settings};

fn shown(stage: &Stage) -> &Shown {
    &stage.harness.state().state().shown
}

#[test]
fn what_is_typed_in_a_frame_belongs_to_the_picture_asked_for_in_it() {
    let mut stage = Setup::default().open();
    // The harness gives each event a frame of its own; these two come in one.
    let events = &mut stage.harness.input_mut().events;
    events.push(egui::Event::Text(" at night".into()));
    events.push(egui::Event::Key {
        key: Key::Enter,
        physical_key: None,
        pressed: true,
        repeat: false,
        modifiers: Modifiers::COMMAND,
    });
    stage.run();
    let prompt = stage.job().settings.prompt;
    assert!(prompt.ends_with(" at night"), "{prompt}");
}

#[test]
fn the_first_request_opens_the_model_and_the_first_frame_does_not_wait_for_it() {
    let mut stage = Setup::default().build();
    // Cards are looked for when the window is shown and nothing is left to do.
    assert_eq!(stage.requests(), [Request::Open(ModelSource::Starter), Request::FindCards]);
    stage.harness.get_by_label("Develop");
    stage.tell(Event::Loading { part: "UNet".into(), share: 0.5 });
    stage.run();
    stage.harness.get_by_label("Model: Opening model");
    stage.open_starter();
    stage.harness.get_by_label("Model: Starter");
}

#[test]
fn typing_and_generating_sends_the_right_request() {
    let mut stage = Setup::default().open();
    stage.write("an owl on purple");
    stage.count();
    stage.harness.get_by_label("6 of 24 tokens");
    stage.click("Develop");
    let job = stage.job();
    assert_eq!(job.settings, settings("an owl on purple"));
    assert_eq!(job.previews, PreviewMode::Auto);
}

#[test]
fn steps_stream_in_and_canvas_progress_and_filmstrip_follow() {
    let mut stage = Setup::default().open();
    let job = stage.develop();
    stage.begin(job, 20);
    let mut seen = Vec::new();
    for step in 0..20 {
        stage.step(job, step, 20, 5);
        stage.harness.get_by_label_contains(&format!("Step {} of 20:", step + 1));
        let progress = stage.harness.get_by_role_and_label(Role::ProgressIndicator, "Progress");
        let share = progress.accesskit_node().numeric_value().unwrap();
        assert!((share - (step + 1) as f64 / 20.0).abs() < 1e-6, "{share}");
        let strip = stage.harness.get_by_role_and_label(Role::Slider, "Filmstrip");
        assert_eq!(strip.accesskit_node().numeric_value(), Some((step + 1) as f64));
        seen.push(stage.on_canvas());
    }
    seen.dedup();
    assert_eq!(seen.len(), 20, "each step shows another picture");
    stage.finish(job, 5);
    assert_eq!(stage.on_canvas(), sample(5));
    let kept = stage.tasks().into_iter().find(|task| matches!(task, Task::Keep { .. }));
    assert!(matches!(kept, Some(Task::Keep { job: of, .. }) if of == job));
    assert!(stage.harness.query_by_role_and_label(Role::ProgressIndicator, "Progress").is_none());
    stage.harness.get_by_label_contains("Saving:");
}

#[test]
fn guidance_dragged_while_a_picture_develops_steers_it() {
    let mut stage = Setup::default().open();
    let job = stage.develop();
    stage.begin(job, 20);
    stage.step(job, 0, 20, 5);
    stage.controls();
    let rail = stage.harness.get_by_role_and_label(Role::Slider, "Guidance").rect();
    stage.harness.drag_at(rail.left_center() + egui::vec2(rail.width() * 0.5, 0.0));
    stage.run();
    stage.harness.hover_at(rail.left_center() + egui::vec2(rail.width() * 0.75, 0.0));
    stage.run();
    stage.harness.drop_at(rail.left_center() + egui::vec2(rail.width() * 0.75, 0.0));
    stage.run();
    let steers: Vec<(JobId, f64)> = stage
        .controls()
        .into_iter()
        .filter_map(|control| match control {
            Control::Steer { job, guidance } => Some((job, guidance)),
            _ => None,
        })
        .collect();
    let last = steers.last().copied().expect("it was steered");
    assert_eq!(last.0, job);
    assert!((11.0..12.5).contains(&last.1), "{last:?}");
    assert!(stage.requests().iter().all(|request| !matches!(request, Request::Generate(_))));
    stage.harness.get_by_label("Applies from the next step");
}

#[test]
fn pause_resume_and_stop_are_sent_for_the_running_job() {
    let mut stage = Setup::default().open();
    let job = stage.develop();
    stage.begin(job, 20);
    stage.step(job, 0, 20, 5);
    stage.click("Pause");
    assert_eq!(stage.controls(), [Control::Pause { job }]);
    stage.tell(Event::Paused { job });
    stage.run();
    assert_eq!(stage.running(), Some((job, Progress::Paused)));
    stage.click("Resume");
    assert_eq!(stage.controls(), [Control::Resume { job }]);
    stage.tell(Event::Resumed { job });
    stage.run();
    stage.click("Stop");
    assert_eq!(stage.controls(), [Control::Stop { job }]);
    stage.tell(Event::Stopped {
        job,
        steps_done: 1,
        latency: Default::default(),
        made: made("a lion", 1, 20),
    });
    stage.run();
    assert_eq!(stage.running(), None);
    // What has developed is kept, and can be saved.
    assert_ne!(stage.on_canvas(), sample(5));
    stage.tasks();
    stage.click("Save as…");
    let saved = stage.tasks().into_iter().find_map(|task| match task {
        Task::SaveAs { made, .. } => made,
        _ => None,
    });
    assert_eq!(saved.and_then(|made| made.stopped_after), Some(1));
}

fn focus(stage: &mut Stage, focused: bool) {
    stage.harness.input_mut().viewports.entry(egui::ViewportId::ROOT).or_default().focused = Some(focused);
    stage.harness.step();
}

fn commands(stage: &Stage) -> Vec<egui::ViewportCommand> {
    stage.harness.output().viewport_output[&egui::ViewportId::ROOT].commands.clone()
}

fn finish_after(stage: &mut Stage, job: JobId, seconds: u64) {
    let made = made("a lion", 20, 20);
    let took = std::time::Duration::from_secs(seconds);
    stage.tell(Event::Finished { job, frame: sample(5), made, took });
    stage.harness.step();
}

#[test]
fn the_end_of_a_long_job_is_told_to_a_person_who_looks_elsewhere() {
    use egui::{UserAttentionType, ViewportCommand};
    let attention = ViewportCommand::RequestUserAttention(UserAttentionType::Informational);
    let mut stage = Setup::default().open();
    // Before their eyes, nothing.
    let job = stage.develop();
    stage.begin(job, 20);
    finish_after(&mut stage, job, 60);
    assert!(!commands(&stage).contains(&attention));
    // Elsewhere, only once the last of several is done, and if it took its time.
    stage.click("Develop");
    let first = stage.job().id;
    stage.click("Add to queue");
    focus(&mut stage, false);
    assert!(stage.tasks().contains(&Task::Watch(false)));
    finish_after(&mut stage, first, 60);
    assert!(!commands(&stage).contains(&attention), "another one waits");
    let second = stage.job().id;
    finish_after(&mut stage, second, 60);
    assert!(commands(&stage).contains(&attention));
    assert!(commands(&stage).contains(&ViewportCommand::Title("Picture finished – Safelight".into())));
    // The title is restored when the user returns.
    focus(&mut stage, true);
    assert!(commands(&stage).contains(&ViewportCommand::Title("Safelight".into())));
    assert!(stage.tasks().contains(&Task::Watch(true)));
    let third = stage.develop();
    stage.begin(third, 20);
    focus(&mut stage, false);
    finish_after(&mut stage, third, 1);
    assert!(!commands(&stage).contains(&attention), "it was done in a moment");
}

#[test]
fn jobs_wait_their_turn_and_can_be_moved_and_removed() {
    let mut stage = Setup::default().open();
    let first = stage.develop();
    stage.begin(first, 20);
    for prompt in ["second", "third", "fourth"] {
        stage.harness.get_by_role_and_label(Role::MultilineTextInput, "Prompt").focus();
        stage.run();
        stage.write(prompt);
        stage.click("Add to queue");
    }
    stage.harness.get_by_label("3 waiting");
    assert!(!stage.requests().iter().any(|request| matches!(request, Request::Generate(_))));
    stage.click("Remove “third”");
    stage.harness.get_by_label("Move “fourth”").focus();
    stage.run();
    stage.press(Modifiers::NONE, Key::ArrowUp);
    let order: Vec<String> = stage
        .harness
        .state()
        .state()
        .queue
        .waiting
        .iter()
        .map(|waiting| waiting.job.settings.prompt.clone())
        .collect();
    assert_eq!(order, ["fourth", "second"]);
    stage.finish(first, 3);
    assert_eq!(stage.job().settings.prompt, "fourth");
}

#[test]
fn several_pictures_are_made_with_one_seed_after_the_other() {
    let mut stage = Setup::default().open();
    stage.click("One more");
    stage.click("One more");
    stage.click("Develop");
    assert_eq!(stage.job().settings.seed, 2026);
    let waiting: Vec<u64> =
        stage.harness.state().state().queue.waiting.iter().map(|waiting| waiting.job.settings.seed).collect();
    assert_eq!(waiting, [2027, 2028]);
}

#[test]
fn scrubbing_shows_earlier_steps_and_decodes_one_in_full() {
    let mut stage = Setup::default().open();
    let job = stage.develop();
    stage.begin(job, 20);
    for step in 0..20 {
        stage.step(job, step, 20, 5);
    }
    stage.finish(job, 5);
    let strip = stage.harness.get_by_role_and_label(Role::Slider, "Filmstrip").rect();
    stage.harness.drag_at(strip.left_center() + egui::vec2(3.0, 0.0));
    stage.run();
    assert_eq!(*shown(&stage), Shown::Generation { job, step: Some(0) });
    stage.harness.drop_at(strip.left_center() + egui::vec2(3.0, 0.0));
    stage.run();
    stage.press(Modifiers::NONE, Key::ArrowRight);
    assert_eq!(*shown(&stage), Shown::Generation { job, step: Some(1) });
    stage.harness.get_by_label("Step 2 of 20, t = 901: a fox on a green background");
    // Its preview was a fast one: a full decode can be asked for.
    stage.engine.borrow().as_ref().unwrap().preview(safelight::message::Preview {
        job,
        step: 1,
        image: safelight::message::PreviewImage::Frame(sample(9)),
        mode: PreviewMode::Fast,
        took: Default::default(),
        share: 0.0,
        note: None,
    });
    stage.run();
    stage.requests();
    stage.click("Decode in full");
    assert_eq!(stage.requests(), [Request::Decode { job, step: 1 }]);
    stage.tell(Event::Decoded { job, step: 1, frame: Ok(sample(11)) });
    stage.run();
    assert_eq!(stage.on_canvas(), sample(11));
    stage.tasks();
    stage.click("Save this step…");
    assert!(
        stage.tasks().iter().any(|task| matches!(task, Task::SaveAs { frame, .. } if *frame == sample(11)))
    );
    stage.press(Modifiers::NONE, Key::End);
    stage.click("Back to latest");
    assert_eq!(stage.on_canvas(), sample(5));
}

#[test]
fn steps_that_were_not_made_cannot_be_chosen() {
    let mut stage = Setup::default().open();
    let job = stage.develop();
    stage.begin(job, 20);
    for step in 0..5 {
        stage.step(job, step, 20, 5);
    }
    stage.stopped(job, 5);
    let strip = stage.harness.get_by_role_and_label(Role::Slider, "Filmstrip").rect();
    let newest = Shown::Generation { job, step: Some(4) };
    for share in [0.99, 0.5, 0.26] {
        stage.harness.drag_at(strip.left_center() + egui::vec2(strip.width() * share, 0.0));
        stage.run();
        assert_eq!(*shown(&stage), newest, "at {share}");
        stage.harness.drop_at(strip.left_center() + egui::vec2(strip.width() * share, 0.0));
        stage.run();
    }
    for key in [Key::ArrowRight, Key::End, Key::Period] {
        stage.press(Modifiers::NONE, key);
        assert_eq!(*shown(&stage), newest, "{key:?}");
    }
    stage.press(Modifiers::NONE, Key::ArrowLeft);
    assert_eq!(*shown(&stage), Shown::Generation { job, step: Some(3) });
    stage.press(Modifiers::NONE, Key::Home);
    assert_eq!(*shown(&stage), Shown::Generation { job, step: Some(0) });
}

#[test]
fn the_development_plays_to_its_end_and_is_exported_with_all_its_frames() {
    let mut stage = Setup::default().open();
    let job = stage.develop();
    stage.begin(job, 5);
    for step in 0..5 {
        stage.step(job, step, 5, 5);
    }
    stage.finish(job, 5);
    stage.harness.get_by_label("Play").click();
    stage.harness.step();
    assert!(stage.harness.state().state().playing.is_some());
    stage.harness.run_steps(8);
    assert_eq!(stage.harness.state().state().playing, None);
    stage.tasks();
    stage.click("Export development");
    stage.click("Export as GIF…");
    let frames = stage.tasks().into_iter().find_map(|task| match task {
        Task::Export { frames, .. } => Some(frames.len()),
        _ => None,
    });
    assert_eq!(frames, Some(6));
}

#[test]
fn everything_can_be_done_by_keys_alone() {
    let mut stage = Setup::default().open();
    // The prompt has the keyboard from the start; Tab moves to the buttons of its box.
    assert!(stage.harness.get_by_role_and_label(Role::MultilineTextInput, "Prompt").is_focused());
    let mut order = Vec::new();
    for _ in 0..6 {
        stage.press(Modifiers::NONE, Key::Tab);
        let focused = stage.harness.root().children_recursive().find(|node| node.is_focused());
        order.push(focused.and_then(|node| node.accesskit_node().label()).unwrap_or_default());
    }
    assert_eq!(
        order,
        [
            "Negative prompt",
            "Surprise me",
            "Develop",
            "Contact sheet…",
            "Begin from a picture…",
            "Model: Starter"
        ]
    );
    stage.press(Modifiers::COMMAND, Key::Enter);
    let job = stage.job().id;
    stage.begin(job, 20);
    stage.press(Modifiers::COMMAND, Key::Period);
    stage.press(Modifiers::NONE, Key::Escape);
    assert_eq!(stage.controls(), [Control::Pause { job }, Control::Stop { job }]);
    stage.tell(Event::Stopped {
        job,
        steps_done: 0,
        latency: Default::default(),
        made: made("a lion", 0, 20),
    });
    stage.run();
    stage.press(Modifiers::COMMAND, Key::K);
    stage.harness.event(egui::Event::Text("seed".into()));
    stage.run();
    stage.press(Modifiers::NONE, Key::ArrowDown);
    stage.press(Modifiers::NONE, Key::Enter);
    assert!(stage.harness.state().state().draft.seed_locked, "the second match was Lock seed");
}

#[test]
fn a_finished_picture_is_announced_and_listed() {
    let mut stage = Setup::default().open();
    let job = stage.develop();
    stage.begin(job, 5);
    stage.finish(job, 5);
    stage.harness.get_by_role_and_label(Role::Status, "Picture finished");
    let record = records(1).remove(0);
    stage.answer(Answer::Kept { job, record });
    stage.harness.get_by_label("1 picture");
    stage.harness.get_by_label("0000.png, saved: a fox on a green background");
}
