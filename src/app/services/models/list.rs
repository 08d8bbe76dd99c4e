//! The list's thread: it looks through the folders of models, and again every few seconds while somebody looks at
//! the list.
//!
//! Trap: a folder may lie on a slow drive, so the rest between two looks grows with what a look costs.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, after, never, select};

use crate::app::services::Answer;
use crate::app::services::channels::Out;
use crate::app::services::models::{ListedFolder, ModelsNews};
use crate::library::{Entry, Folder, Hub, Index, ListError, UserLibrary};
use crate::message::Report;
use crate::places::Places;

/// Requests that may wait.
const WAITING_MAX: usize = 64;
/// The least rest between two looks.
const REST_LEAST: Duration = Duration::from_secs(2);
/// The rest is at least so many times what the look took.
const REST_TIMES: u32 = 20;

/// What is asked of the thread.
pub(super) enum Ask {
    /// Look now, and keep looking or not.
    Watch(bool),
    /// The user looks at the window or elsewhere.
    Focus(bool),
    /// Add a folder.
    Add(PathBuf),
    /// Take one away.
    Remove(PathBuf),
}

/// The way to the thread, which starts with the first request that needs it.
pub(super) struct ListThread {
    start: Option<(Places, Hub, Out)>,
    asks: Option<Sender<Ask>>,
    /// Raised when nobody waits for a list any more.
    ended: Arc<AtomicBool>,
}

impl ListThread {
    pub(super) fn new(places: Places, hub: Hub, out: Out) -> Self {
        Self { start: Some((places, hub, out)), asks: None, ended: Arc::default() }
    }

    pub(super) fn ask(&mut self, ask: Ask) {
        let idle = matches!(ask, Ask::Focus(_) | Ask::Watch(false));
        if self.asks.is_none() && !idle {
            self.begin();
        }
        if let Some(asks) = &self.asks
            && let Err(error) = asks.try_send(ask)
        {
            log::warn!("the list of models is behind: {error}");
        }
    }

    fn begin(&mut self) {
        let Some((places, hub, out)) = self.start.take() else { return };
        let (asks, received) = crossbeam_channel::bounded(WAITING_MAX);
        let look = Look {
            places,
            hub,
            out,
            ended: self.ended.clone(),
            index: None,
            last: None,
            watched: false,
            focused: true,
            refused: false,
        };
        match std::thread::Builder::new().name("models".to_owned()).spawn(move || look.run(&received)) {
            Ok(_) => self.asks = Some(asks),
            Err(error) => log::warn!("models are not listed: {error}"),
        }
    }
}

impl Drop for ListThread {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Release);
    }
}

/// The thread's state.
struct Look {
    places: Places,
    hub: Hub,
    out: Out,
    ended: Arc<AtomicBool>,
    index: Option<Index>,
    /// What was told last.
    last: Option<(Vec<Entry>, Vec<ListedFolder>)>,
    watched: bool,
    focused: bool,
    /// Whether it was told that what is remembered cannot be read.
    refused: bool,
}

impl Look {
    fn run(mut self, asks: &Receiver<Ask>) {
        let mut rest = REST_LEAST;
        loop {
            let watching = self.watched && self.focused;
            let timer = if watching { after(rest) } else { never() };
            let look = select! {
                recv(asks) -> ask => match ask {
                    Ok(ask) => self.heed(ask),
                    Err(_) => return,
                },
                recv(timer) -> _ => true,
            };
            if look {
                let began = Instant::now();
                self.look();
                rest = REST_LEAST.max(began.elapsed() * REST_TIMES);
            }
        }
    }

    /// Does what is asked; whether a look follows.
    fn heed(&mut self, ask: Ask) -> bool {
        match ask {
            Ask::Watch(watched) => {
                self.watched = watched;
                watched
            }
            Ask::Focus(focused) => {
                self.focused = focused;
                focused
            }
            Ask::Add(folder) => self.change(|library| library.add_folder(&folder).map(drop)),
            Ask::Remove(folder) => self.change(|library| library.remove_folder(&folder)),
        }
    }

    fn library(&self) -> Result<UserLibrary, ListError> {
        UserLibrary::read(self.places.clone(), self.hub.clone())
    }

    fn change(&self, change: impl FnOnce(&UserLibrary) -> Result<(), ListError>) -> bool {
        let changed = self.library().and_then(|library| change(&library));
        if let Err(error) = &changed {
            self.out.send(Answer::Models(ModelsNews::Refused(Report::of(error))));
        }
        changed.is_ok()
    }

    /// Tells what there is now, if it is not the same as before.
    fn look(&mut self) {
        let library = match self.library() {
            Ok(library) => library,
            Err(error) => {
                // Told once, and the folders that are not remembered are listed all the same.
                if !std::mem::replace(&mut self.refused, true) {
                    self.out.send(Answer::Models(ModelsNews::Refused(Report::of(&error))));
                }
                UserLibrary::without_memory(self.places.clone(), self.hub.clone())
            }
        };
        let index = self.index.get_or_insert_with(|| Index::read(self.places.models_index.clone()));
        let ended = &self.ended;
        let Some(entries) = library.scan(index, &mut || !ended.load(Ordering::Acquire)) else { return };
        let is_there = |folder: Folder| ListedFolder { is_there: folder.path.is_dir(), folder };
        let folders: Vec<ListedFolder> = library.folders.into_iter().map(is_there).collect();
        let now = (entries, folders);
        if self.last.as_ref() != Some(&now) {
            let (entries, folders) = now.clone();
            self.last = Some(now);
            self.out.send(Answer::Models(ModelsNews::Listed { entries, folders }));
        }
    }
}
