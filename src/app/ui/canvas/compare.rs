//! Two pictures under a wipe: the line between them, its handle, and what differs on either side.

use egui::accesskit::Role;
use egui::{Align2, CursorIcon, Rect, Sense, Stroke, Ui, UiBuilder, Vec2, WidgetInfo, pos2, vec2};

use crate::app::command::Command;
use crate::app::theme::icons;
use crate::app::theme::widgets;
use crate::app::theme::widgets::{IconButton, on_picture};
use crate::app::theme::{self, size};
use crate::app::ui::difference;
use crate::app::ui::view::View;

/// Draws the line, its handle and the labels over the picture at `place`.
pub(super) fn compare_ui(ui: &mut Ui, view: &mut View<'_>, place: Rect, rect: Rect) {
    let tokens = theme::tokens(ui);
    let Some(compare) = view.state.compare.clone() else { return };
    let x = egui::lerp(place.x_range(), compare.wipe);
    let handle = Rect::from_center_size(
        pos2(x, place.center().y.clamp(rect.top() + 20.0, rect.bottom() - 20.0)),
        Vec2::splat(28.0),
    );
    // All of the picture is the handle.
    let response = ui.interact(place.intersect(rect), ui.scope_id().with("wipe"), Sense::click_and_drag());
    let response = response.on_hover_cursor(CursorIcon::ResizeHorizontal);
    if response.is_pointer_button_down_on() && !response.has_focus() {
        response.request_focus();
    }
    let mut wipe = compare.wipe;
    if let Some(at) = response.interact_pointer_pos() {
        wipe = ((at.x - place.left()) / place.width()).clamp(0.0, 1.0);
    }
    if response.has_focus() {
        let filter = egui::EventFilter { horizontal_arrows: true, ..Default::default() };
        ui.memory_mut(|memory| memory.set_focus_lock_filter(response.id, filter));
        let pressed =
            |key| ui.input_mut(|input| input.count_and_consume_key(egui::Modifiers::NONE, key)) as f32;
        wipe += 0.02 * (pressed(egui::Key::ArrowRight) - pressed(egui::Key::ArrowLeft));
    }
    let wipe = wipe.clamp(0.0, 1.0);
    if wipe != compare.wipe {
        view.push(Command::MoveWipe(wipe));
    }
    let name = view.words.t("wipe");
    response.widget_info(|| WidgetInfo {
        value: Some(wipe.into()),
        ..WidgetInfo::labeled(Role::Slider, true, &name)
    });
    let painter = ui.painter_at(rect);
    painter.vline(x, place.y_range(), Stroke::new(2.0, tokens.on_veil));
    painter.circle_filled(handle.center(), 14.0, tokens.on_veil);
    let icon = theme::of(false).text;
    widgets::paint_icon(ui, handle, icons::COMPARE, 16.0, icon);
    let [left, right] = difference::labels(view, &compare.with);
    // Beside each other, even on a narrow picture.
    let (seen, middle) = (place.intersect(rect), place.intersect(rect).center().x);
    let most = (rect.width() / 2.0 - 16.0).min((seen.width() / 2.0 - 16.0).max(120.0));
    let y = seen.top() + 10.0;
    let at = (seen.left() + 10.0).min(middle - 4.0 - most);
    on_picture(ui, Align2::LEFT_TOP, pos2(at.max(rect.left() + 8.0), y), &left, most);
    let at = (seen.right() - 10.0).max(middle + 4.0 + most);
    on_picture(ui, Align2::RIGHT_TOP, pos2(at.min(rect.right() - 8.0), y), &right, most);
    let mut close = Rect::from_min_size(rect.right_top() + vec2(-44.0, 4.0), Vec2::splat(size::TARGET));
    close = close.intersect(rect);
    ui.scope_builder(UiBuilder::new().max_rect(close), |ui| {
        if IconButton::new(icons::CLOSE, &view.words.t("end-compare")).show(ui).clicked() {
            view.push(Command::EndCompare);
        }
    });
}
