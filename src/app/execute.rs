//! Commands carried out: the one place where what a person asked for becomes requests and tasks.

use egui::{Context, UserAttentionType, ViewportCommand, ViewportId};

use crate::app::command::{Act, Command};
use crate::app::i18n::Words;
use crate::app::services::{Animation, Task};
use crate::app::state::concepts;
use crate::app::state::examples;
use crate::app::state::generation::Strip;
use crate::app::state::memory;
use crate::app::state::toasts::Said;
use crate::app::state::{Compare, Consequence, Over, Shown};
use crate::app::theme;
use crate::app::{Safelight, TITLE};
use crate::message::{Control, ModelSource, Report, Request};

impl Safelight {
    /// Carries out a command.
    pub(super) fn execute(&mut self, ctx: &Context, command: Command) {
        match command {
            Command::Do(act) => self.act(ctx, act),
            Command::ShowStep { job, step } => {
                self.state.playing = None;
                self.show(Shown::Development { job, step });
            }
            Command::ShowRecord(path) => {
                self.state.compare = None;
                self.show_record(path);
            }
            Command::CompareWith(path) => self.compare_with(path),
            Command::EndCompare => self.state.compare = None,
            Command::DeleteRecord(path) => self.delete(path),
            Command::Unqueue(job) => self.state.desk.unqueue(job),
            Command::Requeue { job, to } => self.state.desk.requeue(job, to),
            Command::Open(source) => self.open(source),
            Command::Compute(compute) => {
                self.state.compute.asked = Some(compute.clone());
                self.send(Request::Compute(compute));
            }
            Command::Steer(guidance) => self.steer(guidance),
            Command::DevelopExample(number) => self.develop_example(ctx, number),
            Command::Use(settings) => self.state.use_settings(*settings),
            Command::Dropped(paths) => {
                paths.into_iter().for_each(|path| self.services.ask(Task::Examine(path)))
            }
            Command::PasteFiles { picture } => self.services.ask(Task::Paste { picture }),
            Command::Dismiss(id) => self.state.cards.dismiss(id),
            Command::Speak(language) => {
                self.words = Words::new(language);
                self.services.ask(Task::Speak(language));
                self.state.kept.language = Some(language.tag().to_owned());
            }
            Command::Theme(theme) => {
                self.state.kept.theme = theme;
                ctx.set_theme(memory::preference(theme));
            }
            Command::ReduceMotion(still) => {
                self.state.kept.reduce_motion = still;
                theme::install(ctx, still);
            }
            Command::Reveal(path) => self.services.ask(Task::Reveal(path)),
            Command::CloseAnyway => {
                self.room.may_close = true;
                self.state.over = Over::Nothing;
                ctx.send_viewport_cmd(ViewportCommand::Close);
            }
            Command::KeepWorking => self.state.over = Over::Nothing,
        }
    }

    /// Carries out what follows from an event.
    pub(super) fn follow(&mut self, ctx: &Context, consequences: Vec<Consequence>) {
        for consequence in consequences {
            match consequence {
                Consequence::Send(request) => self.send(request),
                Consequence::Ask(task) => self.services.ask(task),
                Consequence::Announce(said) => self.room.announced = said.text(&self.words),
                Consequence::Notify(said) => self.notify(ctx, &said),
                Consequence::Front => {
                    ctx.send_viewport_cmd_to(ViewportId::ROOT, ViewportCommand::Minimized(false));
                    ctx.send_viewport_cmd_to(ViewportId::ROOT, ViewportCommand::Focus);
                }
            }
        }
    }

    /// Tells a person who looks elsewhere that the work has come to an end.
    fn notify(&mut self, ctx: &Context, said: &Said) {
        let focused = ctx.input(|input| input.viewport().focused).unwrap_or(true);
        if focused || self.state.is_busy() {
            return;
        }
        let attention = ViewportCommand::RequestUserAttention(UserAttentionType::Informational);
        ctx.send_viewport_cmd_to(ViewportId::ROOT, attention);
        let title = format!("{} – {TITLE}", said.text(&self.words));
        ctx.send_viewport_cmd_to(ViewportId::ROOT, ViewportCommand::Title(title));
        self.room.titled = true;
    }

