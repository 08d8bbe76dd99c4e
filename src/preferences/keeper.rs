//! `Keeper`: reads the memory's file at the start, and writes it in the background.
//!
//! Writing waits for the disk, so it is done on a thread: the front end hands over a copy whenever
//! something changed, the latest copy wins, and the file is written at most twice a second. The end
//! of the program must call [`Keeper::flush`] (dropping does).
//!
//! Invariant: the lists of models are changed by [`change_memory`] alone, on the command line and while a window
//! is open; so the keeper writes them as the file has them, and both hold a lock from reading to writing.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::Memory;
use crate::files::write_atomically;

/// The longest file that is read.
const MOST_BYTES: u64 = 8 << 20;
/// The least time between two writes.
const PAUSE: Duration = Duration::from_millis(500);

/// Writes what changes.
pub struct Keeper {
    desk: Arc<Desk>,
    thread: Option<JoinHandle<()>>,
    /// The last copy handed over; an equal one is not written again.
    last: Memory,
}

impl Keeper {
    /// Reads the file and starts the thread that writes it. Without a file (a first start, or no
    /// place for one) everything is as new.
    ///
    /// The note is for the user: a damaged file, and where it lies now.
    pub fn open(path: Option<PathBuf>) -> (Self, Memory, Option<String>) {
        let (memory, note, path) = match path {
            Some(path) => match read(&path) {
                Ok((memory, note)) => (memory, note, Some(path)),
                // Never overwrite a file that could not be read.
                Err(note) => (Memory::default(), Some(note), None),
            },
            None => (Memory::default(), None, None),
        };
        let desk = Arc::new(Desk::default());
        let thread = path.and_then(|path| {
            let desk = desk.clone();
            let started = thread::Builder::new().name("memory".into()).spawn(move || desk.work(&path));
            started.inspect_err(|error| log::error!("the memory's thread could not start: {error}")).ok()
        });
        (Self { desk, thread, last: memory.clone() }, memory, note)
    }

    /// Hands over what is to be remembered; cheap if nothing changed, and never blocks.
    pub fn remember(&mut self, memory: &Memory) {
        if *memory != self.last {
            self.last = memory.clone();
            self.desk.lock().waiting = Some(memory.clone());
            self.desk.changed.notify_one();
        }
    }

    /// Why the last write failed, once.
    pub fn trouble(&self) -> Option<String> {
        self.desk.lock().trouble.take()
    }

    /// Writes what is pending and waits for it. Call it at the end of the program.
    pub fn flush(&mut self) {
        self.desk.lock().ended = true;
        self.desk.changed.notify_one();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            log::error!("the memory's thread panicked");
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.flush();
    }
}

/// The slot into which the front end puts the latest copy.
#[derive(Default)]
struct Desk {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    waiting: Option<Memory>,
    ended: bool,
    trouble: Option<String>,
}

