//! The tray on the canvas: the picture that the next run begins from, painted over by hand, given room at its edges.
//!
//! Invariant: places on the screen become pixels of the picture here and nowhere else.

mod bar;
mod hand;
pub(super) mod panel;
mod room;
mod tint;

use egui::{CornerRadius, PointerButton, Rect, Response, Stroke, StrokeKind, Ui, vec2};

use crate::app::command::Command;
use crate::app::command::tray::OfTray;
use crate::app::state::tray::Laid;
use crate::app::theme;
use crate::app::ui::tray::hand::Hand;
use crate::app::ui::tray::room::RoomDrag;
use crate::app::ui::tray::tint::Tint;
use crate::app::ui::view::View;
use crate::tray::Brush;

/// The height that the bar takes below the picture.
pub const BAR: f32 = 30.0;
/// The height that the handles take above it.
pub const HANDLES: f32 = 8.0;

/// What the tray remembers from frame to frame.
#[derive(Debug, Default)]
pub struct TrayUi {
    hand: Hand,
    tint: Tint,
    room: Option<RoomDrag>,
}

impl TrayUi {
    /// Where the picture with its room lies while its edge is dragged: the picture stays where it is.
    pub fn held(&self, laid: &Laid) -> Option<Rect> {
        self.room.as_ref().map(|drag| drag.place(&laid.treatment.outpaint))
    }

    /// Where the picture with its room lay when its edge was let go.
    pub fn let_go(&mut self) -> Option<Rect> {
        self.room.take_if(|drag| drag.ended.is_some()).and_then(|drag| drag.ended)
    }
}

/// Where the picture itself lies within its room.
pub fn inside(laid: &Laid, whole: Rect) -> Rect {
    let scale = scale(laid, whole);
    let room = laid.treatment.outpaint;
    let from = whole.min + vec2(room.left as f32, room.top as f32) * scale;
    Rect::from_min_size(from, vec2(laid.photo.frame.width as f32, laid.photo.frame.height as f32) * scale)
}

/// Points a pixel.
fn scale(laid: &Laid, whole: Rect) -> f32 {
    whole.width() / laid.whole()[0].max(1) as f32
}

/// Whether the canvas is moved rather than painted on.
pub fn pans(state: &TrayUi, response: &Response) -> bool {
    let by = |button| response.dragged_by(button);
    by(PointerButton::Middle)
        || by(PointerButton::Secondary)
        || (by(PointerButton::Primary) && !state.hand.paints())
}

/// Whether the wheel is the brush's.
pub fn takes_wheel(ui: &Ui) -> bool {
    ui.input(|input| input.modifiers.alt)
}

/// What lies below the picture: its room, which is painted.
pub fn beneath_ui(ui: &Ui, whole: Rect, rect: Rect) {
    let painter = ui.painter_at(rect);
    painter.rect_filled(whole, CornerRadius::ZERO, theme::tokens(ui).canvas);
    painter.rect_filled(whole, CornerRadius::ZERO, tint::color(ui, 255));
    let stroke = Stroke::new(1.0, theme::tokens(ui).text_on_canvas);
    painter.rect_stroke(whole, CornerRadius::ZERO, stroke, StrokeKind::Outside);
}

/// What lies over the picture at `place`, the room around it being `whole`: the mask, the brush, the handles of the
/// edges, and the bar with what can be done. Returns the height below which only text lies on the canvas.
pub fn over_ui(
    ui: &mut Ui,
    view: &mut View<'_>,
    state: &mut TrayUi,
    response: &Response,
    (whole, rect): (Rect, Rect),
) -> f32 {
    let Some(laid) = view.state.tray.laid.as_deref() else { return rect.bottom() };
    let place = inside(laid, whole);
    state.tint.show(ui, laid, place, rect);
    wheel(ui, view, response);
    hand::hand_ui(ui, view, &mut state.hand, response, (place, rect));
    room::room_ui(ui, view, &mut state.room, laid, (whole, rect));
    bar::bar_ui(ui, view, laid, rect)
}

/// The wheel with Alt makes the brush larger or smaller.
fn wheel(ui: &Ui, view: &mut View<'_>, response: &Response) {
    if !response.contains_pointer() || !takes_wheel(ui) {
        return;
    }
    let wheel = ui.input(|input| input.smooth_scroll_delta());
    // Some systems turn the wheel aside where Alt is held.
    let by = if wheel.y != 0.0 { wheel.y } else { wheel.x };
    if by != 0.0 {
        let brush = view.state.tray.brush;
        let radius = (brush.radius * (by / 300.0).exp()).max(1.0);
        view.push(Command::Tray(OfTray::Hold(Brush { radius, ..brush })));
    }
}

/// A line that is seen on any picture.
fn contour(ui: &Ui) -> [Stroke; 2] {
    let tokens = theme::tokens(ui);
    [Stroke::new(3.0, tokens.veil), Stroke::new(1.25, tokens.on_veil)]
}
