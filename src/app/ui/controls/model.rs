//! The model: which one is open, how far it is read, and others to choose.

use std::path::Path;

use egui::{
    Align2, CornerRadius, Popup, PopupCloseBehavior, Rect, Sense, Ui, WidgetInfo, accesskit::Role, pos2, vec2,
};

use crate::app::command::table::keys;
use crate::app::command::{Act, Command};
use crate::app::theme::icons;
use crate::app::theme::widgets;
use crate::app::theme::{self, Weight, size};
use crate::app::ui::view::View;
use crate::engine::{STARTER, model_name};
use crate::message::{ModelInfo, ModelSource};

/// The first line of the controls; a click opens the list.
pub fn header_ui(ui: &mut Ui, view: &mut View<'_>) {
    let tokens = theme::tokens(ui);
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 64.0), Sense::click());
    if response.hovered() {
        ui.painter().rect_filled(rect, 0.0, tokens.raised);
    }
    let tile = Rect::from_min_size(rect.min + vec2(size::GUTTER, 14.0), vec2(36.0, 36.0));
    tile_ui(ui, view, tile);
    let (name, note) = titles(view);
    let left = tile.right() + 10.0;
    let width = rect.right() - 40.0 - left;
    let title = widgets::line(ui, &name, theme::font(14.0, Weight::Medium), tokens.text, width);
    widgets::paint_line(ui, left, rect.top() + 24.0, title);
    let broken = view.state.model.failed.is_some() && view.state.model.info.is_none();
    let color = if broken { tokens.bad } else { tokens.subdued };
    let below = widgets::line(ui, &note, theme::small(), color, width);
    widgets::paint_line(ui, left, rect.top() + 42.0, below);
    let chevron = Rect::from_center_size(pos2(rect.right() - 24.0, rect.top() + 30.0), vec2(16.0, 16.0));
    widgets::paint_icon(ui, chevron, icons::DOWN, 16.0, tokens.subdued);
    if let Some((_, share)) = &view.state.model.loading {
        let mut line = rect;
        line.min.y = rect.max.y - size::PROGRESS;
        line.max.x = egui::lerp(rect.x_range(), share.clamp(0.0, 1.0));
        ui.painter().rect_filled(line, 0.0, tokens.lamp);
    }
    let label = view.words.with("model-named", &[("name", name.into())]);
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, &label));
    Popup::menu(&response)
        .width(rect.width() - 24.0)
        .close_behavior(PopupCloseBehavior::CloseOnClick)
        .show(|ui| list_ui(ui, view));
}

/// The model's name, and a line about it.
fn titles(view: &View<'_>) -> (String, String) {
    let model = &view.state.model;
    let words = view.words;
    if let Some((part, share)) = &model.loading {
        let percent = (share * 100.0).round() as i64;
        let starter = words.t("starter");
        let part = if part == STARTER { &starter } else { part };
        return (
            words.t("opening-model"),
            words.with("loading", &[("part", part.as_str().into()), ("percent", percent.into())]),
        );
    }
    match &model.info {
        Some(info) if info.source == ModelSource::Starter => (words.t("starter"), about(view, info)),
        Some(info) => (info.name.clone(), about(view, info)),
        None => {
            (words.t("no-model"), words.t(if model.failed.is_some() { "open-failed" } else { "starting" }))
        }
    }
}

fn about(view: &View<'_>, info: &ModelInfo) -> String {
    let words = view.words;
    let place = match info.source {
        ModelSource::Starter => Some(words.t("built-in")),
        ModelSource::Path { .. } => info.hash.clone(),
    };
    let size = match info.bytes {
        bytes if bytes >= 1_000_000_000 => format!("{:.1} GB", bytes as f64 / 1e9),
        bytes => format!("{:.0} MB", (bytes as f64 / 1e6).max(1.0)),
    };
    joined([Some(format!("{} px", info.defaults.width)), Some(size), place])
}

/// The known parts, joined by dots.
fn joined(parts: [Option<String>; 3]) -> String {
    parts.into_iter().flatten().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" · ")
}

