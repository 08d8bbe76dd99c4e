//! The canvas: the picture as large as fits, what is known about it, and what can be done with it.

mod actions;
mod bands;
mod compare;
mod drop;
mod fader;
mod sheet;
mod welcome;

use egui::accesskit::{Live, Role};
use egui::{
    CornerRadius, CursorIcon, Rect, Response, Sense, Shadow, Stroke, Ui, Vec2, WidgetInfo, pos2, vec2,
};

use crate::app::picture::Picture;
use crate::app::state::shown::Shown;
use crate::app::theme;
use crate::app::theme::painter::{NEAREST_FROM, PicturePaint};
use crate::app::ui::canvas::fader::Fader;
use crate::app::ui::lens;
use crate::app::ui::lens::LensUi;
use crate::app::ui::status;
use crate::app::ui::tray;
use crate::app::ui::tray::TrayUi;
use crate::app::ui::view::View;

pub use drop::drop_ui;

/// Height kept for a line of text above and below the picture, in points.
const BAND: f32 = 39.0;
/// Seconds of a fade, at most.
const FADE_SECONDS: f64 = 0.3;
/// Points a pixel, at most.
const ZOOM_MAX: f32 = 32.0;

/// What the canvas remembers from frame to frame.
#[derive(Debug, Default)]
pub struct CanvasState {
    /// Points a pixel of the picture; none is as large as fits.
    pub zoom: Option<f32>,
    /// How far the picture is moved from the middle, in points.
    pub pan: Vec2,
    /// The last announcement to screen readers.
    pub announced: String,
    /// The height below which nothing but text lies on the canvas.
    pub free_from: f32,
    fader: Fader,
}

impl CanvasState {
    /// Shows the whole picture again.
    pub fn fit(&mut self) {
        self.zoom = None;
        self.pan = Vec2::ZERO;
    }
}

/// Draws the canvas into `rect`; returns whether it was clicked. `peek`: the gallery lies over it.
pub fn canvas_ui(
    ui: &mut Ui,
    view: &mut View<'_>,
    (state, lens, tray): (&mut CanvasState, &mut LensUi, &mut TrayUi),
    rect: Rect,
    peek: bool,
) -> bool {
    ui.painter().rect_filled(rect, 0.0, theme::tokens(ui).canvas);
    let response = ui.interact(rect, ui.scope_id().with("canvas"), Sense::click_and_drag());
    let peek = peek && !response.clicked();
    let picture = view.state.picture().cloned();
    let alt = status::alt(view);
    let on_tray = view.state.shown == Shown::Tray && view.state.compare.is_none();
    let mut covered = false;
    state.free_from = rect.bottom();
    match &picture {
        Some(picture) if on_tray => {
            covered = tray_ui(ui, view, (state, tray), picture, &response, rect);
        }
        Some(picture) => {
            let place = place(state, picture, rect);
            covered = place.top() < rect.top() + BAND - 2.0;
            state.free_from = place.bottom().min(rect.bottom());
            let pans = view.state.compare.is_none() && response.dragged();
            zoom_and_pan(ui, state, &response, (pixels_of(picture), pans), (place, rect));
            double_click(state, &response);
            picture_ui(ui, view, state, picture, (place, place), rect);
            lens::heat_ui(ui, view, lens, place, rect);
            let seen = ui.interact(place.intersect(rect), ui.scope_id().with("picture"), Sense::hover());
            seen.widget_info(|| WidgetInfo::labeled(Role::Image, true, &alt));
            if view.state.compare.is_some() {
                compare::compare_ui(ui, view, place, rect);
            }
        }
        None if let Shown::Sheet(id) = view.state.shown => {
            state.free_from = sheet::sheet_ui(ui, view, id, rect);
        }
        None => match view.state.generation() {
            Some(generation) => {
                let settings = &generation.job.settings;
                sheet_ui(ui, vec2(settings.width as f32, settings.height as f32), rect);
            }
            None => welcome::welcome_ui(ui, view, rect),
        },
    }
    if picture.is_none() {
        response.widget_info(|| WidgetInfo::labeled(Role::Image, true, &alt));
    }
    bands::bands_ui(ui, view, rect, covered, peek);
    if picture.is_some() && view.state.compare.is_none() && !on_tray {
        state.free_from = actions::actions_ui(ui, view, rect, state.free_from);
    }
    announce(ui, &state.announced, rect);
    response.clicked()
}

