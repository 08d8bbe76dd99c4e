//! A card's device, and the one that the window draws with: whoever opens the same card shares it, so that a
//! picture goes from the decoder to the window without leaving the card.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

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
        let noted = failure.clone();
        device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| {
            let text = error.to_string();
            lock(&noted).get_or_insert(first_line(&text));
            heard(Trouble::Error(text));
        }));
        Self { device, queue, info, failure }
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

/// Offers the window's device to whoever opens the same card; `None` takes it back.
pub fn offer(card: Option<Card>) {
    *lock(&WINDOWS) = card;
}

/// The window's device, if it is offered and has not failed.
pub fn offered() -> Option<Card> {
    lock(&WINDOWS).clone().filter(|card| !card.has_failed())
}
