//! The few shared widgets, each with a name and a role for screen readers.
//!
//! Invariant: a widget never picks a color of its own; it asks [`theme::tokens`].

use egui::accesskit::Role;
use egui::text::{LayoutJob, TextFormat};
use egui::{
    Align2, Color32, CornerRadius, FontId, Galley, Pos2, Rect, Response, RichText, Sense, Stroke, StrokeKind,
    Ui, Vec2, WidgetInfo, pos2, vec2,
};
use std::sync::Arc;

use crate::app::theme::fonts;
use crate::app::theme::icons::Icon;
use crate::app::theme::{self, Tokens, Weight, size};

/// The look of a button with a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The main act.
    Primary,
    /// An act beside the main one.
    Outlined,
    /// A quiet act.
    Ghost,
}

/// The usual height of a button.
pub const BUTTON: f32 = 34.0;

/// A line of small text in a color.
pub fn small(text: impl Into<String>, color: Color32) -> RichText {
    RichText::new(text).font(theme::small()).line_height(Some(16.0)).color(color)
}

/// A line of body text.
pub fn body(text: impl Into<String>, color: Color32) -> RichText {
    RichText::new(text).font(theme::body()).line_height(Some(20.0)).color(color)
}

/// The title of a dialog.
pub fn heading(ui: &mut Ui, text: &str) {
    let color = theme::tokens(ui).text;
    ui.label(
        egui::RichText::new(text)
            .font(theme::font(20.0, Weight::SemiBold))
            .line_height(Some(28.0))
            .color(color),
    );
}

/// A line that tells how far something is, from 0 to 1, over whatever lies below; in the lamp's color while it works.
pub fn progress(ui: &Ui, id: &str, rect: Rect, share: f32, works: bool, name: &str) {
    let tokens = theme::tokens(ui);
    let mut done = rect;
    done.max.x = egui::lerp(rect.x_range(), share);
    ui.painter().rect_filled(done, 0.0, if works { tokens.lamp } else { tokens.subdued });
    let response = ui.interact(rect, ui.scope_id().with(id), Sense::hover());
    response.widget_info(|| WidgetInfo {
        value: Some(f64::from(share)),
        ..WidgetInfo::labeled(Role::ProgressIndicator, true, name)
    });
    ui.ctx().accesskit_node_builder(response.id, |node| {
        node.set_min_numeric_value(0.0);
        node.set_max_numeric_value(1.0);
    });
}

/// Draws an icon in the middle of a rectangle.
pub fn paint_icon(ui: &Ui, rect: Rect, icon: Icon, points: f32, color: Color32) {
    ui.painter().text(rect.center(), Align2::CENTER_CENTER, icon.glyph(), fonts::icons(points), color);
}

/// Draws all of a texture with the rounded corners of a picture.
pub fn paint_texture(painter: &egui::Painter, place: Rect, texture: egui::TextureId) {
    let uv = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
    let shape =
        egui::epaint::RectShape::filled(place, CornerRadius::same(size::RADIUS_FRAME), theme::UNTINTED);
    painter.add(shape.with_texture(texture, uv));
}

/// Lays out a text on one line, cut with "…" where it is too long.
pub fn line(ui: &Ui, text: &str, font: FontId, color: Color32, width: f32) -> Arc<Galley> {
    let mut job = LayoutJob::single_section(text.to_owned(), TextFormat::simple(font, color));
    job.wrap.max_width = width.max(0.0);
    job.wrap.max_rows = 1;
    job.wrap.break_anywhere = true;
    ui.fonts_mut(|fonts| fonts.layout_job(job))
}

/// Paints a line vertically centered on `middle` and returns its right edge.
pub fn paint_line(ui: &Ui, left: f32, middle: f32, galley: Arc<Galley>) -> f32 {
    let pos = pos2(left, middle - galley.size().y / 2.0);
    let right = left + galley.size().x;
    ui.painter().galley(pos, galley, Color32::PLACEHOLDER);
    right
}

/// The fill of a quiet thing: none at rest.
fn ghost_fill(tokens: &Tokens, response: &Response) -> Color32 {
    if response.hovered() || response.is_pointer_button_down_on() {
        tokens.hovered
    } else {
        Color32::TRANSPARENT
    }
}

