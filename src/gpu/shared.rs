//! A card's device, and the one that the window draws with: whoever opens the same card shares it, so that a
//! picture goes from the decoder to the window without leaving the card.
//!
//! Trap: a window that changes its size waits for an idle device, and is refused where another thread submits
//! meanwhile. So whoever computes gives way ([`Rest`]) when that was said, and the window asks again.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use super::error::first_line;

/// An open device; a clone is the same.
#[derive(Clone)]
pub struct Card {
    pub(super) device: wgpu::Device,
    pub(super) queue: wgpu::Queue,
    /// What it is.
    pub info: wgpu::AdapterInfo,
    /// Why it failed, once it has.
    pub(super) failure: Arc<Mutex<Option<String>>>,
    /// When work may be handed over again.
    pub(super) rest: Rest,
}

/// How long nobody submits work after the window was refused its new size: some frames.
const REST: Duration = Duration::from_millis(200);

/// What wgpu says to a window that is given a new size while another thread submits.
const NOT_IDLE: &str = "Failed to wait for GPU to come idle";

/// The time until which work that is not the window's waits, so that the window finds the device idle; and the
/// thread that draws.
#[derive(Clone, Debug, Default)]
pub(super) struct Rest(Arc<Mutex<Option<(Instant, ThreadId)>>>);

impl Rest {
    /// Begins now, for the thread that calls it.
    fn begin(&self) {
        *lock(&self.0) = Some((Instant::now() + REST, thread::current().id()));
    }

    /// What is left of it, and for whom.
    fn left(&self) -> Option<(Duration, ThreadId)> {
        let left = lock(&self.0).map(|(until, whom)| (until.saturating_duration_since(Instant::now()), whom));
        left.filter(|(left, _)| !left.is_zero())
    }

    /// Whether the thread that calls it was refused a size just now.
    fn is_mine(&self) -> bool {
        self.left().is_some_and(|(_, whom)| whom == thread::current().id())
    }

    /// Waits until it is over.
    pub(super) fn wait(&self) {
        while let Some((left, _)) = self.left() {
            thread::sleep(left);
        }
    }
}

/// The window's device, while there is a window.
static WINDOWS: Mutex<Option<Card>> = Mutex::new(None);

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a device says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// It is gone, and nothing works on it any more.
    Lost(String),
    /// The window could not take its new size because the device was at work; it should try again.
    Busy,
    /// An operation failed that nobody was listening to.
    Error(String),
}

impl Card {
    /// A device whose troubles are noticed: they end its work, and `heard` is told each of them.
    ///
    /// Trap: a device has one callback for its loss and one for errors, and this takes both.
    pub fn new(
        device: wgpu::Device,
        queue: wgpu::Queue,
        info: wgpu::AdapterInfo,
        heard: impl Fn(Trouble) + Send + Sync + 'static,
    ) -> Self {
        let failure = Arc::new(Mutex::new(None));
        let heard = Arc::new(heard);
        let (noted, told) = (failure.clone(), heard.clone());
        device.set_device_lost_callback(move |_, why| {
            lock(&noted).get_or_insert(format!("the device is gone ({})", first_line(&why)));
            told(Trouble::Lost(why));
        });
        let (noted, rest) = (failure.clone(), Rest::default());
        let resting = rest.clone();
        device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| {
            let text = error.to_string();
            // Parts of the frame lie outside of a surface that kept its size.
            let is_of_that_frame = matches!(error, wgpu::Error::Validation { .. }) && resting.is_mine();
            match trouble_of(&text, is_of_that_frame) {
                Some(Trouble::Busy) => {
                    resting.begin();
                    heard(Trouble::Busy);
                }
                Some(trouble) => {
                    lock(&noted).get_or_insert(first_line(&text));
                    heard(trouble);
                }
                None => log::info!("a frame of the window's former size was refused: {text}"),
            }
        }));
        Self { device, queue, info, failure, rest }
    }

    /// Whether it has failed; nothing works on it any more.
    fn has_failed(&self) -> bool {
        lock(&self.failure).is_some()
    }

    /// Whether both are the same card of the machine, by the same driver.
    pub(super) fn is(&self, info: &wgpu::AdapterInfo) -> bool {
        let key =
            |info: &wgpu::AdapterInfo| (info.name.clone(), info.backend, info.device_pci_bus_id.clone());
        key(&self.info) == key(info)
    }
}

/// What an error that nobody was listening to means; nothing if it is of a frame that was drawn for a size which
/// the window was refused.
fn trouble_of(text: &str, is_of_that_frame: bool) -> Option<Trouble> {
    if text.contains(NOT_IDLE) {
        return Some(Trouble::Busy);
    }
    (!is_of_that_frame).then(|| Trouble::Error(text.to_owned()))
}

/// Offers the window's device to whoever opens the same card; `None` takes it back.
pub fn offer(card: Option<Card>) {
    *lock(&WINDOWS) = card;
}

/// The window's device, if it is offered and has not failed.
pub fn offered() -> Option<Card> {
    lock(&WINDOWS).clone().filter(|card| !card.has_failed())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_that_was_refused_its_size_is_no_failure_of_the_card() {
        let refused = "Validation Error\n\nCaused by:\n  In Surface::configure\n    Failed to wait for GPU to come \
                       idle before reconfiguring the Surface\n";
        assert_eq!(trouble_of(refused, false), Some(Trouble::Busy));
        let frame =
            "Validation Error\n\nCaused by:\n  In a CommandEncoder\n    In a set_scissor_rect command\n";
        assert_eq!(trouble_of(frame, true), None);
        assert_eq!(trouble_of(frame, false), Some(Trouble::Error(frame.to_owned())));
        assert_eq!(trouble_of(refused, true), Some(Trouble::Busy));
    }

    #[test]
    fn work_waits_for_the_end_of_a_rest() {
        let rest = Rest::default();
        rest.wait();
        assert_eq!(rest.left(), None);
        rest.begin();
        assert!(rest.is_mine() && rest.left().is_some_and(|(left, _)| left <= REST));
        let other = rest.clone();
        assert!(!thread::spawn(move || other.is_mine()).join().unwrap());
        rest.wait();
        assert_eq!(rest.left(), None);
    }
}
