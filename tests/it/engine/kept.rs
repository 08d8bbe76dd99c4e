//! Kept runs through the inference thread: gone on with, branched off from, formed side by side, opened again.

use safelight::message::{Event, Job, JobId, Origin, Request, Sheet};
use safelight::negative::{RunIs, Store};
use safelight::picture::Frame;
use safelight::settings::{PreviewMode, Settings};

use super::{Bench, EngineOptions, apple};

fn bench(store: &Store) -> Bench {
    Bench::of(EngineOptions { negatives: Some(store.clone()), ..EngineOptions::default() })
}

fn store(folder: &tempfile::TempDir) -> Store {
    Store::new(folder.path().join("negatives"), 1 << 30)
}

impl Bench {
    pub(super) fn job(&mut self, id: u64, settings: &Settings, origin: Origin) -> Event {
        let (id, settings) = (JobId(id), settings.clone());
        let job = Job { id, settings, previews: PreviewMode::Off, origin, source: None };
        self.engine.request(Request::Generate(Box::new(job))).unwrap();
        self.until(|event| matches!(event, Event::Finished { .. } | Event::Failed { .. }))
    }

    /// Each step's frame, where it is kept.
    fn strip(&mut self, job: JobId) -> Vec<Option<Frame>> {
        self.engine.request(Request::Strip { job, mode: PreviewMode::Fast }).unwrap();
        let mut all = Vec::new();
        loop {
            let Event::Strip { frames, whole, .. } = self.until(|event| matches!(event, Event::Strip { .. }))
            else {
                unreachable!()
            };
            all.extend(frames);
            if whole {
                return all;
            }
        }
    }

    /// Forms a sheet; returns each job's end and negative.
    fn sheet(&mut self, jobs: Vec<Settings>, until: usize) -> Vec<(Event, String)> {
        let job = |(id, settings)| Job {
            id: JobId(id),
            settings,
            previews: PreviewMode::Fast,
            origin: Origin::Anew,
            source: None,
        };
        let jobs: Vec<Job> = (100..).zip(jobs).map(job).collect();
        let count = jobs.len();
        self.engine.request(Request::Sheet(Sheet { jobs, until })).unwrap();
        let mut negatives = Vec::new();
        for number in 0..count {
            match self.until(|event| matches!(event, Event::Started { .. } | Event::Failed { .. })) {
                Event::Started { job, negative: Some(negative), first_step: 0, .. } => {
                    assert_eq!(job, JobId(100 + number as u64));
                    negatives.push(negative);
                }
                other => panic!("{other:?}"),
            }
        }
        let is_end = |event: &Event| {
            matches!(event, Event::Finished { .. } | Event::Stopped { .. } | Event::Failed { .. })
        };
        let mut ends: Vec<Event> = (0..count).map(|_| self.until(is_end)).collect();
        ends.sort_by_key(|event| match event {
            Event::Finished { job, .. } | Event::Stopped { job, .. } | Event::Failed { job, .. } => job.0,
            _ => 0,
        });
        ends.into_iter().zip(negatives).collect()
    }
}

fn frame(event: Event) -> Frame {
    match event {
        Event::Finished { frame, .. } => frame,
        other => panic!("{other:?}"),
    }
}

#[test]
fn picks_of_a_contact_sheet_are_the_pictures_of_their_seeds_to_the_last_bit() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder);
    let mut bench = bench(&store);
    let info = bench.open();
    // A rule that draws noise and one that remembers, so that generator and history matter.
    for sampler in ["euler_ancestral", "dpmpp_2m_sde"] {
        let sampler = safelight::sampler::SamplerKind::from_name(sampler).unwrap();
        let base = Settings { sampler, eta: sampler.row().eta(), ..apple(&info, 6) }.settled();
        let of_seed = |seed| Settings { seed, ..base.clone() };
        let formed = bench.sheet((30..33).map(of_seed).collect(), 2);
        for (seed, (end, negative)) in (30..33).zip(formed) {
            assert!(matches!(end, Event::Stopped { steps_done: 2, .. }), "{end:?}");
            let kept = store.open(&negative).unwrap();
            assert_eq!((kept.steps_done(), kept.model_calls()), (2, 2));
            assert_eq!(store.summary(&kept).state, RunIs::Stopped);
            let picked = frame(bench.job(1, &of_seed(seed), Origin::Resume { negative: negative.clone() }));
            assert_eq!(
                store.open(&negative).unwrap().model_calls(),
                6,
                "the first steps are not computed again"
            );
            let alone = frame(bench.job(2, &of_seed(seed), Origin::Anew));
            assert!(picked == alone, "{sampler:?}, seed {seed}");
        }
    }
}

#[test]
fn a_strip_of_guidances_forms_side_by_side_and_its_pictures_are_those_alone() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = bench(&store(&folder));
    let info = bench.open();
    let of = |guidance| Settings { guidance, ..apple(&info, 4) };
    let refused = Settings { guidance: f64::NAN, ..apple(&info, 4) };
    let ends = bench.sheet(vec![of(1.0), of(4.0)], 4);
    for (guidance, (end, _)) in [1.0, 4.0].into_iter().zip(ends) {
        assert!(frame(end) == bench.picture(3, of(guidance)), "guidance {guidance}");
    }
    bench
        .engine
        .request(Request::Sheet(Sheet {
            jobs: vec![Job {
                id: JobId(9),
                settings: refused,
                previews: PreviewMode::Off,
                origin: Origin::Anew,
                source: None,
            }],
            until: 2,
        }))
        .unwrap();
    bench.until(|event| matches!(event, Event::Failed { job: JobId(9), .. }));
}