impl Desk {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The thread's loop: takes the latest copy, writes it, sleeps.
    fn work(&self, path: &Path) {
        loop {
            let mut state = self.lock();
            while state.waiting.is_none() && !state.ended {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            let Some(memory) = state.waiting.take() else { return };
            drop(state);
            if let Err(error) = write_with_lists(path, memory) {
                let sentence = format!("settings cannot be saved in {}: {error}", path.display());
                log::warn!("{sentence}");
                self.lock().trouble = Some(sentence);
            }
            let state = self.lock();
            if !state.ended {
                // Only the end wakes it early; a change waits.
                let rest = self.changed.wait_timeout_while(state, PAUSE, |state| !state.ended);
                drop(rest.unwrap_or_else(PoisonError::into_inner));
            }
        }
    }
}

/// Reads what is remembered, without a thread and without setting a damaged file aside.
///
/// # Errors
/// One sentence, if the file is there and cannot be read or is damaged.
pub fn read_memory(path: &Path) -> Result<Memory, String> {
    let refused = |cause: String| {
        format!(
            "expected the remembered settings, found that they cannot be read ({cause}); see to {}",
            path.display()
        )
    };
    match read_text(path) {
        Ok(text) => {
            let (memory, _) = Memory::from_json(&text).ok_or_else(|| refused("damaged".to_owned()))?;
            Ok(memory)
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Memory::default()),
        Err(error) => Err(refused(error.to_string())),
    }
}

/// Changes what is remembered in one step, for a program without a window.
///
/// # Errors
/// One sentence, if the file cannot be read or written, is damaged or would hold too much; it is then as it was.
pub fn change_memory(path: &Path, change: impl FnOnce(&mut Memory)) -> Result<(), String> {
    let refused = |error: io::Error| {
        format!(
            "expected a place where settings can be remembered, found that it cannot be written ({error}); see to {}",
            path.display()
        )
    };
    let _lock = lock(path).map_err(refused)?;
    let damaged = read_text(path).ok().and_then(|text| Memory::from_json(&text)).map(|(_, damaged)| damaged);
    if let Some(damaged) = damaged.filter(|damaged| !damaged.is_empty()) {
        return Err(format!(
            "expected the remembered settings, found that some are damaged ({}); correct or remove these, or start the \
             window, which puts them in order: {}",
            damaged.join(", "),
            path.display()
        ));
    }
    let mut memory = read_memory(path)?;
    change(&mut memory);
    if memory.has_surplus_models() {
        return Err(format!(
            "expected a list of folders and files that can be remembered, found one that is full; remove some of them \
             from {}",
            path.display()
        ));
    }
    write(path, &memory).map_err(refused)
}

/// Writes all but the lists of models, which stay as the file has them.
fn write_with_lists(path: &Path, memory: Memory) -> io::Result<()> {
    let _lock = lock(path)?;
    let there = read_text(path).ok().and_then(|text| Memory::from_json(&text));
    let memory = match there {
        Some((there, damaged)) if !damaged.iter().any(|name| name.starts_with("models_")) => {
            let Memory { models_folders, models_forgotten, .. } = there;
            Memory { models_folders, models_forgotten, ..memory }
        }
        _ => memory,
    };
    write(path, &memory)
}

/// Waits until no other program changes the file; the lock ends with what is returned. Some file systems know no
/// locks, and there the last one wins.
fn lock(path: &Path) -> io::Result<File> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let file = File::create(path.with_extension("lock"))?;
    if let Err(error) = file.lock() {
        log::debug!("{} is not locked: {error}", path.display());
    }
    Ok(file)
}

fn write(path: &Path, memory: &Memory) -> io::Result<()> {
    let text = memory.to_json().map_err(io::Error::other)?;
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    write_atomically(path, text.as_bytes(), true).map(drop)
}

/// The file's memory, with a note if it was damaged; only a note if it is there and cannot be read.
fn read(path: &Path) -> Result<(Memory, Option<String>), String> {
    let text = match read_text(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok((Memory::default(), None)),
        Err(error) if error.kind() == ErrorKind::InvalidData => return Ok(set_aside(path)),
        Err(error) => {
            let place = path.display();
            return Err(format!(
                "the remembered settings in {place} cannot be read and are left alone: {error}"
            ));
        }
    };
    Ok(match Memory::from_json(&text) {
        Some((memory, damaged)) if damaged.is_empty() => (memory, None),
        Some((memory, damaged)) => {
            let note =
                format!("some remembered settings were damaged and are as new: {}", damaged.join(", "));
            (memory, Some(note))
        }
        None => set_aside(path),
    })
}

/// The text; too long or not UTF-8 is `InvalidData`.
fn read_text(path: &Path) -> io::Result<String> {
    let file = File::open(path)?;
    if file.metadata()?.len() > MOST_BYTES {
        return Err(ErrorKind::InvalidData.into());
    }
    let mut text = String::new();
    file.take(MOST_BYTES).read_to_string(&mut text)?;
    Ok(text)
}

/// Moves a damaged file out of the way, over a former one, so that they do not pile up.
fn set_aside(path: &Path) -> (Memory, Option<String>) {
    let aside = path.with_extension("damaged.json");
    let note = match std::fs::rename(path, &aside) {
        Ok(()) => format!("the remembered settings were damaged and lie in {} now", aside.display()),
        Err(error) => format!("the remembered settings in {} are damaged: {error}", path.display()),
    };
    log::warn!("{note}");
    (Memory::default(), Some(note))
}

