//! What is known of cards in this process: whoever offers them must not ask a driver, and whoever opens one
//! takes what was measured of it.

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{AdapterReport, Measured, Measurements};

static KNOWN: Mutex<Vec<AdapterReport>> = Mutex::new(Vec::new());
static FOLDER: Mutex<Option<PathBuf>> = Mutex::new(None);
static REMEMBERED: Mutex<Option<Measurements>> = Mutex::new(None);

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Notes the cards that the system lists, in its order.
pub fn know(cards: Vec<AdapterReport>) {
    *lock(&KNOWN) = cards;
}

/// The cards as they were noted last; none before.
pub fn known() -> Vec<AdapterReport> {
    lock(&KNOWN).clone()
}

/// Notes what was measured of cards: whoever opens one goes by it.
pub fn remember(measurements: Measurements) {
    *lock(&REMEMBERED) = Some(measurements);
}

/// What was measured of a card, if it is noted.
pub fn remembered(card: &AdapterReport) -> Option<Measured> {
    lock(&REMEMBERED).as_ref()?.of(card)
}

/// Keeps compiled pipelines in `folder` from now on; nowhere if there is none.
pub fn keep_pipelines_in(folder: Option<PathBuf>) {
    *lock(&FOLDER) = folder;
}

/// Where compiled pipelines are kept.
pub(super) fn pipelines_folder() -> Option<PathBuf> {
    lock(&FOLDER).clone()
}
