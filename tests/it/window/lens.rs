//! The lens and the curve of guidance in the window.

use std::time::Duration;

use egui::accesskit::Role;
use egui::{Key, Modifiers};
use egui_kittest::kittest::{NodeT as _, Queryable as _};

use safelight::app::command::Spot;
use safelight::message::{Control, Event, Heat, JobId, Report, Request, StepHeat, WordHeat};
use safelight::sampler::GuidanceCurve;

use super::stage::{Setup, Stage};

/// A round spot, as wide as a share of the map.
fn round(center: [f32; 2], radius: f32) -> Heat {
    let place = |i: usize| [(i % 16) as f32 + 0.5, (i / 16) as f32 + 0.5];
    let value = |i: usize| {
        let [x, y] = place(i);
        let away = ((x - center[0]).powi(2) + (y - center[1]).powi(2)).sqrt();
        0.02 + 0.04 / (1.0 + (2.0 * (away - radius)).exp())
    };
    Heat::of(&(0..256).map(value).collect::<Vec<f32>>())
}

pub fn heat(job: JobId, step: usize) -> StepHeat {
    let word = |word: &str, heat: Heat| WordHeat { word: word.to_owned(), heat };
    StepHeat {
        job,
        step,
        size: [16, 16],
        words: vec![
            word("a", round([2.0, 2.0], 1.0)),
            word("fox", round([8.0, 8.0], 5.0)),
            word("on", round([3.0, 12.0], 2.0)),
            word("a", round([12.0, 3.0], 2.0)),
            word("green", round([13.0, 13.0], 2.0)),
            word("background", round([4.0, 4.0], 3.0)),
        ],
        guidance: Some(round([8.0, 11.0], 4.0)),
        took: Duration::from_micros(5_800),
    }
}

/// A picture half developed under the lens.
pub fn under_the_lens(stage: &mut Stage, steps: usize) -> JobId {
    stage.press(Modifiers::COMMAND, Key::Enter);
    let job = stage.job().id;
    stage.begin(job, 25);
    stage.press(Modifiers::COMMAND.plus(Modifiers::SHIFT), Key::L);
    assert!(stage.requests().contains(&Request::Look { on: true }));
    for step in 0..steps {
        stage.tell(Event::Heat(Box::new(heat(job, step))));
        stage.step(job, step, 25, 5);
    }
    job
}

fn word(letters: &str) -> Option<Spot> {
    Some(Spot::Word { letters: letters.to_owned(), turn: 0 })
}

#[test]
fn words_are_looked_at_by_pointer_and_by_the_text_cursor() {
    let mut stage = Setup::default().open();
    let job = under_the_lens(&mut stage, 3);
    let chosen = |stage: &Stage| stage.harness.state().state().spot();
    assert_eq!(chosen(&stage), word("background"), "the longest word, before anything was chosen");
    stage.harness.get_by_label("“background” · 5.8 ms a step");
    // The pointer shows a word and lets go of it again.
    let prompt = stage.harness.get_by_role_and_label(Role::MultilineTextInput, "Prompt").rect();
    stage.harness.hover_at(prompt.left_center() + egui::vec2(26.0, 0.0));
    stage.run();
    stage.harness.get_by_label("“fox” · 5.8 ms a step");
    stage.harness.hover_at(prompt.right_center() + egui::vec2(0.0, -200.0));
    stage.run();
    stage.harness.get_by_label("“background” · 5.8 ms a step");
    // The text cursor chooses.
    for _ in 0..2 {
        stage.press(Modifiers::CTRL, Key::ArrowLeft);
    }
    assert_eq!(chosen(&stage), word("green"));
    stage.harness.get_by_label("“green” · 5.8 ms a step");
    stage.click("Where guidance acts");
    assert_eq!(chosen(&stage), Some(Spot::Guidance));
    let map = |stage: &Stage| stage.harness.state().state().lens.map(job, 2, &Spot::Guidance).unwrap();
    let alone = map(&stage);
    stage.click("All steps so far");
    let together = map(&stage);
    assert!(alone.values.iter().zip(&together.values).all(|(one, three)| (3.0 * one - three).abs() < 1e-4));
    stage.press(Modifiers::COMMAND.plus(Modifiers::SHIFT), Key::L);
    assert!(stage.requests().contains(&Request::Look { on: false }));
    assert_eq!(chosen(&stage), None);
    assert!(!stage.says("Where guidance acts"));
}

