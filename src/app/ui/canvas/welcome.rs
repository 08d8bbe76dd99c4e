//! The first screen: an invitation, and pictures of the starter's own to begin with.
//!
//! Invariant: the pictures stand in an even grid. Where all do not fit, whole columns and rows are
//! left out, at last all of them.

use egui::accesskit::Role;
use egui::text::LayoutJob;
use egui::{
    Align, Color32, CornerRadius, CursorIcon, FontId, Galley, Rect, Sense, Stroke, StrokeKind, Ui, Vec2,
    WidgetInfo, pos2, vec2,
};
use std::sync::Arc;

use crate::app::command::Command;
use crate::app::state::examples;
use crate::app::state::examples::Example;
use crate::app::theme::{self, Weight, size};
use crate::app::ui::view::View;
use crate::message::ModelSource;

/// Sides of a tile, in points.
const TILE: egui::Rangef = egui::Rangef { min: 76.0, max: 128.0 };
/// Space between tiles, in points.
const GAP: f32 = 12.0;
/// A tile's words: two lines below it.
const CAPTION: f32 = 38.0;
/// Between the invitation and the tiles.
const ABOVE: f32 = 28.0;

/// Draws the screen into `rect`.
pub fn welcome_ui(ui: &mut Ui, view: &mut View<'_>, rect: Rect) {
    let inner = rect.shrink2(vec2(24.0, 40.0));
    let starter = view.state.model.info.as_ref().is_some_and(|info| info.source == ModelSource::Starter);
    let examples = if starter { examples::all() } else { &[] };
    let (heading, text) = invitation(ui, view, inner.width(), !examples.is_empty());
    let invitation_height = heading.size().y + 8.0 + text.size().y;
    let room = vec2(inner.width(), inner.height() - invitation_height - ABOVE);
    let grid = Grid::fitting(examples.len(), room);
    let (heading, text) = match grid {
        Some(_) => (heading, text),
        None => invitation(ui, view, inner.width(), false),
    };
    let height = invitation_height + grid.map_or(0.0, |grid| ABOVE + grid.size().y);
    let (x, mut y) = (rect.center().x, (rect.center().y - height / 2.0).round());
    let tokens = theme::tokens(ui);
    for (galley, color, below) in [(heading, tokens.text, 8.0), (text, tokens.text_on_canvas, ABOVE)] {
        let line = galley.size().y;
        ui.painter().galley(pos2(x, y), galley, color);
        y += line + below;
    }
    let Some(grid) = grid else { return };
    let left = (x - grid.size().x / 2.0).round();
    for (number, example) in examples.iter().take(grid.columns * grid.rows).enumerate() {
        let place = grid.place(number);
        let tile = Rect::from_min_size(pos2(left, y) + place, Vec2::splat(grid.side));
        tile_ui(ui, view, number, example, tile);
    }
}

/// The heading and the lines below it; `examples`: whether there are pictures to begin with.
fn invitation(ui: &Ui, view: &View<'_>, width: f32, examples: bool) -> (Arc<Galley>, Arc<Galley>) {
    let n = view.state.model.info.as_ref().map_or(0, |info| info.concepts.len());
    let text = match (n, examples) {
        (0, _) => view.words.t("welcome-model"),
        (n, false) => view.words.with("welcome-starter", &[("n", n.into())]),
        (n, true) => view.words.with("welcome-examples", &[("n", n.into())]),
    };
    let tokens = theme::tokens(ui);
    let heading_font = theme::font(20.0, Weight::SemiBold);
    let heading = centered(ui, view.words.t("welcome"), heading_font, tokens.text, 28.0, width);
    let text = centered(ui, text, theme::body(), tokens.text_on_canvas, 20.0, width.min(430.0));
    (heading, text)
}

/// A text in the middle, wrapped to a width.
fn centered(ui: &Ui, text: String, font: FontId, color: Color32, height: f32, width: f32) -> Arc<Galley> {
    let mut job = LayoutJob::simple(text, font, color, width);
    job.halign = Align::Center;
    for section in &mut job.sections {
        section.format.line_height = Some(height);
    }
    ui.fonts_mut(|fonts| fonts.layout_job(job))
}