/// The fill of a row that can be clicked: none at rest.
pub fn paint_row(ui: &Ui, rect: Rect, response: &Response) {
    let fill = ghost_fill(theme::tokens(ui), response);
    ui.painter().rect_filled(rect, CornerRadius::same(size::RADIUS_SMALL), fill);
}

/// A button that is an icon. `name`: what it is called; `tip`: what it does.
pub struct IconButton<'a> {
    icon: Icon,
    name: &'a str,
    tip: Option<String>,
    side: f32,
    on: Option<bool>,
    raised: bool,
    boxed: bool,
    held: bool,
    enabled: bool,
}

impl<'a> IconButton<'a> {
    /// An icon in a target of 32 points.
    pub fn new(icon: Icon, name: &'a str) -> Self {
        Self {
            icon,
            name,
            tip: None,
            side: size::TARGET,
            on: None,
            raised: false,
            boxed: false,
            held: false,
            enabled: true,
        }
    }

    /// One plain sentence under the pointer.
    pub fn tip(mut self, tip: String) -> Self {
        self.tip = Some(tip);
        self
    }

    /// In rows: a target of 24 points.
    pub fn in_row(mut self) -> Self {
        self.side = size::SMALL_TARGET;
        self
    }

    /// A switch, on or off.
    pub fn on(mut self, on: bool) -> Self {
        self.on = Some(on);
        self
    }

    /// With a fill at rest.
    pub fn raised(mut self) -> Self {
        self.raised = true;
        self
    }

    /// With a hairline around it.
    pub fn boxed(mut self) -> Self {
        self.boxed = true;
        self
    }

    /// What the hand holds, or what it may take up.
    pub fn held(mut self, held: bool) -> Self {
        (self.on, self.held) = (Some(held), held);
        self
    }

    /// Whether it can be clicked now.
    pub fn enabled(mut self, enabled: bool) -> Self {
        self.enabled = enabled;
        self
    }

    /// Draws the button and returns its response.
    pub fn show(self, ui: &mut Ui) -> Response {
        let sense = if self.enabled { Sense::click() } else { Sense::hover() };
        let (rect, response) = ui.allocate_exact_size(Vec2::splat(self.side), sense);
        let tokens = theme::tokens(ui);
        let fill = match ghost_fill(tokens, &response) {
            Color32::TRANSPARENT if self.raised => tokens.raised,
            fill => fill,
        };
        ui.painter().rect_filled(rect, CornerRadius::same(size::RADIUS_SMALL), fill);
        if self.boxed {
            let radius = CornerRadius::same(size::RADIUS_SMALL);
            ui.painter().rect_stroke(rect, radius, Stroke::new(1.0, tokens.hairline), StrokeKind::Inside);
        }
        if self.held {
            let radius = CornerRadius::same(size::RADIUS_SMALL);
            ui.painter().rect_filled(rect, radius, tokens.hovered);
            ui.painter().rect_stroke(rect, radius, Stroke::new(1.0, tokens.faint), StrokeKind::Inside);
        }
        let color = match (self.enabled, self.on) {
            (false, _) => tokens.hairline,
            (true, Some(false)) => tokens.faint,
            (true, _) if response.hovered() => tokens.text,
            (true, Some(true)) => tokens.text,
            (true, None) if self.raised => tokens.text,
            (true, None) => tokens.subdued,
        };
        let points = if self.boxed {
            13.0
        } else if self.side < size::TARGET {
            16.0
        } else {
            size::ICON
        };
        paint_icon(ui, rect, self.icon, points, color);
        let info = || match self.on {
            Some(on) => WidgetInfo::selected(Role::Switch, self.enabled, on, self.name),
            None => WidgetInfo::labeled(Role::Button, self.enabled, self.name),
        };
        response.widget_info(info);
        match self.tip {
            Some(tip) => response.on_hover_text(tip),
            None => response,
        }
    }
}

/// A button with a text, an optional icon before it and keys after it.
pub fn button(ui: &mut Ui, kind: Kind, icon: Option<Icon>, text: &str, keys: Option<&str>) -> Response {
    sized_button(ui, kind, icon, text, keys, BUTTON)
}

