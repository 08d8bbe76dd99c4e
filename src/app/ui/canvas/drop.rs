//! What the canvas says while a file is dragged over the window.

use egui::{Align2, CornerRadius, Rect, Stroke, Ui, vec2};

use crate::app::i18n::file_name;
use crate::app::theme::{self, Weight, size};
use crate::app::ui::view::View;
use crate::engine::MODEL_ENDINGS;

/// Covers the canvas at `rect` with what a dropped file would do.
pub fn drop_ui(ui: &Ui, view: &View<'_>, rect: Rect) {
    let hovered = ui.input(|input| input.raw.hovered_files.clone());
    let Some(file) = hovered.first() else { return };
    let tokens = theme::tokens(ui);
    let painter =
        ui.ctx().layer_painter(egui::LayerId::new(egui::Order::Foreground, ui.scope_id().with("drop")));
    painter.rect_filled(rect, 0.0, tokens.canvas);
    let inner = rect.shrink(16.0);
    let radius = CornerRadius::same(size::RADIUS_BOX);
    painter.rect_stroke(inner, radius, Stroke::new(2.0, tokens.lamp), egui::StrokeKind::Inside);
    let name = file.path.as_deref().map(file_name).unwrap_or_default();
    let ending = name.rsplit('.').next().unwrap_or_default().to_lowercase();
    let key = match ending.as_str() {
        "png" | "jpg" | "jpeg" | "webp" => "drop-picture",
        model if MODEL_ENDINGS.contains(&model) => "drop-model",
        _ => "drop-other",
    };
    let said = view.words.t(key);
    painter.text(
        inner.center() - vec2(0.0, 14.0),
        Align2::CENTER_CENTER,
        said,
        theme::font(20.0, Weight::SemiBold),
        tokens.text,
    );
    if key == "drop-picture" && view.state.tray.laid.is_some() {
        let hint = view.words.t("drop-mask");
        let at = inner.center() + vec2(0.0, 44.0);
        painter.text(at, Align2::CENTER_CENTER, hint, theme::body(), tokens.text_on_canvas);
    }
    painter.text(
        inner.center() + vec2(0.0, 16.0),
        Align2::CENTER_CENTER,
        name,
        theme::body(),
        tokens.text_on_canvas,
    );
}
