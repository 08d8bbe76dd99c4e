//! Deleting with a way back: files are held for a minute, then moved to the system's trash.
//!
//! Undoing is not fetching back from the trash, which not every system can do: until its time is
//! over, a deleted file has not moved at all. So a crash deletes nothing, and a normal end must call
//! [`Discards::flush`].

use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};

use super::{Record, Wake};

/// Moves a file to the trash, or says in a few words why not.
pub type Trash = Arc<dyn Fn(&Path) -> Result<(), String> + Send + Sync>;

/// How long a deletion can be undone.
pub const UNDO_TIME: Duration = Duration::from_secs(60);
/// How long the end of the program waits for the trash.
const PATIENCE: Duration = Duration::from_secs(5);
/// Files on their way to the trash; more wait with us.
const ON_THE_WAY: usize = 64;

/// The system's trash.
#[cfg(feature = "window")]
pub fn system_trash() -> Trash {
    Arc::new(|path| {
        #[cfg_attr(not(target_os = "macos"), expect(unused_mut, reason = "changed on macOS only"))]
        let mut trash = trash::TrashContext::new();
        #[cfg(target_os = "macos")]
        {
            use trash::macos::{DeleteMethod, TrashContextExtMacos};
            // The other way scripts the Finder, which asks the person for permission.
            trash.set_delete_method(DeleteMethod::NsFileManager);
        }
        trash.delete(path).map_err(|error| error.to_string())
    })
}

/// A record that stays, and the sentence why.
type Refused = (Arc<Record>, String);

/// What is deleted and not yet in the trash.
pub(super) struct Discards {
    /// Oldest first, with the time at which they go.
    held: Vec<(Arc<Record>, Instant)>,
    /// `None` when flushed.
    on_the_way: Option<Sender<Arc<Record>>>,
    refused: Receiver<Refused>,
}

impl Discards {
    pub(super) fn start(trash: Trash, wake: Wake) -> Self {
        let (on_the_way, arriving) = bounded::<Arc<Record>>(ON_THE_WAY);
        let (sender, refused) = bounded(ON_THE_WAY);
        let started = thread::Builder::new().name("trash".into()).spawn(move || {
            for record in arriving {
                if let Err(reason) = trash(&record.path) {
                    let sentence = format!("{} was not deleted: {reason}", record.path.display());
                    log::warn!("{sentence}");
                    // Nobody listens at the program's end, and a full lane means nobody reads.
                    sender.try_send((record, sentence)).ok();
                    wake();
                }
            }
        });
        if let Err(error) = started {
            log::error!("the trash's thread could not start: {error}");
        }
        Self { held: Vec::new(), on_the_way: Some(on_the_way), refused }
    }

    pub(super) fn discard(&mut self, record: Arc<Record>, now: Instant) {
        self.held.push((record, now + UNDO_TIME));
    }

    /// Takes back the last deletion.
    pub(super) fn undo(&mut self) -> Option<Arc<Record>> {
        self.held.pop().map(|(record, _)| record)
    }

    pub(super) fn last(&self, now: Instant) -> Option<(&Arc<Record>, Duration)> {
        self.held.last().map(|(record, due)| (record, due.saturating_duration_since(now)))
    }

    pub(super) fn holds(&self, path: &Path) -> bool {
        self.held.iter().any(|(record, _)| record.path == path)
    }

    /// The file is gone already.
    pub(super) fn forget(&mut self, path: &Path) {
        self.held.retain(|(record, _)| record.path != path);
    }

    /// Sends off what is due; answers with what could not be deleted.
    pub(super) fn tick(&mut self, now: Instant) -> Vec<Refused> {
        let on_the_way = &self.on_the_way;
        self.held.retain(|(record, due)| {
            let sent =
                *due <= now && on_the_way.as_ref().is_some_and(|lane| lane.try_send(record.clone()).is_ok());
            !sent
        });
        self.refused.try_iter().collect()
    }

    /// Sends off everything and waits until it is done, within reason.
    pub(super) fn flush(&mut self) {
        let Some(lane) = self.on_the_way.take() else { return };
        let deadline = Instant::now() + PATIENCE;
        for (record, _) in self.held.drain(..) {
            if lane.send_deadline(record, deadline).is_err() {
                break;
            }
        }
        drop(lane);
        // The thread's end closes its lane; what it still says on the way is of no use now.
        while self.refused.recv_deadline(deadline).is_ok() {}
    }
}
