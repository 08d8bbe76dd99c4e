//! Room around the picture: handles at its edges and corners that are dragged, or moved with the arrow keys.
//!
//! Trap: the picture must not move under the hand, although the whole grows: while an edge is dragged, the place is
//! that of the beginning with what was added since.

use egui::accesskit::Role;
use egui::{
    Align2, CursorIcon, EventFilter, Key, Modifiers, Pos2, Rect, Sense, Ui, Vec2, WidgetInfo, pos2, vec2,
};

use crate::app::command::Command;
use crate::app::command::tray::OfTray;
use crate::app::state::tray::Laid;
use crate::app::theme;
use crate::app::theme::widgets;
use crate::app::ui::tray::scale;
use crate::app::ui::view::View;
use crate::settings::Margins;

/// Room comes in steps of so many pixels.
const STEP: f32 = 8.0;
/// From an edge to the middle of its handle.
const AWAY: f32 = 9.0;
/// The side of what can be grabbed.
const GRAB: f32 = 18.0;

/// An edge or a corner that is dragged.
#[derive(Debug)]
pub struct RoomDrag {
    /// Across and down: -1 left or top, 1 right or bottom, 0 neither.
    handle: [i8; 2],
    from: Pos2,
    /// The room and the place at the beginning, and points a pixel.
    room: Margins,
    place: Rect,
    scale: f32,
    /// Where the whole lay when it was let go.
    pub ended: Option<Rect>,
}

impl RoomDrag {
    /// Where the picture lies with this room.
    pub fn place(&self, room: &Margins) -> Rect {
        let more = |now: usize, then: usize| (now as f32 - then as f32) * self.scale;
        Rect::from_min_max(
            self.place.min - vec2(more(room.left, self.room.left), more(room.top, self.room.top)),
            self.place.max + vec2(more(room.right, self.room.right), more(room.bottom, self.room.bottom)),
        )
    }
}

/// A side's room after its handle was moved outwards by so many pixels.
fn moved(room: usize, by: f32, most: usize) -> usize {
    let room = ((room as f32 + by) / STEP).round().max(0.0) * STEP;
    (room as usize).min(most / STEP as usize * STEP as usize)
}

/// Room after a handle was moved by so many pixels across and down.
fn dragged(laid: &Laid, room: Margins, handle: [i8; 2], by: Vec2) -> Margins {
    let (width, height) = (laid.photo.frame.width, laid.photo.frame.height);
    let mut now = room;
    match handle[0] {
        -1 => now.left = moved(room.left, -by.x, laid.room_left(width, room.right)),
        1 => now.right = moved(room.right, by.x, laid.room_left(width, room.left)),
        _ => {}
    }
    match handle[1] {
        -1 => now.top = moved(room.top, -by.y, laid.room_left(height, room.bottom)),
        1 => now.bottom = moved(room.bottom, by.y, laid.room_left(height, room.top)),
        _ => {}
    }
    now
}

const HANDLES: [[i8; 2]; 8] = [[-1, -1], [0, -1], [1, -1], [-1, 0], [1, 0], [-1, 1], [0, 1], [1, 1]];

/// Draws the handles around `whole` and follows them.
pub fn room_ui(
    ui: &mut Ui,
    view: &mut View<'_>,
    drag: &mut Option<RoomDrag>,
    laid: &Laid,
    (whole, rect): (Rect, Rect),
) {
    let tokens = theme::tokens(ui);
    for handle in HANDLES {
        let at = pos2(
            whole.center().x + f32::from(handle[0]) * (whole.width() / 2.0 + AWAY),
            whole.center().y + f32::from(handle[1]) * (whole.height() / 2.0 + AWAY),
        );
        let grab = match handle {
            [_, 0] => vec2(GRAB, (whole.height() * 0.5).clamp(GRAB, 72.0)),
            [0, _] => vec2((whole.width() * 0.5).clamp(GRAB, 72.0), GRAB),
            _ => Vec2::splat(GRAB),
        };
        let grab = Rect::from_center_size(at, grab);
        if !rect.contains(at) {
            continue;
        }
        let response = ui.interact(grab, ui.scope_id().with(("room", handle)), Sense::click_and_drag());
        let response = response.on_hover_cursor(cursor(handle));
        let held = drag.as_ref().is_some_and(|drag| drag.handle == handle && drag.ended.is_none());
        let hot = response.hovered() || held || response.has_focus();
        let color = if hot { tokens.text } else { tokens.text_on_canvas };
        draw(ui, at, handle, grab, color);
        follow(ui, view, drag, laid, (handle, whole), &response);
        let name = view.words.t(name(handle));
        let value = view.words.with("room-of", &[("room", laid.treatment.outpaint.to_string().into())]);
        response.widget_info(|| WidgetInfo::labeled(Role::Splitter, true, format!("{name} {value}")));
        if !held {
            response.on_hover_text(view.words.t("room-tip"));
        }
    }
    if drag.as_ref().is_some_and(|drag| drag.ended.is_none()) {
        let [width, height] = laid.whole();
        let said = view.words.with("size-of", &[("width", width.into()), ("height", height.into())]);
        let at = pos2(whole.center().x, (whole.top() + 10.0).max(rect.top() + 8.0));
        widgets::on_picture(ui, Align2::CENTER_TOP, at, &said, 240.0);
    }
}

