//! Jobs that begin from pictures, through the inference thread: previews, kept steps, what is taken up, sheets.

use safelight::engine::from::find;
use safelight::message::{Control, Event, Job, JobId, Origin, Request, Sheet};
use safelight::negative::Store;
use safelight::note::{Note, SourceNote};
use safelight::picture::{Frame, Made};
use safelight::sampler::SamplerKind;
use safelight::settings::{Fill, PreviewMode, Settings, Treatment};
use safelight::tray::{Mask, MaskFrom, Photo, PictureFrom, Source};
use tempfile::TempDir;

use super::{Bench, EngineOptions, apple};

fn store(folder: &TempDir) -> Store {
    Store::new(folder.path().join("negatives"), 1 << 30)
}

fn bench(store: &Store) -> Bench {
    Bench::of(EngineOptions { negatives: Some(store.clone()), ..EngineOptions::default() })
}

/// A picture with structure, larger than the run.
fn original() -> Frame {
    let rgb: Vec<u8> = (0..150 * 110 * 3).map(|i| (i * 7 % 251) as u8).collect();
    Frame { width: 150, height: 110, rgb: rgb.into() }
}

fn source(treatment: Treatment) -> Source {
    let levels: Vec<u8> = (0..150 * 110).map(|i| 255 * u8::from(i % 150 < 50)).collect();
    Source {
        mask: Some(MaskFrom::Painted(Mask { width: 150, height: 110, levels: levels.into() })),
        treatment,
        ..Source::of(PictureFrom::Pixels(Photo::from(original())))
    }
}

/// Whether what lies beyond the mask and its blur is the original's.
fn keeps_the_rest(frame: &Frame) -> bool {
    let original = original();
    (frame.width, frame.height) == (150, 110)
        && (0..150 * 110)
            .filter(|i| i % 150 >= 61)
            .all(|i| frame.rgb[3 * i..3 * i + 3] == original.rgb[3 * i..3 * i + 3])
}

fn job(id: u64, settings: &Settings, source: &Source, previews: PreviewMode) -> Job {
    let (settings, source) = (settings.clone(), Some(source.clone()));
    Job { id: JobId(id), settings, previews, origin: Origin::Anew, source }
}

impl Bench {
    fn begin(&self, job: Job) {
        self.engine.request(Request::Generate(Box::new(job))).unwrap();
    }

    /// How the job's picture was made, and the picture.
    fn finished(&mut self) -> (Frame, Box<Made>) {
        match self.until(|event| matches!(event, Event::Finished { .. } | Event::Failed { .. })) {
            Event::Finished { frame, made, .. } => (frame, made),
            other => panic!("{other:?}"),
        }
    }
}

fn small(settings: Settings) -> Settings {
    Settings { width: 128, height: 64, ..settings }
}

#[test]
fn every_picture_that_is_shown_has_the_original_around_what_is_drawn() {
    let folder = TempDir::new().unwrap();
    let store = store(&folder);
    let mut bench = bench(&store);
    let info = bench.open();
    let settings = small(apple(&info, 8));
    let source = source(Treatment { strength: 0.5, ..Treatment::default() });
    for (id, mode) in [(1, PreviewMode::Full), (2, PreviewMode::Half), (3, PreviewMode::Fast)] {
        bench.previews.clear();
        bench.begin(job(id, &settings, &source, mode));
        let Event::Started { timesteps, notes, negative, .. } =
            bench.until(|event| matches!(event, Event::Started { .. } | Event::Failed { .. }))
        else {
            panic!("it did not start")
        };
        assert_eq!(timesteps.len(), 4);
        assert!(notes.contains(&Note::Source(SourceNote::Steps { asked: 8, runs: 4, strength: 0.5 })));
        let (frame, made) = bench.finished();
        assert!(keeps_the_rest(&frame) && frame != original());
        let beginning = made.beginning.unwrap();
        assert_eq!((beginning.treatment.strength, beginning.is_masked), (0.5, true));
        assert_eq!(beginning.negative, negative);
        bench.until_previews(4);
        let shown: Vec<&Frame> =
            bench.previews.iter().map(|preview| preview.image.frame().unwrap()).collect();
        assert!(shown.iter().all(|frame| keeps_the_rest(frame)), "{mode:?}");
        // Fast previews are one color until their fit is ready.
        let changes = shown.windows(2).any(|pair| pair[0] != pair[1]);
        assert!(changes || mode == PreviewMode::Fast, "{mode:?}");
    }
    // The same of kept steps, in a process that did not make them.
    let negative = store.ids()[0].clone();
    drop(bench);
    let mut bench = self::bench(&store);
    bench.open();
    bench.engine.request(Request::Reopen { job: JobId(50), negative: negative.clone() }).unwrap();
    bench.engine.request(Request::Decode { job: JobId(50), step: 1 }).unwrap();
    let decoded = bench.until(|event| matches!(event, Event::Decoded { .. }));
    let Event::Decoded { frame: Ok(frame), .. } = decoded else { panic!("{decoded:?}") };
    assert!(keeps_the_rest(&frame));
    bench.engine.request(Request::Strip { job: JobId(50), mode: PreviewMode::Fast }).unwrap();
    let strip = bench.until(|event| matches!(event, Event::Strip { .. }));
    let Event::Strip { frames, .. } = strip else { unreachable!() };
    assert!(!frames.is_empty() && frames.iter().flatten().all(keeps_the_rest));
    bench.engine.request(Request::Proof { negative }).unwrap();
    let proof = bench.until(|event| matches!(event, Event::Proof { .. }));
    let Event::Proof { frame: Some(proof), .. } = proof else { panic!("{proof:?}") };
    assert_eq!((proof.width, proof.height), (96, 70));
}

