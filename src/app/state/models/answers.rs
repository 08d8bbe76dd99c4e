//! What the services say of the library of models, applied to the state, and what the user asks of it.

use std::path::Path;

use crate::app::command::Act;
use crate::app::i18n::Message;
use crate::app::services::Task;
use crate::app::services::models::{Ended, ModelsNews, OfModels};
use crate::app::state::models::Asked;
use crate::app::state::models::transfers::Stage;
use crate::app::state::{Consequence, Overlay, State};
use crate::message::Request;
use crate::transfer::Progress;

fn ask(asked: OfModels) -> Consequence {
    Consequence::Ask(Task::Models(asked))
}

impl State {
    /// Applies news of the library.
    pub(in crate::app) fn models_news(&mut self, news: ModelsNews) -> Vec<Consequence> {
        let models = &mut self.models;
        match news {
            ModelsNews::Listed { entries, folders } => {
                let paths = folders.iter().map(|listed| listed.folder.path.clone()).collect();
                let changed = models.folders != folders;
                (models.entries, models.folders, models.listed) = (entries, folders, true);
                // What a prompt names may lie in a folder that was just added.
                return changed
                    .then_some(Consequence::Send(Box::new(Request::ModelFolders(paths))))
                    .into_iter()
                    .collect();
            }
            ModelsNews::Hashed { entry, sha256 } => {
                models.hashing.retain(|path| *path != entry);
                if let Some(known) = models.entries.iter_mut().find(|known| known.path == entry) {
                    known.sha256 = sha256;
                }
            }
            ModelsNews::Planned { number, found, choices } => {
                let asked = std::mem::take(&mut models.asked);
                models.asked = match (asked, found) {
                    (Asked::Looking { number: present, text }, found) if present == number => match found {
                        Ok(found) => Asked::Found { text, found },
                        Err(report) => Asked::Failed { report, choices },
                    },
                    // An answer that nobody waits for.
                    (asked, _) => asked,
                };
            }
            ModelsNews::Begun { id, plan } => {
                if let Some(transfer) = models.transfers.get_mut(id) {
                    transfer.under_way = plan.under_way();
                    transfer.name.clone_from(&plan.name);
                    transfer.progress.total = plan.bytes();
                    transfer.plan = Some(plan);
                }
            }
            ModelsNews::Progress { id, progress } => {
                if let Some(transfer) = models.transfers.get_mut(id).filter(|it| it.stage == Stage::Running) {
                    let total = progress.total.or(transfer.progress.total);
                    transfer.progress = Progress { total, ..progress };
                }
            }
            ModelsNews::Ended { id, how } => return self.download_ended(id, how),
            ModelsNews::Refused(report) => {
                if self.overlay == Overlay::ModelsFolders {
                    models.trouble = Some(report);
                } else {
                    self.toasts.error(report, None);
                }
            }
        }
        Vec::new()
    }

    fn download_ended(&mut self, id: u64, how: Ended) -> Vec<Consequence> {
        let Some(transfer) = self.models.transfers.get_mut(id) else { return Vec::new() };
        let was_running = transfer.stage == Stage::Running;
        let name = transfer.name.clone();
        let mut follow = Vec::new();
        match how {
            Ended::Got(path) => {
                if let Some(total) = transfer.progress.total {
                    transfer.progress.done = total;
                }
                self.models.transfers.set(id, Stage::Got(path.clone()));
                self.models.got = Some(path);
                let said = Message::With("download-got", name);
                self.toasts.settle(Act::UseGot);
                if !self.overlay.is_of_models() {
                    self.toasts.notice(said.clone(), Some(Act::UseGot));
                }
                follow.extend([Consequence::Announce(said.clone()), Consequence::Notify(said)]);
                if self.models.watched {
                    follow.push(ask(OfModels::Watch(true)));
                }
            }
            Ended::Paused if was_running => {
                self.models.transfers.set(id, Stage::Paused);
            }
            Ended::Failed(report) if was_running => {
                let said = Message::from(report.sentence.clone());
                if !self.overlay.is_of_models() {
                    self.toasts.trouble(said.clone(), report.details.clone(), Some(Act::Models));
                }
                self.models.transfers.set(id, Stage::Failed(report));
                follow.extend([Consequence::Announce(said.clone()), Consequence::Notify(said)]);
            }
            // It was paused meanwhile, and shows so.
            Ended::Paused | Ended::Failed(_) => {}
        }
        follow.extend(self.begin_download());
        follow
    }

