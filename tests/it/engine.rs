//! The inference thread with the starter model: requests and events.

mod bands;
#[cfg(feature = "gpu")]
mod card;
#[cfg(feature = "window")]
mod card_previews;
#[cfg(unix)]
mod changed;
mod curve;
mod encoders;
mod from;
mod kept;
mod lens;
mod memory;
mod prompts;
mod samplers;
mod tiny;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use safelight::engine::{EngineHandle, EngineOptions, spawn};
use safelight::message::{
    Compute, Control, Event, Job, JobId, ModelInfo, ModelSource, Origin, Preview, Request,
};
use safelight::negative::{BUDGET, RunIs, Store};
use safelight::note::Note;
use safelight::picture::Frame;
use safelight::settings::{PreviewMode, Settings};

/// Longest wait for anything, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

struct Bench {
    engine: EngineHandle,
    waiting: Vec<Event>,
    previews: Vec<Preview>,
    wakes: Arc<AtomicUsize>,
}

impl Bench {
    fn start() -> Self {
        Self::with(None)
    }

    fn with(session_folder: Option<PathBuf>) -> Self {
        Self::of(EngineOptions { session_folder, ..EngineOptions::default() })
    }

    fn of(options: EngineOptions) -> Self {
        let wakes = Arc::new(AtomicUsize::new(0));
        let counted = wakes.clone();
        let wake = Arc::new(move || {
            counted.fetch_add(1, Ordering::Relaxed);
        });
        let engine = spawn(options, wake).unwrap();
        Self { engine, waiting: Vec::new(), previews: Vec::new(), wakes }
    }

    fn open(&mut self) -> ModelInfo {
        self.engine.request(Request::Open(ModelSource::Starter)).unwrap();
        let opened = self.until(|event| matches!(event, Event::Opened(_) | Event::OpenFailed { .. }));
        match opened {
            Event::Opened(info) => *info,
            other => panic!("{other:?}"),
        }
    }

