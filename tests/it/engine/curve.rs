//! Guidance as a curve: asked for beforehand, bent on the way, and repeated exactly.

use safelight::engine::EngineOptions;
use safelight::message::{Control, Event};
use safelight::negative::{BUDGET, Store};
use safelight::picture::{Frame, Made};
use safelight::sampler::GuidanceCurve;
use safelight::settings::{PreviewMode, Settings};

use super::{Bench, apple};

fn curve(text: &str) -> GuidanceCurve {
    text.parse().unwrap()
}

/// The guidance of each step of a run, its picture and how it was made.
fn run(
    bench: &mut Bench,
    id: u64,
    settings: Settings,
    each: impl Fn(&Bench, usize),
) -> (Vec<f64>, Frame, Made) {
    bench.generate(id, settings, PreviewMode::Off);
    let mut guidance = Vec::new();
    loop {
        match bench
            .until(|event| matches!(event, Event::Stepped(_) | Event::Finished { .. } | Event::Failed { .. }))
        {
            Event::Stepped(step) => {
                guidance.push(step.guidance);
                each(bench, step.step);
            }
            Event::Finished { frame, made, .. } => return (guidance, frame, *made),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_curve_acts_and_a_flat_one_is_the_same_as_none() {
    let mut bench = Bench::start();
    let info = bench.open();
    let with = |text: &str| Settings { guidance_curve: curve(text), guidance: 3.0, ..apple(&info, 5) };
    let (guidance, curved, made) = run(&mut bench, 1, with("0:2,0.5:7,1:3"), |_, _| {});
    assert_eq!(guidance, [2.0, 4.5, 7.0, 5.0, 3.0]);
    assert!(made.guidance_of_steps.is_empty() && made.settings == with("0:2,0.5:7,1:3"));
    let (_, constant, _) = run(&mut bench, 2, with(""), |_, _| {});
    let (_, flat, _) = run(&mut bench, 3, with("0.5:3"), |_, _| {});
    assert_ne!(curved, constant);
    assert_eq!(flat, constant);
}

#[test]
fn a_run_that_was_bent_and_steered_is_repeated_exactly_by_its_settings() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::new(folder.path(), BUDGET);
    let mut bench = Bench::of(EngineOptions { negatives: Some(store.clone()), ..EngineOptions::default() });
    let info = bench.open();
    let job = safelight::message::JobId(1);
    let settings = Settings { guidance_curve: curve("0:2,1:8"), ..apple(&info, 60) };
    let (guidance, bent, made) = run(&mut bench, 1, settings.clone(), |bench, step| match step {
        5 => bench.engine.control(Control::Bend { job, curve: curve("0:9,1:1") }).unwrap(),
        25 => bench.engine.control(Control::Steer { job, guidance: 4.25 }).unwrap(),
        _ => {}
    });
    assert!(guidance[5] < 3.0 && guidance.iter().any(|value| *value > 4.5), "{guidance:?}");
    assert_eq!(guidance.last(), Some(&4.25));
    assert_eq!(made.guidance_of_steps, guidance);
    let (again, frame, repeated) = run(&mut bench, 2, made.settings.clone(), |_, _| {});
    assert_eq!(again, guidance);
    assert!(frame == bent, "the same guidance made another picture");
    assert!(repeated.guidance_of_steps.is_empty());
    drop(bench);
    let kept = store.list().into_iter().map(|kept| store.open(&kept.id).unwrap());
    let kept: Vec<_> = kept.map(|kept| (kept.guidance_of_steps(), kept.is_steered())).collect();
    assert_eq!(kept.len(), 2);
    assert!(kept.iter().all(|(acted, _)| *acted == guidance));
    assert_eq!(kept.iter().filter(|(_, steered)| *steered).count(), 1);
}

/// A run that ends on the way goes on along its curve: a bent one along the one that it was bent to.
#[test]
fn what_is_taken_up_follows_the_curve_that_acted_last() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::new(folder.path(), BUDGET);
    let options = EngineOptions { negatives: Some(store), ..EngineOptions::default() };
    let mut bench = Bench::of(options.clone());
    let info = bench.open();
    let settings = Settings { guidance_curve: curve("0:2,1:8"), ..apple(&info, 60) };
    let job = bench.generate(1, settings.clone(), PreviewMode::Off);
    bench.until(|event| matches!(event, Event::Stepped(step) if step.step == 2));
    bench.engine.control(Control::Bend { job, curve: curve("0:9,1:1") }).unwrap();
    bench.until(|event| matches!(event, Event::Stepped(step) if step.guidance > 6.0));
    bench.until(|event| matches!(event, Event::Stepped(_)));
    bench.engine.control(Control::SetAside { job }).unwrap();
    bench.until(|event| matches!(event, Event::Stopped { .. }));
    let mut bench = Bench::of(options);
    bench.open();
    let (guidance, ..) = run(&mut bench, 2, settings, |_, _| {});
    assert!(!guidance.is_empty() && guidance.len() < 58, "{}", guidance.len());
    assert!(guidance.is_sorted_by(|a, b| a > b), "{guidance:?}");
    assert_eq!(guidance.last(), Some(&1.0));
}
