//! Messages from the inference thread, the graphics card and the services, applied to the state.

use std::time::{Duration, Instant};

use egui::{Context, ViewportCommand, ViewportId};

use crate::app::Safelight;
use crate::app::state::Consequence;
use crate::gpu::Trouble;
use crate::message::Report;

/// Time for events before a frame is drawn; the rest waits for the next frame.
const DRAIN_MAX: Duration = Duration::from_millis(4);

impl Safelight {
    /// Drains all channels, for at most a few milliseconds.
    pub(super) fn drain(&mut self, ctx: &Context) {
        let deadline = Instant::now() + DRAIN_MAX;
        let events = self.engine.drain_events(deadline);
        // Time was up before the channel was empty: the rest in the next frame.
        if !events.is_empty() && Instant::now() >= deadline {
            ctx.request_repaint();
        }
        for event in events {
            let follow = self.state.apply(event);
            self.follow(ctx, follow);
        }
        for preview in self.engine.drain_previews() {
            self.state.preview(preview);
        }
        if self.engine.is_gone() && self.state.dead.is_none() {
            let follow = self.state.died(Report::new("engine-gone", ""));
            self.follow(ctx, follow);
        }
        while let Ok(trouble) = self.graphics.try_recv() {
            self.heed(ctx, trouble);
        }
        for answer in self.services.answers() {
            let follow = self.state.answer(answer);
            self.follow(ctx, follow);
        }
        self.go_on(ctx);
        self.act_on_wanted(ctx);
        if let Some(request) = self.state.want_strip() {
            self.send(request);
        }
        if let Some(request) = self.state.want_heat() {
            self.send(request);
        }
    }

    fn heed(&mut self, ctx: &Context, trouble: Trouble) {
        match trouble {
            Trouble::Lost(details) => {
                self.graphics = crossbeam_channel::never();
                self.card_lost(ctx, details);
            }
            Trouble::Busy => {
                self.unsized_yet = true;
                ctx.request_repaint();
            }
            // Once is enough: what fails tends to fail in each frame.
            Trouble::Error(details) if !std::mem::replace(&mut self.complained, true) => {
                self.state.toasts.error(Report::new("graphics-failed", details), None);
            }
            Trouble::Error(_) => {}
        }
    }

    /// Carries out what follows from an event.
    pub(super) fn follow(&mut self, ctx: &Context, consequences: Vec<Consequence>) {
        for consequence in consequences {
            match consequence {
                Consequence::Send(request) => self.send(*request),
                Consequence::Ask(task) => self.services.ask(task),
                Consequence::Announce(said) => self.ui_state.canvas.announced = said.text(&self.words),
                Consequence::Notify(said) => self.notify(ctx, &said),
                Consequence::Front => {
                    ctx.send_viewport_cmd_to(ViewportId::ROOT, ViewportCommand::Minimized(false));
                    ctx.send_viewport_cmd_to(ViewportId::ROOT, ViewportCommand::Focus);
                }
            }
        }
    }
}
