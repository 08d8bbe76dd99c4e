//! Sheets in the window: asked for, forming side by side, picked from, developed and saved.

use egui::accesskit::Role;
use egui::{Key, Modifiers};
use egui_kittest::kittest::{NodeT, Queryable};

use safelight::app::services::Task;
use safelight::app::state::generation::Stage as Progress;
use safelight::app::state::shown::Shown;
use safelight::message::{Control, Event, JobId, Origin, Request, Sheet};
use safelight::sampler::SamplerKind;

use super::stage::{Setup, Stage, made, sample};

/// The sheet that was asked for.
pub fn asked(stage: &Stage) -> Sheet {
    let found = stage.requests().into_iter().find_map(|request| match request {
        Request::Sheet(sheet) => Some(sheet),
        _ => None,
    });
    found.expect("a sheet was asked for")
}

/// Forms all of it; each cell shows a sample.
pub fn form(stage: &mut Stage, sheet: &Sheet) {
    for job in &sheet.jobs {
        stage.begin(job.id, job.settings.steps);
    }
    for step in 0..sheet.until {
        for (place, job) in sheet.jobs.iter().enumerate() {
            stage.step(job.id, step, job.settings.steps, 4 * place + 1);
        }
    }
    stage.run();
}

pub fn stop(stage: &mut Stage, sheet: &Sheet) {
    for job in &sheet.jobs {
        let steps = job.settings.steps;
        let made = made(&job.settings.prompt, sheet.until, steps);
        stage.tell(Event::Stopped {
            job: job.id,
            steps_done: sheet.until,
            latency: Default::default(),
            made,
        });
    }
    stage.run();
}

#[test]
fn seeds_form_side_by_side_and_only_the_picked_go_on() {
    let mut stage = Setup::default().open();
    stage.click("Contact sheet…");
    stage.click("Develop 9 to step 5");
    let sheet = asked(&stage);
    assert_eq!((sheet.jobs.len(), sheet.until), (9, 5));
    let seeds: Vec<u64> = sheet.jobs.iter().map(|job| job.settings.seed).collect();
    assert_eq!(seeds, (2026..2035).collect::<Vec<u64>>());
    assert!(matches!(stage.harness.state().state().shown, Shown::Sheet(_)));
    form(&mut stage, &sheet);
    assert!(stage.harness.query_all_by_label_contains("9 pictures · step 5 of 5").next().is_some());
    let cell = |stage: &mut Stage, seed: u64| {
        let name = format!("Seed {seed}");
        stage.harness.get_by_role_and_label(Role::CheckBox, &name).click();
        stage.run();
    };
    cell(&mut stage, 2027);
    cell(&mut stage, 2030);
    // Not before all stand where they shall.
    stage.click("Develop 2 picked");
    assert_eq!(stage.requests(), []);
    stop(&mut stage, &sheet);
    assert!(!stage.tasks().iter().any(|task| matches!(task, Task::Keep { .. })));
    stage.click("Develop 2 picked");
    let first = stage.job();
    assert_eq!((first.settings.seed, &first.origin), (2027, &Origin::Resume { negative: "run-2".into() }));
    let waiting: Vec<u64> =
        stage.harness.state().state().queue.waiting.iter().map(|waiting| waiting.job.settings.seed).collect();
    assert_eq!(waiting, [2030]);
    assert!(matches!(stage.harness.state().state().shown, Shown::Sheet(_)), "the sheet stays in sight");
    // A click on one that develops looks at it, and there is a way back.
    stage.begin(first.id, 25);
    cell(&mut stage, 2027);
    assert_eq!(stage.harness.state().state().shown, Shown::Generation { job: first.id, step: None });
    stage.press(Modifiers::COMMAND | Modifiers::SHIFT, Key::G);
    assert!(matches!(stage.harness.state().state().shown, Shown::Sheet(_)));
}

#[test]
fn drafts_are_eight_quick_steps_and_the_picked_are_made_anew_in_full() {
    let mut stage = Setup::default().open();
    stage.press(Modifiers::COMMAND, Key::G);
    stage.click("Drafts");
    stage.click("Develop 9 to step 8");
    let sheet = asked(&stage);
    assert!(
        sheet.jobs.iter().all(|job| job.settings.sampler == SamplerKind::DpmPp2m && job.settings.steps == 8)
    );
    form(&mut stage, &sheet);
    for job in &sheet.jobs {
        let made = made("a fox", 8, 8);
        let took = Default::default();
        stage.tell(Event::Finished { job: job.id, frame: sample(job.id.0 as usize), made, took });
    }
    stage.run();
    assert!(!stage.tasks().iter().any(|task| matches!(task, Task::Keep { .. })), "a draft is no picture");
    stage.click("Pick all");
    stage.click("Develop 9 picked");
    let job = stage.job();
    assert_eq!((job.origin, job.settings.sampler), (Origin::Anew, SamplerKind::Ddim));
}

