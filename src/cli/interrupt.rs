//! Ctrl-C: the first asks the work to end, the second ends the process.

use crate::ops::StopFlag;

/// Raises `stop` at the first Ctrl-C.
pub fn raise_on_ctrl_c(stop: StopFlag) {
    let handler = move || {
        if stop.is_raised() {
            std::process::exit(130);
        }
        stop.raise();
    };
    if let Err(error) = ctrlc::set_handler(handler) {
        log::warn!("Ctrl-C cannot be caught ({error}); it ends the program at once");
    }
}
