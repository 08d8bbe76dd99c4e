//! A sheet on the canvas: pictures that form side by side; a click picks one, a double click looks at its steps.

use egui::accesskit::Role;
use egui::{
    Align, Align2, CornerRadius, Frame, Layout, Margin, Rect, Sense, Stroke, StrokeKind, Ui, UiBuilder, Vec2,
    WidgetInfo, pos2, vec2,
};

use crate::app::command::{Act, Command};
use crate::app::picture::Picture;
use crate::app::sheets::{Cell, Sheet, SheetId};
use crate::app::state::generation::{Generation, Stage};
use crate::app::theme::icons;
use crate::app::theme::painter::PicturePaint;
use crate::app::theme::widgets;
use crate::app::theme::widgets::{IconButton, Kind};
use crate::app::theme::{self, size};
use crate::app::ui::canvas::BAND;
use crate::app::ui::view::View;

/// Between two pictures.
const GAP: f32 = 8.0;
/// Between the pictures and the canvas' edge.
const SIDE: f32 = 20.0;
/// The height of a column's label.
const LABEL: f32 = 20.0;
/// The width of rows' labels, at most.
const ROW_LABEL: f32 = 120.0;
/// Kept for the bar below.
const BAR: f32 = 56.0;

/// Draws the sheet into `rect`; returns the height below which only text lies on the canvas.
pub(super) fn sheet_ui(ui: &mut Ui, view: &mut View<'_>, id: SheetId, rect: Rect) -> f32 {
    let Some(sheet) = view.state.sheets.get(id).cloned() else { return rect.bottom() };
    let grid = Grid::new(ui, &sheet, rect);
    labels_ui(ui, &sheet, &grid);
    for (number, cell) in sheet.cells.iter().enumerate() {
        cell_ui(ui, view, &sheet, number, cell, grid.place(number));
    }
    bar_ui(ui, view, &sheet, rect);
    rect.bottom() - BAR
}

/// Where the pictures are.
struct Grid {
    columns: usize,
    from: egui::Pos2,
    cell: Vec2,
}

impl Grid {
    fn new(ui: &Ui, sheet: &Sheet, rect: Rect) -> Self {
        let columns = sheet.across();
        let rows = sheet.cells.len().div_ceil(columns).max(1);
        let above = if sheet.columns.is_empty() { 0.0 } else { LABEL };
        let color = theme::tokens(ui).text_on_canvas;
        let width = |text: &String| widgets::line(ui, text, theme::small(), color, ROW_LABEL).size().x;
        let beside = sheet.rows.iter().map(width).fold(0.0, f32::max);
        let beside = if beside > 0.0 { beside + 10.0 } else { 0.0 };
        let mut room = rect.shrink2(vec2(SIDE, 0.0));
        room.min += vec2(beside, BAND + above);
        room.max.y -= BAR + 4.0;
        let shape = sheet
            .cells
            .first()
            .map_or(vec2(1.0, 1.0), |cell| vec2(cell.settings.width as f32, cell.settings.height as f32));
        let gaps = vec2((columns - 1) as f32, (rows - 1) as f32) * GAP;
        let free = (room.size() - gaps) / vec2(columns as f32, rows as f32);
        let scale = (free.x / shape.x).min(free.y / shape.y).max(0.02);
        let cell = (shape * scale).floor();
        let whole = cell * vec2(columns as f32, rows as f32) + gaps;
        Self { columns, from: (room.center() - whole / 2.0).round(), cell }
    }

    fn place(&self, number: usize) -> Rect {
        let at = vec2((number % self.columns) as f32, (number / self.columns) as f32);
        Rect::from_min_size(self.from + at * (self.cell + Vec2::splat(GAP)), self.cell)
    }
}

fn labels_ui(ui: &Ui, sheet: &Sheet, grid: &Grid) {
    let color = theme::tokens(ui).text_on_canvas;
    for (column, text) in sheet.columns.iter().enumerate() {
        let place = grid.place(column);
        let galley = widgets::line(ui, text, theme::small(), color, place.width());
        let left = place.center().x - galley.size().x / 2.0;
        widgets::paint_line(ui, left, place.top() - LABEL / 2.0, galley);
    }
    for (row, text) in sheet.rows.iter().enumerate() {
        let place = grid.place(row * grid.columns);
        let galley = widgets::line(ui, text, theme::small(), color, ROW_LABEL);
        let left = place.left() - 10.0 - galley.size().x;
        widgets::paint_line(ui, left, place.center().y, galley);
    }
}

