//! Getting a model in the window: what is offered, what its license asks, and the download; the last test with a
//! real server and real services behind the window.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use egui::{Key, Modifiers};
use egui_kittest::kittest::Queryable;

use safelight::app::i18n::{Language, Words};
use safelight::app::services::desktop::{self, Desktop};
use safelight::app::services::models::{Ended, Found, ModelsNews, OfModels};
use safelight::app::services::process::OfProcess;
use safelight::app::services::{Answer, Task};
use safelight::app::state::Overlay;
use safelight::app::state::models::transfers::Stage as Progress;
use safelight::library::Hub;
use safelight::library::get::{License, Place, Plan, Planned};
use safelight::message::{ModelSource, Report, Request};
use safelight::picture::Format;
use safelight::places::Places;
use safelight::preferences::{Keeper, Memory, RememberedDownload};
use safelight::told::Sentence;
use safelight::transfer::{self, Remote, Source};

use super::lost::close;
use super::models::{OWN, asked, listed};
use super::stage::{Setup, Stage};
use crate::transfer::server::{Answer as Sent, Server};

/// Three downloads over the library: one that runs, one that waits and one that has failed.
pub fn downloading(stage: &mut Stage) {
    for name in ["sd-turbo", "dreamshaper-8", "lcm-lora-sdv1-5"] {
        stage.click("Get a model…");
        look_up(stage, name);
        stage.click("Download 2.00 GB");
    }
    let report = Report {
        sentence: Sentence::with("error-get-forbidden", "host", "huggingface.co"),
        details: String::new(),
    };
    stage.answer(ended(1, Ended::Failed(report)));
    stage.answer(progress(2, 640_000_000));
}

/// What a download of this name would bring.
pub fn found(name: &str) -> Box<Found> {
    let target = PathBuf::from(OWN).join(format!("{name}.safetensors"));
    let known = Remote { bytes: Some(2_000_000_000), ..Remote::default() };
    let plan = Plan {
        name: name.to_owned(),
        origin: format!("org/{name}"),
        license: License::of(Some("creativeml-openrail-m")),
        files: vec![Planned {
            path: format!("{name}.safetensors"),
            source: Source { address: "http://127.0.0.1:9/x".to_owned(), known },
        }],
        place: Place::File(target),
        here: None,
    };
    Box::new(Found { plan, folder: OWN.into(), free: Some(120_000_000_000) })
}

/// The page where a model is found, open.
pub fn get_page(setup: Setup) -> Stage {
    let mut stage = setup.open();
    stage.press(Modifiers::COMMAND | Modifiers::SHIFT, Key::M);
    stage.answer(listed(super::models::entries()));
    stage.click("Get a model…");
    stage.requests();
    stage
}

/// The number of the last question.
pub fn number(asked: &[OfModels]) -> u64 {
    let of = |asked: &OfModels| if let OfModels::Plan { number, .. } = asked { Some(*number) } else { None };
    asked.iter().find_map(of).unwrap()
}

/// Asks for a name and finds it.
pub fn look_up(stage: &mut Stage, name: &str) {
    stage.tasks();
    stage.write(name);
    stage.press(Modifiers::NONE, Key::Enter);
    let number = number(&asked(stage));
    let found = Ok(found(name));
    stage.answer(Answer::Models(ModelsNews::Planned { number, found, choices: Vec::new() }));
}

fn progress(id: u64, done: u64) -> Answer {
    let progress = transfer::Progress { done, total: Some(2_000_000_000), speed: Some(2.5e7) };
    Answer::Models(ModelsNews::Progress { id, progress })
}

fn ended(id: u64, how: Ended) -> Answer {
    Answer::Models(ModelsNews::Ended { id, how })
}

fn overlay(stage: &Stage) -> Overlay {
    stage.harness.state().state().overlay
}

fn stages(stage: &Stage) -> Vec<Progress> {
    let list = &stage.harness.state().state().models.transfers.list;
    list.iter().map(|transfer| transfer.stage.clone()).collect()
}