    fn act(&mut self, ctx: &Context, act: Act) {
        match act {
            Act::Develop => self.develop(ctx),
            Act::Stop => self.stop(),
            Act::StopAll => {
                self.state.desk.clear();
                self.stop_running();
            }
            Act::ClearQueue => self.state.desk.clear(),
            Act::ContinueQueue => {
                self.state.desk.held = false;
                let follow = self.state.begin_next();
                self.follow(ctx, follow);
            }
            Act::Pause => self.pause(),
            Act::Palette => {
                self.room.palette.clear();
                self.room.palette_line = 0;
                self.toggle_over(Over::Palette);
            }
            Act::Settings => self.toggle_over(Over::Settings),
            Act::OpenModel => self.services.ask(Task::PickModel),
            Act::OpenPicture => self.services.ask(Task::PickPicture),
            Act::OpenFolder => self.services.ask(Task::OpenFolder),
            Act::PickFolder => self.services.ask(Task::PickFolder),
            Act::SaveAgain => self.services.ask(Task::KeepAgain),
            Act::DevelopAgain => {
                let interrupted = std::mem::take(&mut self.state.interrupted);
                self.state.cards.settle(act);
                self.begin(ctx, interrupted);
            }
            Act::NewSeed => self.state.draft.new_seed(),
            Act::LockSeed => self.state.draft.seed_locked = !self.state.draft.seed_locked,
            Act::Controls => memory::toggle(&mut self.state.kept, memory::CONTROLS),
            Act::More => memory::toggle(&mut self.state.kept, memory::MORE),
            Act::Negative => {
                self.state.negative_open = !self.state.negative_open;
                self.room.focus = Some(if self.state.negative_open { act } else { Act::FocusPrompt });
            }
            Act::FocusPrompt => self.room.focus = Some(act),
            Act::FocusSearch => {
                self.show_gallery(ctx);
                self.room.focus = Some(act);
            }
            Act::Gallery => self.toggle_gallery(ctx),
            Act::Surprise => {
                let concepts = self.state.model.info.as_ref().map_or(&[][..], |info| &info.concepts);
                if let Some(prompt) = concepts::surprise(concepts) {
                    self.state.draft.settings.prompt = prompt;
                    self.state.draft.touched = true;
                }
            }
            Act::Restart => self.restart(),
            Act::Quit => ctx.send_viewport_cmd(ViewportCommand::Close),
            Act::ZoomFit | Act::ZoomIn | Act::ZoomOut => self.zoom(act),
            _ => self.act_on_shown(ctx, act),
        }
    }