#[test]
fn a_stopped_sheet_ends_all_of_its_jobs() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = bench(&store(&folder));
    let info = bench.open();
    let job = |id| Job {
        id: JobId(id),
        settings: Settings { seed: id, ..apple(&info, 200) },
        previews: PreviewMode::Off,
        origin: Origin::Anew,
        source: None,
    };
    bench.engine.request(Request::Sheet(Sheet { jobs: (1..4).map(job).collect(), until: 200 })).unwrap();
    bench.until(|event| matches!(event, Event::Stepped(step) if step.step == 1));
    bench.engine.control(safelight::message::Control::Stop { job: JobId(2) }).unwrap();
    for _ in 0..3 {
        let end = bench.until(|event| matches!(event, Event::Stopped { .. } | Event::Finished { .. }));
        assert!(matches!(end, Event::Stopped { steps_done, .. } if steps_done < 200), "{end:?}");
    }
}

#[test]
fn a_branch_with_nothing_changed_is_the_same_picture_and_computes_the_rest_alone() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder);
    let mut bench = bench(&store);
    let info = bench.open();
    let settings = Settings { eta: 0.7, ..apple(&info, 5) };
    let first = frame(bench.job(1, &settings, Origin::Anew));
    let negative = store.ids()[0].clone();
    let same = Origin::Branch { negative: negative.clone(), at: 3 };
    assert!(frame(bench.job(2, &settings, same)) == first);
    let other = Settings { guidance: settings.guidance + 4.0, ..settings.clone() };
    let branch = Origin::Branch { negative: negative.clone(), at: 3 };
    bench
        .engine
        .request(Request::Generate(Box::new(Job {
            id: JobId(3),
            settings: other,
            previews: PreviewMode::Off,
            origin: branch,
            source: None,
        })))
        .unwrap();
    let started = bench.until(|event| matches!(event, Event::Started { .. }));
    let Event::Started { negative: Some(child), first_step: 3, .. } = started else { panic!("{started:?}") };
    let finished = bench.until(|event| matches!(event, Event::Finished { .. }));
    let Event::Finished { frame, made, .. } = finished else { unreachable!() };
    assert!(frame != first);
    assert_eq!(made.branched_from.as_ref().map(|from| (&from.negative, from.at)), Some((&negative, 3)));
    assert_eq!(store.open(&child).unwrap().model_calls(), 2);
    // Its strip is whole: the shared steps are the parent's.
    let frames = bench.strip(JobId(3));
    assert_eq!(frames.iter().flatten().count(), 5);
    store.delete(&negative).unwrap();
    let frames = bench.strip(JobId(3));
    assert_eq!(frames.iter().map(Option::is_some).collect::<Vec<_>>(), [false, false, false, true, true]);
    let gone = Origin::Branch { negative, at: 3 };
    let failed = bench.job(4, &settings, gone);
    assert!(
        matches!(&failed, Event::Failed { report, .. } if report.sentence.key == "error-kept-run"),
        "{failed:?}"
    );
}

#[test]
fn a_kept_run_is_opened_again_by_another_process() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder);
    let mut first = bench(&store);
    let info = first.open();
    let picture = frame(first.job(1, &apple(&info, 4), Origin::Anew));
    drop(first);
    let negative = store.ids()[0].clone();
    let mut bench = bench(&store);
    bench.open();
    bench.engine.request(Request::Reopen { job: JobId(50), negative: negative.clone() }).unwrap();
    bench.engine.request(Request::Decode { job: JobId(50), step: 3 }).unwrap();
    let decoded = bench.until(|event| matches!(event, Event::Decoded { .. }));
    let Event::Decoded { frame: Ok(frame), step: 3, .. } = decoded else { panic!("{decoded:?}") };
    assert!(frame == picture, "the last step is the picture itself");
    bench.engine.request(Request::Strip { job: JobId(50), mode: PreviewMode::Full }).unwrap();
    let strip = bench.until(|event| matches!(event, Event::Strip { whole: true, .. }));
    assert!(matches!(strip, Event::Strip { job: JobId(50), .. }));
    bench.engine.request(Request::Proof { negative: negative.clone() }).unwrap();
    let proof = bench.until(|event| matches!(event, Event::Proof { .. }));
    let Event::Proof { frame: Some(small), negative: of } = proof else { panic!("{proof:?}") };
    assert_eq!((of, small.width.max(small.height)), (negative, 96));
    bench.engine.request(Request::Proof { negative: "19700101T000000-000000".into() }).unwrap();
    let proof = bench.until(|event| matches!(event, Event::Proof { .. }));
    assert!(matches!(proof, Event::Proof { frame: None, .. }), "{proof:?}");
}