/// Where the whole picture lies: as large as fits in half steps of its size, or as it was zoomed.
pub fn place(state: &CanvasState, picture: &Picture, rect: Rect) -> Rect {
    placed(state, pixels_of(picture), rect)
}

fn pixels_of(picture: &Picture) -> Vec2 {
    Vec2::from(picture.size().map(|side| side as f32))
}

fn placed(state: &CanvasState, pixels: Vec2, rect: Rect) -> Rect {
    let scale = state.zoom.unwrap_or_else(|| fitting(pixels, rect));
    let middle = rect.center() + if state.zoom.is_some() { state.pan } else { Vec2::ZERO };
    let min = middle - pixels * scale / 2.0;
    Rect::from_min_size(pos2(min.x.round(), min.y.round()), pixels * scale)
}

/// Points a pixel at which all of the picture is seen.
fn fitting(pixels: Vec2, rect: Rect) -> f32 {
    let room = rect.size() - vec2(2.0 * 24.0, 2.0 * BAND);
    let scale = (room.x / pixels.x).min(room.y / pixels.y).max(0.01);
    if scale >= 1.0 { (scale * 2.0).floor() / 2.0 } else { scale }
}

/// The tray: the picture that the next run begins from, in its room. Returns whether it reaches under the words.
fn tray_ui(
    ui: &mut Ui,
    view: &mut View<'_>,
    (state, tray): (&mut CanvasState, &mut TrayUi),
    picture: &Picture,
    response: &Response,
    rect: Rect,
) -> bool {
    let Some(laid) = view.state.tray.laid.as_deref() else { return false };
    let mut room = rect;
    room.max.y -= tray::BAR;
    room.min.y += tray::HANDLES;
    if let Some(whole) = tray.let_go() {
        // A picture that was zoomed stays where it is.
        state.pan = whole.center() - room.center();
    }
    let pixels = Vec2::from(laid.whole().map(|side| side as f32));
    let whole = tray.held(laid).unwrap_or_else(|| placed(state, pixels, room));
    if !tray::takes_wheel(ui) {
        let pans = tray::pans(tray, response);
        zoom_and_pan(ui, state, response, (pixels, pans), (whole, room));
    }
    let place = tray::inside(laid, whole);
    if place != whole {
        shadow_ui(ui, whole, rect);
        tray::beneath_ui(ui, whole, rect);
    }
    picture_ui(ui, view, state, picture, (place, whole), rect);
    let alt = status::alt(view);
    let seen = ui.interact(place.intersect(rect), ui.scope_id().with("picture"), Sense::hover());
    seen.widget_info(|| WidgetInfo::labeled(Role::Image, true, &alt));
    state.free_from = tray::over_ui(ui, view, tray, response, (whole, rect));
    whole.top() < rect.top() + BAND - 2.0
}

/// By a double click the picture is seen in its own size, or all of it again.
fn double_click(state: &mut CanvasState, response: &Response) {
    if response.double_clicked() {
        let whole = state.zoom.take().is_some();
        state.pan = Vec2::ZERO;
        if !whole {
            state.zoom = Some(1.0);
        }
    }
}

fn zoom_and_pan(
    ui: &Ui,
    state: &mut CanvasState,
    response: &Response,
    (pixels, pans): (Vec2, bool),
    (place, rect): (Rect, Rect),
) {
    let before = place.width() / pixels.x;
    // The wipe lies over the picture, and the wheel goes through it.
    let pointer = ui.input(|input| input.pointer.hover_pos()).filter(|_| response.contains_pointer());
    if let Some(at) = pointer {
        let (zoom, wheel) = ui.input(|input| (input.zoom_delta(), input.smooth_scroll_delta().y));
        let factor = zoom * (wheel / 240.0).exp();
        if factor != 1.0 {
            let after = (before * factor).clamp(fitting(pixels, rect).min(0.25), ZOOM_MAX);
            // The pixel under the pointer stays where it is.
            let grown = (place.center() - at) * (after / before);
            state.zoom = Some(after);
            state.pan = at + grown - rect.center();
        }
    }
    if pans {
        state.zoom.get_or_insert(before);
        state.pan += response.drag_delta();
        ui.set_cursor_icon(CursorIcon::Grabbing);
    }
    if let Some(zoom) = state.zoom {
        // Something of the picture stays in sight.
        let reach = (pixels * zoom + rect.size()) / 2.0 - Vec2::splat(48.0);
        state.pan = state.pan.clamp(-reach, reach);
    }
}