#[cfg(test)]
mod tests {
    use super::super::Theme;
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(folder).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.retain(|name| name != "remembered.lock");
        names.sort();
        names
    }

    #[test]
    fn what_the_command_line_adds_stays_while_a_window_is_open() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("remembered.json");
        let (mut keeper, mut memory, _) = Keeper::open(Some(path.clone()));
        change_memory(&path, |memory| memory.models_folders.push("/m/new".into())).unwrap();
        memory.seed_locked = true;
        keeper.remember(&memory);
        drop(keeper);
        let now = read_memory(&path).unwrap();
        assert!(now.seed_locked && now.models_folders == ["/m/new"]);
        // A full list refuses what it would lose.
        let all = (0..1000).map(|number| format!("/m/{number}"));
        let said = change_memory(&path, |memory| memory.models_folders.extend(all)).unwrap_err();
        assert!(said.contains("full") && read_memory(&path).unwrap() == now, "{said}");
        // Nor is a damaged field lost.
        let text =
            std::fs::read_to_string(&path).unwrap().replace("\"seed_locked\": true", "\"seed_locked\": 7");
        std::fs::write(&path, &text).unwrap();
        let said = change_memory(&path, |memory| memory.models_folders.clear()).unwrap_err();
        assert!(said.contains("seed_locked") && std::fs::read_to_string(&path).unwrap() == text, "{said}");
    }

    #[test]
    fn what_is_handed_over_is_there_at_the_next_start() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("deep").join("remembered.json");
        let (mut keeper, mut memory, note) = Keeper::open(Some(path.clone()));
        assert_eq!((&memory, note), (&Memory::default(), None));
        // Many changes in a row: the last counts.
        for prompt in 0..300 {
            memory.settings.prompt = Some(format!("prompt {prompt}"));
            memory.history.add(&format!("prompt {prompt}"));
            keeper.remember(&memory);
        }
        memory.theme = Theme::Dark;
        keeper.remember(&memory);
        drop(keeper);
        let (_keeper, again, note) = Keeper::open(Some(path.clone()));
        assert_eq!((again, note), (memory, None));
        assert_eq!(names(path.parent().unwrap()), ["remembered.json"]);
    }

    #[test]
    fn a_damaged_file_is_set_aside_with_a_note() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("remembered.json");
        for damaged in [&b"{\"version\": 1, \"the"[..], b"\xff\xfe", b"", b"[1, 2]"] {
            std::fs::write(&path, damaged).unwrap();
            let (mut keeper, mut memory, note) = Keeper::open(Some(path.clone()));
            assert!(note.unwrap().contains("remembered.damaged.json"));
            assert_eq!(std::fs::read(root.path().join("remembered.damaged.json")).unwrap(), damaged);
            assert!(!path.exists());
            memory.seed_locked = true;
            keeper.remember(&memory);
            drop(keeper);
            assert!(read(&path).unwrap().0.seed_locked);
        }
        assert_eq!(names(root.path()), ["remembered.damaged.json", "remembered.json"]);
    }

    #[test]
    fn an_overlong_file_is_set_aside_unread() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("remembered.json");
        File::create(&path).unwrap().set_len(MOST_BYTES + 1).unwrap();
        assert!(read(&path).unwrap().1.is_some());
        assert!(!path.exists());
    }

    #[test]
    fn a_place_that_cannot_be_written_is_told_once() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("remembered.json");
        let (mut keeper, mut memory, _) = Keeper::open(Some(path.clone()));
        // A folder in the file's place.
        std::fs::create_dir(&path).unwrap();
        memory.seed_locked = true;
        keeper.remember(&memory);
        keeper.flush();
        assert!(keeper.trouble().unwrap().contains("cannot be saved"));
        assert_eq!(keeper.trouble(), None);
        let (_keeper, _, note) = Keeper::open(Some(path));
        assert!(note.unwrap().contains("left alone"));
        let (mut nowhere, _, note) = Keeper::open(None);
        nowhere.remember(&memory);
        assert_eq!((nowhere.trouble(), note), (None, None));
    }
}
