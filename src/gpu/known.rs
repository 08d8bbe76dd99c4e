//! The cards that are known in this process: whoever offers them must not ask a driver.

use std::sync::{Mutex, PoisonError};

use super::AdapterReport;

static KNOWN: Mutex<Vec<AdapterReport>> = Mutex::new(Vec::new());

/// Notes the cards that the system lists, in its order.
pub fn know(cards: Vec<AdapterReport>) {
    *KNOWN.lock().unwrap_or_else(PoisonError::into_inner) = cards;
}

/// The cards as they were noted last; none before.
pub fn known() -> Vec<AdapterReport> {
    KNOWN.lock().unwrap_or_else(PoisonError::into_inner).clone()
}
