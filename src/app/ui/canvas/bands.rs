//! The lines above and below the picture, and the buttons that bring folded panels back.

use egui::{Align2, Rect, Ui, UiBuilder, Vec2, pos2};

use crate::app::command::Act;
use crate::app::state::panels;
use crate::app::theme::icons;
use crate::app::theme::widgets;
use crate::app::theme::widgets::{IconButton, on_picture};
use crate::app::theme::{self, size};
use crate::app::ui::lens;
use crate::app::ui::status;
use crate::app::ui::view::View;

/// Draws the lines; `covered`: the picture reaches under them; `peek`: the gallery lies over the canvas.
pub(super) fn bands_ui(ui: &mut Ui, view: &mut View<'_>, rect: Rect, covered: bool, peek: bool) {
    let tokens = theme::tokens(ui);
    let mut left = rect.left() + 16.0;
    if peek || !panels::is_open(&view.state.preferences, panels::GALLERY) || rect.left() < 1.0 {
        let place = Rect::from_min_size(pos2(rect.left() + 8.0, rect.top() + 4.0), Vec2::splat(size::TARGET));
        ui.scope_builder(UiBuilder::new().max_rect(place).id_salt("sidebar"), |ui| {
            let (name, tip) = (Act::Gallery.name(view.words), Act::Gallery.tip(view.words, ui.ctx()));
            if IconButton::new(icons::SIDEBAR, &name).tip(tip).show(ui).clicked() {
                view.act(Act::Gallery);
            }
        });
        left = place.right() + 8.0;
    }
    let mut right = rect.right() - 16.0;
    if !panels::is_open(&view.state.preferences, panels::CONTROLS) {
        let place =
            Rect::from_min_size(pos2(rect.right() - 40.0, rect.top() + 4.0), Vec2::splat(size::TARGET));
        ui.scope_builder(UiBuilder::new().max_rect(place).id_salt("sidebar right"), |ui| {
            let (name, tip) = (Act::Controls.name(view.words), Act::Controls.tip(view.words, ui.ctx()));
            if IconButton::new(icons::SIDEBAR_RIGHT, &name).tip(tip).show(ui).clicked() {
                view.act(Act::Controls);
            }
        });
        right = place.left() - 8.0;
    }
    if view.state.generation().is_some() && view.state.compare.is_none() {
        right = lens::toggle_ui(ui, view, right, rect.top());
    }
    let (begin, end) = status::above(view, ui.input(|input| input.max_texture_side));
    let middle = rect.top() + 20.0;
    if covered {
        // Zoomed in, the picture lies under the words.
        for (anchor, x, text) in
            [(Align2::LEFT_CENTER, left - 8.0, begin), (Align2::RIGHT_CENTER, right + 8.0, end)]
        {
            if !text.is_empty() {
                on_picture(ui, anchor, pos2(x, middle), &text, rect.width() / 2.0 - 24.0);
            }
        }
        return;
    }
    let end = widgets::line(ui, &end, theme::small(), tokens.text_on_canvas, rect.width() * 0.6);
    let end_left = right - end.size().x;
    widgets::paint_line(ui, end_left, middle, end);
    let begin = widgets::line(ui, &begin, theme::small(), tokens.text_on_canvas, end_left - 16.0 - left);
    widgets::paint_line(ui, left, middle, begin);
    if let Some(below) = status::below(view) {
        let galley = widgets::line(ui, &below, theme::small(), tokens.text_on_canvas, rect.width() - 32.0);
        let at = pos2(rect.right() - 16.0 - galley.size().x, rect.bottom() - 20.0);
        widgets::paint_line(ui, at.x, at.y, galley);
    }
}
