//! Downloads: a thread for what a download would bring, and one for the download that runs.
//!
//! Trap: a thread that waits for a silent server takes up to half a minute to heed a pause. Nobody waits for it but
//! the next download, which must not meet it over the same half-written file; at the program's end it is left
//! alone, since what is half-written is right at every moment.

use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use crate::app::services::Answer;
use crate::app::services::channels::Out;
use crate::app::services::models::{Ended, Found, ModelsNews};
use crate::library::get::{
    GetError, Getting, Got, Place, Plan, Wanted, carry_out, free_bytes, give_up, plan,
};
use crate::library::{Hub, UserLibrary};
use crate::message::Report;
use crate::places::Places;
use crate::told::Told;
use crate::transfer::{Http, Pace, Progress, TransferError};

/// Progress is told at most this often.
const TELL: Duration = Duration::from_millis(250);

/// Starts the threads.
pub(super) struct Downloads {
    from: Arc<From>,
    /// Ends the look at what a download would bring.
    planning: Arc<AtomicBool>,
    /// Ends the download.
    fetching: Arc<AtomicBool>,
    /// The download's thread, or the one that waits for it.
    running: Option<JoinHandle<()>>,
}

/// What all threads need.
struct From {
    places: Places,
    hub: Hub,
    http: Http,
    out: Out,
}

impl From {
    /// The folder for models: the library's own, as the command line takes it.
    fn getting(&self) -> Getting<'_> {
        Getting {
            http: &self.http,
            hub: &self.hub,
            models: self.places.models.as_deref(),
            pace: Pace::default(),
            hashes: self.places.previews.as_deref(),
        }
    }

    fn say(&self, news: ModelsNews) {
        self.out.send(Answer::Models(news));
    }
}

/// Why nothing can be planned.
enum Fault {
    Report(Report, Vec<String>),
    Paused,
}

fn report(error: &(impl Told + std::error::Error)) -> Fault {
    Fault::Report(Report::of(error), Vec::new())
}

impl Downloads {
    pub(super) fn new(places: Places, hub: Hub, out: Out) -> Self {
        let http = Http::new(&hub.endpoint, hub.token.as_deref());
        let from = Arc::new(From { places, hub, http, out });
        Self { from, planning: Arc::default(), fetching: Arc::default(), running: None }
    }

    /// Finds out what a download would bring, in place of what was asked before.
    pub(super) fn plan(&mut self, number: u64, text: String) {
        self.forget_plan();
        self.planning = Arc::default();
        let (from, stop) = (self.from.clone(), self.planning.clone());
        let failed = self.from.clone();
        let tell = move |found: Result<Box<Found>, Report>, choices| {
            failed.say(ModelsNews::Planned { number, found, choices });
        };
        let lost = tell.clone();
        let work = move || match guarded(|| find_plan(&from, &text, &stop)) {
            Ok(plan) => tell(Ok(Box::new(found(plan))), Vec::new()),
            Err(Fault::Report(report, choices)) => tell(Err(report), choices),
            // Nobody waits any more.
            Err(Fault::Paused) => {}
        };
        if let Err(error) = Builder::new().name("what to download".to_owned()).spawn(work) {
            lost(Err(Report::new("error-file-task", error.to_string())), Vec::new());
        }
    }

    /// Nobody waits for a plan any more.
    pub(super) fn forget_plan(&mut self) {
        self.planning.store(true, Ordering::Release);
    }

    /// Downloads, after the end of the one before.
    pub(super) fn fetch(&mut self, id: u64, text: String, known: Option<Plan>) {
        self.pause();
        self.fetching = Arc::default();
        let (from, stop, before) = (self.from.clone(), self.fetching.clone(), self.running.take());
        let work = move || {
            wait(before);
            let how = match guarded(|| fetch(&from, id, &text, known, &stop)) {
                Ok(path) => Ended::Got(path),
                Err(Fault::Paused) => Ended::Paused,
                Err(Fault::Report(report, _)) => Ended::Failed(report),
            };
            from.say(ModelsNews::Ended { id, how });
        };
        match Builder::new().name("download".to_owned()).spawn(work) {
            Ok(thread) => self.running = Some(thread),
            Err(error) => {
                let how = Ended::Failed(Report::new("error-file-task", error.to_string()));
                self.from.say(ModelsNews::Ended { id, how });
            }
        }
    }

