//! Graphics cards for the command line: a child asks the system's drivers first, since one may crash while it
//! lists its cards, and what it found out is kept for the starts to come.
//!
//! Invariant: nobody here asks a driver before [`prepare`] has run, and nothing asks for a card that nobody named.

use std::sync::Once;

use crate::engine::cards;
use crate::gpu::{self, AdapterReport, CardError};
use crate::ops::DeviceChoice;
use crate::places::Places;

static PREPARED: Once = Once::new();

/// Leaves drivers alone that crash, once a process.
pub fn prepare() {
    PREPARED.call_once(|| match std::env::current_exe() {
        Ok(program) => cards::prepare(&program, Places::of_user().cards.as_deref()),
        Err(error) => log::info!("drivers are asked without a child: {error}"),
    });
}

/// The same if a card was chosen.
pub fn prepare_for(choice: DeviceChoice) {
    if matches!(choice, DeviceChoice::Wgpu(_)) {
        prepare();
    }
}

/// The cards here, hardware first.
///
/// # Errors
/// If `SAFELIGHT_BACKEND` names no interface.
pub fn list() -> Result<Vec<AdapterReport>, CardError> {
    prepare();
    gpu::list()
}
