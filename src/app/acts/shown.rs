//! What the canvas shows, and acts on it: comparing, deleting, saving, exporting.

use std::path::{Path, PathBuf};

use egui::Context;

use crate::app::Safelight;
use crate::app::acts::wanted::Wanted;
use crate::app::command::Act;
use crate::app::i18n::Message;
use crate::app::services::{Animation, Task};
use crate::app::state::generation::{Generation, Strip};
use crate::app::state::shown::{Beside, Compare, Shown};
use crate::message::{JobId, Request};
use crate::settings::PreviewMode;

impl Safelight {
    /// Does an act on the picture on the canvas.
    pub(in crate::app) fn act_on_shown(&mut self, ctx: &Context, act: Act) {
        match act {
            Act::SaveAs | Act::Copy => self.act_on_pixels(ctx, act),
            Act::Reveal => {
                if let Some(path) = self.state.shown_path().map(ToOwned::to_owned) {
                    self.services.ask(Task::Reveal(path));
                }
            }
            Act::UseSettings => {
                self.state.use_shown_settings();
                let follow = self.state.want_source();
                self.follow(ctx, follow.into_iter().collect());
                self.ui_state.focus = Some(Act::FocusPrompt);
            }
            Act::Compare => self.toggle_compare(),
            Act::Delete => {
                if let Some(path) = self.state.shown_path().map(ToOwned::to_owned) {
                    self.delete(path);
                }
            }
            Act::UndoDelete if !self.state.deleted.is_empty() => self.services.ask(Task::Untrash),
            Act::RedoDelete => {
                if let Some(path) = self.state.undeleted.last().cloned() {
                    self.delete(path);
                }
            }
            Act::ExportGif => self.export(Animation::Gif),
            Act::ExportApng => self.export(Animation::Apng),
            Act::ExportStrip => self.export(Animation::Strip),
            Act::Play => self.play(ctx),
            Act::PreviousStep => self.walk(-1),
            Act::NextStep => self.walk(1),
            Act::DecodeStep => self.decode_step(),
            _ => {}
        }
    }

    /// Saves or copies what is shown; a step's picture that only the graphics card has is decoded first.
    fn act_on_pixels(&mut self, ctx: &Context, act: Act) {
        let Some(picture) = self.state.picture() else { return };
        match picture.whole().cloned() {
            Some(frame) if act == Act::SaveAs => {
                let made = self.state.shown_made();
                let name = self.shown_name();
                self.services.ask(Task::SaveAs { frame, made, name });
            }
            Some(frame) => {
                let size = [frame.width, frame.height];
                ctx.copy_image(egui::ColorImage::from_rgb(size, &frame.rgb));
                self.state.toasts.notice(Message::Key("copied"), None);
            }
            None => {
                let Shown::Generation { job, step } = self.state.shown else { return };
                let newest = || self.state.generation().and_then(Generation::newest);
                if let Some(step) = step.or_else(newest) {
                    self.decode(job, step);
                    self.wanted = Some(Wanted::Step { job, step, act });
                }
            }
        }
    }

    /// Does what waited for pixels, once they are here. What was asked of a picture that is no longer on the
    /// canvas is not done.
    pub(in crate::app) fn act_on_wanted(&mut self, ctx: &Context) {
        let Some(wanted) = self.wanted else { return };
        let generation = match wanted {
            Wanted::Sheet { sheet, job } if self.state.shown == Shown::Sheet(sheet) => {
                self.state.queue.generation(job)
            }
            wanted => self.state.generation().filter(|it| it.job.id == wanted.job()),
        };
        let Some(generation) = generation else {
            self.wanted = None;
            return;
        };
        match wanted {
            Wanted::Step { step, act, .. } => {
                let view = generation.steps.get(step).filter(|view| !view.decoding);
                let Some(view) = view else { return };
                let is_shown = view.picture.is_some() && view.picture.as_ref() == self.state.picture();
                let is_whole = view.picture.as_ref().is_some_and(|picture| picture.whole().is_some());
                let is_full = view.mode == PreviewMode::Full;
                let (job, step) = (wanted.job(), step);
                self.wanted = None;
                if is_shown && is_whole && act == Act::WorkFrom {
                    if is_full {
                        self.work_from_step(job, step);
                    }
                } else if is_shown && is_whole {
                    self.act_on_pixels(ctx, act);
                }
            }
            Wanted::Animation { animation, .. } if generation.strip != Strip::Asked => {
                let is_whole = generation.is_on_host();
                self.wanted = None;
                if is_whole {
                    self.export(animation);
                }
            }
            Wanted::Sheet { .. } if generation.strip != Strip::Asked => {
                self.wanted = None;
                if generation.picture(None).is_some_and(|picture| picture.whole().is_some()) {
                    self.save_sheet(ctx);
                }
            }
            Wanted::Animation { .. } | Wanted::Sheet { .. } => {}
        }
    }

