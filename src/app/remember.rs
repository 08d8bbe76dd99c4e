//! What is remembered between starts: preferences, the window's place, and the work in progress.

use std::time::{Duration, Instant};

use egui::Context;

use crate::app::Safelight;
use crate::app::services::Task;
use crate::message::JobId;
use crate::preferences::{Memory, WindowPlace};

/// Preferences are written at most this often.
const REMEMBER_EVERY: Duration = Duration::from_secs(2);

/// What was last handed over to be written.
#[derive(Debug)]
pub(super) struct Remembered {
    preferences: Memory,
    at: Instant,
    /// The jobs noted as being in progress.
    under_way: Vec<JobId>,
}

impl Remembered {
    /// As the program found it.
    pub(super) fn new(preferences: Memory) -> Self {
        Self { preferences, at: Instant::now(), under_way: Vec::new() }
    }
}

impl Safelight {
    /// Writes changed preferences, now and then and at the end.
    pub(super) fn remember(&mut self, ctx: &Context, at_once: bool) {
        let rest = REMEMBER_EVERY.saturating_sub(self.remembered.at.elapsed());
        if !at_once && !rest.is_zero() {
            // An idle window draws no frames, and would never write the last change.
            if self.state.remembered() != self.remembered.preferences {
                ctx.request_repaint_after(rest);
            }
            return;
        }
        self.remembered.at = Instant::now();
        let viewport = ctx.input(|input| input.viewport().clone());
        if let Some(inner) = viewport.inner_rect {
            let before = self.state.preferences.window;
            let maximized = viewport.maximized == Some(true);
            let size = [inner.width(), inner.height()];
            self.state.preferences.window = Some(WindowPlace {
                position: viewport.outer_rect.map(|outer| [outer.left(), outer.top()]),
                // The size to which a maximized window returns.
                size: if maximized { before.map_or(size, |place| place.size) } else { size },
                maximized,
                fullscreen: viewport.fullscreen == Some(true),
            });
        }
        let now = self.state.remembered();
        if now != self.remembered.preferences {
            self.services.ask(Task::Remember(Box::new(now.clone())));
            self.remembered.preferences = now;
        }
    }

    /// Notes the running and waiting jobs whenever they change, for a start after a crash.
    pub(super) fn note_under_way(&mut self) {
        let jobs = self.state.queue.under_way();
        if !jobs.clone().map(|job| job.id).eq(self.remembered.under_way.iter().copied()) {
            self.remembered.under_way = jobs.clone().map(|job| job.id).collect();
            let settings = jobs.map(|job| job.settings.clone()).collect();
            self.services.ask(Task::UnderWay(settings));
        }
    }
}
