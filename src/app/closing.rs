//! Closing the window: the question while work is in progress, and the last things written.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use egui::{Context, ViewportCommand};

use crate::app::Safelight;
use crate::app::services::Task;
use crate::app::state::Overlay;

/// Whether the window may close without a question.
#[derive(Debug)]
pub(super) struct Closing {
    /// Raised when the system or the terminal asks the window to close.
    asked_to_end: Arc<AtomicBool>,
    confirmed: bool,
}

impl Closing {
    /// `asked_to_end`: the flag that the system's requests raise.
    pub(super) fn new(asked_to_end: Arc<AtomicBool>) -> Self {
        Self { asked_to_end, confirmed: false }
    }

    fn is_asked_by_system(&self) -> bool {
        self.asked_to_end.load(Ordering::Acquire)
    }
}

impl Safelight {
    /// Closes without a question.
    pub(super) fn close_anyway(&mut self, ctx: &Context) {
        self.closing.confirmed = true;
        self.state.overlay = Overlay::Nothing;
        ctx.send_viewport_cmd(ViewportCommand::Close);
    }

    /// Asks before closing with work in progress, but not at the end of the session.
    pub(super) fn watch_closing(&mut self, ctx: &Context) {
        if self.closing.is_asked_by_system() && !self.closing.confirmed {
            self.closing.confirmed = true;
            ctx.send_viewport_cmd(ViewportCommand::Close);
        }
        if !ctx.input(|input| input.viewport().close_requested()) {
            return;
        }
        let asks = self.state.is_busy() || self.state.unsaved > 0;
        if asks && !self.closing.confirmed {
            ctx.send_viewport_cmd(ViewportCommand::CancelClose);
            self.state.overlay = Overlay::Closing;
        } else {
            // The end of the session is no decision to lose work in progress.
            if !self.closing.is_asked_by_system() {
                self.services.ask(Task::UnderWay(Vec::new()));
            }
            // A download is left where it is: what is here is right at every moment.
            self.state.models.transfers.note();
            self.remember(ctx, true);
            self.engine.stop_loading();
        }
    }
}
