//! The desktop's services on a home of their own: requests, answers, and what is on
//! the disk, and what a second start finds.

mod models;
mod negatives;
mod phrases;

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use safelight::app::i18n::{Language, Words};
use safelight::app::services::desktop::{Desktop, Setup};
use safelight::app::services::process::OfProcess;
use safelight::app::services::{Answer, Services, Task};
use safelight::app::state::draft::first_settings;
use safelight::gallery::Record;
use safelight::library::Hub;
use safelight::message::JobId;
use safelight::negative::Store;
use safelight::picture::metadata::read::{Origin, recover};
use safelight::picture::{Format, Frame, Made, open, save_new};
use safelight::places::Places;
use safelight::preferences::{Keeper, Memory, Theme};
use safelight::settings::Settings;
use safelight::tray::PictureFrom;

const PATIENCE: Duration = Duration::from_secs(30);

/// A home, and what went to the trash.
struct Home {
    root: tempfile::TempDir,
    trashed: Arc<Mutex<Vec<PathBuf>>>,
}

/// A desktop that is open, and its wakes.
struct Open {
    desktop: Desktop,
    memory: Memory,
    wakes: Receiver<()>,
    /// Answers that came and were not waited for yet, oldest first.
    other: Vec<Answer>,
}

impl Home {
    fn new() -> Self {
        Self { root: tempfile::tempdir().unwrap(), trashed: Arc::default() }
    }

    fn places(&self) -> Places {
        Places::within(self.root.path())
    }

    fn negatives(&self) -> Store {
        Store::new(self.root.path().join("negatives"), 1 << 20)
    }

    fn open(&self) -> Open {
        self.open_with(Hub::default())
    }

    fn open_with(&self, hub: Hub) -> Open {
        let places = self.places();
        let (keeper, memory, note) = Keeper::open(places.memory.clone());
        let (sender, wakes) = sync_channel(1);
        let trashed = self.trashed.clone();
        let setup = Setup {
            places,
            keeper,
            note,
            save_format: memory.save_format,
            trash: Arc::new(move |path: &Path| {
                std::fs::remove_file(path).map_err(|error| error.to_string())?;
                trashed.lock().unwrap().push(path.to_owned());
                Ok(())
            }),
            negatives: Some(self.negatives()),
            hub,
            process: OfProcess::open(self.places().sessions.as_deref(), None),
            words: Words::new(Language::English),
            waker: Arc::new(move || {
                sender.try_send(()).ok();
            }),
        };
        Open { desktop: Desktop::new(setup).unwrap(), memory, wakes, other: Vec::new() }
    }
}

impl Open {
    fn ask(&mut self, task: Task) {
        self.desktop.ask(task);
    }

    /// The first answer that `wanted` makes something of; reads only when woken, as a window does.
    fn wait<T>(&mut self, mut wanted: impl FnMut(&Answer) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        let mut seen = 0;
        loop {
            self.other.extend(self.desktop.answers());
            let found = self.other.iter().enumerate().skip(seen);
            let found = found.map(|(at, answer)| (at, wanted(answer))).find(|(_, found)| found.is_some());
            if let Some((at, Some(found))) = found {
                self.other.remove(at);
                return found;
            }
            seen = self.other.len();
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(self.wakes.recv_timeout(left).is_ok(), "nothing came but {:?}", self.other);
        }
    }

    /// The next failure: the name of its sentence, its values and details.
    fn failure(&mut self) -> String {
        self.wait(|answer| match answer {
            Answer::Failed(report) => Some(format!("{report:?}")),
            _ => None,
        })
    }

    fn keep(&mut self, job: u64, prompt: &str) -> Arc<Record> {
        self.ask(Task::Keep { job: JobId(job), frame: frame(16), made: made(prompt) });
        self.kept(job)
    }

    fn kept(&mut self, wanted: u64) -> Arc<Record> {
        self.wait(|answer| match answer {
            Answer::Kept { job, record } if *job == JobId(wanted) => Some(record.clone()),
            _ => None,
        })
    }

    /// Waits for a list of so many pictures.
    fn listed(&mut self, count: usize) -> Vec<Arc<Record>> {
        self.wait(|answer| match answer {
            Answer::Gallery(records) if records.len() == count => Some(records.clone()),
            _ => None,
        })
    }
}