fn tile_ui(ui: &Ui, view: &mut View<'_>, tile: Rect) {
    let tokens = theme::tokens(ui);
    let starter = view.state.model.info.as_ref().is_some_and(|info| info.source == ModelSource::Starter);
    let picture = crate::app::theme::logo::starter().filter(|_| starter);
    match picture.and_then(|picture| view.textures.filling(ui.ctx(), picture, tile.size())) {
        Some(texture) => {
            let uv = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
            let shape = egui::epaint::RectShape::filled(
                tile,
                CornerRadius::same(size::RADIUS_SMALL),
                theme::UNTINTED,
            );
            ui.painter().add(shape.with_texture(texture, uv));
        }
        None => {
            ui.painter().rect_filled(tile, CornerRadius::same(size::RADIUS_SMALL), tokens.raised);
            widgets::paint_icon(ui, tile, icons::MODEL, size::ICON, tokens.subdued);
        }
    }
}

fn list_ui(ui: &mut Ui, view: &mut View<'_>) {
    ui.spacing_mut().item_spacing.y = 2.0;
    let open = view.state.model.info.as_ref().map(|info| info.source.clone());
    let starter = view.words.t("starter");
    let note = view.words.t("starter-note");
    if row(ui, &starter, &note, open == Some(ModelSource::Starter)) {
        view.push(Command::Open(ModelSource::Starter));
    }
    for source in view.state.preferences.recent_models.clone().into_iter().map(ModelSource::from) {
        let ModelSource::Path { path, vae, text_encoder, .. } = source.clone() else { continue };
        let chosen = open.as_ref() == Some(&source);
        let parts = [Some(path.clone()), vae, text_encoder];
        let name = parts.iter().flatten().map(|path| model_name(path)).collect::<Vec<_>>().join(" + ");
        let folder = path.parent().map(Path::display).map(|folder| folder.to_string()).unwrap_or_default();
        if row(ui, &name, &folder, chosen) {
            view.push(Command::Open(source));
        }
    }
    ui.add_space(2.0);
    widgets::hairline(ui, ui.max_rect().x_range());
    ui.add_space(2.0);
    let name = Act::OpenModel.name(view.words);
    let keys = Act::OpenModel.row().shortcut.map(|shortcut| keys(ui.ctx(), &shortcut));
    if row(ui, &name, &keys.unwrap_or_default(), false) {
        view.act(Act::OpenModel);
    }
}

/// Draws a line of a list, a name and a note; returns whether it was clicked.
pub fn row(ui: &mut Ui, name: &str, note: &str, chosen: bool) -> bool {
    let tokens = theme::tokens(ui);
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 40.0), Sense::click());
    if response.hovered() || response.has_focus() {
        ui.painter().rect_filled(rect, CornerRadius::same(size::RADIUS_SMALL), tokens.hovered);
    }
    let width = rect.width() - 40.0;
    let title = widgets::line(ui, name, theme::body(), tokens.text, width);
    widgets::paint_line(ui, rect.left() + 10.0, rect.top() + 13.0, title);
    let below = widgets::line(ui, note, theme::small(), tokens.subdued, width);
    widgets::paint_line(ui, rect.left() + 10.0, rect.top() + 29.0, below);
    if chosen {
        let at = Align2::RIGHT_CENTER.anchor_size(rect.right_center() - vec2(8.0, 0.0), vec2(16.0, 16.0));
        widgets::paint_icon(ui, at, icons::CHECK, 16.0, tokens.text);
    }
    response.widget_info(|| WidgetInfo::selected(Role::MenuItem, true, chosen, name));
    response.clicked()
}

#[cfg(test)]
mod tests {
    use super::joined;

    #[test]
    fn a_hash_that_is_not_known_yet_leaves_no_dot() {
        let tell = |hash: Option<&str>| {
            joined([Some("512 px".to_owned()), Some("2.1 GB".to_owned()), hash.map(str::to_owned)])
        };
        assert_eq!(tell(None), "512 px · 2.1 GB");
        assert_eq!(tell(Some("")), "512 px · 2.1 GB");
        assert_eq!(tell(Some("0123456789")), "512 px · 2.1 GB · 0123456789");
    }
}
