//! Kept runs in the window: listed as families, opened, gone on with, branched off from, deleted.

use std::sync::Arc;

use egui::accesskit::Role;
use egui::{Key, Modifiers};
use egui_kittest::kittest::Queryable;

use safelight::app::services::{Answer, KeptRuns, Task};
use safelight::app::state::shown::{Beside, Shown};
use safelight::message::{Event, JobId, Origin, Request};
use safelight::negative::{Parent, Record, RunIs, Summary};
use safelight::settings::{PreviewMode, Settings};

use super::stage::{Setup, Stage, made, sample, settings};

/// A kept run that began `hours` ago.
pub fn run(id: &str, prompt: &str, state: RunIs, done: usize, hours: i64) -> Record {
    let settings = Settings { steps: 10, ..settings(prompt) };
    let created = jiff::Timestamp::from_second(20_000 * 86_400 + 60_000 - 3_600 * hours).unwrap();
    Record {
        summary: Summary {
            id: id.into(),
            state,
            steps_done: done,
            steps: 10,
            prompt: prompt.into(),
            seed: settings.seed,
            path: format!("/negatives/{id}.negative").into(),
            model: "Starter".into(),
            created: created.to_string(),
            parent: None,
            pinned: false,
            bytes: 1_200_000,
        },
        timesteps: (0..10).rev().map(|step| 100 * step + 1).collect(),
        guidance_of_steps: vec![3.0; done],
        parent: None,
        model_hash: "0123456789".into(),
        settings,
    }
}

/// The same as a branch of `parent` with another guidance.
pub fn branch_of(parent: &str, at: usize, guidance: f64, mut run: Record) -> Record {
    run.settings.guidance = guidance;
    run.summary.parent = Some(parent.into());
    run.parent =
        Some(Parent { id: parent.into(), at, changes: Vec::new(), guidance_of_steps: vec![3.0; at] });
    run
}

/// A family of three generations, a stopped run, and one of yesterday.
pub fn kept_runs() -> Vec<Arc<Record>> {
    let fox = "a fox on a green background";
    let mut pinned = run("e", "a truck on gray", RunIs::Finished, 10, 30);
    pinned.summary.pinned = true;
    [
        branch_of("b", 6, 9.0, run("a", fox, RunIs::Finished, 10, 0)),
        branch_of("d", 4, 5.0, run("b", fox, RunIs::Finished, 10, 1)),
        run("c", "a pumpkin on red", RunIs::Interrupted, 4, 2),
        run("d", fox, RunIs::Finished, 10, 3),
        pinned,
    ]
    .map(Arc::new)
    .to_vec()
}

/// With the list of runs open and their small pictures made.
pub fn listed(setup: Setup) -> Stage {
    let mut stage = setup.open();
    stage.answer(Answer::Negatives(kept_runs()));
    stage.press(Modifiers::COMMAND | Modifiers::SHIFT, Key::N);
    for (index, request) in stage.requests().into_iter().enumerate() {
        if let Request::Proof { negative } = request {
            stage.tell(Event::Proof { negative, frame: Some(sample(3 * index)) });
        }
    }
    stage.run();
    stage
}

#[test]
fn runs_stand_under_the_one_that_they_came_from_and_each_small_picture_is_asked_for_once() {
    let mut stage = Setup::default().open();
    stage.answer(Answer::Negatives(kept_runs()));
    assert!(!stage.requests().iter().any(|request| matches!(request, Request::Proof { .. })));
    stage.click("Negatives");
    assert!(stage.world.borrow().tasks.contains(&Task::Negatives(KeptRuns::List)));
    let asked =
        stage.requests().into_iter().filter(|request| matches!(request, Request::Proof { .. })).count();
    assert_eq!(asked, 5);
    stage.run();
    assert_eq!(stage.requests(), []);
    let families = stage.harness.state().state().negatives.families("");
    let rows: Vec<Vec<(usize, usize)>> = families
        .iter()
        .map(|family| family.rows.iter().map(|row| (row.index, row.depth)).collect())
        .collect();
    assert_eq!(rows, [vec![(3, 0), (1, 1), (0, 2)], vec![(2, 0)], vec![(4, 0)]]);
    for said in ["at 4: guidance 5 · 10 steps", "at 6: guidance 9 · 10 steps"] {
        assert!(stage.harness.query_all_by_label_contains(said).next().is_some(), "{said}");
    }
    // A run that has gone on gets a new one.
    let mut runs = kept_runs();
    Arc::make_mut(&mut runs[2]).summary.steps_done = 7;
    stage.answer(Answer::Negatives(runs));
    stage.run();
    assert_eq!(stage.requests(), [Request::Proof { negative: "c".into() }]);
}

/// A run of the list is clicked; returns its job.
fn opened(stage: &mut Stage, id: &str, label: &str) -> JobId {
    stage.click(label);
    let requests = stage.requests();
    let job = requests.iter().find_map(|request| match request {
        Request::Reopen { job, negative } if negative == id => Some(*job),
        _ => None,
    });
    let job = job.unwrap_or_else(|| panic!("{requests:?}"));
    assert!(requests.contains(&Request::Strip { job, mode: PreviewMode::Fast }), "{requests:?}");
    assert!(requests.iter().any(|request| matches!(request, Request::Decode { .. })), "{requests:?}");
    let frames = (0..10).map(|step| Some(sample(step))).collect();
    stage.tell(Event::Strip { job, from: 0, frames, mode: PreviewMode::Fast, whole: true });
    stage.run();
    job
}

