//! The services' thread: it owns the gallery and the preferences and does one task after the other.
//!
//! It sleeps until there is something to do: a task, a dialog's outcome, or a wake-up by one of the
//! gallery's own threads. The window is woken only when it has an answer to read.

use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, after, bounded, never, select};
use egui::ColorImage;

use crate::app::services::channels::{Ends, Out};
use crate::app::services::examine::examine;
use crate::app::services::models::{ModelsThreads, OfModels};
use crate::app::services::negatives::NegativesThread;
use crate::app::services::outcome::{DialogOutcome, failed as picture_failed};
use crate::app::services::photos;
use crate::app::services::phrases::PhrasebookDesk;
use crate::app::services::process::OfProcess;
use crate::app::services::thumbnails::ThumbnailRequests;
use crate::app::services::unsaved::{Finished, Saved, Unsaved};

use crate::app::i18n::file_name;
use crate::app::services::{Answer, Task};
use crate::gallery::{Gallery, News, Record, Setup, Thumbnail, Trash};
use crate::library::Hub;
use crate::message::{JobId, Report};
use crate::negative::Store;
use crate::picture::{self, PictureError};
use crate::places::Places;
use crate::preferences::{Instance, Keeper, Left, Session};
use crate::settings::Settings;
use crate::told::Sentence;

/// While a folder is being read, the list so far is sent at most this often.
const LIST_EVERY: Duration = Duration::from_millis(200);
/// A list waits this long for the gallery to see a picture that was just kept.
const SEEN_AFTER: Duration = Duration::from_secs(1);
/// Deleted pictures are moved to the trash this often, for as long as there are any.
const DISCARD_EVERY: Duration = Duration::from_millis(500);
/// Files pasted at once, at most.
const FILES_MAX: usize = 64;
/// Other starts of the program are polled this often.
const CALLS_EVERY: Duration = Duration::from_millis(400);
/// When to check whether the preferences were written.
const WRITTEN_AFTER: Duration = Duration::from_secs(1);

/// The thread's state.
pub(super) struct Worker {
    tasks: Receiver<Task>,
    outcomes: Receiver<DialogOutcome>,
    out: Out,
    places: Places,
    keeper: Keeper,
    trash: Trash,
    /// The gallery's threads wake the worker here.
    poke: Sender<()>,
    poked: Receiver<()>,
    gallery: Option<Gallery>,
    /// Whether the user looks at the window.
    watched: bool,
    requests: ThumbnailRequests,
    unsaved: Unsaved,
    negatives: NegativesThread,
    /// The kept runs, for what pictures began from.
    store: Option<Store>,
    models: ModelsThreads,
    phrasebook: PhrasebookDesk,
    session: Option<Session>,
    instance: Option<Instance>,
    /// The jobs of an earlier session, until the window is told.
    interrupted: Vec<Settings>,
    /// The gallery has changed since the last list.
    changed: bool,
    listed_at: Option<Instant>,
    /// A saved picture that the gallery has yet to see; until when lists wait for it.
    awaited: Option<(PathBuf, Instant)>,
    /// When to ask the keeper for errors.
    ask_keeper: Option<Instant>,
}

impl Worker {
    pub(super) fn new(
        places: Places,
        keeper: Keeper,
        trash: Trash,
        (process, negatives, hub): (OfProcess, Option<Store>, Hub),
        ends: Ends,
    ) -> Self {
        let Ends { tasks, outcomes, out } = ends;
        let OfProcess { session, left, instance, .. } = process;
        let Left { pictures, under_way } = left;
        let unsaved = Unsaved::new(session.as_ref().map(Session::pictures), pictures);
        let store = negatives.clone();
        let negatives = NegativesThread::new(negatives, out.clone());
        let models = ModelsThreads::new(places.clone(), hub, out.clone());
        let phrasebook = PhrasebookDesk::new(&places, out.clone());
        // Capacity 1: wake-ups coalesce.
        let (poke, poked) = bounded(1);
        Self {
            tasks,
            outcomes,
            out,
            places,
            keeper,
            trash,
            poke,
            poked,
            gallery: None,
            watched: true,
            requests: ThumbnailRequests::default(),
            unsaved,
            negatives,
            store,
            models,
            phrasebook,
            session,
            instance,
            interrupted: under_way,
            changed: false,
            listed_at: None,
            awaited: None,
            ask_keeper: None,
        }
    }

