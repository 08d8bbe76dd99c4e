//! Commands carried out: the one place where what the user asked for changes the state, and becomes
//! requests and tasks.

mod generate;
mod kept;
mod models;
mod phrases;
mod playback;
mod sheet;
mod shown;
mod tray;
pub(in crate::app) mod wanted;

use egui::{Context, ViewportCommand};

use crate::app::Safelight;
use crate::app::command::{Act, Command};
use crate::app::i18n::Words;
use crate::app::services::{KeptRuns, Task};
use crate::app::state::queue::Wanted;
use crate::app::state::shown::Shown;
use crate::app::state::{Overlay, concepts, examples, panels};
use crate::app::theme;
use crate::message::{Origin, Request};

impl Safelight {
    /// Carries out a command.
    pub(in crate::app) fn execute(&mut self, ctx: &Context, command: Command) {
        match command {
            Command::Do(act) => self.act(ctx, act),
            Command::ShowStep { job, step } => {
                self.state.playing = None;
                self.show(Shown::Generation { job, step });
            }
            Command::ShowRecord(path) => {
                self.state.compare = None;
                self.show_record(path);
            }
            Command::CompareWith(path) => self.compare_with(path),
            Command::EndCompare => self.state.compare = None,
            Command::DeleteRecord(path) => self.delete(path),
            Command::Unqueue(job) => self.state.queue.unqueue(job),
            Command::Requeue { job, to } => self.state.queue.requeue(job, to),
            Command::Open(source) => self.open(source),
            Command::Models(asked) => self.execute_on_models(ctx, asked),
            Command::Phrases(asked) => self.execute_on_phrases(asked),
            Command::Tray(asked) => self.execute_on_tray(asked),
            Command::Compute(compute) => {
                self.state.compute.asked = Some(compute.clone());
                self.send(Request::Compute(compute));
            }
            Command::Steer(guidance) => self.steer(guidance),
            Command::Bend(curve) => self.bend(curve),
            Command::LookAt(spot) => self.state.lens.chosen = Some(spot),
            Command::AddUpSteps(together) => self.state.lens.together = together,
            Command::DevelopExample(number) => self.generate_example(ctx, number),
            Command::Set(change) => self.state.draft.set(&change),
            Command::SetCount(count) => self.state.draft.count = count,
            Command::SetPreviews(previews) => self.state.draft.previews = previews,
            Command::RecallOlder => self.state.draft.recall_older(),
            Command::RecallNewer => self.state.draft.recall_newer(),
            Command::Search(search) => self.state.library.search = search,
            Command::MoveWipe(wipe) => {
                if let Some(compare) = &mut self.state.compare {
                    compare.wipe = wipe;
                }
            }
            Command::SetPanelWidth { panel, width } => {
                panels::set_width(&mut self.state.preferences, panel, width);
            }
            Command::Dropped(paths) => {
                paths.into_iter().for_each(|path| self.services.ask(Task::Examine(path)))
            }
            Command::PasteFiles { picture } => self.services.ask(Task::Paste { picture }),
            Command::Dismiss(id) => self.state.toasts.dismiss(id),
            Command::Speak(language) => {
                self.words = Words::new(language);
                self.services.ask(Task::Speak(language));
                self.state.preferences.language = Some(language.tag().to_owned());
            }
            Command::Theme(theme) => {
                self.state.preferences.theme = theme;
                ctx.set_theme(theme::preference(theme));
            }
            Command::ReduceMotion(still) => {
                self.state.preferences.reduce_motion = still;
                theme::install(ctx, still);
            }
            Command::Reveal(path) => self.services.ask(Task::Reveal(path)),
            Command::CloseAnyway => self.close_anyway(ctx),
            Command::CloseOverlay => self.state.overlay = Overlay::Nothing,
            of_runs => self.execute_on_runs(ctx, of_runs),
        }
    }

    /// Carries out what is asked of kept runs and sheets.
    fn execute_on_runs(&mut self, ctx: &Context, command: Command) {
        match command {
            Command::ShowNegative(negative) => {
                self.show_negative(&negative);
            }
            Command::WithNegative { negative, act } => self.with_negative(ctx, &negative, act),
            Command::DeleteKept(negative) => self.ask_of_negatives(KeptRuns::Delete(negative)),
            Command::Pin { negative, pinned } => {
                self.ask_of_negatives(KeptRuns::Pin { id: negative, pinned });
            }
            Command::SetBudget(bytes) => {
                self.state.preferences.negatives_budget = Some(bytes);
                self.ask_of_negatives(KeptRuns::Budget(bytes));
            }
            Command::SetSheet(sheet) => self.state.draft.sheet = *sheet,
            Command::MakeSheet => self.make_sheet(ctx),
            Command::Pick { sheet, cell } => self.pick(sheet, cell),
            _ => {}
        }
    }