/// Goes back so many steps by the filmstrip.
pub fn scrub_back(stage: &mut Stage, steps: usize) {
    stage.harness.get_by_label("Filmstrip").focus();
    stage.run();
    for _ in 0..steps {
        stage.press(Modifiers::NONE, Key::ArrowLeft);
    }
}

#[test]
fn an_interrupted_run_is_opened_scrubbed_and_gone_on_with() {
    let mut stage = listed(Setup::default());
    let job = opened(&mut stage, "c", "a pumpkin on red · 4 of 10 · interrupted");
    let said = |text: &str| stage.harness.query_all_by_label_contains(text).next().is_some();
    assert!(said("Stopped after 4 of 10 steps"));
    scrub_back(&mut stage, 1);
    assert!(
        matches!(stage.harness.state().state().shown, Shown::Generation { job: shown, step: Some(_) } if shown == job)
    );
    stage.click("Back to latest");
    stage.press(Modifiers::COMMAND | Modifiers::SHIFT, Key::Period);
    let going = stage.job();
    assert_eq!(going.origin, Origin::Resume { negative: "c".into() });
    assert_eq!(going.settings.prompt, "a pumpkin on red");
    let timesteps = (0..10).rev().map(|step| 100 * step + 1).collect();
    stage.tell(Event::Started {
        job: going.id,
        timesteps,
        tokens: Default::default(),
        notes: Vec::new(),
        negative: Some("c".into()),
        first_step: 4,
    });
    stage.run();
    assert_eq!(stage.requests(), [Request::Strip { job: going.id, mode: PreviewMode::Fast }]);
    assert_eq!(stage.harness.state().state().queue.running().map(|it| it.done), Some(4));
}

#[test]
fn a_branch_takes_the_runs_settings_into_the_draft_and_the_chip_says_where_it_begins() {
    let mut stage = listed(Setup::default());
    let job = opened(&mut stage, "d", "a fox on a green background · 10 steps · 2026");
    scrub_back(&mut stage, 3);
    let Shown::Generation { step: Some(step), .. } = stage.harness.state().state().shown else { panic!() };
    stage.click("Branch from here");
    let said = format!("Begins after step {} of 10 of this run", step + 1);
    assert!(stage.says(&said), "{said}");
    stage.write("a fox on a red background");
    stage.click("Develop");
    let branch = stage.job();
    assert_eq!(branch.origin, Origin::Branch { negative: "d".into(), at: step + 1 });
    assert_eq!((branch.settings.prompt.as_str(), branch.settings.seed), ("a fox on a red background", 2026));
    assert!(!stage.says(&said), "the one after begins anew");
    assert_ne!(branch.id, job);
    stage.begin(branch.id, 10);
    stage.step(branch.id, 0, 10, 5);
    // One that is given up.
    stage.tell(Event::Stopped {
        job: branch.id,
        steps_done: 1,
        latency: Default::default(),
        made: made("a fox on a red background", 1, 10),
    });
    stage.run();
    stage.click("Branch from here");
    stage.click("Begin anew");
    assert!(stage.harness.state().state().draft.branch.is_none());
}

#[test]
fn a_child_is_compared_with_its_parent() {
    let mut stage = listed(Setup::default());
    opened(&mut stage, "b", "at 4: guidance 5 · 10 steps");
    stage.press(Modifiers::COMMAND | Modifiers::SHIFT, Key::D);
    let Some(Beside::Generation(parent)) =
        stage.harness.state().state().compare.as_ref().map(|compare| compare.with.clone())
    else {
        panic!()
    };
    let requests = stage.requests();
    assert!(requests.contains(&Request::Reopen { job: parent, negative: "d".into() }), "{requests:?}");
    assert!(requests.contains(&Request::Strip { job: parent, mode: PreviewMode::Fast }), "{requests:?}");
    assert!(stage.harness.get_by_role_and_label(Role::Slider, "Wipe").rect().width() > 0.0);
}

#[test]
fn the_negative_of_a_deleted_picture_is_offered() {
    let mut stage = Setup::default().open();
    let found = settings("a heart on blue");
    let mut record = run("h", "a heart on blue", RunIs::Finished, 10, 1);
    record.settings = Settings { seed: 0, ..found };
    stage.answer(Answer::Negatives(vec![Arc::new(record)]));
    stage.fill_gallery(3);
    stage.answer(Answer::Trashed("/pictures/0000.png".into()));
    stage.click("Delete its negative");
    assert!(stage.tasks().contains(&Task::Negatives(KeptRuns::Delete("h".into()))));
    assert!(!stage.says("Delete its negative"));
}

#[test]
fn the_budget_is_chosen_in_the_settings() {
    let mut stage = Setup::default().open();
    stage.press(Modifiers::COMMAND, Key::Comma);
    stage.click("8 GB");
    assert!(stage.tasks().contains(&Task::Negatives(KeptRuns::Budget(8_000_000_000))));
    assert_eq!(stage.harness.state().state().remembered().negatives_budget, Some(8_000_000_000));
}
