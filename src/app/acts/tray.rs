//! The tray as the user handles it: pictures laid on it and lifted off, painted over, given room.

use egui::Context;

use crate::app::Safelight;
use crate::app::acts::wanted::Wanted;
use crate::app::command::Act;
use crate::app::command::tray::{OfTray, Tool};
use crate::app::i18n::Message;
use crate::app::services::Task;
use crate::app::services::photos::{Developed, Wanted as Photo};
use crate::app::state::State;
use crate::app::state::shown::Shown;
use crate::message::JobId;
use crate::settings::{Margins, PreviewMode};
use crate::tray::{Mask, PictureFrom};

impl Safelight {
    /// Does something on the tray.
    pub(in crate::app) fn execute_on_tray(&mut self, asked: OfTray) {
        if let OfTray::MaskFile(path) = asked {
            if let Some(size) = self.state.tray.laid.as_ref().map(|laid| laid.painting.size()) {
                self.services.ask(Task::Mask { path, size });
            }
        } else if self.state.tray.follow(asked) {
            self.state.suit_tray();
        }
    }

    /// Does a named act on the tray.
    pub(in crate::app) fn act_on_tray(&mut self, ctx: &Context, act: Act) {
        let tray = &mut self.state.tray;
        match act {
            Act::PickPhoto => self.services.ask(Task::PickPhoto),
            Act::WorkFrom => self.work_from(),
            Act::ShowTray => match tray.laid {
                Some(_) => self.show(Shown::Tray),
                None => self.services.ask(Task::PickPhoto),
            },
            Act::ClearTray => self.lift(),
            Act::Brush => (tray.tool, tray.brush.erases) = (Tool::Brush, false),
            Act::Eraser => tray.brush.erases = !tray.brush.erases,
            Act::Lasso => {
                let other = if tray.tool == Tool::Lasso { Tool::Brush } else { Tool::Lasso };
                tray.tool = other;
            }
            Act::SmallerBrush => tray.grow(-1.0),
            Act::LargerBrush => tray.grow(1.0),
            Act::PickMask => {
                if let Some(size) = tray.laid.as_ref().map(|laid| laid.painting.size()) {
                    self.services.ask(Task::PickMask(size));
                }
            }
            Act::ClearRoom => self.execute_on_tray(OfTray::Room { margins: Margins::default(), ends: true }),
            Act::FillMask | Act::ClearMask | Act::InvertMask | Act::MaskHoles => self.paint_whole(act),
            Act::Undo => self.undo(ctx),
            Act::Redo if self.state.shown == Shown::Tray && tray.can_redo() => {
                if let Some(laid) = &mut tray.laid {
                    laid.painting.redo();
                    laid.touched();
                }
            }
            Act::Redo => self.act_on_shown(ctx, Act::RedoDelete),
            _ => {}
        }
    }

    fn lift(&mut self) {
        if self.state.lift() {
            self.state.toasts.notice(Message::Key("lifted"), Some(Act::Undo));
        }
    }

    fn paint_whole(&mut self, act: Act) {
        let Some(laid) = &mut self.state.tray.laid else { return };
        match act {
            Act::FillMask => laid.painting.fill(255),
            Act::ClearMask => laid.painting.fill(0),
            Act::InvertMask => laid.painting.invert(),
            _ => match Mask::of_holes(&laid.photo) {
                Some(holes) => laid.painting.replace(&holes),
                None => {
                    self.state.toasts.notice(Message::Key("no-holes"), None);
                    return;
                }
            },
        }
        laid.touched();
    }

    /// Undoes what was done last: strokes while they are in sight, else what was lifted off or deleted.
    fn undo(&mut self, ctx: &Context) {
        let State { tray, shown, deleted, toasts, .. } = &mut self.state;
        if *shown == Shown::Tray
            && let Some(laid) = tray.laid.as_mut().filter(|laid| laid.painting.can_undo())
        {
            laid.painting.undo();
            laid.touched();
        } else if tray.lifted.is_some() && (tray.lifted_last || deleted.is_empty()) {
            toasts.settle(Act::Undo);
            self.state.put_back();
        } else {
            self.act_on_shown(ctx, Act::UndoDelete);
        }
    }

    /// Lays what is on the canvas on the tray: a file by its name, a step as its full decode.
    fn work_from(&mut self) {
        match self.state.shown.clone() {
            Shown::Record(path) => self.services.ask(Task::Photo(Photo::File(path))),
            Shown::Generation { job, step } => {
                let Some(generation) = self.state.queue.generation(job) else { return };
                let is_result = step.is_none_or(|step| generation.is_result(step));
                let result = generation.result.as_ref().filter(|_| is_result);
                match (&generation.saved, result.and_then(|picture| picture.whole())) {
                    (Some(path), Some(_)) => {
                        let path = path.clone();
                        self.services.ask(Task::Photo(Photo::File(path)));
                    }
                    (None, Some(frame)) => {
                        let photo = crate::tray::Photo::from(frame.clone());
                        let from = PictureFrom::Pixels(photo.clone());
                        self.state.lay(Developed { from, photo, mask: None, treatment: None });
                    }
                    (_, None) => {
                        if let Some(step) = step.or_else(|| generation.newest()) {
                            self.work_from_step(job, step);
                        }
                    }
                }
            }
            Shown::Nothing | Shown::Sheet(_) | Shown::Tray => {
                self.state.toasts.notice(Message::Key("nothing-to-work-from"), None);
            }
        }
    }

    /// Lays a step on the tray, once it is decoded in full.
    pub(in crate::app) fn work_from_step(&mut self, job: JobId, step: usize) {
        let Some(generation) = self.state.queue.generation(job) else { return };
        let Some(view) = generation.steps.get(step) else { return };
        let whole = view.picture.as_ref().and_then(|picture| picture.whole());
        match whole.filter(|_| view.mode == PreviewMode::Full) {
            Some(frame) => {
                let photo = crate::tray::Photo::from(frame.clone());
                let from = match &generation.negative {
                    Some(negative) => PictureFrom::Step { negative: negative.clone(), at: step + 1 },
                    None => PictureFrom::Pixels(photo.clone()),
                };
                self.state.lay(Developed { from, photo, mask: None, treatment: None });
            }
            None => {
                self.decode(job, step);
                self.wanted = Some(Wanted::Step { job, step, act: Act::WorkFrom });
            }
        }
    }
}