fn frame(side: usize) -> Frame {
    let rgb: Vec<u8> = (0..side * side * 3).map(|i| (i * 5 % 251) as u8).collect();
    Frame { width: side, height: side, rgb: rgb.into() }
}

fn made(prompt: &str) -> Box<Made> {
    Box::new(Made {
        settings: Settings { prompt: prompt.to_owned(), ..first_settings() },
        guidance_of_steps: Vec::new(),
        model: "Starter".into(),
        model_hash: "0123456789".into(),
        stopped_after: None,
        added: Vec::new(),
        branched_from: None,
        beginning: None,
    })
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/formats").join(name)
}

#[test]
fn a_kept_picture_is_on_the_disk_with_its_settings_listed_and_shown_small() {
    let home = Home::new();
    let mut open_desktop = home.open();
    open_desktop.ask(Task::List { folder: None });
    assert_eq!(open_desktop.listed(0), []);
    let record = open_desktop.keep(7, "a red fox");
    assert_eq!(record.path, home.places().pictures.join("a-red-fox-2026.png"));
    let found = recover(&record.path).unwrap().unwrap();
    assert_eq!(found.made.as_ref(), Some(&*made("a red fox")));
    assert_eq!(open::open(&record.path).unwrap(), frame(16));
    // What is reported at once is what the folder holds.
    assert_eq!(open_desktop.listed(1), std::slice::from_ref(&record));
    open_desktop.ask(Task::Thumbnail(record.path.clone()));
    let small = open_desktop.wait(|answer| match answer {
        Answer::Thumbnail { path, frame } if *path == record.path => frame.clone(),
        _ => None,
    });
    assert_eq!(small, frame(16));
    open_desktop.ask(Task::Read(record.path.clone()));
    open_desktop
        .wait(|answer| matches!(answer, Answer::Read { frame: it, .. } if *it == frame(16)).then_some(()));
    open_desktop.ask(Task::Read(home.root.path().join("gone.png")));
    assert!(open_desktop.failure().contains("error-unreadable"));
}

#[test]
fn every_thumbnail_comes_however_many_are_wanted_at_once() {
    const PICTURES: usize = 400;
    let home = Home::new();
    for i in 0..PICTURES {
        save_new(&home.places().pictures, &format!("{i}"), Format::Png, &frame(8), &made("many")).unwrap();
    }
    // One that has a head and no pixels.
    std::fs::write(home.places().pictures.join("broken.png"), &png_of(&[])[..45]).unwrap();
    let mut open = home.open();
    open.ask(Task::List { folder: None });
    for record in open.listed(PICTURES + 1) {
        open.ask(Task::Thumbnail(record.path.clone()));
    }
    let (mut small, mut none) = (0, 0);
    open.wait(|answer| {
        if let Answer::Thumbnail { frame, .. } = answer {
            *(if frame.is_some() { &mut small } else { &mut none }) += 1;
        }
        ((small, none) == (PICTURES, 1)).then_some(())
    });
}

