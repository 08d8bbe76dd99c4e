//! Cards, drawn over the lower part of the tray: notices that pass, errors that say what to do.

use egui::accesskit::Role;
use egui::{Align, Align2, CornerRadius, Frame, Id, Layout, Margin, Order, Rect, ScrollArea, Ui, vec2};

use crate::app::cards::{Card, Weight};
use crate::app::command::Command;
use crate::app::icons;
use crate::app::theme::{self, size};
use crate::app::view::View;
use crate::app::widgets::{self, IconButton, Kind};

/// Draws all cards, the newest lowest.
pub fn cards_ui(ui: &Ui, view: &mut View<'_>, tray: Rect) {
    let now = ui.input(|input| input.time);
    if let Some(seconds) = view.state.cards.age(now) {
        ui.ctx().request_repaint_after(std::time::Duration::from_secs_f64(seconds.clamp(0.05, 60.0)));
    }
    let cards = view.state.cards.list.clone();
    if cards.is_empty() {
        return;
    }
    let width = 420.0_f32.min(tray.width() - 32.0);
    let above_actions = if view.state.picture().is_some() { 60.0 } else { 16.0 };
    let at = egui::pos2(tray.center().x, tray.bottom() - above_actions);
    let shown = egui::Area::new(Id::unique("cards"))
        .order(Order::Middle)
        .pivot(Align2::CENTER_BOTTOM)
        .fixed_pos(at)
        .constrain(false)
        .fade_in(false)
        .show(ui.ctx(), |ui| {
            ui.set_width(width);
            ui.with_layout(Layout::top_down(Align::Min), |ui| {
                for card in &cards {
                    card_ui(ui, view, card, width);
                }
            });
            ui.min_rect().bottom()
        });
    // The pile is placed by the height that it had before: a card more would hang over the edge.
    if (shown.inner - at.y).abs() > 0.5 {
        ui.ctx().request_discard("the pile of cards has another height");
    }
}

fn card_ui(ui: &mut Ui, view: &mut View<'_>, card: &Card, width: f32) {
    let tokens = theme::tokens(ui);
    let frame = Frame::popup(ui.style()).inner_margin(Margin { left: 14, right: 8, top: 8, bottom: 8 });
    let frame = frame.corner_radius(CornerRadius::same(size::RADIUS_BOX));
    let shown = frame.show(ui, |ui| {
        ui.set_width(width - 24.0);
        ui.spacing_mut().item_spacing = vec2(10.0, 4.0);
        ui.horizontal_top(|ui| {
            let (icon, color) = match card.weight {
                Weight::Error => (icons::ERROR, tokens.bad),
                Weight::Notice => (icons::INFO, tokens.subdued),
            };
            let (place, _) = ui.allocate_exact_size(vec2(18.0, 24.0), egui::Sense::hover());
            widgets::paint_icon(ui, place, icon, size::ICON, color);
            let text = card.said.text(view.words);
            let act = card.act.map(|act| act.name(view.words));
            let short = act.is_some() && card.weight == Weight::Notice;
            let room = ui.available_width() - 34.0 - if short { 130.0 } else { 0.0 };
            ui.vertical(|ui| {
                ui.set_width(room);
                ui.add_space(2.0);
                ui.label(widgets::body(text, tokens.text));
            });
            ui.with_layout(Layout::right_to_left(Align::Min), |ui| {
                if IconButton::new(icons::CLOSE, &view.words.t("dismiss")).in_row().show(ui).clicked() {
                    view.push(Command::Dismiss(card.id));
                }
                if short {
                    act_ui(ui, view, card);
                }
            });
        });
        if card.weight == Weight::Error {
            below_ui(ui, view, card);
        }
    });
    let role = if card.weight == Weight::Error { Role::Alert } else { Role::Status };
    let text = card.said.text(view.words);
    ui.ctx().accesskit_node_builder(shown.response.id, |node| {
        node.set_role(role);
        node.set_label(text);
    });
}

fn act_ui(ui: &mut Ui, view: &mut View<'_>, card: &Card) {
    for act in card.acts() {
        let name = act.name(view.words);
        if widgets::sized_button(ui, Kind::Outlined, None, &name, None, 26.0).clicked() {
            view.act(act);
        }
    }
}

/// What to do about an error, and its details folded away.
fn below_ui(ui: &mut Ui, view: &mut View<'_>, card: &Card) {
    let open = view.room.unfolded == Some(card.id);
    if card.act.is_none() && card.details.is_empty() {
        return;
    }
    ui.horizontal(|ui| {
        ui.add_space(28.0);
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
