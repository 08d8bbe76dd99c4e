//! `EngineHandle`: the front end's end of the channels to the inference thread.
//!
//! Nothing here blocks. A test can hold the other ends and play the inference thread.
//!
//! Invariant: every request travels with a stop flag of its own, so a stop ends the piece of work that it
//! names and no other, also one that still waits.

use std::cell::RefCell;
use std::time::Instant;

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};

use crate::message::{Control, Event, JobId, Preview, Request};
use crate::ops::StopFlag;
use crate::told::Told;

/// Requests that may wait unread before [`EngineHandle::request`] refuses one.
const REQUESTS_MAX: usize = 256;
/// Events that may wait unread; the front end gets at most a few for each request it made.
const EVENTS_MAX: usize = 4096;
/// Previews that may wait unread before the oldest is dropped.
const PREVIEWS_MAX: usize = 64;
/// The same of previews that lie on a graphics card.
const ON_CARD_MAX: usize = 8;

/// The front end's end: send requests and controls, drain events and previews.
pub struct EngineHandle {
    requests: Sender<Work>,
    controls: Sender<Control>,
    events: Receiver<Event>,
    previews: Receiver<Preview>,
    /// The flags of work that is not done yet.
    stops: RefCell<Vec<(Vec<Piece>, StopFlag)>>,
}

/// What a stop can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Piece {
    Job(JobId),
    Load,
}

/// A request and the flag that ends it.
#[derive(Clone, Debug)]
pub struct Work {
    /// What to do.
    pub request: Request,
    /// Raised when it is to end.
    pub stop: StopFlag,
}

/// The inference thread's end.
pub struct EngineEnds {
    /// Work to do, in order.
    pub requests: Receiver<Work>,
    /// What to change in the running work.
    pub controls: Receiver<Control>,
    /// Where events go.
    pub events: Sender<Event>,
    /// Where previews go.
    pub previews: Sender<Preview>,
    /// For dropping the oldest preview when nobody reads.
    pub previews_unread: Receiver<Preview>,
}

/// The inference thread is gone, or too many requests wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// Too much is waiting.
    #[error("the inference thread has {REQUESTS_MAX} requests waiting; wait for it to catch up")]
    Full,
    /// The thread is gone.
    #[error("the inference thread has stopped; restart it")]
    Gone,
}

impl Told for SendError {
    fn key(&self) -> &'static str {
        match self {
            Self::Full => "engine-behind",
            Self::Gone => "engine-gone",
        }
    }
}

impl EngineHandle {
    /// Two connected ends.
    pub fn pair() -> (Self, EngineEnds) {
        let (requests, requests_rx) = bounded(REQUESTS_MAX);
        let (controls, controls_rx) = bounded(REQUESTS_MAX);
        let (events_tx, events) = bounded(EVENTS_MAX);
        let (previews_tx, previews) = bounded(PREVIEWS_MAX);
        let ends = EngineEnds {
            requests: requests_rx,
            controls: controls_rx,
            events: events_tx,
            previews: previews_tx,
            previews_unread: previews.clone(),
        };
        let handle = Self { requests, controls, events, previews, stops: RefCell::default() };
        (handle, ends)
    }

    /// Hands over work.
    ///
    /// # Errors
    /// If the thread is gone or far behind.
    pub fn request(&self, request: Request) -> Result<(), SendError> {
        let pieces: Vec<Piece> = match &request {
            Request::Generate(job) => vec![Piece::Job(job.id)],
            // Whoever stops one of a sheet stops them all.
            Request::Sheet(sheet) => sheet.jobs.iter().map(|job| Piece::Job(job.id)).collect(),
            Request::Open(_) | Request::Compute(_) => vec![Piece::Load],
            Request::FindCards
            | Request::Taesd(_)
            | Request::ModelFolders(_)
            | Request::CountTokens { .. }
            | Request::Decode { .. }
            | Request::Look { .. }
            | Request::Heat { .. }
            | Request::Strip { .. }
            | Request::Reopen { .. }
            | Request::Proof { .. } => Vec::new(),
        };
        let stop = StopFlag::default();
        let mut stops = self.stops.borrow_mut();
        // Finished work has dropped its flag.
        stops.retain(|(_, stop)| stop.is_shared());
        stops.push((pieces, stop.clone()));
        self.requests.try_send(Work { request, stop }).map_err(|error| match error {
            TrySendError::Full(_) => SendError::Full,
            TrySendError::Disconnected(_) => SendError::Gone,
        })
    }

    /// Sends a control to the job that it names. A stop also raises the flag that its operations read.
    ///
    /// # Errors
    /// If the thread is gone or far behind.
    pub fn control(&self, control: Control) -> Result<(), SendError> {
        let stopped = match control {
            Control::Stop { job } | Control::SetAside { job } => Some(job),
            _ => None,
        };
        let sent = self.controls.try_send(control).map_err(|error| match error {
            TrySendError::Full(_) => SendError::Full,
            TrySendError::Disconnected(_) => SendError::Gone,
        });
        if let Some(job) = stopped {
            self.raise(Piece::Job(job));
        }
        sent
    }

    /// Ends the models being loaded.
    pub fn stop_loading(&self) {
        self.raise(Piece::Load);
    }

    fn raise(&self, piece: Piece) {
        let stops = self.stops.borrow();
        stops.iter().filter(|(named, _)| named.contains(&piece)).for_each(|(_, stop)| stop.raise());
    }

    /// Takes waiting events until `deadline`, oldest first. A front end calls it once a frame.
    pub fn drain_events(&self, deadline: Instant) -> Vec<Event> {
        let mut events = Vec::new();
        while Instant::now() < deadline
            && let Ok(event) = self.events.try_recv()
        {
            events.push(event);
        }
        events
    }

    /// Takes waiting previews, oldest first.
    pub fn drain_previews(&self) -> Vec<Preview> {
        self.previews.try_iter().collect()
    }

    /// Whether the inference thread has gone and all its events are read.
    pub fn is_gone(&self) -> bool {
        // An empty channel that is ready to be read is a disconnected one; checking consumes nothing.
        let mut lane = crossbeam_channel::Select::new();
        lane.recv(&self.events);
        self.events.is_empty() && lane.try_ready().is_ok() && self.events.is_empty()
    }
}

impl EngineEnds {
    /// Sends a preview; if nobody reads, the oldest unread one makes room, sooner where pictures are held in
    /// a graphics card's memory.
    pub fn preview(&self, mut preview: Preview) {
        while preview.image.frame().is_none() && self.previews_unread.len() >= ON_CARD_MAX {
            self.previews_unread.try_recv().ok();
        }
        while let Err(TrySendError::Full(back)) = self.previews.try_send(preview) {
            self.previews_unread.try_recv().ok();
            preview = back;
        }
    }
}

/// The job that a control is about.
pub fn job_of(control: &Control) -> JobId {
    match *control {
        Control::Steer { job, .. }
        | Control::Bend { job, .. }
        | Control::Pause { job }
        | Control::Resume { job }
        | Control::Stop { job }
        | Control::SetAside { job } => job,
    }
}