    /// The first event that fits; earlier ones are dropped.
    fn until(&mut self, fits: impl Fn(&Event) -> bool) -> Event {
        let began = Instant::now();
        loop {
            self.waiting.extend(self.engine.drain_events(Instant::now() + Duration::from_millis(10)));
            self.previews.extend(self.engine.drain_previews());
            while !self.waiting.is_empty() {
                let event = self.waiting.remove(0);
                if fits(&event) {
                    return event;
                }
            }
            assert!(began.elapsed() < PATIENCE, "nothing came");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn generate(&self, id: u64, settings: Settings, previews: PreviewMode) -> JobId {
        let id = JobId(id);
        let job = Job { id, settings, previews, origin: Origin::Anew, source: None };
        self.engine.request(Request::Generate(Box::new(job))).unwrap();
        id
    }
}

impl Bench {
    /// A picture without previews, from the request to its last pixel.
    fn picture(&mut self, id: u64, settings: Settings) -> Frame {
        self.generate(id, settings, PreviewMode::Off);
        match self.until(|event| matches!(event, Event::Finished { .. } | Event::Failed { .. })) {
            Event::Finished { frame, .. } => frame,
            other => panic!("{other:?}"),
        }
    }
}

fn apple(info: &ModelInfo, steps: usize) -> Settings {
    Settings { prompt: "red apple".into(), steps, seed: 7, ..info.defaults.clone() }
}

#[test]
fn a_job_starts_steps_is_shown_and_finishes() {
    let mut bench = Bench::start();
    let info = bench.open();
    assert!(info.concepts.len() > 300 && info.size_multiple == 64, "{info:?}");
    let job = bench.generate(1, apple(&info, 5), PreviewMode::Full);
    let Event::Started { timesteps, .. } = bench.until(|event| matches!(event, Event::Started { .. })) else {
        unreachable!()
    };
    assert_eq!(timesteps, [801, 601, 401, 201, 1]);
    for expected in 0..5 {
        let stepped = bench.until(|event| matches!(event, Event::Stepped(_)));
        assert!(matches!(stepped, Event::Stepped(step) if step.job == job && step.step == expected));
    }
    let Event::Finished { frame, made, .. } = bench.until(|event| matches!(event, Event::Finished { .. }))
    else {
        unreachable!()
    };
    assert_eq!((frame.width, frame.height), (info.defaults.width, info.defaults.height));
    assert_eq!(made.model_hash.len(), 10);
    bench.until_previews(5);
    assert!(bench.previews.windows(2).all(|pair| pair[0].image != pair[1].image));
    assert!(bench.wakes.load(Ordering::Relaxed) >= 12);
}

#[test]
fn half_previews_are_as_large_as_full_ones_and_look_alike() {
    let mut bench = Bench::start();
    let info = bench.open();
    let mut shown = |id, mode| {
        bench.previews.clear();
        bench.generate(id, apple(&info, 4), mode);
        bench.until(|event| matches!(event, Event::Finished { .. }));
        bench.until_previews(4);
        assert!(bench.previews.iter().all(|preview| preview.mode == mode));
        bench.previews.iter().map(|preview| preview.image.frame().unwrap().clone()).collect::<Vec<Frame>>()
    };
    let (full, half) = (shown(1, PreviewMode::Full), shown(2, PreviewMode::Half));
    for (full, half) in full.iter().zip(&half) {
        assert_eq!((full.width, full.height, full.rgb.len()), (half.width, half.height, half.rgb.len()));
        let apart: f64 = full.rgb.iter().zip(&*half.rgb).map(|(a, b)| f64::from(a.abs_diff(*b))).sum();
        let apart = apart / full.rgb.len() as f64;
        assert!(apart > 0.0 && apart < 40.0, "{apart}");
    }
}

impl Bench {
    fn until_previews(&mut self, count: usize) {
        let began = Instant::now();
        while self.previews.len() < count && began.elapsed() < PATIENCE {
            self.previews.extend(self.engine.drain_previews());
            std::thread::sleep(Duration::from_millis(1));
        }
        assert_eq!(self.previews.len(), count);
    }
}

#[test]
fn a_run_that_is_set_aside_is_finished_by_the_next_thread_with_the_same_picture() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::new(folder.path(), BUDGET);
    let options = EngineOptions { negatives: Some(store.clone()), ..EngineOptions::default() };
    let mut bench = Bench::of(options.clone());
    let info = bench.open();
    let whole = bench.picture(1, apple(&info, 12));
    let job = bench.generate(2, apple(&info, 12), PreviewMode::Off);
    bench.until(|event| matches!(event, Event::Stepped(step) if step.step == 3));
    bench.engine.control(Control::SetAside { job }).unwrap();
    bench.until(|event| matches!(event, Event::Stopped { .. }));
    let mut bench = Bench::of(options);
    bench.open();
    bench.generate(3, apple(&info, 12), PreviewMode::Off);
    let Event::Stepped(first) = bench.until(|event| matches!(event, Event::Stepped(_))) else {
        unreachable!()
    };
    assert!(first.step >= 4, "{first:?}");
    let Event::Finished { frame, made, .. } = bench.until(|event| matches!(event, Event::Finished { .. }))
    else {
        unreachable!()
    };
    assert_eq!(frame, whole);
    assert_eq!(made.settings, apple(&info, 12));
    // It was taken: the same picture again begins at its first step.
    assert_eq!(bench.picture(4, apple(&info, 12)), whole);
    drop(bench);
    let kept = store.list();
    assert_eq!(kept.len(), 3);
    assert!(
        kept.iter().all(|kept| kept.state == RunIs::Finished && kept.steps_done == kept.steps),
        "{kept:?}"
    );
}

#[test]
fn guidance_acts_from_the_next_step_and_is_written_down() {
    let mut bench = Bench::start();
    let info = bench.open();
    let job = bench.generate(1, apple(&info, 50), PreviewMode::Off);
    bench.until(|event| matches!(event, Event::Stepped(_)));
    bench.engine.control(Control::Steer { job, guidance: 6.5 }).unwrap();
    bench.until(|event| matches!(event, Event::Stepped(step) if step.guidance == 6.5));
    let Event::Finished { made, .. } = bench.until(|event| matches!(event, Event::Finished { .. })) else {
        unreachable!()
    };
    assert_eq!(made.settings.guidance, 6.5);
    assert_eq!(made.guidance_of_steps.len(), 50);
    assert_eq!(made.guidance_of_steps[0], info.defaults.guidance);
}

#[test]
fn pause_rests_resume_goes_on_to_the_same_picture() {
    let mut bench = Bench::start();
    let info = bench.open();
    bench.generate(1, apple(&info, 10), PreviewMode::Off);
    let Event::Finished { frame: straight, .. } =
        bench.until(|event| matches!(event, Event::Finished { .. }))
    else {
        unreachable!()
    };
    let job = bench.generate(2, apple(&info, 10), PreviewMode::Off);
    bench.engine.control(Control::Pause { job }).unwrap();
    bench.until(|event| matches!(event, Event::Paused { .. }));
    std::thread::sleep(Duration::from_millis(50));
    let meanwhile = bench.engine.drain_events(Instant::now() + Duration::from_millis(10));
    assert!(meanwhile.is_empty(), "{meanwhile:?}");
    bench.engine.control(Control::Resume { job }).unwrap();
    bench.until(|event| matches!(event, Event::Resumed { .. }));
    let Event::Finished { frame: rested, .. } = bench.until(|event| matches!(event, Event::Finished { .. }))
    else {
        unreachable!()
    };
    assert!(straight == rested);
}

#[test]
fn stop_keeps_what_has_developed_and_the_next_job_runs() {
    let mut bench = Bench::start();
    let info = bench.open();
    let job = bench.generate(1, apple(&info, 900), PreviewMode::Full);
    bench.until(|event| matches!(event, Event::Stepped(step) if step.step == 2));
    bench.engine.control(Control::Stop { job }).unwrap();
    let stopped = bench.until(|event| matches!(event, Event::Stopped { .. }));
    let Event::Stopped { steps_done, latency, .. } = stopped else { unreachable!() };
    assert!((3..900).contains(&steps_done), "{steps_done}");
    assert!(latency < PATIENCE);
    bench.engine.request(Request::Decode { job, step: 1 }).unwrap();
    let decoded = bench.until(|event| matches!(event, Event::Decoded { .. }));
    assert!(matches!(decoded, Event::Decoded { frame: Ok(_), step: 1, .. }), "{decoded:?}");
    bench.generate(2, apple(&info, 2), PreviewMode::Off);
    bench.until(|event| matches!(event, Event::Finished { job: JobId(2), .. }));
}

#[test]
fn the_steps_of_every_picture_are_kept_on_the_disk_and_made_into_frames_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::with(Some(folder.path().to_owned()));
    let info = bench.open();
    for id in 1..=20 {
        bench.generate(id, apple(&info, 2), PreviewMode::Off);
        bench.until(|event| matches!(event, Event::Finished { .. }));
    }
    let strip = |bench: &mut Bench, job: JobId| {
        bench.engine.request(Request::Strip { job, mode: PreviewMode::Fast }).unwrap();
        let mut all = Vec::new();
        loop {
            let event = bench.until(|event| matches!(event, Event::Strip { .. }));
            let Event::Strip { job: of, from, frames, whole, .. } = event else { unreachable!() };
            assert_eq!((of, from), (job, all.len()));
            all.extend(frames);
            if whole {
                return all;
            }
        }
    };
    assert_eq!(strip(&mut bench, JobId(1)).len(), 2);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 20);
    // A running job continues meanwhile.
    bench.generate(21, apple(&info, 300), PreviewMode::Off);
    bench.until(|event| matches!(event, Event::Stepped(step) if step.step == 1));
    let frames = strip(&mut bench, JobId(7));
    let width = frames[0].as_ref().map(|frame| frame.width);
    assert_eq!((frames.len(), width), (2, Some(info.defaults.width)));
    bench.engine.control(Control::Stop { job: JobId(21) }).unwrap();
    let stopped = bench.until(|event| matches!(event, Event::Stopped { .. }));
    let Event::Stopped { steps_done, .. } = stopped else { unreachable!() };
    assert_eq!(strip(&mut bench, JobId(21)).len(), steps_done);
    bench.engine.request(Request::Strip { job: JobId(99), mode: PreviewMode::Fast }).unwrap();
    let lost = bench.until(|event| matches!(event, Event::StripFailed { .. }));
    assert_eq!(lost, Event::StripFailed { job: JobId(99), other_model: false });
}