    /// Works until the window is gone and all its tasks are done.
    pub(super) fn run(mut self) {
        let mut outcomes = self.outcomes.clone();
        loop {
            let timer = self.due().map_or_else(never, after);
            select! {
                recv(self.tasks) -> task => match task {
                    Ok(task) => self.guarded(|worker| worker.carry_out(task)),
                    Err(_) => break,
                },
                recv(outcomes) -> outcome => match outcome {
                    Ok(outcome) => self.guarded(|worker| worker.follow(outcome)),
                    Err(_) => outcomes = never(),
                },
                recv(self.poked) -> _ => {}
                recv(timer) -> _ => {}
            }
            self.guarded(Self::look);
            if self.tasks.is_empty() {
                // Should the window hold tasks for which there was no room, it hands them over now.
                self.out.made_room();
            }
        }
        for outcome in self.outcomes.clone().try_iter() {
            self.guarded(|worker| worker.follow(outcome));
        }
        let folder = self.folder();
        if let (_, Some(error)) = self.unsaved.try_again(&folder) {
            log::error!("{} pictures could not be kept: {error}", self.unsaved.len());
        }
        // The gallery and the keeper finish what they have begun when they are dropped.
    }

    /// Runs `work`; a panic over a strange file costs that task alone.
    fn guarded(&mut self, work: impl FnOnce(&mut Self)) {
        let outcome = std::panic::catch_unwind(AssertUnwindSafe(|| work(self)));
        if outcome.is_err() {
            self.out.send(Answer::failed("error-file-task", ""));
        }
    }

    /// How long to sleep at most; forever if nothing is due.
    fn due(&self) -> Option<Duration> {
        let now = Instant::now();
        let list = self.changed.then(|| self.list_from(now));
        let discard = self.gallery.as_ref().and_then(|gallery| gallery.undoable(now));
        let discard = discard.map(|_| now + DISCARD_EVERY);
        let calls = self.instance.as_ref().map(|_| now + CALLS_EVERY);
        let first = [list, discard, self.ask_keeper, calls].into_iter().flatten().min()?;
        Some(first.saturating_duration_since(now))
    }

    /// When the next list may be sent.
    fn list_from(&self, now: Instant) -> Instant {
        let rested = self.listed_at.map_or(now, |at| at + LIST_EVERY);
        let unseen = |path: &Path| self.gallery.as_ref().is_some_and(|it| it.find(path).is_none());
        match &self.awaited {
            // Without it the list would take the picture away from the window again.
            Some((path, until)) if unseen(path) => rested.max(*until),
            _ => rested,
        }
    }

    fn carry_out(&mut self, task: Task) {
        match task {
            Task::List { folder } => self.list(folder),
            Task::Thumbnail(path) => self.requests.add(path),
            Task::Read(path) => self.out.send(match picture::open::open(&path) {
                Ok(frame) => Answer::Read { path, frame },
                Err(error) => picture_failed(&error),
            }),
            Task::Keep { job, frame, made } => self.keep(Finished { job, frame, made }),
            Task::SaveAgain => self.try_again(),
            Task::Negatives(asked) => self.negatives.ask(asked),
            Task::Models(asked) => self.models.ask(asked),
            Task::Phrasebook(asked) => self.phrasebook.write(&asked),
            Task::UnderWay(under_way) => {
                let noted = self.session.as_ref().map(|session| session.note(&under_way));
                if let Some(Err(error)) = noted {
                    log::warn!("what is being made is not noted: {error}");
                }
            }
            Task::Examine(path) => self.out.send(examine(path)),
            Task::Paste { picture } => self.paste(picture),
            Task::Photo(wanted) => {
                photos::read(wanted, self.store.as_ref())
                    .into_iter()
                    .for_each(|answer| self.out.send(answer));
            }
            Task::Mask { path, size } => self.out.send(photos::read_mask(path, size)),
            Task::Trash(path) => self.discard(path),
            Task::Untrash => self.undo(),
            Task::Reveal(path) => {
                let there = path.ancestors().find(|above| above.exists()).unwrap_or(&path).to_owned();
                self.show(there, |path| opener::reveal(path));
            }
            Task::OpenFolder => {
                let folder = self.folder();
                match std::fs::create_dir_all(&folder) {
                    Ok(()) => self.show(folder, |path| opener::open(path)),
                    Err(error) => self.out.send(not_shown(&folder, &error.to_string())),
                }
            }
            Task::Remember(memory) => {
                self.keeper.remember(&memory);
                self.ask_keeper = Some(Instant::now() + WRITTEN_AFTER);
            }
            Task::Watch(watched) => {
                self.watched = watched;
                self.models.focus(watched);
                if watched {
                    self.phrasebook.read();
                }
                if let Some(gallery) = &self.gallery {
                    gallery.watch(watched);
                }
            }
            // The front end's own.
            Task::SaveAs { .. }
            | Task::Export { .. }
            | Task::PickModel
            | Task::PickPicture
            | Task::PickPhoto
            | Task::PickMask(_)
            | Task::PickFolder
            | Task::PickModelsFolder
            | Task::Speak(_) => {}
        }
    }

