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

impl Card {
    /// A device whose loss is noticed. Trap: a device has one callback for that, and this takes it.
    pub fn new(device: wgpu::Device, queue: wgpu::Queue, info: wgpu::AdapterInfo) -> Self {
        let failure = Arc::new(Mutex::new(None));
        let heard = failure.clone();
        device.set_device_lost_callback(move |_, why| {
            lock(&heard).get_or_insert(format!("the device is gone ({})", first_line(&why)));
        });
        Self { device, queue, info, failure }
    }

    /// Notes that an operation failed, where nobody else hears the device's errors.
    pub(super) fn listen(&self) {
        let heard = self.failure.clone();
        self.device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| {
            lock(&heard).get_or_insert(first_line(&error.to_string()));
        }));
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

/// The window's device, if it is offered.
pub fn offered() -> Option<Card> {
    lock(&WINDOWS).clone()
}