#[test]
fn an_offer_tells_its_license_before_anything_is_fetched() {
    let mut stage = get_page(Setup::default());
    stage.tasks();
    let offer = "Stable Diffusion 1.5 · 2.13 GB · creativeml-openrail-m: not open, some uses are forbidden";
    stage.click(offer);
    let asked_now = asked(&stage);
    assert!(matches!(&asked_now[..], [OfModels::Plan { text, .. }] if text == "sd-1.5"), "{asked_now:?}");
    assert!(stage.says("Looking up sd-1.5"));
    let number = number(&asked_now);
    // An answer to another question changes nothing.
    let late = ModelsNews::Planned { number: number + 9, found: Ok(found("late")), choices: Vec::new() };
    stage.answer(Answer::Models(late));
    assert!(stage.says("Looking up sd-1.5"));
    let news = ModelsNews::Planned { number, found: Ok(found("v1-5")), choices: Vec::new() };
    stage.answer(Answer::Models(news));
    let license = License::of(Some("creativeml-openrail-m"));
    let words = Words::new(Language::English);
    stage.harness.get_by_label(&words.say(&safelight::told::Told::sentence(&license)));
    stage.harness.get_by_label("Free on that disk: 120 GB");
    assert!(asked(&stage).is_empty(), "nothing is fetched yet");
    stage.click("Back");
    assert!(stage.says(offer));
}

#[test]
fn an_error_is_one_sentence_and_several_files_are_a_choice() {
    let mut stage = get_page(Setup::default());
    stage.tasks();
    stage.write("o/n");
    stage.click("Look up");
    let refuse = |stage: &mut Stage, key: &'static str, choices: Vec<String>| {
        let report =
            Report { sentence: Sentence::with(key, "host", "huggingface.co"), details: String::new() };
        let number = number(&asked(stage));
        stage.answer(Answer::Models(ModelsNews::Planned { number, found: Err(report), choices }));
    };
    refuse(&mut stage, "error-get-unauthorized", Vec::new());
    assert!(stage.says("huggingface.co asks who you are. Log in there and give your token in HF_TOKEN."));
    stage.click("Look up");
    refuse(&mut stage, "error-get-several", vec!["o/n/a.ckpt".into(), "o/n/b/c.ckpt".into()]);
    stage.click("b/c.ckpt");
    let asked = asked(&stage);
    assert!(matches!(&asked[..], [OfModels::Plan { text, .. }] if text == "o/n/b/c.ckpt"), "{asked:?}");
}

#[test]
fn downloads_run_one_after_the_other_pause_go_on_and_are_given_up() {
    let mut stage = get_page(Setup::default());
    look_up(&mut stage, "one");
    stage.click("Download 2.00 GB");
    let fetched = |asked: &[OfModels]| {
        let of = |asked: &OfModels| if let OfModels::Fetch { id, .. } = asked { Some(*id) } else { None };
        asked.iter().filter_map(of).collect::<Vec<u64>>()
    };
    assert_eq!((fetched(&asked(&stage)), overlay(&stage)), (vec![1], Overlay::Models));
    assert!(stage.says("one: Connecting"));
    stage.answer(progress(1, 500_000_000));
    assert!(stage.says("one: 500 MB of 2.00 GB · 25 MB a second · 60 s left"));
    assert!(stage.says("Closing Safelight pauses this; nothing is lost."));
    stage.click("Get a model…");
    look_up(&mut stage, "two");
    stage.click("Download 2.00 GB");
    assert!(fetched(&asked(&stage)).is_empty());
    assert!(stage.says("two: Waiting for the one before"));
    // What is paused lets the next one begin, and then waits for its turn again.
    stage.click("Pause: one");
    let asked_now = asked(&stage);
    assert!(asked_now[0] == OfModels::Pause && fetched(&asked_now) == [2], "{asked_now:?}");
    assert!(stage.says("one: Paused · 500 MB of 2.00 GB"));
    stage.answer(ended(1, Ended::Paused));
    stage.click("Continue: one");
    assert_eq!(stages(&stage), [Progress::Waiting, Progress::Running]);
    let report = Report { sentence: "error-get-disk-full".into(), details: String::new() };
    stage.answer(ended(2, Ended::Failed(report)));
    assert!(fetched(&asked(&stage)) == [1]);
    let disk = "The disk is full. This file is not kept, those of the model that are whole stay. Free some space and \
                get it again.";
    assert!(stage.says(&format!("two: {disk}")));
    stage.click("Give up and remove what is here: two");
    assert_eq!(asked(&stage), [OfModels::GiveUp(vec![PathBuf::from(OWN).join("two.safetensors")])]);
    let path = PathBuf::from(OWN).join("one.safetensors");
    stage.answer(ended(1, Ended::Got(path.clone())));
    assert!(stage.says("one: Here now"));
    stage.tasks();
    stage.harness.get_all_by_label("Use it").last().unwrap().click();
    stage.run();
    assert!(stage.tasks().contains(&Task::Examine(path)));
    assert!(stages(&stage).is_empty() && overlay(&stage) == Overlay::Nothing);
}