#[test]
fn a_file_is_examined_by_what_is_in_it() {
    let home = Home::new();
    let mut open = home.open();
    let recovered = |open: &mut Open, path: &Path| {
        open.ask(Task::Examine(path.to_owned()));
        open.wait(|answer| match answer {
            Answer::Recovered { settings, .. } => Some(settings.clone()),
            Answer::Failed(report) => panic!("{report:?}"),
            _ => None,
        })
    };
    let ours = save_new(home.root.path(), "ours", Format::Webp, &frame(16), &made("an owl")).unwrap();
    let settings = recovered(&mut open, &ours);
    assert_eq!(settings.over(&first_settings()), made("an owl").settings);

    // A stranger's picture, under a name that says nothing.
    let theirs = home.root.path().join("download");
    std::fs::write(&theirs, png_of_a1111("a castle\nSteps: 31, Sampler: DDIM, CFG scale: 9.5, Seed: 77"))
        .unwrap();
    let settings = recovered(&mut open, &theirs);
    let full = settings.over(&first_settings());
    assert_eq!((full.prompt.as_str(), full.steps, full.guidance, full.seed), ("a castle", 31, 9.5, 77));
    assert_eq!(full.width, first_settings().width);
    assert_eq!(recover(&theirs).unwrap().unwrap().origin, Origin::A1111);

    std::fs::write(&theirs, png_of_a1111("a\nSteps: 31, Sampler: Restart, CFG scale: 9.5, Seed: 77"))
        .unwrap();
    open.ask(Task::Examine(theirs.clone()));
    let sampler = open.wait(|answer| match answer {
        Answer::Recovered { foreign_sampler, .. } => Some(foreign_sampler.clone()),
        _ => None,
    });
    assert_eq!(sampler.as_deref(), Some("Restart"));

    let bare = home.root.path().join("bare.png");
    std::fs::write(&bare, png_of(&[])).unwrap();
    // A picture without settings is there to be worked from.
    open.ask(Task::Examine(bare.clone()));
    let from = open.wait(|answer| match answer {
        Answer::Developed(developed) => Some(developed.from.clone()),
        Answer::Failed(report) => panic!("{report:?}"),
        _ => None,
    });
    assert_eq!(from, PictureFrom::File(bare));

    let index = fixture("diffusers").join("model_index.json");
    for (dropped, expected) in [
        (fixture("model.safetensors"), fixture("model.safetensors")),
        (fixture("model.ckpt"), fixture("model.ckpt")),
        (fixture("diffusers"), fixture("diffusers")),
        (index, fixture("diffusers")),
    ] {
        open.ask(Task::Examine(dropped));
        let model = open.wait(|answer| match answer {
            Answer::Model(path) => Some(path.clone()),
            Answer::Failed(report) => panic!("{report:?}"),
            _ => None,
        });
        assert_eq!(model, expected);
    }
    for neither in [fixture("README.md"), fixture("missing.ckpt"), home.root.path().to_owned()] {
        let name = neither.file_name().unwrap().to_string_lossy().into_owned();
        open.ask(Task::Examine(neither));
        let sentence = open.failure();
        assert!(sentence.contains(&name), "{sentence}");
    }
}

fn png_of(texts: &[(&str, &str)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, 16, 8);
    encoder.set_color(png::ColorType::Rgb);
    for (keyword, text) in texts {
        encoder.add_text_chunk((*keyword).to_owned(), (*text).to_owned()).unwrap();
    }
    encoder.write_header().unwrap().write_image_data(&[9; 16 * 8 * 3]).unwrap();
    bytes
}

fn png_of_a1111(text: &str) -> Vec<u8> {
    png_of(&[("parameters", text)])
}

#[test]
fn a_deleted_picture_can_be_brought_back_and_goes_to_the_trash_at_the_end() {
    let home = Home::new();
    let mut open = home.open();
    open.ask(Task::List { folder: None });
    let (fox, owl) = (open.keep(1, "a fox"), open.keep(2, "an owl"));
    open.listed(2);
    for path in [&fox.path, &owl.path] {
        open.ask(Task::Trash(path.clone()));
        open.wait(|answer| (*answer == Answer::Trashed(path.clone())).then_some(()));
        assert!(path.exists());
    }
    open.ask(Task::Untrash);
    open.wait(|answer| (*answer == Answer::Untrashed(owl.clone())).then_some(()));
    open.wait(|answer| (*answer == Answer::Gallery(vec![owl.clone()])).then_some(()));
    // What is none of the gallery's is left alone.
    let other = home.root.path().join("other.png");
    std::fs::write(&other, png_of(&[])).unwrap();
    open.ask(Task::Trash(other.clone()));
    assert!(open.failure().contains("error-not-in-gallery"));
    drop(open);
    assert_eq!(*home.trashed.lock().unwrap(), std::slice::from_ref(&fox.path));
    assert!(!fox.path.exists() && owl.path.exists() && other.exists());
}

#[test]
fn bringing_back_with_nothing_deleted_is_told() {
    let home = Home::new();
    let mut open = home.open();
    open.ask(Task::List { folder: None });
    open.ask(Task::Untrash);
    assert!(open.failure().contains("error-in-trash"));
}

#[test]
fn a_second_start_finds_what_the_first_one_was_told_last() {
    let home = Home::new();
    let mut open = home.open();
    assert_eq!(open.memory, Memory::default());
    let mut memory = Memory { theme: Theme::Light, ..Memory::default() };
    for i in 0..300 {
        memory.settings.prompt = Some(format!("prompt {i}"));
        open.ask(Task::Remember(Box::new(memory.clone())));
    }
    // Asked for and closed at once: the end waits.
    open.ask(Task::Keep { job: JobId(1), frame: frame(16), made: made("the last") });
    drop(open);
    let mut again = home.open();
    assert_eq!(again.memory, memory);
    again.ask(Task::List { folder: None });
    assert_eq!(again.listed(1)[0].prompt(), "the last");
    // What it reads at each start.
    again.other.retain(|answer| !matches!(answer, Answer::Phrases(_)));
    assert_eq!(again.other, []);
}