fn follow(
    ui: &Ui,
    view: &mut View<'_>,
    drag: &mut Option<RoomDrag>,
    laid: &Laid,
    (handle, whole): ([i8; 2], Rect),
    response: &egui::Response,
) {
    let room = laid.treatment.outpaint;
    let mut ask = |margins, ends| view.push(Command::Tray(OfTray::Room { margins, ends }));
    if response.drag_started()
        && let Some(from) = ui.input(|input| input.pointer.press_origin())
    {
        let scale = scale(laid, whole);
        *drag = Some(RoomDrag { handle, from, room, place: whole, scale, ended: None });
    }
    if let Some(held) = drag.as_mut().filter(|held| held.handle == handle && held.ended.is_none()) {
        let at = response.interact_pointer_pos();
        let now = at.map_or(room, |at| dragged(laid, held.room, handle, (at - held.from) / held.scale));
        if response.drag_stopped() {
            held.ended = Some(held.place(&now));
            ask(now, true);
        } else if now != room {
            ask(now, false);
        }
    }
    if response.has_focus() {
        let filter = EventFilter { horizontal_arrows: true, vertical_arrows: true, ..EventFilter::default() };
        ui.memory_mut(|memory| memory.set_focus_lock_filter(response.id, filter));
        let pressed = |key| ui.input_mut(|input| input.count_and_consume_key(Modifiers::NONE, key)) as f32;
        let by = vec2(
            pressed(Key::ArrowRight) - pressed(Key::ArrowLeft),
            pressed(Key::ArrowDown) - pressed(Key::ArrowUp),
        );
        let now = dragged(laid, room, handle, by * STEP);
        if now != room {
            ask(now, true);
        }
    }
}

fn draw(ui: &Ui, at: Pos2, handle: [i8; 2], grab: Rect, color: egui::Color32) {
    const THICK: f32 = 3.0;
    let painter = ui.painter();
    let bar = |size: Vec2, at: Pos2| {
        painter.rect_filled(Rect::from_center_size(at, size), 1.5, color);
    };
    match handle {
        [_, 0] => bar(vec2(THICK, (grab.height() * 0.5).max(12.0)), at),
        [0, _] => bar(vec2((grab.width() * 0.5).max(12.0), THICK), at),
        [x, y] => {
            // An angle whose point is away from the picture.
            let (x, y, long) = (f32::from(x), f32::from(y), 11.0);
            bar(vec2(long, THICK), at + vec2(-x * (long - THICK) / 2.0, 0.0));
            bar(vec2(THICK, long), at + vec2(0.0, -y * (long - THICK) / 2.0));
        }
    }
}

fn cursor(handle: [i8; 2]) -> CursorIcon {
    match handle {
        [_, 0] => CursorIcon::ResizeHorizontal,
        [0, _] => CursorIcon::ResizeVertical,
        [-1, -1] | [1, 1] => CursorIcon::ResizeNwSe,
        _ => CursorIcon::ResizeNeSw,
    }
}

/// The key of a handle's name.
fn name(handle: [i8; 2]) -> &'static str {
    match handle {
        [-1, 0] => "room-left",
        [1, 0] => "room-right",
        [0, -1] => "room-top",
        [0, _] => "room-bottom",
        [-1, -1] => "room-top-left",
        [1, -1] => "room-top-right",
        [-1, _] => "room-bottom-left",
        _ => "room-bottom-right",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_comes_in_steps_and_ends_at_the_most() {
        assert_eq!([3.0, 5.0, 21.0, -99.0].map(|by| moved(0, by, 4096)), [0, 8, 24, 0]);
        assert_eq!((moved(16, -7.0, 4096), moved(16, 900.0, 100)), (8, 96));
    }

    #[test]
    fn the_picture_stays_while_the_whole_grows() {
        let place = Rect::from_min_size(pos2(100.0, 100.0), vec2(200.0, 100.0));
        let drag = RoomDrag {
            handle: [-1, 0],
            from: Pos2::ZERO,
            room: Margins::default(),
            place,
            scale: 0.5,
            ended: None,
        };
        let grown = drag.place(&Margins { left: 64, ..Margins::default() });
        assert_eq!((grown.min, grown.max), (pos2(68.0, 100.0), place.max));
    }
}