    /// Acts on the picture on the tray.
    fn act_on_shown(&mut self, ctx: &Context, act: Act) {
        match act {
            Act::SaveAs => {
                let made = self.state.shown_made();
                let name = self.shown_name();
                if let Some(frame) = self.state.picture().map(|picture| picture.frame.clone()) {
                    self.services.ask(Task::SaveAs { frame, made, name });
                }
            }
            Act::Copy => {
                if let Some(picture) = self.state.picture() {
                    let size = [picture.frame.width, picture.frame.height];
                    ctx.copy_image(egui::ColorImage::from_rgb(size, &picture.frame.rgb));
                    self.state.cards.notice(Said::Key("copied"), None);
                }
            }
            Act::Reveal => {
                if let Some(path) = self.state.shown_path().map(ToOwned::to_owned) {
                    self.services.ask(Task::Reveal(path));
                }
            }
            Act::UseSettings => {
                self.state.use_shown_settings();
                self.room.focus = Some(Act::FocusPrompt);
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
            Act::Play => self.play(ctx),
            Act::PreviousStep => self.walk(-1),
            Act::NextStep => self.walk(1),
            Act::DecodeStep => self.decode_step(),
            _ => {}
        }
    }

    /// Makes an example of the first screen: its words, and its seed unless another is kept.
    fn develop_example(&mut self, ctx: &Context, number: usize) {
        let Some(example) = examples::all().get(number) else { return };
        let draft = &mut self.state.draft;
        draft.settings.prompt = example.prompt.to_owned();
        draft.touched = true;
        if !draft.seed_locked {
            draft.set_seed(example.seed);
        }
        self.develop(ctx);
    }

    fn open(&mut self, source: ModelSource) {
        if self.state.dead.is_some() {
            self.restart();
        }
        self.state.model.failed = None;
        self.send(Request::Open(source));
    }

    fn toggle_over(&mut self, over: Over) {
        self.state.over = if self.state.over == over { Over::Nothing } else { over };
    }

    fn toggle_gallery(&mut self, ctx: &Context) {
        if self.is_narrow(ctx) {
            self.room.peek = !self.room.peek;
        } else {
            memory::toggle(&mut self.state.kept, memory::GALLERY);
        }
    }

    fn show_gallery(&mut self, ctx: &Context) {
        if self.is_narrow(ctx) {
            self.room.peek = true;
        } else {
            self.state.kept.folds.insert(memory::GALLERY.to_owned(), true);
        }
    }

    fn zoom(&mut self, act: Act) {
        let now = self.room.zoom.unwrap_or(1.0);
        match act {
            Act::ZoomIn => self.room.zoom = Some((now * 1.5).min(32.0)),
            Act::ZoomOut => self.room.zoom = Some((now / 1.5).max(0.1)),
            _ => {
                self.room.zoom = None;
                self.room.pan = egui::Vec2::ZERO;
            }
        }
    }

    fn show(&mut self, shown: Shown) {
        let other = match (&self.state.shown, &shown) {
            (Shown::Development { job: a, .. }, Shown::Development { job: b, .. }) => a != b,
            (before, after) => before != after,
        };
        if other {
            self.room.zoom = None;
            self.room.pan = egui::Vec2::ZERO;
            self.room.strip_scroll = None;
            self.state.playing = None;
        }
        if let Shown::Development { job, .. } = shown {
            self.state.desk.touch(job);
        }
        self.state.shown = shown;
    }

    /// Shows a picture of the gallery; one that was made in this session with its strip.
    fn show_record(&mut self, path: std::path::PathBuf) {
        self.want(&path);
        let made_here = self.state.desk.of_file(&path);
        self.show(made_here.map_or(Shown::Record(path), |job| Shown::Development { job, step: None }));
    }

    /// Asks for a kept picture in full, unless it is here.
    fn want(&mut self, path: &std::path::Path) {
        match self.state.shelf.full(path).cloned() {
            Some(picture) => self.state.desk.give_result(path, &picture),
            None => self.services.ask(Task::Read(path.to_owned())),
        }
    }

    fn compare_with(&mut self, path: std::path::PathBuf) {
        if self.state.picture().is_none() {
            self.show_record(path);
            return;
        }
        self.want(&path);
        let wipe = self.state.compare.as_ref().map_or(0.5, |compare| compare.wipe);
        self.state.compare = Some(Compare { with: path, wipe });
    }

    fn toggle_compare(&mut self) {
        if self.state.compare.take().is_some() {
            return;
        }
        let shown = self.state.shown_path().map(ToOwned::to_owned);
        let other = match &shown {
            Some(path) => self.state.shelf.neighbour(path),
            None => self.state.shelf.records.first(),
        };
        match other.map(|record| record.path.clone()) {
            Some(path) => self.compare_with(path),
            None => self.state.cards.notice(Said::Key("nothing-to-compare"), None),
        }
    }

    fn delete(&mut self, path: std::path::PathBuf) {
        if self.state.shown_path() == Some(&path) {
            let next = self.state.shelf.neighbour(&path).map(|record| record.path.clone());
            self.state.compare = None;
            match next {
                Some(next) => self.show_record(next),
                None => self.show(Shown::Nothing),
            }
        }
        self.services.ask(Task::Trash(path));
    }

    fn export(&mut self, animation: Animation) {
        let Some(development) = self.state.development().or_else(|| self.state.desk.developments.last())
        else {
            return;
        };
        if development.strip == Strip::Asked {
            self.state.cards.notice(Said::Key("strip-is-coming"), None);
            return;
        }
        let frames = development.frames();
        if frames.is_empty() {
            return;
        }
        let made = self.state.shown_made();
        let name = self.shown_name();
        self.services.ask(Task::Export { frames, made, animation, name });
    }

    /// A name to offer when something is saved.
    fn shown_name(&self) -> String {
        let stem = self.state.shown_path().and_then(|path| path.file_stem());
        let stem = stem.map(|stem| stem.to_string_lossy().into_owned());
        let settings = self.state.shown_settings();
        let made = settings.map(|settings| crate::picture::stem(&settings.prompt, settings.seed));
        let name = stem.or(made).unwrap_or_else(|| "picture".to_owned());
        match self.state.shown {
            Shown::Development { step: Some(step), .. } => format!("{name}-step-{}", step + 1),
            _ => name,
        }
    }

    fn play(&mut self, ctx: &Context) {
        if self.state.playing.take().is_some() {
            return;
        }
        let Some(development) = self.state.development() else { return };
        let first = development.steps.iter().position(|step| step.picture.is_some());
        self.room.played_at = ctx.input(|input| input.time);
        self.state.playing = first;
    }

    fn walk(&mut self, by: isize) {
        let Some(development) = self.state.development() else { return };
        let job = development.job.id;
        let Shown::Development { step, .. } = self.state.shown else { return };
        let Some(now) = step.or_else(|| development.nearest(development.steps.len())) else { return };
        let to = if by < 0 { development.before(now) } else { development.after(now) };
        let Some(to) = to else { return };
        let step = (!development.is_result(to)).then_some(to);
        self.room.strip_scroll = None;
        self.show(Shown::Development { job, step });
    }

    fn decode_step(&mut self) {
        let Shown::Development { job, step: Some(step) } = self.state.shown else { return };
        let view = self.state.desk.development_mut(job).and_then(|it| it.steps.get_mut(step));
        if let Some(view) = view.filter(|view| !view.decoding) {
            view.decoding = true;
            self.send(Request::Decode { job, step });
        }
    }

    /// Starts the inference thread again, with the model that was open.
    pub(super) fn restart(&mut self) {
        match (self.start)() {
            Ok(engine) => self.engine = engine,
            Err(error) => {
                self.state.died(Report::new("engine-no-thread", error.to_string()));
                return;
            }
        }
        self.state.desk.abandon();
        self.state.dead = None;
        self.state.cards.settle(Act::Restart);
        self.room.announced.clear();
        if self.state.kept.compute.is_some() {
            // The thread starts as the program did; what was chosen since is told again.
            self.send(Request::Compute(self.state.compute.chosen.clone()));
        }
        self.send(Request::Open(self.last_model()));
    }

    /// The model of last time, the starter at first.
    pub(super) fn last_model(&self) -> ModelSource {
        self.state.kept.model.clone().map_or(ModelSource::Starter, Into::into)
    }

    pub(super) fn send(&mut self, request: Request) {
        if let Err(error) = self.engine.request(request) {
            self.lost(error);
        }
    }

    pub(super) fn control(&mut self, control: Control) {
        if let Err(error) = self.engine.control(control) {
            self.lost(error);
        }
    }

    fn lost(&mut self, error: crate::engine::SendError) {
        let report = Report::of(&error);
        match error {
            crate::engine::SendError::Full => self.state.cards.error(report, None),
            crate::engine::SendError::Gone if self.state.dead.is_none() => {
                self.state.died(report);
            }
            crate::engine::SendError::Gone => {}
        }
    }
}