    /// Does a named act.
    fn act(&mut self, ctx: &Context, act: Act) {
        match act {
            Act::Develop => self.generate(ctx),
            Act::Stop => self.stop(),
            Act::StopAll => {
                self.state.queue.clear();
                self.stop_running();
            }
            Act::ClearQueue => self.state.queue.clear(),
            Act::ContinueQueue => {
                self.state.queue.held = false;
                let follow = self.state.begin_next();
                self.follow(ctx, follow);
            }
            Act::Pause => self.pause(),
            Act::Palette => {
                self.ui_state.palette.clear();
                self.toggle_overlay(Overlay::Palette);
            }
            Act::Settings => self.toggle_overlay(Overlay::Settings),
            Act::OpenModel => {
                if self.state.overlay.is_of_models() {
                    self.state.overlay = Overlay::Nothing;
                }
                self.services.ask(Task::PickModel);
            }
            Act::OpenPicture => self.services.ask(Task::PickPicture),
            Act::OpenFolder => self.services.ask(Task::OpenFolder),
            Act::PickFolder => self.services.ask(Task::PickFolder),
            Act::SaveAgain => self.services.ask(Task::SaveAgain),
            Act::DevelopAgain => {
                let interrupted = std::mem::take(&mut self.state.interrupted);
                self.state.toasts.settle(act);
                let anew = |settings| Wanted::from((settings, Origin::Anew));
                self.begin(ctx, interrupted.into_iter().map(anew).collect());
            }
            Act::RestoreStyle => self.restore_style(),
            Act::NewSeed => self.state.draft.new_seed(),
            Act::LockSeed => self.state.draft.seed_locked = !self.state.draft.seed_locked,
            Act::Restart => self.restart(),
            Act::Quit => ctx.send_viewport_cmd(ViewportCommand::Close),
            Act::ZoomFit | Act::ZoomIn | Act::ZoomOut => self.zoom(act),
            Act::Models
            | Act::ModelsFolders
            | Act::GetModel
            | Act::AddModelsFolder
            | Act::GoOnDownloads
            | Act::UseGot => self.act_on_models(ctx, act),
            Act::PickPhoto | Act::WorkFrom | Act::ShowTray | Act::ClearTray | Act::Undo | Act::Redo => {
                self.act_on_tray(ctx, act);
            }
            act if act.is_of_tray() => self.act_on_tray(ctx, act),
            Act::Sheet | Act::ShowSheet | Act::PickAll | Act::DevelopPicked | Act::SaveSheet => {
                self.act_on_sheet(ctx, act);
            }
            Act::Negatives
            | Act::Branch
            | Act::EndBranch
            | Act::GoOn
            | Act::CompareParent
            | Act::DecodeAll
            | Act::DeleteNegative => self.act_on_run(ctx, act),
            _ => self.act_on_parts(ctx, act),
        }
    }

    /// Shows or hides a part of the window, or leads to a field; all else is for what is shown.
    fn act_on_parts(&mut self, ctx: &Context, act: Act) {
        match act {
            Act::Controls => panels::toggle(&mut self.state.preferences, panels::CONTROLS),
            Act::More => panels::toggle(&mut self.state.preferences, panels::MORE),
            Act::Curve => panels::toggle(&mut self.state.preferences, panels::CURVE),
            Act::Lens => {
                self.state.lens.toggle();
                self.send(Request::Look { on: self.state.lens.on });
            }
            Act::Negative => {
                self.state.negative_open = !self.state.negative_open;
                self.ui_state.focus = Some(if self.state.negative_open { act } else { Act::FocusPrompt });
            }
            Act::FocusPrompt => self.ui_state.focus = Some(act),
            Act::FocusSearch => {
                self.show_gallery(ctx);
                self.ui_state.focus = Some(act);
            }
            Act::Gallery => self.toggle_gallery(ctx),
            Act::Surprise => {
                let concepts = self.state.model.info.as_ref().map_or(&[][..], |info| &info.concepts);
                if let Some(prompt) = concepts::surprise(concepts) {
                    self.state.draft.settings.prompt = prompt;
                    self.state.draft.touched = true;
                }
            }
            _ => self.act_on_shown(ctx, act),
        }
    }

    fn ask_of_negatives(&mut self, asked: KeptRuns) {
        self.services.ask(Task::Negatives(asked));
    }

    /// Makes an example of the first screen: its words, and its seed unless the draft's is locked.
    fn generate_example(&mut self, ctx: &Context, number: usize) {
        let Some(example) = examples::all().get(number) else { return };
        let draft = &mut self.state.draft;
        draft.settings.prompt = example.prompt.to_owned();
        draft.touched = true;
        if !draft.seed_locked {
            draft.set_seed(example.seed);
        }
        self.generate(ctx);
    }

    fn toggle_overlay(&mut self, over: Overlay) {
        self.state.overlay = if self.state.overlay == over { Overlay::Nothing } else { over };
    }

    fn toggle_gallery(&mut self, ctx: &Context) {
        if self.is_narrow(ctx) {
            self.ui_state.gallery.peek = !self.ui_state.gallery.peek;
        } else {
            panels::toggle(&mut self.state.preferences, panels::GALLERY);
        }
    }

    pub(in crate::app) fn show_gallery(&mut self, ctx: &Context) {
        if self.is_narrow(ctx) {
            self.ui_state.gallery.peek = true;
        } else {
            self.state.preferences.folds.insert(panels::GALLERY.to_owned(), true);
        }
    }

    fn zoom(&mut self, act: Act) {
        let canvas = &mut self.ui_state.canvas;
        let now = canvas.zoom.unwrap_or(1.0);
        match act {
            Act::ZoomIn => canvas.zoom = Some((now * 1.5).min(32.0)),
            Act::ZoomOut => canvas.zoom = Some((now / 1.5).max(0.1)),
            _ => canvas.fit(),
        }
    }
}