#[test]
fn what_was_under_way_is_remembered_and_offered_at_the_next_start() {
    let mut stage = get_page(Setup::default());
    look_up(&mut stage, "one");
    stage.click("Download 2.00 GB");
    stage.answer(progress(1, 500_000_000));
    let kept = |stage: &Stage| stage.harness.state().state().remembered().downloads;
    let path = PathBuf::from(OWN).join("one.safetensors");
    let expected = |done| RememberedDownload {
        what: "one".into(),
        name: "one".into(),
        under_way: vec![path.to_str().unwrap().to_owned()],
        done,
        total: Some(2_000_000_000),
    };
    assert_eq!(kept(&stage), [expected(0)], "a running one does not write all the time");
    stage.click("Pause: one");
    let remembered = Memory { downloads: kept(&stage), language: Some("en".into()), ..Memory::default() };
    assert_eq!(remembered.downloads, [expected(500_000_000)]);
    let mut stage = Setup { remembered, ..Setup::default() }.open();
    assert!(stage.says("A download is paused: one"));
    assert!(stage.says("Download of one: Paused · 500 MB of 2.00 GB"));
    stage.tasks();
    stage.click("Continue downloads");
    let asked = asked(&stage);
    assert!(matches!(&asked[..], [OfModels::Fetch { text, plan: None, .. }] if text == "one"), "{asked:?}");
    assert!(!stage.says("A download is paused: one"));
}

#[test]
fn closing_the_window_pauses_a_download_and_loses_nothing() {
    let mut stage = get_page(Setup::default());
    look_up(&mut stage, "one");
    stage.click("Download 2.00 GB");
    stage.answer(progress(1, 700_000_000));
    stage.tasks();
    close(&mut stage);
    assert_ne!(overlay(&stage), Overlay::Closing, "there is nothing to be asked about");
    let written = stage.tasks().into_iter().find_map(|task| match task {
        Task::Remember(memory) => Some(memory.downloads),
        _ => None,
    });
    assert_eq!(written.unwrap()[0].done, 700_000_000);
    // With other work in progress the question says what becomes of it.
    let mut stage = get_page(Setup::default());
    look_up(&mut stage, "one");
    stage.click("Download 2.00 GB");
    stage.press(Modifiers::NONE, Key::Escape);
    stage.develop();
    close(&mut stage);
    assert!(stage.says("The download is paused; it can go on at the next start."));
}

/// A window with real services whose home is `home`, and this hub.
fn with_desktop(home: &Path, hub: Hub, remembered: Memory) -> Stage {
    let places = Places::within(home);
    let (keeper, _, note) = Keeper::open(places.memory.clone());
    let setup = desktop::Setup {
        process: OfProcess::default(),
        places,
        keeper,
        note,
        save_format: Format::Png,
        trash: Arc::new(|_| Ok(())),
        negatives: None,
        hub,
        words: Words::new(Language::English),
        waker: Arc::new(|| {}),
    };
    let services = Box::new(Desktop::new(setup).unwrap());
    Setup { services: Some(services), remembered, ..Setup::default() }.open()
}