    /// Ends the download; what is here is kept.
    pub(super) fn pause(&mut self) {
        self.fetching.store(true, Ordering::Release);
    }

    /// Removes what is half-written, once nobody writes it any more.
    pub(super) fn give_up(&mut self, under_way: Vec<PathBuf>) {
        let (from, before) = (self.from.clone(), self.running.take());
        let work = move || {
            wait(before);
            if let Err(error) = give_up(&under_way) {
                from.say(ModelsNews::Refused(Report::of(&error)));
            }
        };
        match Builder::new().name("giving up".to_owned()).spawn(work) {
            Ok(thread) => self.running = Some(thread),
            Err(error) => log::warn!("what is half-written stays: {error}"),
        }
    }
}

impl Drop for Downloads {
    fn drop(&mut self) {
        self.forget_plan();
        self.pause();
    }
}

/// Waits for the end of a thread.
fn wait(thread: Option<JoinHandle<()>>) {
    if thread.is_some_and(|thread| thread.join().is_err()) {
        log::error!("a download's thread panicked");
    }
}

/// Does `work`; a panic over a strange answer costs this download alone.
fn guarded<T>(work: impl FnOnce() -> Result<T, Fault>) -> Result<T, Fault> {
    let panicked = |_| Err(Fault::Report(Report::new("error-file-task", ""), Vec::new()));
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(panicked)
}

fn go_on(stop: &AtomicBool) -> ControlFlow<()> {
    if stop.load(Ordering::Acquire) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
}

fn find_plan(from: &From, text: &str, stop: &AtomicBool) -> Result<Plan, Fault> {
    let wanted = Wanted::parse(text, None, None, &from.hub).map_err(|error| report(&error))?;
    plan(&wanted, &from.getting(), &mut || go_on(stop)).map_err(|error| match &error {
        GetError::Transfer(TransferError::Paused) => Fault::Paused,
        GetError::Several { repository, names } => {
            let choices = names.iter().map(|name| format!("{repository}/{name}")).collect();
            Fault::Report(Report::of(&error), choices)
        }
        _ => report(&error),
    })
}

/// What the plan brings, and what room there is for it.
fn found(plan: Plan) -> Found {
    let above = |path: &Path| path.parent().map(Path::to_owned).unwrap_or_default();
    let folder = match (&plan.here, &plan.place) {
        (Some(here), _) => above(here),
        (None, Place::File(path) | Place::Folder(path)) => above(path),
        (None, Place::HubCache { repository, .. }) => repository.snapshot().unwrap_or_default(),
    };
    Found { free: free_bytes(&folder), folder, plan }
}

fn fetch(from: &From, id: u64, text: &str, known: Option<Plan>, stop: &AtomicBool) -> Result<PathBuf, Fault> {
    let plan = match known {
        Some(plan) => plan,
        None => {
            let plan = find_plan(from, text, stop)?;
            from.say(ModelsNews::Begun { id, plan: Box::new(plan.clone()) });
            plan
        }
    };
    let mut told: Option<Instant> = None;
    let mut tell = |progress: Progress| {
        if progress.done > 0 && told.is_none_or(|told| told.elapsed() >= TELL) {
            told = Some(Instant::now());
            from.out.progress(id, progress);
        }
        go_on(stop)
    };
    let Got { path, .. } = carry_out(&plan, &from.getting(), &mut tell).map_err(|error| match &error {
        GetError::Transfer(TransferError::Paused) => Fault::Paused,
        _ => report(&error),
    })?;
    // What the library leaves out belongs to it again when it is got again.
    let shown = UserLibrary::read(from.places.clone(), from.hub.clone());
    if let Err(error) = shown.and_then(|library| library.show_again(&path)) {
        log::warn!("{error}");
    }
    Ok(path)
}
