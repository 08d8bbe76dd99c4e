//! Running the window: options, the waker, and one sentence where there is no display.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use eframe::egui_wgpu::WgpuError;
use egui::{IconData, Rect, ViewportBuilder, ViewportId, pos2, vec2};

use crate::app::services::{Services, Waker};
use crate::app::state::ComputeState;
use crate::app::state::examples;
use crate::app::theme::size;
use crate::app::theme::{fonts, logo, painter};
use crate::app::{Safelight, Start, TITLE, again, graphics, screen};
use crate::engine::EngineHandle;
use crate::message::ModelSource;
use crate::preferences::Memory;

/// Shows the window and returns when it is closed.
///
/// `engine` starts the inference thread and is called again by the restart button; `services`
/// provides the world outside; `model` is what the command line named, none being the last
/// one used; `compute` is where the engine computes.
///
/// # Errors
/// One sentence for the user, where there is no display or no usable graphics adapter.
pub fn run(
    mut engine: impl FnMut(Waker) -> std::io::Result<EngineHandle> + 'static,
    services: impl FnOnce(Waker) -> std::io::Result<Box<dyn Services>> + 'static,
    memory: Memory,
    model: Option<ModelSource>,
    compute: ComputeState,
) -> Result<(), String> {
    examples::read_beside();
    let options = options(&memory);
    let create: eframe::AppCreator<'static> = Box::new(move |creation| {
        let ctx = creation.egui_ctx.clone();
        fonts::install(&ctx);
        // "The current viewport" means nothing outside a pass: name the window.
        let waker: Waker = Arc::new(move || ctx.request_repaint_of(ViewportId::ROOT));
        let graphics = creation.wgpu_render_state.as_ref().map(|state| {
            painter::prepare_beside(state);
            let waker = waker.clone();
            graphics::offer(state, move || waker())
        });
        let mut screens: Vec<Rect> = Vec::new();
        if let Some(window) = creation.winit_window() {
            screens.extend(window.primary_monitor().into_iter().chain(window.available_monitors()).map(
                |screen| {
                    let (at, size) = (screen.position(), screen.size());
                    pixels(at.x, at.y, size.width, size.height)
                },
            ));
            // The window is not visible yet: correct the remembered place before it is.
            let (mut size, outer) = (window.inner_size(), window.outer_size());
            if let Ok(mut at) = window.outer_position()
                && !memory.window.is_some_and(|place| place.maximized || place.fullscreen)
                && let frame = pixels(at.x, at.y, outer.width, outer.height)
                && let Some(found) =
                    screen::fitted(frame, vec2(size.width as f32, size.height as f32), &screens)
            {
                (at.x, at.y) = (found.0.x as i32, found.0.y as i32);
                (size.width, size.height) = (found.1.x as u32, found.1.y as u32);
                window.set_outer_position(at);
                if window.request_inner_size(size).is_some() {
                    log::debug!("the window's size was granted at once");
                }
            }
        }
        let start = Start {
            graphics: graphics.unwrap_or_else(crossbeam_channel::never),
            start_again: again::after_loss(),
            goes_on: again::goes_on(),
            screens,
            services: services(waker.clone())?,
            asked_to_end: end_on_signal(waker.clone()),
            engine: Box::new(move || engine(waker.clone())),
            remembered: memory,
            model,
            compute,
        };
        Ok(Box::new(Safelight::new(&creation.egui_ctx, start)))
    });
    match eframe::run_native("Safelight", options, create) {
        // A process has one event loop: the usual limits are tried by the next one.
        Err(eframe::Error::Wgpu(WgpuError::RequestDeviceError(error))) if !graphics::is_plain() => {
            log::warn!("the graphics card gives no device with all its limits: {error}");
            again::start_again(&[(graphics::PLAIN, "1")]).map_err(|error| error.to_string())
        }
        ended => ended.map_err(|error| sentence(&error)),
    }
}

/// A rectangle of pixels.
fn pixels(x: i32, y: i32, width: u32, height: u32) -> Rect {
    Rect::from_min_size(pos2(x as f32, y as f32), vec2(width as f32, height as f32))
}

/// Ctrl-C in the terminal and the end of the session close the window in order, so that nothing is
/// lost; a second signal ends the process. The flag is raised by the first.
fn end_on_signal(waker: Waker) -> Arc<AtomicBool> {
    let raised = Arc::new(AtomicBool::new(false));
    let flag = raised.clone();
    let handler = move || {
        if flag.swap(true, Ordering::AcqRel) {
            std::process::exit(130);
        }
        waker();
    };
    if let Err(error) = ctrlc::set_handler(handler) {
        log::warn!("signals cannot be caught ({error}); they end the program at once");
    }
    raised
}

fn options(memory: &Memory) -> eframe::NativeOptions {
    const ICON: usize = 128;
    let icon = IconData { rgba: logo::lamp(ICON), width: ICON as u32, height: ICON as u32 };
    let mut viewport = ViewportBuilder::default()
        .with_title(TITLE)
        .with_app_id("safelight")
        .with_icon(icon)
        .with_inner_size(memory.window.map_or([1280.0, 800.0], |place| place.size))
        .with_min_inner_size(size::WINDOW_LEAST);
    if let Some(place) = memory.window {
        viewport = viewport.with_maximized(place.maximized).with_fullscreen(place.fullscreen);
        if let Some(position) = place.position.filter(|_| !place.maximized) {
            viewport = viewport.with_position(position);
        }
    }
    eframe::NativeOptions {
        viewport,
        renderer: eframe::Renderer::Wgpu,
        wgpu_options: graphics::configuration(),
        persist_window: false,
        ..Default::default()
    }
}

/// One sentence that says what to do.
fn sentence(error: &eframe::Error) -> String {
    let why = match error {
        eframe::Error::Wgpu(
            WgpuError::RequestAdapterError(_) | WgpuError::CustomNativeAdapterSelectionError(_),
        ) => "found no usable graphics adapter (a software one such as Mesa's lavapipe would do)",
        eframe::Error::Wgpu(_) => "could not draw with this graphics adapter",
        eframe::Error::AppCreation(_) => "was given no thread to work with by the system",
        eframe::Error::Winit(_) | eframe::Error::WinitEventLoop(_) => "found no display to open a window on",
    };
    log::debug!("window: {error}");
    format!("Safelight {why}; use `safelight generate \"your words\"` on the command line instead")
}