    /// Puts something else on the canvas.
    pub(in crate::app) fn show(&mut self, shown: Shown) {
        let other = match (&self.state.shown, &shown) {
            (Shown::Generation { job: a, .. }, Shown::Generation { job: b, .. }) => a != b,
            (before, after) => before != after,
        };
        if other {
            self.ui_state.canvas.fit();
            self.ui_state.strip.scroll = None;
            self.state.playing = None;
        }
        if let Shown::Generation { job, .. } = shown {
            self.state.queue.touch(job);
        }
        self.state.shown = shown;
    }

    /// Shows a picture of the gallery; one that was made in this session with its strip.
    pub(in crate::app) fn show_record(&mut self, path: PathBuf) {
        self.want(&path);
        let made_here = self.state.queue.of_file(&path);
        self.show(made_here.map_or(Shown::Record(path), |job| Shown::Generation { job, step: None }));
    }

    /// Requests a kept picture in full, unless it is here.
    pub(in crate::app) fn want(&mut self, path: &Path) {
        match self.state.library.full(path).cloned() {
            Some(picture) => self.state.queue.give_result(path, &picture),
            None => self.services.ask(Task::Read(path.to_owned())),
        }
    }

    /// Compares the picture on the canvas with a kept one; without one on the canvas it is shown.
    pub(in crate::app) fn compare_with(&mut self, path: PathBuf) {
        if self.state.picture().is_none() {
            self.show_record(path);
            return;
        }
        self.want(&path);
        let wipe = self.state.compare.as_ref().map_or(0.5, |compare| compare.wipe);
        self.state.compare = Some(Compare { with: Beside::Record(path), wipe });
    }

    /// Ends a comparison, or begins one with the picture's neighbor in the gallery.
    pub(in crate::app) fn toggle_compare(&mut self) {
        if self.state.compare.take().is_some() {
            return;
        }
        let shown = self.state.shown_path().map(ToOwned::to_owned);
        let other = match &shown {
            Some(path) => self.state.library.neighbor(path),
            None => self.state.library.records.first(),
        };
        match other.map(|record| record.path.clone()) {
            Some(path) => self.compare_with(path),
            None => self.state.toasts.notice(Message::Key("nothing-to-compare"), None),
        }
    }

    /// Moves a picture to the trash; its neighbor takes its place on the canvas.
    pub(in crate::app) fn delete(&mut self, path: PathBuf) {
        if self.state.shown_path() == Some(&path) {
            let next = self.state.library.neighbor(&path).map(|record| record.path.clone());
            self.state.compare = None;
            match next {
                Some(next) => self.show_record(next),
                None => self.show(Shown::Nothing),
            }
        }
        self.services.ask(Task::Trash(path));
    }

    /// Exports the generation on the canvas, else the last one, as an animation.
    pub(in crate::app) fn export(&mut self, animation: Animation) {
        let Some(generation) = self.state.generation().or_else(|| self.state.queue.generations.last()) else {
            return;
        };
        if generation.strip == Strip::Asked {
            self.state.toasts.notice(Message::Key("strip-is-coming"), None);
            return;
        }
        if !generation.is_on_host() {
            let job = generation.job.id;
            if let Some(request) = self.state.want_pixels(job) {
                self.send(request);
                self.wanted = Some(Wanted::Animation { job, animation });
            }
            return;
        }
        let frames = generation.frames();
        if frames.is_empty() {
            return;
        }
        let made = self.state.shown_made();
        let name = self.shown_name();
        self.services.ask(Task::Export { frames, made, animation, name });
    }

    /// A name to offer when something is saved.
    pub(in crate::app) fn shown_name(&self) -> String {
        let stem = self.state.shown_path().and_then(|path| path.file_stem());
        let stem = stem.map(|stem| stem.to_string_lossy().into_owned());
        let settings = self.state.shown_settings();
        let made = settings.map(|settings| crate::picture::stem(&settings.prompt, settings.seed));
        let name = stem.or(made).unwrap_or_else(|| "picture".to_owned());
        match self.state.shown {
            Shown::Generation { step: Some(step), .. } => format!("{name}-step-{}", step + 1),
            _ => name,
        }
    }

    /// Requests a full decode of the step on the canvas.
    pub(in crate::app) fn decode_step(&mut self) {
        if let Shown::Generation { job, step: Some(step) } = self.state.shown {
            self.decode(job, step);
        }
    }

    pub(in crate::app) fn decode(&mut self, job: JobId, step: usize) {
        let view = self.state.queue.generation_mut(job).and_then(|it| it.steps.get_mut(step));
        if let Some(view) = view.filter(|view| !view.decoding) {
            view.decoding = true;
            self.send(Request::Decode { job, step });
        }
    }
}