#[test]
fn a_front_end_that_does_not_read_neither_stalls_nor_grows_the_engine() {
    let mut bench = Bench::start();
    let info = bench.open();
    let before = bench.wakes.load(Ordering::Relaxed);
    bench.generate(1, apple(&info, 100), PreviewMode::Full);
    let began = Instant::now();
    // Nobody reads; the count of wakes tells that the job is done: its steps, previews, start, end.
    while bench.wakes.load(Ordering::Relaxed) < before + 202 && began.elapsed() < PATIENCE {
        std::thread::sleep(Duration::from_millis(5));
    }
    let previews = bench.engine.drain_previews();
    assert!(previews.len() <= 64 && previews.last().is_some_and(|preview| preview.step == 99));
    bench.until(|event| matches!(event, Event::Finished { .. }));
}

#[test]
fn fast_previews_are_fitted_to_the_loaded_decoder() {
    let mut bench = Bench::start();
    let info = bench.open();
    // The fit is made while idle; a job that comes earlier is shown without it.
    let mut note = None;
    for id in 0..200 {
        bench.generate(id, apple(&info, 2), PreviewMode::Fast);
        bench.until(|event| matches!(event, Event::Finished { .. }));
        bench.until_previews(2);
        note = bench.previews.drain(..).next_back().and_then(|preview| preview.note);
        if matches!(note, Some(Note::FitError { .. })) {
            break;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    assert!(matches!(note, Some(Note::FitError { error }) if error < 0.2), "{note:?}");
}

#[test]
fn a_wrong_model_or_setting_is_told_in_a_sentence() {
    let mut bench = Bench::start();
    let source = ModelSource::file("no-such-model.safetensors");
    bench.engine.request(Request::Open(source)).unwrap();
    let failed = bench.until(|event| matches!(event, Event::OpenFailed { .. }));
    let Event::OpenFailed { report, former_is_open: false, .. } = failed else { panic!("{failed:?}") };
    assert_eq!(report.sentence.key, "error-model-missing");
    let info = bench.open();
    bench.generate(1, Settings { width: 2 * info.size_multiple - 1, ..apple(&info, 2) }, PreviewMode::Off);
    let failed = bench.until(|event| matches!(event, Event::Failed { .. }));
    let Event::Failed { report, .. } = failed else { panic!("{failed:?}") };
    assert!(report.details.contains("64 and 128"), "{report:?}");
}

#[test]
fn a_stop_ends_the_job_that_it_names_and_nothing_else() {
    let mut bench = Bench::start();
    let info = bench.open();
    // While the preview fit is made the thread is never quite idle; it is ready after the first run.
    bench.generate(1, apple(&info, 12), PreviewMode::Fast);
    bench.until(|event| matches!(event, Event::Finished { .. }));
    let running = bench.generate(2, apple(&info, 900), PreviewMode::Off);
    let waiting = bench.generate(3, apple(&info, 900), PreviewMode::Off);
    bench.until(|event| matches!(event, Event::Stepped(step) if step.job == running && step.step == 2));
    bench.engine.control(Control::Stop { job: waiting }).unwrap();
    bench.until(|event| matches!(event, Event::Stepped(step) if step.job == running && step.step > 4));
    bench.engine.control(Control::Stop { job: running }).unwrap();
    bench.until(|event| matches!(event, Event::Stopped { job, .. } if *job == running));
    let stopped = bench.until(|event| matches!(event, Event::Stopped { .. } | Event::Stepped(_)));
    assert!(matches!(stopped, Event::Stopped { job, steps_done: 0, .. } if job == waiting), "{stopped:?}");
    // Long after the stop, with nothing else to do, a step is decoded.
    std::thread::sleep(Duration::from_millis(300));
    bench.engine.request(Request::Decode { job: running, step: 1 }).unwrap();
    let decoded = bench.until(|event| matches!(event, Event::Decoded { .. }));
    assert!(matches!(decoded, Event::Decoded { frame: Ok(_), .. }), "{decoded:?}");
}

#[test]
fn the_models_hash_comes_and_a_stopped_steered_run_tells_what_acted() {
    let mut bench = Bench::start();
    let info = bench.open();
    let hash = match info.hash.clone() {
        Some(hash) => hash,
        None => match bench.until(|event| matches!(event, Event::Hashed { .. })) {
            Event::Hashed { hash } => hash,
            other => panic!("{other:?}"),
        },
    };
    assert!(hash.len() == 10 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()), "{hash}");
    let job = bench.generate(1, apple(&info, 900), PreviewMode::Off);
    bench.until(|event| matches!(event, Event::Stepped(_)));
    bench.engine.control(Control::Steer { job, guidance: 6.5 }).unwrap();
    bench.until(|event| matches!(event, Event::Stepped(step) if step.guidance == 6.5));
    bench.engine.control(Control::Stop { job }).unwrap();
    let stopped = bench.until(|event| matches!(event, Event::Stopped { .. }));
    let Event::Stopped { steps_done, made, .. } = stopped else { panic!("{stopped:?}") };
    assert_eq!((made.model.as_str(), made.model_hash.as_str()), ("Starter", hash.as_str()));
    assert_eq!((made.stopped_after, made.settings.guidance), (Some(steps_done), 6.5));
    assert_eq!(made.guidance_of_steps.len(), steps_done);
}

#[test]
fn a_model_that_fails_halfway_leaves_the_former_one_open() {
    let mut bench = Bench::start();
    let info = bench.open();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("other.safetensors");
    // A sound file whose only tensor belongs to no model.
    let header = br#"{"first_stage_model.x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#;
    let bytes = [&(header.len() as u64).to_le_bytes()[..], header, &[0; 4]].concat();
    std::fs::write(&path, bytes).unwrap();
    bench.engine.request(Request::Open(ModelSource::file(path))).unwrap();
    let failed = bench.until(|event| matches!(event, Event::OpenFailed { .. } | Event::Opened(_)));
    assert!(matches!(failed, Event::OpenFailed { former_is_open: true, .. }), "{failed:?}");
    bench.generate(1, apple(&info, 2), PreviewMode::Off);
    bench.until(|event| matches!(event, Event::Finished { .. }));
}

#[test]
fn another_device_opens_the_model_there_and_one_that_is_not_there_leaves_it_where_it_was() {
    let mut bench = Bench::start();
    let ask = |device: &str, threads| {
        Request::Compute(Compute { device: device.to_owned(), dtype: "f32".to_owned(), threads })
    };
    // Without a model the next one is opened there.
    bench.engine.request(ask("cpu", Some(1))).unwrap();
    let info = bench.open();
    assert_eq!(info.device.threads, Some(1));
    let by_one = bench.picture(1, apple(&info, 2));
    bench.engine.request(ask("cpu", Some(2))).unwrap();
    let opened = bench.until(|event| matches!(event, Event::Opened(_) | Event::OpenFailed { .. }));
    assert!(matches!(&opened, Event::Opened(info) if info.device.threads == Some(2)), "{opened:?}");
    assert!(bench.picture(2, apple(&info, 2)) == by_one, "a picture depends on the number of threads");
    bench.engine.request(ask("cuda:99", None)).unwrap();
    let failed = bench.until(|event| matches!(event, Event::Opened(_) | Event::OpenFailed { .. }));
    assert!(matches!(failed, Event::OpenFailed { former_is_open: true, .. }), "{failed:?}");
    assert!(bench.picture(3, apple(&info, 2)) == by_one);
}