/// A picture and its words; a click develops it.
fn tile_ui(ui: &mut Ui, view: &mut View<'_>, number: usize, example: &Example, tile: Rect) {
    let tokens = theme::tokens(ui);
    let mut whole = tile;
    whole.max.y += CAPTION;
    let response = ui.interact(whole, ui.scope_id().with(("example", number)), Sense::click());
    let response = response.on_hover_cursor(CursorIcon::PointingHand);
    let radius = CornerRadius::same(size::RADIUS_SMALL);
    if let Some(texture) = view.textures.filling(ui.ctx(), &example.picture, tile.size()) {
        let uv = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
        let shape = egui::epaint::RectShape::filled(tile, radius, theme::UNTINTED);
        ui.painter().add(shape.with_texture(texture, uv));
    }
    let hot = response.hovered() || response.has_focus();
    if hot {
        ui.painter().rect_stroke(
            tile.expand(2.0),
            radius,
            Stroke::new(1.5, tokens.text),
            StrokeKind::Outside,
        );
    }
    let color = if hot { tokens.text } else { tokens.text_on_canvas };
    let words = caption(ui, example.prompt, color, tile.width());
    ui.painter().galley(tile.left_bottom() + vec2(0.0, 6.0), words, color);
    let name = view.words.with("example", &[("prompt", example.prompt.into())]);
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, &name));
    if response.clicked() {
        view.push(Command::DevelopExample(number));
    }
}

/// A tile's words, on one line or with the background on the second.
fn caption(ui: &Ui, prompt: &str, color: Color32, width: f32) -> Arc<Galley> {
    let layout = |text: String| {
        let mut job = LayoutJob::simple(text, theme::small(), color, width);
        job.wrap.max_rows = 2;
        for section in &mut job.sections {
            section.format.line_height = Some(16.0);
        }
        ui.fonts_mut(|fonts| fonts.layout_job(job))
    };
    let galley = layout(prompt.to_owned());
    match prompt.rsplit_once(" on ").filter(|_| galley.rows.len() > 1) {
        Some((thing, background)) => layout(format!("{thing}\non {background}")),
        None => galley,
    }
}

/// Tiles in even rows.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Grid {
    columns: usize,
    rows: usize,
    side: f32,
}

impl Grid {
    /// The most of `count` tiles that fit into `room`, as large as they can be; none if not even
    /// two do.
    fn fitting(count: usize, room: Vec2) -> Option<Self> {
        let even = |count: usize| {
            let columns = (2..=6).filter(move |columns| count.is_multiple_of(*columns));
            let grids = columns.map(move |columns| Self::of(columns, count / columns, room));
            grids.filter(|grid| grid.side >= TILE.min).max_by(|a, b| a.side.total_cmp(&b.side))
        };
        // Three quarters, half and so on of the list leave the grid even.
        let counts = (1..=count).rev().filter(|some| some.is_multiple_of(4) || *some == 6 || *some == 2);
        counts.into_iter().find_map(even)
    }

    fn of(columns: usize, rows: usize, room: Vec2) -> Self {
        let across = (room.x - GAP * (columns - 1) as f32) / columns as f32;
        let down = (room.y - GAP * (rows - 1) as f32) / rows as f32 - CAPTION;
        Self { columns, rows, side: across.min(down).min(TILE.max).floor() }
    }

    fn size(self) -> Vec2 {
        let along = |count: usize, each: f32| count as f32 * each + (count - 1) as f32 * GAP;
        vec2(along(self.columns, self.side), along(self.rows, self.side + CAPTION))
    }

    /// Where a tile begins, from the grid's corner.
    fn place(self, number: usize) -> Vec2 {
        let (column, row) = (number % self.columns, number / self.columns);
        vec2(column as f32 * (self.side + GAP), row as f32 * (self.side + CAPTION + GAP))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grids_are_even_and_stay_within_their_room() {
        let mut seen = Vec::new();
        for (width, height) in
            [(750.0, 470.0), (580.0, 270.0), (380.0, 200.0), (1400.0, 800.0), (200.0, 700.0)]
        {
            let room = vec2(width, height);
            let grid = Grid::fitting(12, room).unwrap();
            assert!(grid.size().x <= width && grid.size().y <= height, "{grid:?} in {room:?}");
            assert!((TILE.min..=TILE.max).contains(&grid.side), "{grid:?}");
            seen.push((grid.columns, grid.rows));
        }
        assert_eq!(seen[..2], [(6, 2), (6, 2)], "a wide window has wide rows");
        assert_eq!(Grid::fitting(12, vec2(300.0, 60.0)), None);
        assert_eq!(Grid::fitting(0, vec2(800.0, 600.0)), None);
    }
}
