//! What the window does when something goes wrong, or speaks of a job that is over.

use egui::{Key, Modifiers};
use egui_kittest::kittest::Queryable as _;

use safelight::app::services::{Answer, Task};
use safelight::app::state::generation::Stage as Progress;
use safelight::engine::ModelPart;
use safelight::message::{
    Compute, DeviceInfo, DeviceOffer, Event, ModelInfo, ModelSource, Report, Request, TokenCount,
};
use safelight::note::Note;
use safelight::settings::PreviewMode;
use safelight::told::Sentence;

use super::stage::{Setup, made, sample, starter};

#[test]
fn events_of_an_old_job_change_nothing() {
    let mut stage = Setup::default().open();
    let old = stage.develop();
    stage.begin(old, 20);
    stage.click("Stop");
    stage.tell(Event::Stopped {
        job: old,
        steps_done: 0,
        latency: Default::default(),
        made: made("old", 0, 20),
    });
    stage.run();
    let new = stage.develop();
    stage.begin(new, 20);
    stage.finish(old, 7);
    stage.tell(Event::Failed { job: old, report: Report::new("error-empty", "") });
    stage.run();
    assert_eq!(stage.running(), Some((new, Progress::Running)));
    assert!(stage.harness.query_by_label_contains("is empty").is_none());
}

#[test]
fn a_model_that_cannot_be_opened_says_what_to_do_and_leaves_the_old_one() {
    let mut stage = Setup::default().open();
    let source = ModelSource::file("/models/xl.safetensors");
    let report = Report {
        sentence: Sentence::with("error-wrong-kind", "file", "xl.safetensors"),
        details: "conditioner.0".into(),
    };
    stage.tell(Event::OpenFailed { source, report, former_is_open: true });
    stage.run();
    assert!(
        stage
            .says("xl.safetensors doesn't match its config. Choose another model or give it its own config.")
    );
    stage.harness.get_by_label("Model: Starter");
    assert!(!stage.says("conditioner.0"));
    stage.click("Show details");
    stage.harness.get_by_label("conditioner.0");
    stage.tasks();
    stage.click("Open model…");
    assert!(stage.tasks().contains(&Task::PickModel));
    stage.answer(Answer::Model("/models/v1.safetensors".into()));
    assert!(stage.requests().contains(&Request::Open(ModelSource::file("/models/v1.safetensors"))));
}

#[test]
fn a_dropped_part_is_laid_over_the_model_that_is_open_or_lacks_it() {
    let mut stage = Setup::default().open();
    let vae = || Answer::Part { path: "/m/vae.pt".into(), part: ModelPart::Vae };
    stage.requests();
    stage.answer(vae());
    assert_eq!(stage.requests(), []);
    assert!(
        stage.says("This is one part of a model. Open a model file first, then drop this on the window.")
    );
    let source = ModelSource::file("/m/v1.safetensors");
    let with_vae = Request::Open(ModelSource::Path {
        path: "/m/v1.safetensors".into(),
        config: None,
        vae: Some("/m/vae.pt".into()),
        text_encoder: None,
        prediction: None,
    });
    let report = Report {
        sentence: Sentence::with("error-lacks-vae", "file", "v1.safetensors"),
        details: String::new(),
    };
    stage.tell(Event::OpenFailed { source: source.clone(), report, former_is_open: true });
    stage.run();
    assert!(stage.says("v1.safetensors has no VAE. Drop a VAE file on the window to open it with that."));
    stage.answer(vae());
    assert_eq!(stage.requests(), std::slice::from_ref(&with_vae));
    stage.tell(Event::Opened(Box::new(ModelInfo { source, ..starter() })));
    stage.run();
    stage.requests();
    stage.answer(vae());
    assert!(stage.requests().contains(&with_vae));
}

const DIED: &str =
    "The image engine has stopped. Restart it; if this happens again, report it with the details.";

#[test]
fn a_dead_inference_thread_is_told_and_can_be_restarted() {
    let mut stage = Setup::default().open();
    let job = stage.develop();
    stage.begin(job, 20);
    let report = Report::new("engine-died", "index out of bounds");
    stage.tell(Event::Died { report });
    stage.run();
    assert!(stage.says(DIED));
    assert_eq!(stage.running(), None);
    stage.click("Restart");
    assert_eq!(*stage.started.borrow(), 2);
    assert_eq!(stage.requests(), [Request::Open(ModelSource::Starter)]);
    assert!(!stage.says(DIED));
    stage.open_starter();
    let next = stage.develop();
    assert_ne!(next, job);
}

