//! The first screen, and the values of the controls: what is typed, remembered and told.

use egui::accesskit::Role;
use egui::{Key, Modifiers};
use egui_kittest::kittest::Queryable as _;

use safelight::app::services::Task;
use safelight::app::state::examples;
use safelight::message::{Compute, Event, ModelInfo, ModelSource, Report, Request};
use safelight::preferences::Memory;
use safelight::sampler::TimestepSpacing;
use safelight::settings::{PartialSettings, Settings};

use super::stage::{Setup, Stage, starter};

fn remembered(settings: PartialSettings) -> Memory {
    let mut memory = Memory { settings, ..Setup::default().remembered };
    memory.opened(&ModelSource::Starter);
    memory
}

#[test]
fn an_example_of_the_first_screen_develops_with_its_words_and_its_seed() {
    let mut stage = Setup::default().open();
    let example = &examples::all()[3];
    stage.click(&format!("Develop “{}”", example.prompt));
    let job = stage.job();
    assert_eq!((job.settings.prompt.as_str(), job.settings.seed), (example.prompt, example.seed));
    // A locked seed is kept.
    let mut stage = Setup {
        remembered: Memory {
            seed_locked: true,
            ..remembered(PartialSettings { seed: Some(77), ..Default::default() })
        },
        ..Setup::default()
    }
    .open();
    stage.click(&format!("Develop “{}”", example.prompt));
    assert_eq!(stage.job().settings.seed, 77);
}

#[test]
fn examples_stand_in_every_size_of_window_and_only_before_the_starter() {
    for size in [[700.0, 500.0], [900.0, 600.0], [1440.0, 900.0]] {
        let stage = Setup { size, ..Setup::default() }.open();
        let tiles: Vec<egui::Rect> = examples::all()
            .iter()
            .filter_map(|it| {
                let name = format!("Develop “{}”", it.prompt);
                stage.harness.query_by_label(&name).map(|tile| tile.rect())
            })
            .collect();
        assert!(tiles.len() >= 4 && tiles.len().is_multiple_of(2), "{} tiles in {size:?}", tiles.len());
        let prompt = stage.harness.get_by_role_and_label(Role::MultilineTextInput, "Prompt").rect();
        for (i, tile) in tiles.iter().enumerate() {
            assert!(tile.bottom() < prompt.top(), "{tile} lies over the prompt in {size:?}");
            assert!(tiles[..i].iter().all(|other| !other.intersects(*tile)), "{size:?}");
        }
    }
    let mut stage = Setup::default().build();
    let source = ModelSource::file("/models/v1.safetensors");
    stage.tell(Event::Opened(Box::new(ModelInfo { source, concepts: Vec::new(), ..starter() })));
    stage.run();
    assert!(stage.harness.query_by_label_contains("Develop “").is_none());
}

#[test]
fn the_window_runs_the_number_of_steps_asked_for_and_says_what_the_reference_would() {
    let settings = PartialSettings { steps: Some(400), ..Default::default() };
    let mut stage = Setup { remembered: remembered(settings), ..Setup::default() }.open();
    stage.harness.get_by_label("Runs exactly 400 · reference rule: 500");
    stage.press(Modifiers::COMMAND, Key::M);
    stage.click("Timesteps: Reference");
    stage.harness.get_by_label("Runs 500 steps by the reference rule");
    stage.click("Timesteps: Exact");
    stage.click("Develop");
    let settings = stage.job().settings;
    assert_eq!((settings.steps, settings.timesteps), (400, TimestepSpacing::Exact));
}

#[test]
fn the_most_steps_are_the_models_own() {
    let settings = PartialSettings { steps: Some(400), ..Default::default() };
    let mut stage = Setup { remembered: remembered(settings), ..Setup::default() }.build();
    stage.run();
    assert_eq!(stage.harness.state().state().draft.settings.steps, 400, "no model has told its own yet");
    stage.tell(Event::Opened(Box::new(ModelInfo { timesteps: 200, ..starter() })));
    stage.run();
    assert_eq!(stage.harness.state().state().draft.settings.steps, 200);
}