/// The same, of a height.
pub fn sized_button(
    ui: &mut Ui,
    kind: Kind,
    icon: Option<Icon>,
    text: &str,
    keys: Option<&str>,
    height: f32,
) -> Response {
    let tokens = theme::tokens(ui);
    let (color, quiet) = match kind {
        Kind::Primary => (tokens.on_lamp, tokens.on_lamp.gamma_multiply(0.78)),
        Kind::Outlined => (tokens.text, tokens.subdued),
        Kind::Ghost => (tokens.subdued, tokens.subdued),
    };
    let (font, pad) = font_and_pad(kind, height);
    let text_galley = ui.painter().layout_no_wrap(text.to_owned(), font, color);
    let keys_galley = keys.map(|keys| ui.painter().layout_no_wrap(keys.to_owned(), theme::small(), quiet));
    let icon_points = if kind == Kind::Ghost { 14.0 } else { 16.0 };
    let icon_width = icon.map_or(0.0, |_| icon_points + 7.0);
    let keys_width = keys_galley.as_ref().map_or(0.0, |galley| galley.size().x + 8.0);
    let width = pad * 2.0 + icon_width + text_galley.size().x + keys_width;
    let (rect, response) = ui.allocate_exact_size(vec2(width.ceil(), height), Sense::click());
    paint_button(ui, kind, rect, &response);
    let hot = kind == Kind::Ghost && response.hovered();
    let mut x = rect.left() + pad;
    if let Some(icon) = icon {
        // Lowercase letters sit a little below the middle of their line.
        let place = Rect::from_min_size(pos2(x, rect.top() + 0.5), vec2(icon_points, rect.height()));
        paint_icon(ui, place, icon, icon_points, if hot { tokens.text } else { color });
        x += icon_width;
    }
    let text_pos = pos2(x, rect.center().y - text_galley.size().y / 2.0);
    x += text_galley.size().x + 8.0;
    if hot {
        ui.painter().galley_with_override_text_color(text_pos, text_galley, tokens.text);
    } else {
        ui.painter().galley(text_pos, text_galley, color);
    }
    if let Some(galley) = keys_galley {
        ui.painter().galley(pos2(x, rect.center().y - galley.size().y / 2.0), galley, quiet);
    }
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, text));
    response
}

/// The font of a button's text, and the room on either side of it.
fn font_and_pad(kind: Kind, height: f32) -> (FontId, f32) {
    // A quiet button is as wide as its text; what lights up under the pointer reaches beyond.
    match kind {
        Kind::Primary => (theme::font(14.0, Weight::SemiBold), 16.0),
        Kind::Outlined if height < 30.0 => (theme::font(12.5, Weight::Medium), 10.0),
        Kind::Outlined => (theme::font(14.0, Weight::Medium), 16.0),
        Kind::Ghost => (theme::small(), 0.0),
    }
}

/// The width of a [`sized_button`].
pub fn button_width(ui: &Ui, kind: Kind, icon: bool, text: &str, keys: Option<&str>, height: f32) -> f32 {
    let width = |text: &str, font: FontId| {
        ui.painter().layout_no_wrap(text.to_owned(), font, Color32::PLACEHOLDER).size().x
    };
    let (font, pad) = font_and_pad(kind, height);
    let icon = if icon { 7.0 + if kind == Kind::Ghost { 14.0 } else { 16.0 } } else { 0.0 };
    let keys = keys.map_or(0.0, |keys| width(keys, theme::small()) + 8.0);
    (2.0 * pad + icon + width(text, font) + keys).ceil()
}

fn paint_button(ui: &Ui, kind: Kind, rect: Rect, response: &Response) {
    let tokens = theme::tokens(ui);
    let radius = CornerRadius::same(size::RADIUS_BUTTON);
    match kind {
        Kind::Primary => {
            let lit = response.hovered() || response.is_pointer_button_down_on();
            ui.painter().rect_filled(rect, radius, if lit { tokens.lamp_hovered } else { tokens.lamp });
        }
        Kind::Outlined => {
            ui.painter().rect_filled(rect, radius, ghost_fill(tokens, response));
            ui.painter().rect_stroke(rect, radius, Stroke::new(1.0, tokens.hairline), StrokeKind::Inside);
        }
        Kind::Ghost => {
            let wide = rect.expand2(vec2(6.0, 0.0));
            let fill = ghost_fill(tokens, response);
            ui.painter().rect_filled(wide, CornerRadius::same(size::RADIUS_SMALL), fill);
        }
    }
}

/// The width of a [`chip`].
pub fn chip_width(ui: &Ui, text: &str) -> f32 {
    let galley = ui.painter().layout_no_wrap(text.to_owned(), theme::small(), Color32::PLACEHOLDER);
    (galley.size().x + 16.0).ceil()
}

