//! Where the parts of the window are.

use egui::{Context, Id, Rect, pos2};

use crate::app::state::State;
use crate::app::state::panels;
use crate::app::state::shown::Shown;
use crate::app::theme::size;
use crate::app::ui::ui_state::UiState;
use crate::app::ui::{canvas, filmstrip, toasts};

/// Between the prompt box and the window's edge.
pub const MARGIN: f32 = 14.0;
/// Widths that the gallery may be dragged to.
pub const GALLERY_WIDTHS: egui::Rangef = egui::Rangef { min: 168.0, max: 480.0 };
/// Widths that the controls may be dragged to.
pub const CONTROLS_WIDTHS: egui::Rangef = egui::Rangef { min: 248.0, max: 420.0 };

/// The parts' rectangles.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Layout {
    /// The gallery, if it stands beside the canvas.
    pub gallery: Option<Rect>,
    /// The gallery lying over the canvas of a narrow window.
    pub peek: Option<Rect>,
    /// The controls, if they are open.
    pub controls: Option<Rect>,
    /// The place of toasts.
    pub toasts: Rect,
    /// What is left in the middle: the canvas.
    pub canvas: Rect,
    /// The progress line.
    pub progress: Rect,
    /// The filmstrip, if there is one.
    pub strip: Option<Rect>,
    /// The prompt box with its margins.
    pub prompt: Rect,
}

impl Layout {
    /// Lays out a window that is `whole`.
    pub fn new(ctx: &Context, state: &State, ui_state: &UiState, whole: Rect) -> Self {
        let narrow = whole.width() < size::NARROW;
        let slide = |name: &str, open: bool| ctx.animate_bool_responsive(Id::unique(name), open);
        let width = |name: &str, usual: f32, widths: egui::Rangef| {
            widths.clamp(panels::width(&state.preferences, name).unwrap_or(usual))
        };
        let is_open = |name: &str| panels::is_open(&state.preferences, name);
        let gallery_width = width(panels::GALLERY, size::GALLERY, GALLERY_WIDTHS);
        let controls_width = width(panels::CONTROLS, size::CONTROLS, CONTROLS_WIDTHS);
        let left = slide("gallery slides", is_open(panels::GALLERY) && !narrow) * gallery_width;
        let right = slide("controls slide", is_open(panels::CONTROLS)) * controls_width;
        let column =
            |from: f32, to: f32| Rect::from_min_max(pos2(from, whole.top()), pos2(to, whole.bottom()));
        let (x0, x1) = ((whole.left() + left).round(), (whole.right() - right).round());
        let in_sheet = matches!(state.shown, Shown::Sheet(_));
        let running = || state.queue.running().filter(|_| !in_sheet);
        let in_strip = state.generation().filter(|it| !it.steps.is_empty()).or_else(running);
        let strip = in_strip.map(|it| filmstrip::height(it, x1 - x0, whole.height()));
        let prompt_top = whole.bottom() - MARGIN - ui_state.prompt.height - strip.map_or(MARGIN, |_| 4.0);
        let strip_top = prompt_top - strip.unwrap_or_default();
        let canvas_bottom = (strip_top - size::PROGRESS).round();
        let across = |top: f32, bottom: f32| Rect::from_min_max(pos2(x0, top), pos2(x1, bottom));
        let controls = (right > 0.5).then(|| column(x1, x1 + controls_width));
        let mut canvas = across(whole.top(), canvas_bottom);
        let toasts = match controls {
            Some(panel) => toasts::in_panel(panel),
            None => toasts::in_canvas(canvas),
        };
        // Where there is no room beside the picture, the picture shrinks.
        let covering = controls.is_none() && !state.toasts.list.is_empty();
        let place = |picture| canvas::place(&ui_state.canvas, picture, canvas);
        if covering && state.picture().is_some_and(|picture| place(picture).intersects(toasts)) {
            canvas.max.x = toasts.left();
        }
        Self {
            gallery: (left > 0.5).then(|| column(x0 - gallery_width, x0)),
            peek: (narrow && ui_state.gallery.peek)
                .then(|| Rect::from_min_max(whole.min, pos2(whole.left() + gallery_width, canvas_bottom))),
            controls,
            toasts,
            canvas,
            progress: across(canvas_bottom, canvas_bottom + size::PROGRESS),
            strip: strip.map(|_| across(strip_top, prompt_top)),
            prompt: across(prompt_top, whole.bottom()),
        }
    }
}