    /// Begins the next download that waits, if none runs.
    fn begin_download(&mut self) -> Option<Consequence> {
        let next = self.models.transfers.begin_next()?;
        Some(ask(OfModels::Fetch { id: next.id, text: next.what.clone(), plan: next.plan.clone() }))
    }

    /// Finds out what a download would bring.
    pub(in crate::app) fn plan_download(&mut self, text: &str) -> Vec<Consequence> {
        let text = text.trim();
        if text.is_empty() {
            return self.forget_plan();
        }
        let number = self.models.ask(text);
        vec![ask(OfModels::Plan { number, text: text.to_owned() })]
    }

    /// Leaves what a download would bring.
    pub(in crate::app) fn forget_plan(&mut self) -> Vec<Consequence> {
        let asked = std::mem::take(&mut self.models.asked);
        matches!(asked, Asked::Looking { .. }).then(|| ask(OfModels::ForgetPlan)).into_iter().collect()
    }

    /// Downloads what was found.
    pub(in crate::app) fn download(&mut self) -> Vec<Consequence> {
        let asked = std::mem::take(&mut self.models.asked);
        let Asked::Found { text, found } = asked else { return Vec::new() };
        self.models.transfers.add(text, Box::new(found.plan));
        self.begin_download().into_iter().collect()
    }

    /// Pauses a download; the next one that waits begins.
    pub(in crate::app) fn pause_download(&mut self, id: u64) -> Vec<Consequence> {
        let was_running = self.models.transfers.get(id).is_some_and(|it| it.stage == Stage::Running);
        self.models.transfers.set(id, Stage::Paused);
        let pause = was_running.then(|| ask(OfModels::Pause));
        pause.into_iter().chain(self.begin_download()).collect()
    }

    /// Goes on with a download, or lets it wait for its turn.
    pub(in crate::app) fn go_on_with_download(&mut self, id: u64) -> Vec<Consequence> {
        self.models.transfers.set(id, Stage::Waiting);
        self.toasts.settle(Act::GoOnDownloads);
        self.begin_download().into_iter().collect()
    }

    /// Goes on with all downloads that are paused.
    pub(in crate::app) fn go_on_with_downloads(&mut self) -> Vec<Consequence> {
        self.models.transfers.go_on();
        self.toasts.settle(Act::GoOnDownloads);
        self.begin_download().into_iter().collect()
    }

    /// Gives a download up: what is half-written goes. One that is here only leaves the list.
    pub(in crate::app) fn give_up_download(&mut self, id: u64) -> Vec<Consequence> {
        let Some(transfer) = self.models.transfers.remove(id) else { return Vec::new() };
        if self.models.transfers.list.is_empty() {
            self.toasts.settle(Act::GoOnDownloads);
        }
        let mut follow = Vec::new();
        if transfer.stage == Stage::Running {
            follow.push(ask(OfModels::Pause));
        }
        if !matches!(transfer.stage, Stage::Got(_)) {
            follow.push(ask(OfModels::GiveUp(transfer.under_way)));
        }
        follow.extend(self.begin_download());
        follow
    }

    /// Drops the downloads that have brought this file.
    pub(in crate::app) fn used(&mut self, path: &Path) {
        let brought = |stage: &Stage| matches!(stage, Stage::Got(got) if got == path);
        self.models.transfers.list.retain(|transfer| !brought(&transfer.stage));
        if self.models.got.as_deref() == Some(path) {
            self.models.got = None;
            self.toasts.settle(Act::UseGot);
        }
    }

    /// Finds out the hash of an entry, if nobody does so already.
    pub(in crate::app) fn find_hash(&mut self, path: &Path) -> Option<Consequence> {
        let entry = self.models.entry(path).filter(|entry| entry.sha256.is_none())?;
        let file = entry.facts.hashed_file.clone();
        if self.models.hashing.iter().any(|known| known == path) {
            return None;
        }
        self.models.hashing.push(path.to_owned());
        Some(ask(OfModels::Hash { entry: path.to_owned(), file }))
    }
}