/// One of a few choices, as a small box.
pub fn chip(ui: &mut Ui, text: &str, name: &str, chosen: bool) -> Response {
    let tokens = theme::tokens(ui);
    let color = if chosen { tokens.text } else { tokens.subdued };
    let galley = ui.painter().layout_no_wrap(text.to_owned(), theme::small(), color);
    let (rect, response) = ui.allocate_exact_size(vec2(galley.size().x + 16.0, 26.0).ceil(), Sense::click());
    let radius = CornerRadius::same(size::RADIUS_SMALL);
    let fill = if chosen { tokens.raised } else { ghost_fill(tokens, &response) };
    ui.painter().rect_filled(rect, radius, fill);
    let edge = if chosen { tokens.text } else { tokens.hairline };
    ui.painter().rect_stroke(rect, radius, Stroke::new(1.0, edge), StrokeKind::Inside);
    ui.painter().galley(rect.center() - galley.size() / 2.0, galley, color);
    response.widget_info(|| WidgetInfo::selected(Role::RadioButton, true, chosen, name));
    response
}

/// A switch with a label before it, over the whole width.
pub fn switch(ui: &mut Ui, text: &str, on: &mut bool) -> Response {
    let tokens = theme::tokens(ui);
    let (rect, mut response) = ui.allocate_exact_size(vec2(ui.available_width(), 28.0), Sense::click());
    if response.clicked() {
        *on = !*on;
        response.mark_changed();
    }
    let galley = line(ui, text, theme::body(), tokens.text, rect.width() - 48.0);
    paint_line(ui, rect.left(), rect.center().y, galley);
    let how = ui.ctx().animate_bool_responsive(response.id, *on);
    let track = Rect::from_center_size(pos2(rect.right() - 17.0, rect.center().y), vec2(34.0, 20.0));
    let fill = if *on { tokens.text } else { tokens.rail };
    ui.painter().rect_filled(track, CornerRadius::same(10), fill);
    let knob = pos2(egui::lerp(track.left() + 10.0..=track.right() - 10.0, how), track.center().y);
    ui.painter().circle_filled(knob, 7.0, if *on { tokens.panel } else { tokens.faint });
    response.widget_info(|| WidgetInfo::selected(Role::Switch, true, *on, text));
    response
}

/// A line across the panel.
pub fn hairline(ui: &mut Ui, x: egui::Rangef) {
    let y = ui.cursor().top();
    ui.painter().hline(
        x,
        ui.painter().round_to_pixel_center(y),
        Stroke::new(1.0, theme::tokens(ui).hairline),
    );
    ui.advance_cursor_after_rect(Rect::from_min_size(pos2(ui.cursor().left(), y), vec2(0.0, 1.0)));
}

/// Draws a ring around the focused widget. Call it once a frame, last.
pub fn focus_ring(ui: &Ui, by_keyboard: bool) {
    let ctx = ui.ctx();
    let Some(response) = ctx.memory(|memory| memory.focused()).and_then(|id| ctx.read_response(id)) else {
        return;
    };
    // A text shows its cursor, and its own frame is lit.
    if !by_keyboard || ctx.text_edit_focused() || !response.interact_rect.is_positive() {
        return;
    }
    let painter = ctx.layer_painter(response.layer_id);
    let stroke = Stroke::new(2.0, theme::tokens(ui).lamp);
    let radius = CornerRadius::same(size::RADIUS_BUTTON);
    // At the window's edges the ring lies inside.
    let ring = response.interact_rect.expand(1.0).intersect(ctx.content_rect().shrink(2.0));
    painter.rect_stroke(ring, radius, stroke, StrokeKind::Outside);
}

/// A small label that lies on a picture, cut where it is wider than `most`.
pub fn on_picture(ui: &Ui, anchor: Align2, at: Pos2, text: &str, most: f32) {
    let tokens = theme::tokens(ui);
    let galley = line(ui, text, theme::small(), tokens.on_veil, most - 16.0);
    let rect = anchor.anchor_size(at, galley.size() + vec2(16.0, 8.0));
    ui.painter().rect_filled(rect, CornerRadius::same(size::RADIUS_FRAME), tokens.veil);
    ui.painter().galley(rect.min + vec2(8.0, 4.0), galley, tokens.on_veil);
}