/// Waits until nobody writes the half-written file: here the former program's threads are still alive.
fn wait_for_part(models: &Path) {
    let began = Instant::now();
    loop {
        let entry = std::fs::read_dir(models).unwrap().next().unwrap().unwrap();
        if std::fs::File::open(entry.path()).unwrap().try_lock().is_ok() {
            return;
        }
        assert!(began.elapsed() < Duration::from_secs(60));
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn until(stage: &mut Stage, what: &str, holds: impl Fn(&Stage) -> bool) {
    let began = Instant::now();
    while !holds(stage) {
        assert!(began.elapsed() < Duration::from_secs(60), "{what}: {:?}", stages(stage));
        std::thread::sleep(Duration::from_millis(10));
        stage.run();
    }
}

#[test]
fn a_model_of_a_real_server_is_told_fetched_paused_gone_on_with_and_opened() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/formats/model.safetensors");
    let bytes = std::fs::read(golden).unwrap();
    let (held, asked) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicUsize::new(0)));
    let (sent, hold, count) = (bytes.clone(), held.clone(), asked.clone());
    let server = Server::start(move |asked, _| {
        let answer = Sent::file(&sent, asked).with("ETag", "\"v1\"");
        match asked.range {
            Some((0, Some(0))) => answer,
            // The connection breaks after the first part; the rest waits until the test lets it go.
            _ if count.fetch_add(1, Ordering::SeqCst) == 0 => answer.cut(50_000),
            _ => {
                while hold.load(Ordering::SeqCst) {
                    std::thread::sleep(Duration::from_millis(5));
                }
                answer
            }
        }
    });
    let home = tempfile::tempdir().unwrap();
    // The hub is elsewhere: what is asked for is no repository.
    let hub = Hub { endpoint: "http://127.0.0.1:9".to_owned(), ..Hub::default() };
    let remembered = || Memory { language: Some("en".into()), ..Memory::default() };
    let mut stage = with_desktop(home.path(), hub.clone(), remembered());
    stage.press(Modifiers::COMMAND | Modifiers::SHIFT, Key::M);
    until(&mut stage, "an empty list", |stage| stage.harness.state().state().models.listed);
    stage.click("Get a model…");
    stage.write(&format!("{}/m/small.safetensors", server.address));
    stage.press(Modifiers::NONE, Key::Enter);
    until(&mut stage, "the plan", |stage| stage.says("Download 136 kB"));
    assert!(stage.says("No license is named, so only what the law allows is granted. Read the model's page before you use it."));
    assert_eq!(asked.load(Ordering::SeqCst), 0, "nothing is fetched before the license was seen");
    stage.click("Download 136 kB");
    until(&mut stage, "the first part", |_| asked.load(Ordering::SeqCst) > 1);
    until(&mut stage, "progress", |stage| stage.says("small: 50 kB of 136 kB"));
    stage.click("Pause: small");
    assert!(stage.says("small: Paused · 50 kB of 136 kB"));
    // The program ends here, and the next start goes on where it was.
    let remembered = stage.harness.state().state().remembered();
    drop(stage);
    held.store(false, Ordering::SeqCst);
    wait_for_part(&home.path().join("models"));
    let mut stage = with_desktop(home.path(), hub, remembered);
    stage.click("Continue downloads");
    until(&mut stage, "the end", |stage| stage.says("small is here."));
    let path = home.path().join("models/small.safetensors");
    assert_eq!(std::fs::read(&path).unwrap(), bytes);
    assert_eq!(
        server.starts()[1..].iter().filter(|start| **start == 50_000).count(),
        server.starts().len() - 1
    );
    stage.press(Modifiers::COMMAND | Modifiers::SHIFT, Key::M);
    until(&mut stage, "the list", |stage| !stage.harness.state().state().models.entries.is_empty());
    stage.requests();
    stage.harness.get_all_by_label("Use it").last().unwrap().click();
    stage.run();
    assert!(stage.requests().contains(&Request::Open(ModelSource::file(path))));
}