/// The picture at its place on a ground; where that is larger, the ground has the shadow.
fn picture_ui(
    ui: &Ui,
    view: &mut View<'_>,
    state: &mut CanvasState,
    picture: &Picture,
    (place, ground): (Rect, Rect),
    rect: Rect,
) {
    let painter = ui.painter_at(rect);
    if place == ground {
        shadow_ui(ui, ground, rect);
    }
    let now = ui.input(|input| input.time);
    let seconds = fade_seconds(ui, view);
    let (mut beneath, fade) = state.fader.towards(picture, now, seconds);
    let mut wipe = None;
    if let Some(compare) = &view.state.compare
        && let Some(other) = view.state.beside(&compare.with)
    {
        // The picture of the canvas lies left of the line.
        beneath = picture.clone();
        wipe = Some((other.clone(), compare.wipe));
    }
    if fade < 1.0 {
        // Half the usual rate: drawing takes from inference.
        ui.ctx().request_repaint_after(std::time::Duration::from_millis(33));
    }
    let Some(format) = view.format else { return };
    let squares = state.zoom.is_some_and(|zoom| zoom >= NEAREST_FROM);
    let (above, wipe) = match wipe {
        Some((other, at)) => (other, Some(at)),
        None => (picture.clone(), None),
    };
    let fade = if wipe.is_some() { 1.0 } else { fade };
    let visible = place.intersect(rect);
    // Pictures larger than the graphics card takes are drawn as smaller copies.
    let Some(above) = view.textures.reduced.fitting(ui.ctx(), &above) else { return };
    let beneath = view.textures.reduced.fitting(ui.ctx(), &beneath).unwrap_or_else(|| above.clone());
    if visible.is_positive() {
        painter
            .add(PicturePaint { beneath, above, fade, wipe, place, squares, format, slot: 0 }.shape(visible));
    }
}

/// The shadow of what lies on the canvas.
fn shadow_ui(ui: &Ui, ground: Rect, rect: Rect) {
    let color = theme::tokens(ui).shadow;
    let shadow = Shadow { offset: [0, 15], blur: 50, spread: 0, color };
    ui.painter_at(rect).add(shadow.as_shape(ground, CornerRadius::ZERO));
}

/// Previews fade over one step's time at most; the user's own choice is shown at once.
fn fade_seconds(ui: &Ui, view: &View<'_>) -> f64 {
    let live =
        matches!(&view.state.shown, Shown::Generation { step: None, .. }) && view.state.playing.is_none();
    if !live || !theme::moves(ui.ctx()) {
        return 0.0;
    }
    let step = view.state.generation().and_then(|generation| generation.seconds_a_step());
    step.unwrap_or(FADE_SECONDS).min(FADE_SECONDS)
}

/// The empty sheet before the first step.
fn sheet_ui(ui: &Ui, pixels: Vec2, rect: Rect) {
    let tokens = theme::tokens(ui);
    let place = Rect::from_center_size(rect.center().round(), pixels * fitting(pixels, rect));
    let stroke = Stroke::new(1.0, tokens.text_on_canvas.gamma_multiply(0.35));
    ui.painter_at(rect).rect_stroke(place, CornerRadius::ZERO, stroke, egui::StrokeKind::Inside);
}

/// A polite live region: starts, ends and errors are read out, not each step.
fn announce(ui: &mut Ui, announced: &str, rect: Rect) {
    let place = Rect::from_min_size(rect.left_bottom() - vec2(0.0, 1.0), vec2(1.0, 1.0));
    let response = ui.interact(place, ui.scope_id().with("announcements"), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Status, true, announced));
    ui.ctx().accesskit_node_builder(response.id, |node| node.set_live(Live::Polite));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_stand_in_half_steps_and_large_ones_are_reduced() {
        let canvas = Rect::from_min_size(pos2(208.0, 0.0), vec2(800.0, 638.0));
        assert_eq!(fitting(vec2(256.0, 256.0), canvas), 2.0);
        assert_eq!(fitting(vec2(512.0, 512.0), canvas), 1.0);
        assert!(fitting(vec2(1024.0, 1024.0), canvas) < 0.6);
        let small = Rect::from_min_size(pos2(0.0, 0.0), vec2(628.0, 438.0));
        assert_eq!(fitting(vec2(256.0, 256.0), small), 1.0);
        assert!(fitting(vec2(2048.0, 64.0), canvas) < 0.4);
    }
}