#[test]
fn a_lost_card_is_told_once_and_the_processor_is_shown_in_its_place() {
    let mut stage = Setup::default().open();
    let cards = vec![
        DeviceOffer { device: "cpu".into(), name: None, dtypes: vec!["f32".into()], cores: Some(4) },
        DeviceOffer {
            device: "wgpu:0".into(),
            name: Some("Card 9000".into()),
            dtypes: vec!["f32".into(), "f16".into()],
            cores: None,
        },
    ];
    stage.tell(Event::Cards { devices: cards });
    stage.run();
    stage.click("Device: CPU, 2 threads");
    stage.requests();
    stage.click("Device: Card 9000");
    let chosen = Compute { device: "wgpu:0".into(), dtype: "f32".into(), threads: None };
    assert_eq!(stage.requests(), [Request::Compute(chosen.clone())]);
    let mut info = starter();
    info.device = DeviceInfo { name: "graphics card", is_card: true, threads: None, dtype: "f16" };
    stage.tell(Event::Opened(Box::new(info)));
    stage.run();
    stage.press(Modifiers::NONE, Key::Escape);
    stage.harness.get_by_label("Device: Card 9000 · f16");
    let job = stage.develop();
    stage.begin(job, 20);
    stage.tell(Event::TakenOver {
        job,
        device: starter().device,
        compute: Compute { device: "cpu".into(), ..chosen.clone() },
        note: Note::CardLost { cause: "the device is gone".into(), done: 3 },
    });
    stage.run();
    assert!(stage.says("The graphics card failed after step 3. The processor goes on."));
    stage.harness.get_by_label("Device: CPU, 2 threads");
    assert_eq!(stage.running(), Some((job, Progress::Running)));
    let kept = stage.harness.state().state().preferences.compute.clone();
    assert_eq!(kept, Some(chosen), "the card may work at the next start");
}

#[test]
fn a_thread_that_is_gone_without_a_word_is_noticed() {
    let mut stage = Setup::default().open();
    *stage.engine.borrow_mut() = None;
    stage.run();
    assert!(stage.says("The image engine has stopped. Restart it to continue."));
    stage.click("Restart");
    assert_eq!(*stage.started.borrow(), 2);
}

#[test]
fn a_window_that_does_not_read_for_long_loses_only_previews() {
    let mut stage = Setup::default().open();
    let job = stage.develop();
    {
        let ends = stage.engine.borrow();
        let ends = ends.as_ref().unwrap();
        let timesteps: Vec<usize> = (0..1000).rev().collect();
        ends.events
            .send(Event::Started {
                job,
                timesteps,
                tokens: TokenCount::default(),
                notes: Vec::new(),
                negative: None,
                first_step: 0,
            })
            .unwrap();
        for step in 0..1000 {
            ends.events
                .try_send(Event::Stepped(safelight::message::Step {
                    job,
                    step,
                    steps: 1000,
                    timestep: 999 - step,
                    guidance: 3.0,
                    took: Default::default(),
                }))
                .expect("the engine never waits for the window");
            ends.preview(safelight::message::Preview {
                job,
                step,
                image: safelight::message::PreviewImage::Frame(sample(step % 64)),
                mode: PreviewMode::Full,
                took: Default::default(),
                share: 0.0,
                note: None,
            });
        }
        assert!(ends.previews_unread.len() <= 64);
    }
    // A frame takes in events for a few milliseconds, and makes a few of the strip's pictures small.
    stage.harness.run_steps(30);
    stage.finish(job, 5);
    let generation = stage.harness.state().state().queue.generation(job).unwrap();
    assert_eq!(generation.stage, Progress::Finished);
    assert_eq!(generation.done, 1000);
    assert_eq!(generation.newest(), Some(999), "the latest preview wins");
    assert_eq!(stage.on_canvas(), sample(5));
    let frames = stage.harness.state().state().queue.generation(job).unwrap().frames();
    assert!(frames.len() <= 65, "{}", frames.len());
}
