//! The model: which one is open and how far it is read; a click shows the library of models.

use std::path::{Path, PathBuf};

use egui::{CornerRadius, Rect, Sense, Ui, WidgetInfo, accesskit::Role, pos2, vec2};

use crate::app::command::Act;
use crate::app::theme::icons;
use crate::app::theme::widgets;
use crate::app::theme::{self, Weight, logo, size};
use crate::app::ui::view::View;
use crate::engine::STARTER;
use crate::message::{ModelInfo, ModelSource};

/// The first line of the controls; a click opens the list. What of the gallery it shows goes into `in_sight`.
pub fn header_ui(ui: &mut Ui, view: &mut View<'_>, in_sight: &mut Vec<PathBuf>) {
    let tokens = theme::tokens(ui);
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 64.0), Sense::click());
    if response.hovered() {
        ui.painter().rect_filled(rect, 0.0, tokens.raised);
    }
    let tile = Rect::from_min_size(rect.min + vec2(size::GUTTER, 14.0), vec2(36.0, 36.0));
    tile_ui(ui, view, in_sight, tile);
    let (name, note) = titles(view);
    let left = tile.right() + 10.0;
    let width = rect.right() - 40.0 - left;
    let title = widgets::line(ui, &name, theme::font(14.0, Weight::Medium), tokens.text, width);
    widgets::paint_line(ui, left, rect.top() + 24.0, title);
    let broken = view.state.model.failed.is_some() && view.state.model.info.is_none();
    let color = if broken { tokens.bad } else { tokens.subdued };
    // It runs below the sign at the right.
    let below = widgets::line(ui, &note, theme::small(), color, width + 26.0);
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
    if response.on_hover_text(Act::Models.tip(view.words, ui.ctx())).clicked() {
        view.act(Act::Models);
    }
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

/// The starter's picture, or the last one that the model has made.
fn tile_ui(ui: &Ui, view: &mut View<'_>, in_sight: &mut Vec<PathBuf>, tile: Rect) {
    let tokens = theme::tokens(ui);
    let info = view.state.model.info.as_ref();
    let picture = match info.map(|info| &info.source) {
        Some(ModelSource::Starter) => logo::starter(),
        Some(ModelSource::Path { .. }) => {
            let last = info.and_then(|info| view.state.last_picture_of(&info.name, info.hash.as_deref()));
            in_sight.extend(last.map(Path::to_owned));
            last.and_then(|path| view.state.library.thumbnail(path))
        }
        None => None,
    };
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