#[test]
fn a_finished_run_is_looked_at_step_by_step_as_it_is_scrubbed() {
    let mut stage = Setup::default().open();
    stage.press(Modifiers::COMMAND, Key::Enter);
    let job = stage.job().id;
    stage.begin(job, 25);
    for step in 0..25 {
        stage.step(job, step, 25, 5);
    }
    stage.press(Modifiers::COMMAND.plus(Modifiers::SHIFT), Key::L);
    let asked = |stage: &Stage| {
        let found = stage.requests().into_iter().filter_map(|request| match request {
            Request::Heat { job: of, step } => Some((of, step)),
            _ => None,
        });
        found.collect::<Vec<_>>()
    };
    assert_eq!(asked(&stage), [], "while it runs the maps come by themselves");
    stage.finish(job, 5);
    assert_eq!(asked(&stage), [(job, 24)]);
    stage.tell(Event::Heat(Box::new(heat(job, 24))));
    stage.run();
    assert_eq!(asked(&stage), []);
    stage.click("All steps so far");
    assert_eq!(asked(&stage), [(job, 23)]);
    let report = Report::new("error-step-gone", "");
    stage.tell(Event::HeatFailed { job, step: 23, report });
    stage.run();
    assert_eq!(asked(&stage), []);
    assert!(stage.says("The steps of this picture are no longer kept"));
}

#[test]
fn a_curve_is_drawn_by_hand_and_by_keys_and_bends_the_running_picture() {
    let mut stage = Setup::default().open();
    stage.click("Guidance over the steps");
    let curve = |stage: &Stage| stage.harness.state().state().draft.settings.guidance_curve.clone();
    stage.click("Add a point");
    assert_eq!(curve(&stage).to_string(), "0:3,0.5:3,1:3");
    let point = "Guidance at point 2 of 3, at 50 % of the steps";
    let handle = stage.harness.get_by_role_and_label(Role::Slider, point);
    assert_eq!(handle.accesskit_node().numeric_value(), Some(3.0));
    handle.focus();
    stage.run();
    stage.press(Modifiers::NONE, Key::ArrowUp);
    stage.press(Modifiers::NONE, Key::ArrowRight);
    assert_eq!(curve(&stage).to_string(), "0:3,0.52:3.1,1:3");
    assert!(stage.says("The curve below sets it"));
    // Dragged while a picture develops, it bends the guidance of the steps to come.
    stage.press(Modifiers::COMMAND, Key::Enter);
    let job = stage.job();
    assert_eq!(job.settings.guidance_curve, curve(&stage));
    stage.begin(job.id, 20);
    stage.step(job.id, 0, 20, 5);
    stage.controls();
    let from = stage
        .harness
        .get_by_role_and_label(Role::Slider, "Guidance at point 3 of 3, at 100 % of the steps")
        .rect();
    stage.harness.drag_at(from.center());
    stage.run();
    stage.harness.hover_at(from.center() - egui::vec2(0.0, 30.0));
    stage.run();
    stage.harness.drop_at(from.center() - egui::vec2(0.0, 30.0));
    stage.run();
    let bent: Vec<GuidanceCurve> = stage
        .controls()
        .into_iter()
        .filter_map(|control| match control {
            Control::Bend { job: of, curve } if of == job.id => Some(curve),
            _ => None,
        })
        .collect();
    let last = bent.last().expect("it was bent");
    assert!(last.points()[2][1] > 6.0, "{last}");
    assert_eq!(*last, curve(&stage));
    stage.click("Make it constant");
    assert!(curve(&stage).is_none());
    let constant = Control::Bend { job: job.id, curve: GuidanceCurve::default() };
    assert!(stage.controls().contains(&constant));
}
