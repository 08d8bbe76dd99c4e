//! The window's graphics card: how its device is made, so that the model can use it too, and what it says of
//! itself.
//!
//! Trap: the device has all limits of its adapter, more than drawing needs, and a driver may refuse that; then
//! the program starts itself again and draws with the usual ones ([`PLAIN`]).

use std::sync::Arc;

use crossbeam_channel::{Receiver, bounded};
use eframe::egui_wgpu::{self, WgpuConfiguration, WgpuSetup, WgpuSetupCreateNew};
use eframe::wgpu;

use crate::gpu::{self, Card, Trouble};

/// The variable by which the program tells itself to ask for the usual limits alone.
pub const PLAIN: &str = "SAFELIGHT_PLAIN";

/// Whether an earlier process was refused a device with all limits.
pub fn is_plain() -> bool {
    std::env::var_os(PLAIN).is_some()
}

/// How eframe makes its device.
pub fn configuration() -> WgpuConfiguration {
    let mut setup = WgpuSetupCreateNew::without_display_handle();
    if let Some(backends) = backends() {
        setup.instance_descriptor.backends = backends;
    }
    if !is_plain() {
        setup.device_descriptor = Arc::new(gpu::descriptor);
    }
    WgpuConfiguration { wgpu_setup: WgpuSetup::CreateNew(setup), ..Default::default() }
}

/// The interfaces to draw by; `None` leaves them to eframe. A user who allows no card to compute may draw by any;
/// where all drivers died in a probe, OpenGL is what is left.
fn backends() -> Option<wgpu::Backends> {
    let by_user = std::env::var_os(gpu::BACKEND).is_some_and(|said| !said.is_empty());
    match gpu::allowed_by(&gpu::chosen()?) {
        Ok(backends) if !backends.is_empty() => Some(backends),
        Ok(_) => (!by_user).then_some(wgpu::Backends::GL),
        Err(error) => {
            log::warn!("{error}");
            None
        }
    }
}

/// Has eframe configure its surface before the next frame. It does so where the configuration is another one, and
/// two frames under way are as many as where nothing is said of it.
pub fn configure_again(frame: &mut eframe::Frame) {
    if let Some(mut config) = frame.wgpu_surface_config() {
        config.desired_maximum_frame_latency = match config.desired_maximum_frame_latency {
            None => Some(2),
            Some(_) => None,
        };
        frame.set_wgpu_surface_config(config);
    }
}

/// Offers the window's device to whoever computes on the same card.
pub fn offer(state: &egui_wgpu::RenderState, wake: impl Fn() + Send + Sync + 'static) -> Receiver<Trouble> {
    let (card, troubles) = listen(&state.device, &state.queue, state.adapter.get_info(), wake);
    gpu::offer(Some(card));
    troubles
}

/// Listens for what the device says of itself, which would otherwise end the program. One unread trouble waits in
/// the channel, a loss before an error, and beside it that the window should try again; `wake` is called, and the
/// rest are logged.
pub fn listen(
    device: &wgpu::Device,
    queue: &wgpu::Queue,
    info: wgpu::AdapterInfo,
    wake: impl Fn() + Send + Sync + 'static,
) -> (Card, Receiver<Trouble>) {
    let (sender, troubles) = bounded(2);
    let unread = troubles.clone();
    let card = Card::new(device.clone(), queue.clone(), info, move |trouble| {
        match &trouble {
            Trouble::Busy => log::info!("the window takes its size when the graphics card has come to rest"),
            Trouble::Lost(_) => {
                log::error!("the graphics card: {trouble:?}");
                while unread.try_recv().is_ok() {}
            }
            Trouble::Error(_) => {
                log::error!("the graphics card: {trouble:?}");
                if !unread.is_empty() {
                    return;
                }
            }
        }
        if sender.try_send(trouble).is_ok() {
            wake();
        }
    });
    (card, troubles)
}
