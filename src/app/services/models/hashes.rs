//! The hashes' thread: it reads whole files, one after the other, when somebody wants to know their hashes.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crossbeam_channel::{Receiver, Sender};

use crate::app::services::Answer;
use crate::app::services::channels::Out;
use crate::app::services::models::ModelsNews;
use crate::library::find_hash;

/// Files that may wait.
const WAITING_MAX: usize = 256;

/// An entry, and the file whose hash stands for it.
type Asked = (PathBuf, PathBuf);

/// The way to the thread, which starts with the first file.
pub(super) struct HashThread {
    start: Option<(Option<PathBuf>, Out)>,
    asks: Option<Sender<Asked>>,
    ended: Arc<AtomicBool>,
}

impl HashThread {
    /// `cache`: the folder of kept hashes.
    pub(super) fn new(cache: Option<PathBuf>, out: Out) -> Self {
        Self { start: Some((cache, out)), asks: None, ended: Arc::default() }
    }

    pub(super) fn ask(&mut self, entry: PathBuf, file: PathBuf) {
        if let Some((cache, out)) = self.start.take() {
            let (asks, received) = crossbeam_channel::bounded(WAITING_MAX);
            let ended = self.ended.clone();
            let work = move || run(&received, cache.as_deref(), &out, &ended);
            match std::thread::Builder::new().name("model hashes".to_owned()).spawn(work) {
                Ok(_) => self.asks = Some(asks),
                Err(error) => log::warn!("hashes of models are not found: {error}"),
            }
        }
        if let Some(asks) = &self.asks
            && let Err(error) = asks.try_send((entry, file))
        {
            log::warn!("hashes of models are behind: {error}");
        }
    }
}

impl Drop for HashThread {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Release);
    }
}

fn run(asks: &Receiver<Asked>, cache: Option<&Path>, out: &Out, ended: &AtomicBool) {
    while let Ok((entry, file)) = asks.recv() {
        let sha256 = find_hash(&file, cache, &mut || !ended.load(Ordering::Acquire));
        if ended.load(Ordering::Acquire) {
            return;
        }
        out.send(Answer::Models(ModelsNews::Hashed { entry, sha256 }));
    }
}