    /// Examines the files on the clipboard; where there are none, a picture that was pasted goes on the tray.
    fn paste(&self, picture: Option<Arc<ColorImage>>) {
        let files = arboard::Clipboard::new().and_then(|mut clipboard| clipboard.get().file_list());
        match files {
            Ok(files) if !files.is_empty() => {
                files.into_iter().take(FILES_MAX).for_each(|path| self.out.send(examine(path)));
            }
            _ => {
                if let Some(picture) = picture {
                    let read = photos::read(photos::Wanted::Pasted(picture), None);
                    read.into_iter().for_each(|answer| self.out.send(answer));
                }
            }
        }
    }

    fn follow(&mut self, outcome: DialogOutcome) {
        match outcome {
            DialogOutcome::Write { content, path, force, sentence } => {
                let written = content.write(&path, force);
                if let (Ok(path), Some(gallery)) = (&written, &self.gallery) {
                    gallery.saved(path.clone());
                }
                self.out.send(match (written, sentence) {
                    (Ok(path), None) => Answer::Saved(path),
                    (Ok(_), Some(sentence)) => Answer::failed(sentence, ""),
                    (Err(error), _) => picture_failed(&error),
                });
            }
            DialogOutcome::Examine(path) => self.out.send(examine(path)),
            DialogOutcome::Photo(path) => self.out.send(photos::of_file(path)),
            DialogOutcome::Mask { path, size } => self.out.send(photos::read_mask(path, size)),
            DialogOutcome::Tell(answer) => self.out.send(answer),
            DialogOutcome::AddModels(folder) => self.models.ask(OfModels::AddFolder(folder)),
        }
    }

    /// The folder of pictures.
    fn folder(&self) -> PathBuf {
        self.gallery.as_ref().map_or_else(|| self.places.pictures.clone(), |it| it.folder().to_owned())
    }

    fn list(&mut self, folder: Option<PathBuf>) {
        let folder = folder.unwrap_or_else(|| self.places.pictures.clone());
        if self.gallery.as_ref().is_none_or(|gallery| gallery.folder() != folder) {
            let poke = self.poke.clone();
            self.requests = ThumbnailRequests::default();
            // The former one, if any, moves to the trash what was deleted.
            let gallery = Gallery::open(Setup {
                folder: folder.clone(),
                thumbnails: self.places.thumbnails.clone(),
                trash: self.trash.clone(),
                wake: Arc::new(move || {
                    poke.try_send(()).ok();
                }),
            });
            gallery.watch(self.watched);
            self.gallery = Some(gallery);
        }
        self.try_again();
        self.phrasebook.read();
        let interrupted = std::mem::take(&mut self.interrupted);
        if !interrupted.is_empty() {
            self.out.send(Answer::Interrupted(interrupted));
        }
        self.changed = true;
    }

    fn keep(&mut self, finished: Finished) {
        let folder = self.folder();
        match finished.save(&folder) {
            Ok(record) => {
                self.kept(finished.job, record);
                self.try_again();
            }
            Err(error) => {
                self.unsaved.hold(finished);
                self.tell_unsaved(Some(&error));
            }
        }
    }

    /// Tries to save what could not be saved before.
    fn try_again(&mut self) {
        if self.unsaved.len() == 0 {
            return;
        }
        let folder = self.folder();
        let (saved, error) = self.unsaved.try_again(&folder);
        let mut late = 0;
        for one in saved {
            match one {
                Saved::OfJob(job, record) => self.kept(job, record),
                Saved::OfEarlier(path) => {
                    late += 1;
                    if let Some(gallery) = &self.gallery {
                        gallery.saved(path);
                    }
                }
            }
        }
        if late > 0 {
            self.out.send(Answer::SavedLate(late));
        }
        self.tell_unsaved(error.as_ref());
    }

