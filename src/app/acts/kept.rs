//! Kept runs as the user handles them: shown, gone on with, branched off from, compared, pinned and deleted.

use egui::Context;

use crate::app::Safelight;
use crate::app::command::Act;
use crate::app::i18n::Message;
use crate::app::services::{KeptRuns, Task};
use crate::app::state::generation::Strip;
use crate::app::state::shown::{Beside, Compare, Shown};
use crate::app::ui::gallery_state::Tab;
use crate::message::{JobId, Request};
use crate::settings::PreviewMode;

impl Safelight {
    /// Does an act on the run on the canvas.
    pub(in crate::app) fn act_on_run(&mut self, ctx: &Context, act: Act) {
        match act {
            Act::Negatives => {
                self.show_gallery(ctx);
                self.ui_state.gallery.tab = Tab::Negatives;
                self.services.ask(Task::Negatives(KeptRuns::List));
            }
            Act::Branch => self.branch(),
            Act::EndBranch => self.state.draft.branch = None,
            Act::GoOn => match self.state.going_on() {
                Some(run) => self.begin(ctx, vec![run]),
                None => self.state.toasts.notice(Message::Key("nothing-to-go-on"), None),
            },
            Act::CompareParent => self.compare_parent(),
            Act::DecodeAll => self.decode_all(),
            Act::DeleteNegative => {
                if let Some(negative) = self.state.orphan.take() {
                    self.state.toasts.settle(act);
                    self.services.ask(Task::Negatives(KeptRuns::Delete(negative)));
                }
            }
            _ => {}
        }
    }

    /// Shows a kept run, opened again if need be.
    pub(in crate::app) fn show_negative(&mut self, negative: &str) -> Option<JobId> {
        let job = self.reopen(negative)?;
        self.state.compare = None;
        self.show(Shown::Generation { job, step: None });
        Some(job)
    }

    fn reopen(&mut self, negative: &str) -> Option<JobId> {
        let (job, requests) = self.state.reopen(negative)?;
        requests.into_iter().for_each(|request| self.send(request));
        Some(job)
    }

    /// Does an act on a kept run.
    pub(in crate::app) fn with_negative(&mut self, ctx: &Context, negative: &str, act: Act) {
        if self.show_negative(negative).is_some() {
            self.act_on_run(ctx, act);
            if act == Act::UseSettings {
                self.act_on_shown(ctx, act);
            }
        }
    }

    /// The next picture begins at the step on the canvas.
    fn branch(&mut self) {
        if self.state.branch_here() {
            self.ui_state.focus = Some(Act::FocusPrompt);
        } else {
            self.state.toasts.notice(Message::Key("nothing-to-branch"), None);
        }
    }

    /// Compares the run on the canvas with the one that it branched off from.
    fn compare_parent(&mut self) {
        let parent = self.state.generation().and_then(|generation| self.state.parent_of(generation));
        let Some(parent) = parent else {
            self.state.toasts.notice(Message::Key("no-parent"), None);
            return;
        };
        let Some(job) = self.reopen(&parent) else { return };
        let generation = self.state.queue.generation(job);
        if let Some(path) = generation.and_then(|generation| generation.saved.clone()) {
            self.want(&path);
        } else if generation.is_some_and(|generation| generation.newest().is_none()) {
            self.send(Request::Strip { job, mode: PreviewMode::Fast });
        }
        self.state.queue.touch(job);
        self.state.compare = Some(Compare { with: Beside::Generation(job), wipe: 0.5 });
    }

    /// Has every step of the run on the canvas decoded in full.
    fn decode_all(&mut self) {
        let Shown::Generation { job, .. } = self.state.shown else { return };
        let Some(generation) = self.state.queue.generation_mut(job).filter(|it| it.done > 0) else { return };
        if generation.stage.is_open() {
            self.state.toasts.notice(Message::Key("strip-is-coming"), None);
            return;
        }
        generation.strip = Strip::Asked;
        self.send(Request::Strip { job, mode: PreviewMode::Full });
    }
}