#[test]
fn a_models_own_spacing_comes_and_goes_with_it() {
    let mut stage = Setup::default().build();
    let mut spacing = |timesteps| {
        let defaults = Settings { timesteps, ..starter().defaults };
        let source = ModelSource::file(format!("/models/{}.safetensors", timesteps.row().name));
        stage.tell(Event::Opened(Box::new(ModelInfo { source, defaults, ..starter() })));
        stage.run();
        stage.harness.state().state().draft.settings.timesteps
    };
    let reference = TimestepSpacing::default();
    assert_eq!(spacing(reference), TimestepSpacing::Exact);
    assert_eq!(spacing(TimestepSpacing::Trailing), TimestepSpacing::Trailing);
    assert_eq!(spacing(reference), TimestepSpacing::Exact);
}

#[test]
fn the_seed_is_new_after_a_restart_unless_it_is_locked() {
    let settings = || PartialSettings { seed: Some(77), ..Default::default() };
    let seed = |memory: Memory| {
        let stage = Setup { remembered: memory, ..Setup::default() }.open();
        stage.harness.state().state().draft.settings.seed
    };
    assert_eq!(seed(Memory { seed_locked: true, ..remembered(settings()) }), 77);
    assert_ne!(seed(remembered(settings())), 77);
}

#[test]
fn numbers_are_typed_with_a_comma_too() {
    let mut stage = Setup::default().open();
    let type_into = |stage: &mut Stage, text: &str| {
        stage.harness.get_by_role_and_label(Role::SpinButton, "Guidance").click();
        stage.run();
        stage.write(text);
        stage.press(Modifiers::NONE, Key::Enter);
        stage.harness.state().state().draft.settings.guidance
    };
    assert_eq!(type_into(&mut stage, "7,5"), 7.5);
    assert_eq!(type_into(&mut stage, "words"), 7.5);
}

#[test]
fn words_that_the_model_does_not_know_are_named() {
    let mut stage = Setup::default().open();
    stage.write("a cyberpunk samurai cat in the rain");
    stage.harness.get_by_label("This model doesn't know cyberpunk, samurai");
    stage.write("a cat in the rain, on a sky blue background");
    assert!(stage.harness.query_by_label_contains("doesn't know").is_none());
}

fn computes(stage: &Stage) -> Vec<Compute> {
    let asked = stage.requests().into_iter();
    asked
        .filter_map(|request| match request {
            Request::Compute(compute) => Some(compute),
            _ => None,
        })
        .collect()
}

#[test]
fn the_device_is_chosen_where_it_is_shown_and_remembered_once_it_works() {
    let mut stage = Setup::default().open();
    stage.click("Device: CPU, 2 threads");
    stage.click("Threads: 2");
    let asked = computes(&stage);
    assert_eq!(asked, [Compute { device: "auto".into(), dtype: "f32".into(), threads: Some(2) }]);
    assert_eq!(stage.harness.state().state().remembered().compute, None);
    stage.open_starter();
    assert_eq!(stage.harness.state().state().remembered().compute.as_ref(), Some(&asked[0]));
    stage.click("Precision: bf16");
    assert_eq!(computes(&stage)[0].dtype, "bf16");
    let report = Report::new("error-device", "");
    stage.tell(Event::OpenFailed { source: ModelSource::Starter, report, former_is_open: true });
    stage.run();
    assert_eq!(stage.harness.state().state().remembered().compute.as_ref(), Some(&asked[0]));
    // A thread that is started again knows only what the program began with. The list is closed first.
    stage.click("Device: CPU, 2 threads");
    stage.requests();
    stage.tell(Event::Died { report: Report::new("engine-died", "") });
    stage.run();
    stage.click("Restart");
    let open = Request::Open(ModelSource::Starter);
    assert_eq!(stage.requests(), [Request::Compute(asked[0].clone()), open]);
}

#[test]
fn the_settings_name_the_true_places_and_show_them() {
    let mut stage = Setup::default().open();
    stage.press(Modifiers::COMMAND, Key::Comma);
    stage.harness.get_by_label("/home/ada/safelight/pictures");
    stage.tasks();
    stage.click("Show: Settings and prompts");
    assert!(stage.tasks().contains(&Task::Reveal("/home/ada/safelight/remembered.json".into())));
    stage.click("Show");
    assert!(stage.tasks().contains(&Task::OpenFolder));
}
