//! The library of models as the user handles it: its dialogs, what is chosen in them, and downloads.

use std::path::PathBuf;

use crate::app::Safelight;
use crate::app::command::Act;
use crate::app::command::models::OfModels;
use crate::app::services::Task;
use crate::app::services::models::OfModels as Asked;
use crate::app::state::models::Asked as Found;
use crate::app::state::{Consequence, Overlay};
use crate::library::{Entry, Sort};
use crate::message::ModelSource;

impl Safelight {
    /// Does a named act of the library.
    pub(super) fn act_on_models(&mut self, ctx: &egui::Context, act: Act) {
        match act {
            Act::Models => {
                self.toggle_overlay(Overlay::Models);
                // The list tells of it, too.
                self.state.toasts.settle(Act::UseGot);
            }
            Act::ModelsFolders => self.turn_to(Overlay::ModelsFolders),
            Act::GetModel => {
                // What was found for somebody who has left the page is looked up again.
                if !matches!(self.state.models.asked, Found::Looking { .. }) {
                    self.state.models.asked = Found::Nothing;
                }
                self.turn_to(Overlay::GetModel);
            }
            Act::AddModelsFolder => {
                self.turn_to(Overlay::ModelsFolders);
                self.services.ask(Task::PickModelsFolder);
            }
            Act::GoOnDownloads => {
                let follow = self.state.go_on_with_downloads();
                self.follow(ctx, follow);
            }
            Act::UseGot => {
                if let Some(path) = self.state.models.got.clone() {
                    self.use_file(path);
                }
            }
            _ => {}
        }
    }

    fn turn_to(&mut self, page: Overlay) {
        self.state.overlay = page;
        self.state.models.trouble = None;
    }

    /// Carries out what is asked of the library.
    pub(super) fn execute_on_models(&mut self, ctx: &egui::Context, asked: OfModels) {
        self.state.models.trouble = None;
        let follow: Vec<Consequence> = match asked {
            OfModels::Use(path) => {
                self.use_file(path);
                Vec::new()
            }
            OfModels::Hash(path) => self.state.find_hash(&path).into_iter().collect(),
            OfModels::RemoveFolder(path) => {
                vec![Consequence::Ask(Task::Models(Asked::RemoveFolder(path)))]
            }
            OfModels::Plan(text) => self.state.plan_download(&text),
            OfModels::ForgetPlan => self.state.forget_plan(),
            OfModels::Download => {
                self.state.overlay = Overlay::Models;
                self.state.download()
            }
            OfModels::Pause(id) => self.state.pause_download(id),
            OfModels::GoOn(id) => self.state.go_on_with_download(id),
            OfModels::GiveUp(id) => self.state.give_up_download(id),
        };
        self.follow(ctx, follow);
    }

    /// Opens a file, or lays it over the open model, as if it were dropped on the window.
    fn use_file(&mut self, path: PathBuf) {
        self.state.used(&path);
        if self.state.overlay.is_of_models() {
            self.state.overlay = Overlay::Nothing;
        }
        match self.state.models.entry(&path).map(Entry::sort) {
            Some(Sort::Model) => self.open(ModelSource::file(path)),
            _ => self.services.ask(Task::Examine(path)),
        }
    }

    /// Has the list kept up to date while it is looked at.
    pub(in crate::app) fn watch_models(&mut self) {
        let shown = self.state.overlay.is_of_models();
        if shown != self.state.models.watched {
            self.state.models.watched = shown;
            self.services.ask(Task::Models(Asked::Watch(shown)));
        }
    }
}
