//! Cards, drawn beside the picture: notices that pass, errors that say what to do.
//!
//! Invariant: a card covers neither the picture nor anything that can be done.

use egui::accesskit::Role;
use egui::{
    Align, Align2, CornerRadius, Frame, Id, Layout, Margin, Order, Rect, ScrollArea, Stroke, Ui, WidgetInfo,
    pos2, vec2,
};

use crate::app::command::Command;
use crate::app::state::toasts::{Card, Weight};
use crate::app::theme::icons;
use crate::app::theme::widgets;
use crate::app::theme::widgets::{IconButton, Kind};
use crate::app::theme::{self, size};
use crate::app::ui::view::View;

/// Between a card and what is beside it.
const GAP: f32 = 12.0;
/// The foot of the controls, which stays below the cards.
const FOOT: f32 = 41.0;

/// Where cards stand while the controls are open: at the panel's lower end, which makes room.
pub fn in_panel(panel: Rect) -> Rect {
    let mut place = panel.shrink2(vec2(GAP, 0.0));
    place.max.y -= FOOT;
    // The model and the first control stay in sight.
    place.min.y = (place.max.y - 0.6 * panel.height()).max(panel.top());
    place
}

/// Where they stand else: beside the picture, below the line that tells of it.
pub fn in_tray(tray: Rect) -> Rect {
    let width = size::CONTROLS.min(tray.width() / 2.0);
    Rect::from_min_max(pos2(tray.right() - width, tray.top() + 40.0), tray.max).shrink2(vec2(GAP, 4.0))
}

/// Draws all cards into `place`, the newest lowest; in the panel they stand at its lower end.
pub fn cards_ui(ui: &Ui, view: &mut View<'_>, place: Rect, in_panel: bool) {
    let now = ui.input(|input| input.time);
    if let Some(seconds) = view.state.cards.age(now) {
        ui.ctx().request_repaint_after(std::time::Duration::from_secs_f64(seconds.clamp(0.05, 60.0)));
    }
    let cards = view.state.cards.list.clone();
    let mut taken = 0.0;
    if !cards.is_empty() {
        let (pivot, at) = match in_panel {
            true => (Align2::LEFT_BOTTOM, place.left_bottom() - vec2(0.0, GAP)),
            false => (Align2::LEFT_TOP, place.left_top()),
        };
        let area = egui::Area::new(Id::unique("cards")).order(Order::Middle).pivot(pivot).fixed_pos(at);
        let shown = area.constrain(false).fade_in(false).show(ui.ctx(), |ui| {
            ui.set_width(place.width());
            let most = place.height() - 2.0 * GAP;
            let scroll = ScrollArea::vertical().max_height(most).min_scrolled_height(most);
            scroll.auto_shrink([false, true]).stick_to_bottom(true).show(ui, |ui| {
                ui.spacing_mut().item_spacing.y = 6.0;
                for card in &cards {
                    card_ui(ui, view, card, place.width());
                }
            });
            ui.min_rect()
        });
        taken = shown.inner.height() + 2.0 * GAP;
        // The pile is placed by the height that it had before: a card more would hang over the edge.
        if in_panel && (shown.inner.bottom() - at.y).abs() > 0.5 {
            ui.ctx().request_discard("the pile of cards has another height");
        }
    }
    let before = std::mem::replace(&mut view.room.cards_height, if in_panel { taken } else { 0.0 });
    if (before - view.room.cards_height).abs() > 0.5 {
        ui.ctx().request_discard("the cards take another height from the controls");
    }
}

fn card_ui(ui: &mut Ui, view: &mut View<'_>, card: &Card, width: f32) {
    let tokens = theme::tokens(ui);
    let frame = Frame::new().fill(tokens.raised).stroke(Stroke::new(1.0, tokens.hairline));
    let frame = frame.inner_margin(Margin { left: 11, right: 7, top: 7, bottom: 8 });
    let frame = frame.corner_radius(CornerRadius::same(size::RADIUS_BOX));
    let shown = frame.show(ui, |ui| {
        ui.set_width(width - 20.0);
        ui.spacing_mut().item_spacing = vec2(9.0, 4.0);
        ui.horizontal_top(|ui| {
            let (icon, color) = match card.weight {
                Weight::Error => (icons::ERROR, tokens.bad),
                Weight::Notice => (icons::INFO, tokens.subdued),
            };
            let (place, _) = ui.allocate_exact_size(vec2(18.0, 24.0), egui::Sense::hover());
            widgets::paint_icon(ui, place, icon, size::ICON, color);
            let room = ui.available_width() - 33.0;
            ui.vertical(|ui| {
                ui.set_width(room);
                ui.add_space(2.0);
                ui.label(widgets::body(card.said.text(view.words), tokens.text));
            });
            ui.with_layout(Layout::right_to_left(Align::Min), |ui| {
                let (name, tip) = (view.words.t("dismiss"), format!("{}  Esc", view.words.t("dismiss")));
                if IconButton::new(icons::CLOSE, &name).in_row().tip(tip).show(ui).clicked() {
                    view.push(Command::Dismiss(card.id));
                }
            });
        });
        below_ui(ui, view, card);
    });
    let role = if card.weight == Weight::Error { Role::Alert } else { Role::Status };
    let text = card.said.text(view.words);
    shown.response.widget_info(|| WidgetInfo::labeled(role, true, &text));
}

fn act_ui(ui: &mut Ui, view: &mut View<'_>, card: &Card) {
    for act in card.acts() {
        let name = act.name(view.words);
        if widgets::sized_button(ui, Kind::Outlined, None, &name, None, 26.0).clicked() {
            view.act(act);
        }
    }
}

/// What can be done about it, and its details folded away.
fn below_ui(ui: &mut Ui, view: &mut View<'_>, card: &Card) {
    let open = view.room.unfolded == Some(card.id);
    if card.act.is_none() && card.details.is_empty() {
        return;
    }
    ui.horizontal_wrapped(|ui| {
        ui.add_space(27.0);
        act_ui(ui, view, card);
        if !card.details.is_empty() {
            let text = view.words.t(if open { "hide-details" } else { "show-details" });
            if widgets::sized_button(ui, Kind::Ghost, None, &text, None, 26.0).clicked() {
                view.room.unfolded = (!open).then_some(card.id);
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
                    egui::Label::new(widgets::small(&card.details, tokens.subdued)).selectable(true).wrap(),
                );
            });
        });
    }
    ui.add_space(2.0);
}
