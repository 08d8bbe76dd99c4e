//! The desktop: the real [`Services`]. One thread does all work with files and owns the gallery and
//! the preferences; each dialog, and each file manager that is called, waits on a small thread of its own.
//!
//! Traps: dialogs must be made on the main thread (macOS insists) and never waited for there. The
//! end must wait for the thread, or the last picture and the last settings are lost: dropping does.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;

use crossbeam_channel::TrySendError;

use crate::app::i18n::Words;
use crate::app::services::{Answer, Services, Task, Waker};
use crate::gallery::Trash;
use crate::library::Hub;
use crate::negative::Store;
use crate::picture::Format;
use crate::places::Places;
use crate::preferences::Keeper;

use crate::app::services::channels::{self, Front};
use crate::app::services::dialog::Dialogs;
use crate::app::services::footprint::Footprint;
use crate::app::services::models::ModelsNews;
use crate::app::services::process::OfProcess;
use crate::app::services::worker::Worker;

/// Tasks that wait on this side while the thread is far behind.
const WAITING_MAX: usize = 1024;

/// What the desktop is made of.
pub struct Setup {
    /// The program's folders and files.
    pub places: Places,
    /// Writes the preferences.
    pub keeper: Keeper,
    /// What is wrong with the preferences' file, if anything.
    pub note: Option<String>,
    /// The kind of file of the last "save as".
    pub save_format: Format,
    /// Moves files to the system's trash.
    pub trash: Trash,
    /// The kept runs.
    pub negatives: Option<Store>,
    /// Where models come from.
    pub hub: Hub,
    /// What belongs to this process.
    pub process: OfProcess,
    /// The language of dialogs.
    pub words: Words,
    /// Wakes the window when an answer has come.
    pub waker: Waker,
}

/// The window's side of the services.
pub struct Desktop {
    /// None only while it ends.
    front: Option<Front>,
    /// Tasks that found the channel full, oldest first.
    waiting: VecDeque<Task>,
    /// Answers that are known at once.
    ready: Vec<Answer>,
    dialogs: Dialogs,
    words: Words,
    save_format: Format,
    places: Places,
    /// The present folder of pictures.
    folder: PathBuf,
    footprint: Footprint,
    offset: i64,
    thread: Option<JoinHandle<()>>,
}

impl Desktop {
    /// Starts the thread. The gallery is opened by the first [`Task::List`].
    ///
    /// # Errors
    /// If the system gives no thread.
    pub fn new(setup: Setup) -> std::io::Result<Self> {
        let Setup { places, keeper, note, save_format, trash, negatives, hub, process, words, waker } = setup;
        let (front, ends) = channels::pair(waker);
        let beside = process.beside.then(|| Answer::failed("beside-another", ""));
        let dialogs = Dialogs::new(front.outcomes.clone());
        let worker = Worker::new(places.clone(), keeper, trash, (process, negatives, hub), ends);
        let thread = std::thread::Builder::new().name("services".to_owned()).spawn(move || worker.run())?;
        Ok(Self {
            front: Some(front),
            waiting: VecDeque::new(),
            ready: note
                .map(|note| Answer::failed("error-remembered", note))
                .into_iter()
                .chain(beside)
                .collect(),
            dialogs,
            words,
            save_format,
            folder: places.pictures.clone(),
            places,
            footprint: Footprint::default(),
            offset: i64::from(jiff::Zoned::now().offset().seconds()),
            thread: Some(thread),
        })
    }

    /// Sends the tasks that wait, as far as there is room, and then this one.
    fn hand_over(&mut self, task: Option<Task>) {
        self.waiting.extend(task);
        let Some(front) = &self.front else { return };
        while let Some(task) = self.waiting.pop_front() {
            match front.tasks.try_send(task) {
                Ok(()) => {}
                Err(TrySendError::Full(task)) => {
                    self.waiting.push_front(task);
                    front.holds.store(true, Ordering::Release);
                    break;
                }
                Err(TrySendError::Disconnected(_)) => {
                    self.waiting.clear();
                    self.ready.push(Answer::failed("desktop-gone", ""));
                    return;
                }
            }
        }
        if self.waiting.len() > WAITING_MAX {
            // The newest is the one that the user can ask for again.
            self.waiting.pop_back();
            self.ready.push(Answer::failed("desktop-behind", ""));
        }
    }

    fn note(&mut self, task: &mut Task) {
        match task {
            Task::List { folder } => {
                let present = folder.get_or_insert_with(|| self.places.pictures.clone());
                self.folder.clone_from(present);
            }
            Task::Speak(language) => self.words = Words::new(*language),
            Task::Remember(memory) => memory.save_format = self.save_format,
            _ => {}
        }
    }
}

impl Services for Desktop {
    fn ask(&mut self, mut task: Task) {
        self.note(&mut task);
        match task {
            Task::Speak(_) => {}
            Task::SaveAs { .. }
            | Task::Export { .. }
            | Task::PickModel
            | Task::PickPicture
            | Task::PickPhoto
            | Task::PickMask(_)
            | Task::PickFolder
            | Task::PickModelsFolder => {
                if let Err(error) = self.dialogs.open(task, &self.words, self.save_format, &self.folder) {
                    self.ready.push(Answer::failed("no-dialog-open", error.to_string()));
                }
            }
            task => self.hand_over(Some(task)),
        }
    }

    fn answers(&mut self) -> Vec<Answer> {
        self.hand_over(None);
        let mut answers = std::mem::take(&mut self.ready);
        if let Some(front) = &self.front {
            answers.extend(front.answers.try_iter());
            // A list is always newer than the answers before it.
            answers.extend(front.lists.try_iter().map(Answer::Gallery));
            let progress = |(id, progress)| Answer::Models(ModelsNews::Progress { id, progress });
            answers.extend(front.progress.try_iter().map(progress));
        }
        for answer in &answers {
            if let Answer::Saved(path) = answer
                && let Ok(format) = Format::of(path)
            {
                self.save_format = format;
            }
        }
        answers
    }

    fn local_offset(&self) -> i64 {
        self.offset
    }

    fn places(&self) -> Option<&Places> {
        Some(&self.places)
    }

    fn resident_memory(&mut self) -> Option<u64> {
        self.footprint.bytes()
    }
}

impl Drop for Desktop {
    fn drop(&mut self) {
        if let Some(Front { tasks, answers, lists, outcomes, .. }) = self.front.take() {
            // Nobody reads any more, so the thread must not wait for a reader.
            drop((answers, lists, outcomes));
            for task in self.waiting.drain(..) {
                if tasks.send(task).is_err() {
                    break;
                }
            }
        }
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            log::error!("the services' thread panicked");
        }
    }
}