fn cell_ui(ui: &mut Ui, view: &mut View<'_>, sheet: &Sheet, number: usize, cell: &Cell, place: Rect) {
    let tokens = theme::tokens(ui);
    let generation = view.state.of_cell(cell);
    let picture = generation.and_then(|generation| generation.picture(None)).cloned();
    let developing = generation.filter(|it| it.stage.is_open() && it.done > 0).map(Generation::share);
    let failed = generation.is_some_and(|it| it.stage == Stage::Failed);
    match &picture {
        Some(picture) => paint(ui, view, picture, number, place),
        None => {
            let stroke = Stroke::new(1.0, tokens.text_on_canvas.gamma_multiply(0.35));
            ui.painter().rect_stroke(place, CornerRadius::ZERO, stroke, StrokeKind::Inside);
        }
    }
    if failed {
        let at = Rect::from_center_size(place.center(), Vec2::splat(20.0));
        widgets::paint_icon(ui, at, icons::ERROR, 18.0, tokens.bad);
    }
    let response = ui.interact(place, ui.scope_id().with(("cell", sheet.id, number)), Sense::click());
    let ring = |color, width| {
        let stroke = Stroke::new(width, color);
        ui.painter().rect_stroke(place.expand(1.0), CornerRadius::same(2), stroke, StrokeKind::Outside);
    };
    if cell.picked && cell.developed.is_none() {
        ring(tokens.lamp, 3.0);
        let middle = place.right_top() + vec2(-14.0, 14.0);
        ui.painter().circle_filled(middle, 10.0, tokens.lamp);
        let at = Rect::from_center_size(middle, Vec2::splat(14.0));
        widgets::paint_icon(ui, at, icons::CHECK, 13.0, tokens.on_lamp);
    } else if response.hovered() || response.has_focus() {
        ring(tokens.text_on_canvas, 1.0);
    }
    if let Some(share) = developing {
        let mut done = Rect::from_min_max(pos2(place.left(), place.bottom() - 3.0), place.max);
        ui.painter().rect_filled(done, 0.0, tokens.veil);
        done.max.x = egui::lerp(place.x_range(), share);
        ui.painter().rect_filled(done, 0.0, tokens.lamp);
    }
    let name = name(view, sheet, number, cell);
    response.widget_info(|| WidgetInfo::selected(Role::CheckBox, true, cell.picked, &name));
    let response = response.on_hover_text(&name);
    let known = |job: &crate::message::JobId| view.state.queue.generation(*job).is_some();
    let shown = cell.developed.filter(known).unwrap_or(cell.job);
    if response.double_clicked() {
        // The first of both clicks has picked it, or not.
        view.push(Command::Pick { sheet: sheet.id, cell: number });
        view.push(Command::ShowStep { job: shown, step: None });
    } else if response.clicked() {
        view.push(Command::Pick { sheet: sheet.id, cell: number });
    }
    response.context_menu(|ui| {
        ui.set_min_width(180.0);
        ui.spacing_mut().item_spacing.y = 0.0;
        if crate::app::ui::palette::named_row(ui, icons::EYE, &view.words.t("look-at-steps")) {
            view.push(Command::ShowStep { job: shown, step: None });
        }
        if crate::app::ui::palette::menu_row(ui, view.words, Act::UseSettings) {
            view.push(Command::ShowStep { job: shown, step: None });
            view.act(Act::UseSettings);
        }
    });
}

/// The labels of a cell, or its seed.
fn name(view: &View<'_>, sheet: &Sheet, number: usize, cell: &Cell) -> String {
    let columns = sheet.across();
    let labels: Vec<&str> = [sheet.rows.get(number / columns), sheet.columns.get(number % columns)]
        .into_iter()
        .flatten()
        .map(String::as_str)
        .collect();
    match labels.is_empty() {
        true => view.words.with("seed-of", &[("seed", cell.settings.seed.to_string().into())]),
        false => labels.join(" · "),
    }
}

fn paint(ui: &Ui, view: &mut View<'_>, picture: &Picture, slot: usize, place: Rect) {
    let visible = place.intersect(ui.clip_rect());
    if !visible.is_positive() {
        return;
    }
    if let Some(format) = view.format
        && let Some(picture) = view.textures.reduced.fitting(ui.ctx(), picture)
    {
        let (beneath, above) = (picture.clone(), picture);
        let paint =
            PicturePaint { beneath, above, fade: 1.0, wipe: None, place, squares: false, format, slot };
        ui.painter().add(paint.shape(visible));
    } else if let Some(texture) = view.textures.filling(ui.ctx(), picture, place.size()) {
        widgets::paint_texture(ui.painter(), place, texture);
    }
}

/// What can be done with the sheet.
fn bar_ui(ui: &mut Ui, view: &mut View<'_>, sheet: &Sheet, rect: Rect) {
    let tokens = theme::tokens(ui);
    let picked = sheet.picked();
    let develop = match picked {
        0 => view.words.t("pick-first"),
        n => view.words.with("develop-n", &[("n", n.into())]),
    };
    let open = |cell: &&Cell| cell.developed.is_none();
    let all = sheet.cells.iter().filter(open).all(|cell| cell.picked);
    let every = view.words.t(if all { "pick-none" } else { "pick-all" });
    let width = |kind, text: &str| widgets::button_width(ui, kind, false, text, None, 32.0);
    let inside = width(Kind::Primary, &develop) + width(Kind::Outlined, &every) + 2.0 * 6.0 + size::TARGET;
    let middle = pos2(rect.center().x, rect.bottom() - BAR / 2.0 - 2.0);
    let place = Align2::CENTER_CENTER.anchor_size(middle, vec2(inside + 12.0, 44.0));
    ui.scope_builder(UiBuilder::new().max_rect(place).id_salt("sheet bar"), |ui| {
        ui.with_layout(Layout::top_down(Align::Center), |ui| {
            let frame = Frame::new()
                .fill(tokens.raised)
                .corner_radius(CornerRadius::same(size::RADIUS_BUTTON))
                .inner_margin(Margin::symmetric(6, 6));
            frame.show(ui, |ui| {
                ui.horizontal(|ui| {
                    ui.spacing_mut().item_spacing.x = 6.0;
                    ui.add_enabled_ui(picked > 0, |ui| {
                        let tip = Act::DevelopPicked.tip(view.words, ui.ctx());
                        let button = widgets::sized_button(ui, Kind::Primary, None, &develop, None, 32.0);
                        if button.on_hover_text(tip).clicked() {
                            view.act(Act::DevelopPicked);
                        }
                    });
                    if widgets::sized_button(ui, Kind::Outlined, None, &every, None, 32.0).clicked() {
                        view.act(Act::PickAll);
                    }
                    let (name, tip) =
                        (Act::SaveSheet.name(view.words), Act::SaveSheet.tip(view.words, ui.ctx()));
                    if IconButton::new(icons::SAVE, &name).tip(tip).show(ui).clicked() {
                        view.act(Act::SaveSheet);
                    }
                });
            });
        });
    });
}
