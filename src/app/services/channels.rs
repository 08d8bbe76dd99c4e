//! The channels between the window and the services' thread, all bounded.
//!
//! Tasks and answers are never lost. Lists of the gallery have up to 20,000 entries and each replaces
//! the one before, so at most one waits: a window that sleeps does not grow the program. So it is with the
//! progress of a download, which a window that sleeps must not hold up.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crossbeam_channel::{Receiver, Sender, bounded};

use crate::app::services::outcome::DialogOutcome;
use crate::app::services::{Answer, Task, Waker};
use crate::gallery::Record;
use crate::transfer::Progress;

/// Tasks that may wait unread.
const TASKS_MAX: usize = 256;
/// Answers that may wait unread; then the thread waits.
const ANSWERS_MAX: usize = 256;
/// Outcomes of dialogs that may wait unread.
const OUTCOMES_MAX: usize = 8;

/// The window's ends.
pub(super) struct Front {
    pub(super) tasks: Sender<Task>,
    pub(super) outcomes: Sender<DialogOutcome>,
    pub(super) answers: Receiver<Answer>,
    pub(super) lists: Receiver<Vec<Arc<Record>>>,
    /// How far a download is.
    pub(super) progress: Receiver<(u64, Progress)>,
    /// The window holds tasks for which the channel had no room.
    pub(super) holds: Arc<AtomicBool>,
}

/// The thread's ends.
pub(super) struct Ends {
    pub(super) tasks: Receiver<Task>,
    pub(super) outcomes: Receiver<DialogOutcome>,
    pub(super) out: Out,
}

/// Where answers go; also held by the small threads that wait for a file manager.
#[derive(Clone)]
pub(super) struct Out {
    answers: Sender<Answer>,
    lists: Sender<Vec<Arc<Record>>>,
    lists_unread: Receiver<Vec<Arc<Record>>>,
    progress: Sender<(u64, Progress)>,
    progress_unread: Receiver<(u64, Progress)>,
    waker: Waker,
    holds: Arc<AtomicBool>,
}

/// Connected ends.
pub(super) fn pair(waker: Waker) -> (Front, Ends) {
    let (tasks, tasks_read) = bounded(TASKS_MAX);
    let (outcomes, errands_read) = bounded(OUTCOMES_MAX);
    let (answers, answers_read) = bounded(ANSWERS_MAX);
    let (lists, lists_read) = bounded(1);
    let (progress, progress_read) = bounded(1);
    let holds = Arc::new(AtomicBool::new(false));
    let out = Out {
        answers,
        lists,
        lists_unread: lists_read.clone(),
        progress,
        progress_unread: progress_read.clone(),
        waker,
        holds: holds.clone(),
    };
    let front =
        Front { tasks, outcomes, answers: answers_read, lists: lists_read, progress: progress_read, holds };
    (front, Ends { tasks: tasks_read, outcomes: errands_read, out })
}

impl Out {
    /// Sends, then wakes. At the end nobody listens, which is not an error.
    pub(super) fn send(&self, answer: Answer) {
        if self.answers.send(answer).is_ok() {
            (self.waker)();
        }
    }

    /// Sends a list in place of one that was not read yet, then wakes.
    pub(super) fn list(&self, records: Vec<Arc<Record>>) {
        self.unlist();
        if self.lists.try_send(records).is_ok() {
            (self.waker)();
        }
    }

    /// Discards a list that was not read yet: an answer that follows is newer.
    pub(super) fn unlist(&self) {
        self.lists_unread.try_recv().ok();
    }

    /// Sends how far a download is in place of what was not read yet, then wakes.
    pub(super) fn progress(&self, id: u64, progress: Progress) {
        self.progress_unread.try_recv().ok();
        if self.progress.try_send((id, progress)).is_ok() {
            (self.waker)();
        }
    }

    /// Wakes a window that holds tasks for which the channel had no room.
    pub(super) fn made_room(&self) {
        if self.holds.swap(false, Ordering::AcqRel) {
            (self.waker)();
        }
    }
}