#[test]
fn a_damaged_memory_is_told_and_set_aside() {
    let home = Home::new();
    std::fs::write(home.root.path().join("remembered.json"), "{\"version\": 1, \"the").unwrap();
    let mut open = home.open();
    assert_eq!(open.memory, Memory::default());
    assert!(open.failure().contains("remembered.damaged.json"));
}

#[test]
fn a_picture_that_cannot_be_written_is_told_and_saved_elsewhere() {
    let home = Home::new();
    // A file in the folder's place.
    std::fs::write(home.places().pictures, "in the way").unwrap();
    let mut open = home.open();
    open.ask(Task::List { folder: None });
    for job in [1, 2] {
        open.ask(Task::Keep { job: JobId(job), frame: frame(16), made: made("a whale") });
        let details = open.wait(|answer| match answer {
            Answer::Unsaved { count, report: Some(report), .. } if *count as u64 == job => {
                Some(report.details.clone())
            }
            _ => None,
        });
        assert!(details.contains("choose another place"));
    }
    let elsewhere = home.root.path().join("elsewhere");
    open.ask(Task::List { folder: Some(elsewhere.clone()) });
    let saved = [open.kept(1).path.clone(), open.kept(2).path.clone()];
    assert_eq!(saved, ["a-whale-2026.png", "a-whale-2026-2.png"].map(|name| elsewhere.join(name)));
    assert_eq!(open::open(&saved[1]).unwrap(), frame(16));
    open.wait(|answer| matches!(answer, Answer::Unsaved { count: 0, .. }).then_some(()));
    open.listed(2);
}

#[test]
fn what_could_not_be_saved_or_finished_waits_for_the_next_start() {
    let home = Home::new();
    std::fs::write(home.places().pictures, "in the way").unwrap();
    let mut open = home.open();
    open.ask(Task::List { folder: None });
    // More than a memory would hold.
    for job in 1..=70 {
        open.ask(Task::Keep { job: JobId(job), frame: frame(16), made: made("a whale") });
    }
    let count = |wanted: usize| {
        move |answer: &Answer| {
            matches!(answer, Answer::Unsaved { count, .. } if *count == wanted).then_some(())
        }
    };
    open.wait(count(70));
    open.ask(Task::UnderWay(vec![made("an owl").settings]));
    drop(open);
    let mut again = home.open();
    again.ask(Task::List { folder: None });
    let interrupted = again.wait(|answer| match answer {
        Answer::Interrupted(settings) => Some(settings.clone()),
        _ => None,
    });
    assert_eq!(interrupted, [made("an owl").settings]);
    again.wait(count(70));
    // The user made room and asks for it.
    std::fs::remove_file(home.places().pictures).unwrap();
    again.ask(Task::SaveAgain);
    again.wait(|answer| (*answer == Answer::SavedLate(70)).then_some(()));
    again.wait(count(0));
    let saved = again.listed(70);
    assert_eq!(recover(&saved[0].path).unwrap().unwrap().made.as_ref(), Some(&*made("a whale")));
    again.ask(Task::UnderWay(Vec::new()));
    drop(again);
    let sessions = std::fs::read_dir(home.places().sessions.unwrap()).unwrap();
    let left: Vec<_> = sessions.map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["lock"], "nothing is left behind");
}

#[test]
fn nothing_wakes_the_window_while_nothing_happens() {
    let home = Home::new();
    let mut open = home.open();
    open.ask(Task::List { folder: None });
    open.keep(1, "a fox");
    open.listed(1);
    // The gallery looks at its folder every two seconds meanwhile.
    while open.wakes.try_recv().is_ok() {}
    assert!(open.wakes.recv_timeout(Duration::from_secs(5)).is_err());
    assert_eq!(open.desktop.answers(), []);
    // A change from outside is seen all the same.
    save_new(&home.places().pictures, "new", Format::Png, &frame(8), &made("new")).unwrap();
    open.listed(2);
}