#[test]
fn a_job_that_was_set_aside_goes_on_to_the_same_picture_in_either_pass() {
    let folder = TempDir::new().unwrap();
    let store = store(&folder);
    let options = EngineOptions { negatives: Some(store.clone()), ..EngineOptions::default() };
    let mut bench = Bench::of(options.clone());
    let info = bench.open();
    let treatment = Treatment { strength: 1.0, fill: Fill::Noise, ..Treatment::default() };
    let (source, hires) = (source(treatment), "2:5:0.6".parse().unwrap());
    let sampler = SamplerKind::EulerAncestral;
    let settings = small(Settings { hires, sampler, eta: 1.0, ..apple(&info, 6) }).settled();
    bench.begin(job(1, &settings, &source, PreviewMode::Off));
    let whole = bench.finished().0;
    assert_eq!((whole.width, whole.height), (300, 220));
    for (id, at) in [(2, 1), (3, 5), (4, 8)] {
        bench.begin(job(id, &settings, &source, PreviewMode::Off));
        bench.until(|event| matches!(event, Event::Stepped(step) if step.step == at));
        bench.engine.control(Control::SetAside { job: JobId(id) }).unwrap();
        bench.until(|event| matches!(event, Event::Stopped { .. }));
        bench = Bench::of(options.clone());
        bench.open();
        bench.begin(job(id + 10, &settings, &source, PreviewMode::Off));
        let Event::Started { first_step, .. } = bench.until(|event| matches!(event, Event::Started { .. }))
        else {
            unreachable!()
        };
        assert!(first_step > at, "it goes on after step {first_step}");
        assert!(bench.finished().0 == whole, "set aside at {at}");
    }
    // From another picture it is another run.
    let other = Source { picture: PictureFrom::Pixels(Photo::from(whole)), mask: None, ..source };
    bench.begin(job(30, &settings, &other, PreviewMode::Off));
    let started = bench.until(|event| matches!(event, Event::Started { .. }));
    assert!(matches!(started, Event::Started { first_step: 0, .. }));
}

#[test]
fn a_sheet_of_seeds_from_a_picture_is_each_seeds_own() {
    let folder = TempDir::new().unwrap();
    let mut bench = bench(&store(&folder));
    let info = bench.open();
    for (fill, hires) in [(Fill::Original, "1"), (Fill::Noise, "1"), (Fill::Original, "2:2:0.5")] {
        let source = source(Treatment { fill, ..Treatment::default() });
        let of_seed = |seed| small(Settings { seed, hires: hires.parse().unwrap(), ..apple(&info, 4) });
        let jobs: Vec<Job> =
            (1..4).map(|seed| job(100 + seed, &of_seed(seed), &source, PreviewMode::Fast)).collect();
        bench.engine.request(Request::Sheet(Sheet { jobs, until: 100 })).unwrap();
        let mut pictures: Vec<(JobId, Frame)> = (0..3)
            .map(|_| {
                let end = |event: &Event| matches!(event, Event::Finished { .. } | Event::Failed { .. });
                match bench.until(end) {
                    Event::Finished { job, frame, made, .. } => {
                        assert!(made.beginning.is_some());
                        (job, frame)
                    }
                    other => panic!("{other:?}"),
                }
            })
            .collect();
        pictures.sort_by_key(|(job, _)| job.0);
        for (seed, (_, frame)) in (1..).zip(pictures) {
            bench.begin(job(200, &of_seed(seed), &source, PreviewMode::Off));
            assert!(bench.finished().0 == frame, "{fill:?} {hires} seed {seed}");
        }
    }
}

