//! The window as a whole: the parts in the order in which Tab goes through them.

use egui::{CursorIcon, Rect, Sense, Stroke, Ui, UiBuilder, WidgetInfo, accesskit::Role, pos2, vec2};

use crate::app::command::{Act, Command};
use crate::app::state::generation::Stage;
use crate::app::state::panels;
use crate::app::theme;
use crate::app::theme::widgets;
use crate::app::ui::layout::{CONTROLS_WIDTHS, GALLERY_WIDTHS, Layout, MARGIN};
use crate::app::ui::ui_state::UiState;
use crate::app::ui::view::View;
use crate::app::ui::{canvas, controls, filmstrip, gallery, models, palette, prompt, settings, toasts};

/// Draws all parts into `ui`.
pub fn window_ui(ui: &mut Ui, view: &mut View<'_>, state: &mut UiState, layout: &Layout) {
    parts_ui(ui, view, state, layout);
    palette::palette_ui(ui, view, &mut state.palette);
    settings::dialogs_ui(ui, view);
    models::models_ui(ui, view, &mut state.models);
    canvas::drop_ui(ui, view, layout.canvas);
    widgets::focus_ring(ui, state.input.by_keyboard);
}

/// Draws one part into its rectangle and nothing outside it.
fn part(ui: &mut Ui, name: &str, rect: Rect, add: impl FnOnce(&mut Ui)) {
    ui.scope_builder(UiBuilder::new().max_rect(rect).id_salt(name), |ui| {
        ui.set_clip_rect(rect.intersect(ui.clip_rect()));
        add(ui);
    });
}

fn parts_ui(ui: &mut Ui, view: &mut View<'_>, state: &mut UiState, layout: &Layout) {
    let tokens = theme::tokens(ui);
    let whole = ui.max_rect();
    ui.painter().rect_filled(whole, 0.0, tokens.background);
    let mut place = layout.prompt;
    place.min.x += MARGIN;
    place.max.x -= MARGIN;
    place.min.y = place.max.y - MARGIN - state.prompt.height;
    part(ui, "prompt box", place, |ui| prompt::prompt_ui(ui, view, &mut state.prompt, &mut state.lens));
    progress_ui(ui, view, layout.progress);
    if let Some(rect) = layout.strip {
        let free_from = state.canvas.free_from;
        part(ui, "strip", rect, |ui| filmstrip::filmstrip_ui(ui, view, &mut state.strip, rect, free_from));
    }
    if let Some(rect) = layout.controls {
        ui.painter().rect_filled(rect, 0.0, tokens.panel);
        let below = state.toasts.height;
        part(ui, "controls", rect, |ui| {
            controls::controls_ui(ui, view, &mut state.controls, rect, below);
        });
        edge_ui(ui, view, rect.left(), rect, "controls edge");
    }
    if let Some(rect) = layout.gallery {
        ui.painter().rect_filled(rect, 0.0, tokens.panel);
        part(ui, "gallery", rect, |ui| gallery::gallery_ui(ui, view, &mut state.gallery, rect));
        edge_ui(ui, view, rect.right(), rect, "gallery edge");
    }
    let canvas = layout.canvas;
    if layout.controls.is_none() {
        // The space that the toasts take belongs to the canvas all the same.
        let all = Rect::from_x_y_ranges(canvas.left()..=whole.right(), canvas.y_range());
        ui.painter().rect_filled(all, 0.0, tokens.canvas);
    }
    let peek = state.gallery.peek;
    part(ui, "canvas", canvas, |ui| {
        if canvas::canvas_ui(ui, view, (&mut state.canvas, &mut state.lens, &mut state.tray), canvas, peek) {
            state.gallery.peek = false;
        }
    });
    if let Some(rect) = layout.peek {
        gallery::peek_ui(ui, view, &mut state.gallery, rect);
    }
    toasts::toasts_ui(ui, view, &mut state.toasts, layout.toasts, layout.controls.is_some());
}

/// The line between the canvas and what is below; while a picture develops it tells how far it is.
fn progress_ui(ui: &mut Ui, view: &View<'_>, rect: Rect) {
    let tokens = theme::tokens(ui);
    ui.painter().rect_filled(rect, 0.0, tokens.hairline);
    let Some(running) = view.state.queue.running() else { return };
    let works = running.stage != Stage::Paused;
    widgets::progress(ui, "progress", rect, running.share(), works, &view.words.t("progress"));
}

/// A panel's inner edge: a hairline that can be dragged; a double click folds the panel away.
fn edge_ui(ui: &mut Ui, view: &mut View<'_>, x: f32, panel: Rect, name: &str) {
    let tokens = theme::tokens(ui);
    let grab = Rect::from_center_size(pos2(x, panel.center().y), vec2(6.0, panel.height()));
    let response = ui.interact(grab, ui.scope_id().with(name), Sense::DRAG | Sense::CLICK);
    let response = response.on_hover_cursor(CursorIcon::ResizeHorizontal);
    let hot = response.hovered() || response.dragged();
    let stroke = Stroke::new(1.0, if hot { tokens.faint } else { tokens.hairline });
    let inner = if panel.left() == x { x + 0.5 } else { x - 0.5 };
    ui.painter().vline(inner, panel.y_range(), stroke);
    let left = name.starts_with("gallery");
    if let Some(at) = response.interact_pointer_pos().filter(|_| response.dragged()) {
        let (panel, width) = match left {
            true => (panels::GALLERY, GALLERY_WIDTHS.clamp(at.x - panel.left())),
            false => (panels::CONTROLS, CONTROLS_WIDTHS.clamp(panel.right() - at.x)),
        };
        if panels::width(&view.state.preferences, panel) != Some(width) {
            view.push(Command::SetPanelWidth { panel, width });
        }
    }
    let act = if left { Act::Gallery } else { Act::Controls };
    if response.double_clicked() {
        view.act(act);
    }
    let label = act.name(view.words);
    response.widget_info(|| WidgetInfo::labeled(Role::Splitter, true, &label));
}
