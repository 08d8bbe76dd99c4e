//! Toasts, drawn beside the picture: notices that pass, errors that say what to do.
//!
//! Invariant: a toast covers neither the picture nor anything that can be done.

use egui::accesskit::Role;
use egui::{
    Align, Align2, CornerRadius, Frame, Id, Layout, Margin, Order, Rect, ScrollArea, Stroke, Ui, WidgetInfo,
    pos2, vec2,
};

use crate::app::command::Command;
use crate::app::state::toasts::{Severity, Toast};
use crate::app::theme::icons;
use crate::app::theme::widgets;
use crate::app::theme::widgets::{IconButton, Kind};
use crate::app::theme::{self, size};
use crate::app::ui::view::View;

/// Between a toast and what is beside it.
const GAP: f32 = 12.0;
/// The foot of the controls, which stays below the toasts.
const FOOT: f32 = 41.0;

/// What the pile remembers from frame to frame.
#[derive(Debug, Default)]
pub struct ToastsState {
    /// Height that the toasts take from the controls, in points.
    pub height: f32,
    /// The toast whose details are shown.
    unfolded: Option<u64>,
}

/// Where toasts stand while the controls are open: at the panel's lower end, which makes room.
pub fn in_panel(panel: Rect) -> Rect {
    let mut place = panel.shrink2(vec2(GAP, 0.0));
    place.max.y -= FOOT;
    // The model and the first control stay in sight.
    place.min.y = (place.max.y - 0.6 * panel.height()).max(panel.top());
    place
}

/// Where they stand else: beside the picture, below the line that tells of it.
pub fn in_canvas(canvas: Rect) -> Rect {
    let width = size::CONTROLS.min(canvas.width() / 2.0);
    Rect::from_min_max(pos2(canvas.right() - width, canvas.top() + 40.0), canvas.max).shrink2(vec2(GAP, 4.0))
}

/// Draws all toasts into `place`, the newest lowest; in the panel they stand at its lower end.
pub fn toasts_ui(ui: &Ui, view: &mut View<'_>, state: &mut ToastsState, place: Rect, in_panel: bool) {
    let toasts = &view.state.toasts.list;
    let mut taken = 0.0;
    if !toasts.is_empty() {
        let (pivot, at) = match in_panel {
            true => (Align2::LEFT_BOTTOM, place.left_bottom() - vec2(0.0, GAP)),
            false => (Align2::LEFT_TOP, place.left_top()),
        };
        let area = egui::Area::new(Id::unique("toasts")).order(Order::Middle).pivot(pivot).fixed_pos(at);
        let shown = area.constrain(false).fade_in(false).show(ui.ctx(), |ui| {
            ui.set_width(place.width());
            let most = place.height() - 2.0 * GAP;
            let scroll = ScrollArea::vertical().max_height(most).min_scrolled_height(most);
            scroll.auto_shrink([false, true]).stick_to_bottom(true).show(ui, |ui| {
                ui.spacing_mut().item_spacing.y = 6.0;
                for toast in toasts {
                    toast_ui(ui, view, state, toast, place.width());
                }
            });
            ui.min_rect()
        });
        taken = shown.inner.height() + 2.0 * GAP;
        // The pile is placed by its height in the last frame; a new toast would hang over the edge.
        if in_panel && (shown.inner.bottom() - at.y).abs() > 0.5 {
            ui.ctx().request_discard("the pile of toasts has another height");
        }
    }
    let before = std::mem::replace(&mut state.height, if in_panel { taken } else { 0.0 });
    if (before - state.height).abs() > 0.5 {
        ui.ctx().request_discard("the toasts take another height from the controls");
    }
}

fn toast_ui(ui: &mut Ui, view: &mut View<'_>, state: &mut ToastsState, toast: &Toast, width: f32) {
    let tokens = theme::tokens(ui);
    let frame = Frame::new().fill(tokens.raised).stroke(Stroke::new(1.0, tokens.hairline));
    let frame = frame.inner_margin(Margin { left: 11, right: 7, top: 7, bottom: 8 });
    let frame = frame.corner_radius(CornerRadius::same(size::RADIUS_BOX));
    let shown = frame.show(ui, |ui| {
        ui.set_width(width - 20.0);
        ui.spacing_mut().item_spacing = vec2(9.0, 4.0);
        ui.horizontal_top(|ui| {
            let (icon, color) = match toast.severity {
                Severity::Error => (icons::ERROR, tokens.bad),
                Severity::Notice => (icons::INFO, tokens.subdued),
            };
            let (place, _) = ui.allocate_exact_size(vec2(18.0, 24.0), egui::Sense::hover());
            widgets::paint_icon(ui, place, icon, size::ICON, color);
            let room = ui.available_width() - 33.0;
            ui.vertical(|ui| {
                ui.set_width(room);
                ui.add_space(2.0);
                ui.label(widgets::body(toast.message.text(view.words), tokens.text));
            });
            ui.with_layout(Layout::right_to_left(Align::Min), |ui| {
                let (name, tip) = (view.words.t("dismiss"), format!("{}  Esc", view.words.t("dismiss")));
                if IconButton::new(icons::CLOSE, &name).in_row().tip(tip).show(ui).clicked() {
                    view.push(Command::Dismiss(toast.id));
                }
            });
        });
        below_ui(ui, view, state, toast);
    });
    let role = if toast.severity == Severity::Error { Role::Alert } else { Role::Status };
    let text = toast.message.text(view.words);
    shown.response.widget_info(|| WidgetInfo::labeled(role, true, &text));
}

fn act_ui(ui: &mut Ui, view: &mut View<'_>, toast: &Toast) {
    for act in toast.acts() {
        let name = act.name(view.words);
        if widgets::sized_button(ui, Kind::Outlined, None, &name, None, 26.0).clicked() {
            view.act(act);
        }
    }
}

/// Draws its acts, and its details where they are unfolded.
fn below_ui(ui: &mut Ui, view: &mut View<'_>, state: &mut ToastsState, toast: &Toast) {
    let open = state.unfolded == Some(toast.id);
    if toast.act.is_none() && toast.details.is_empty() {
        return;
    }
    ui.horizontal_wrapped(|ui| {
        ui.add_space(27.0);
        act_ui(ui, view, toast);
        if !toast.details.is_empty() {
            let text = view.words.t(if open { "hide-details" } else { "show-details" });
            if widgets::sized_button(ui, Kind::Ghost, None, &text, None, 26.0).clicked() {
                state.unfolded = (!open).then_some(toast.id);
            }
        }
    });
    if open {
        let tokens = theme::tokens(ui);
        let frame =
            Frame::new().fill(tokens.background).corner_radius(CornerRadius::same(size::RADIUS_SMALL));
        frame.inner_margin(Margin::same(8)).show(ui, |ui| {
            ScrollArea::vertical().max_height(140.0).auto_shrink([false, true]).show(ui, |ui| {
                ui.add(
                    egui::Label::new(widgets::small(&toast.details, tokens.subdued)).selectable(true).wrap(),
                );
            });
        });
    }
    ui.add_space(2.0);
}