#[test]
fn what_a_picture_was_made_from_is_found_again_in_its_negative() {
    let folder = TempDir::new().unwrap();
    let store = store(&folder);
    let mut bench = bench(&store);
    let info = bench.open();
    let settings = small(apple(&info, 4));
    for only_masked in [None, Some(8)] {
        let source =
            source(Treatment { only_masked, mask_invert: only_masked.is_some(), ..Treatment::default() });
        bench.begin(job(1, &settings, &source, PreviewMode::Off));
        let (frame, made) = bench.finished();
        bench.until(|event| matches!(event, Event::Recorded { .. }));
        let (found, note) = find(made.beginning.as_ref().unwrap(), Some(&store));
        assert_eq!(note, None);
        bench.begin(job(2, &made.settings, &found.unwrap(), PreviewMode::Off));
        assert!(bench.finished().0 == frame, "{only_masked:?}");
        let (nothing, note) = find(made.beginning.as_ref().unwrap(), None);
        assert!(nothing.is_none() && matches!(note, Some(Note::Source(SourceNote::Gone { .. }))));
    }
    // A step of a kept run is a picture to begin from, too.
    let negative = store.ids()[0].clone();
    let step = Source::of(PictureFrom::Step { negative, at: 2 });
    bench.begin(job(3, &settings, &step, PreviewMode::Off));
    let (frame, made) = bench.finished();
    assert_eq!((frame.width, frame.height), (128, 64));
    let (again, _) = find(made.beginning.as_ref().unwrap(), Some(&store));
    assert_eq!(again.unwrap().picture, step.picture);
    let missing = Source::of(PictureFrom::Step { negative: "19700101-000000".into(), at: 2 });
    bench.begin(job(4, &settings, &missing, PreviewMode::Off));
    let failed = bench.until(|event| matches!(event, Event::Failed { .. }));
    let Event::Failed { report, .. } = failed else { unreachable!() };
    assert_eq!(report.sentence.key, "error-source-step");
}

#[test]
fn a_branch_of_a_run_from_a_picture_keeps_it() {
    let folder = TempDir::new().unwrap();
    let store = store(&folder);
    let mut bench = bench(&store);
    let info = bench.open();
    let hires = "2:4:0.6".parse().unwrap();
    let settings = small(Settings { hires, ..apple(&info, 5) });
    let source = source(Treatment::default());
    bench.begin(job(1, &settings, &source, PreviewMode::Off));
    let whole = bench.finished().0;
    bench.until(|event| matches!(event, Event::Recorded { .. }));
    let negative = store.ids()[0].clone();
    let steps = store.open(&negative).unwrap().steps();
    let mut last = negative.clone();
    for at in [0, 2, 3, 4, steps - 1] {
        // Of the run, and of the branch of a branch.
        for from in [negative.clone(), last.clone()] {
            let origin = Origin::Branch { negative: from.clone(), at };
            let branch = Job { origin, source: None, ..job(2, &settings, &source, PreviewMode::Off) };
            bench.begin(branch);
            let (frame, made) = bench.finished();
            bench.until(|event| matches!(event, Event::Recorded { .. }));
            assert!(frame == whole, "{at} of {from}");
            assert!(made.beginning.is_some());
        }
        last = store.ids()[0].clone();
    }
    let guided = Settings { guidance: 6.0, ..settings.clone() };
    for at in [1, 5] {
        let origin = Origin::Branch { negative: negative.clone(), at };
        bench.begin(Job { origin, source: None, ..job(3, &guided, &source, PreviewMode::Off) });
        let frame = bench.finished().0;
        assert!(frame != whole && (frame.width, frame.height) == (300, 220), "{at}");
    }
    let larger = Settings { hires: "3:4:0.6".parse().unwrap(), ..settings };
    let origin = Origin::Branch { negative, at: 5 };
    bench.begin(Job { origin, source: None, ..job(4, &larger, &source, PreviewMode::Off) });
    let failed = bench.until(|event| matches!(event, Event::Failed { .. } | Event::Finished { .. }));
    assert!(matches!(failed, Event::Failed { .. }), "{failed:?}");
}