#[test]
fn the_dialog_counts_the_steps_of_the_longest_picture() {
    let mut stage = Setup::default().open();
    stage.press(Modifiers::COMMAND, Key::G);
    stage.click("Values");
    stage.harness.get_by_label("Across: Guidance").click();
    stage.run();
    stage.harness.query_all_by_label("Steps").last().unwrap().click();
    stage.run();
    stage.harness.get_by_label("Across: values").focus();
    stage.run();
    stage.write("10, 40");
    let slider = stage.harness.get_by_role_and_label(Role::Slider, "Develop to step");
    assert_eq!(NodeT::accesskit_node(&slider).max_numeric_value(), Some(40.0));
    stage.click("Develop 2 to step 8");
    assert_eq!(asked(&stage).until, 8);
}

#[test]
fn values_of_two_settings_make_a_labeled_grid_that_is_saved_as_one_picture() {
    let mut stage = Setup::default().open();
    let sheet = values(&mut stage);
    assert_eq!(sheet.jobs.len(), 6);
    let cells: Vec<(f64, usize)> =
        sheet.jobs.iter().map(|job| (job.settings.guidance, job.settings.steps)).collect();
    assert_eq!(cells, [(2.0, 8), (4.0, 8), (6.0, 8), (2.0, 12), (4.0, 12), (6.0, 12)]);
    form(&mut stage, &sheet);
    assert!(stage.harness.query_by_role_and_label(Role::CheckBox, "12 steps · guidance 4").is_some());
    stage.click("Save the sheet…");
    let saved = stage.tasks().into_iter().find_map(|task| match task {
        Task::SaveAs { frame, name, .. } => Some((frame, name)),
        _ => None,
    });
    let (frame, name) = saved.unwrap();
    let side = sample(0).width;
    assert!(name.ends_with("-sheet"), "{name}");
    assert!(frame.width > 3 * side + 2 * 8 && frame.height > 2 * side + 8, "{frame:?}");
    // Labels are drawn: something dark stands above the first picture.
    let above = &frame.rgb[..frame.width * 3 * 30];
    assert!(above.iter().any(|level| *level < 100));
}

/// Guidances across and steps down, to be formed in two steps.
pub fn values(stage: &mut Stage) -> Sheet {
    let mut asked_for = stage.harness.state().state().draft.sheet.clone();
    asked_for.kind = safelight::app::sheets::ask::Kind::Values;
    asked_for.axes[0].values = "2, 4, 6".into();
    asked_for.axes[1].setting = Some(safelight::settings::Setting::Steps);
    asked_for.axes[1].values = "8, 12".into();
    asked_for.share = 0.2;
    let sheet = asked_for.sheet(&stage.harness.state().state().draft.settings).unwrap();
    assert_eq!((sheet.until, sheet.columns.len(), sheet.rows.len()), (2, 3, 2));
    // By the dialog: kinds, lists and fields.
    stage.press(Modifiers::COMMAND, Key::G);
    stage.click("Values");
    stage.harness.get_by_label("Across: values").focus();
    stage.run();
    stage.write("2, 4, 6");
    stage.harness.get_by_label("Down: Nothing").click();
    stage.run();
    stage.harness.query_all_by_label("Steps").last().unwrap().click();
    stage.run();
    stage.harness.get_by_label("Down: values").focus();
    stage.run();
    stage.write("8, 12");
    stage.click("Develop 6 to step 2");
    asked(stage)
}

#[test]
fn what_a_setting_does_not_take_is_said_and_nothing_begins() {
    let mut stage = Setup::default().open();
    stage.press(Modifiers::COMMAND, Key::G);
    stage.click("Values");
    stage.harness.get_by_label("Across: values").focus();
    stage.run();
    stage.write("3, much");
    stage.harness.query_all_by_role_and_label(Role::Button, "Develop").last().unwrap().click();
    stage.run();
    assert!(stage.says("Guidance does not take much. Type another value."));
    assert!(stage.requests().iter().all(|request| !matches!(request, Request::Sheet(_))));
}

#[test]
fn a_sheet_is_stopped_as_one_and_what_waits_waits_for_all() {
    let mut stage = Setup::default().open();
    stage.press(Modifiers::COMMAND, Key::G);
    stage.click("Develop 9 to step 5");
    let sheet = asked(&stage);
    stage.begin(sheet.jobs[0].id, 25);
    stage.press(Modifiers::COMMAND, Key::Enter);
    assert_eq!(stage.requests(), []);
    stage.press(Modifiers::NONE, Key::Escape);
    assert!(matches!(stage.controls()[..], [Control::Stop { .. }]));
    assert!(stage.running().is_some_and(|(_, progress)| progress == Progress::Stopping));
    stop(&mut stage, &sheet);
    assert_eq!(stage.running(), None);
    assert!(stage.harness.state().state().queue.held);
    let _: JobId = sheet.jobs[0].id;
}