    fn tell_unsaved(&self, error: Option<&PictureError>) {
        let (jobs, count) = (self.unsaved.jobs(), self.unsaved.len());
        self.out.send(Answer::Unsaved { jobs, count, report: error.map(Report::of) });
    }

    /// Answers other starts of the program.
    fn answer_calls(&self) {
        for call in self.instance.iter().flat_map(Instance::calls) {
            self.out.send(Answer::Called(call.model.map(Into::into)));
        }
    }

    fn kept(&mut self, job: JobId, record: Arc<Record>) {
        if let Some(gallery) = &self.gallery {
            gallery.saved(record.path.clone());
            self.awaited = Some((record.path.clone(), Instant::now() + SEEN_AFTER));
        }
        self.tell(Answer::Kept { job, record });
    }

    fn discard(&mut self, path: PathBuf) {
        let Some(gallery) = &mut self.gallery else { return };
        if gallery.delete(&path, Instant::now()) {
            self.requests.forget(&path);
            self.tell(Answer::Trashed(path));
        } else {
            let sentence = Sentence::with("error-not-in-gallery", "file", file_name(&path));
            self.out.send(Answer::failed(sentence, path.display().to_string()));
        }
    }

    fn undo(&mut self) {
        match self.gallery.as_mut().and_then(Gallery::undo_delete) {
            Some(record) => self.tell(Answer::Untrashed(record)),
            None => self.out.send(Answer::failed("error-in-trash", "")),
        }
    }

    /// Sends an answer that is newer than an unread list; a new list follows.
    fn tell(&mut self, answer: Answer) {
        self.out.unlist();
        self.changed = true;
        self.out.send(answer);
    }

    /// Calls a file manager, which may take its time.
    fn show(
        &self,
        path: PathBuf,
        call: impl FnOnce(&Path) -> Result<(), opener::OpenError> + Send + 'static,
    ) {
        let (out, place) = (self.out.clone(), path.clone());
        let started = std::thread::Builder::new().name("file manager".to_owned()).spawn(move || {
            if let Err(error) = call(&path) {
                out.send(not_shown(&path, &error.to_string()));
            }
        });
        if let Err(error) = started {
            self.out.send(not_shown(&place, &error.to_string()));
        }
    }

    /// Polls the gallery and the keeper.
    fn look(&mut self) {
        let now = Instant::now();
        if let Some(gallery) = &mut self.gallery {
            for news in gallery.poll(now) {
                match news {
                    News::Changed => {
                        self.changed = true;
                        self.requests.look_again();
                    }
                    News::Thumbnail(thumbnail) => {
                        self.requests.made(&thumbnail);
                        let Thumbnail { path, frame, .. } = thumbnail;
                        self.out.send(Answer::Thumbnail { path, frame });
                    }
                    News::Trouble(details) => self.out.send(Answer::failed("error-gallery", details)),
                }
            }
            for path in self.requests.forward(gallery) {
                self.out.send(Answer::Thumbnail { path, frame: None });
            }
        }
        self.send_list(now);
        self.answer_calls();
        if self.ask_keeper.is_some_and(|at| now >= at) {
            self.ask_keeper = None;
            if let Some(details) = self.keeper.trouble() {
                self.out.send(Answer::failed("error-not-remembered", details));
            }
        }
    }

    /// Sends the list if it has changed, not too often.
    fn send_list(&mut self, now: Instant) {
        if !self.changed || now < self.list_from(now) {
            return;
        }
        let Some(gallery) = &self.gallery else { return };
        self.changed = false;
        // An empty list says that there are no pictures, so it waits until that is known.
        if gallery.is_scanned() || !gallery.records().is_empty() {
            self.listed_at = Some(now);
            self.awaited = None;
            self.out.list(gallery.records().to_vec());
        }
    }
}

fn not_shown(path: &Path, why: &str) -> Answer {
    let sentence = Sentence::with("error-not-shown", "file", file_name(path));
    Answer::failed(sentence, format!("{}\n{why}", path.display()))
}
