//! The kept runs in the gallery's panel: families by day, each run under the one that it came from, with what was
//! changed.
//!
//! Trap: there may be thousands, so only rows in sight are drawn and only their small pictures are requested.

use egui::accesskit::Role;
use egui::{CornerRadius, Rect, ScrollArea, Sense, Stroke, StrokeKind, Ui, Vec2, WidgetInfo, pos2, vec2};

use crate::app::command::{Act, Command};
use crate::app::state::library::day;
use crate::app::state::negatives::{Row, moment};
use crate::app::theme::icons;
use crate::app::theme::widgets;
use crate::app::theme::{self, size};
use crate::app::ui::difference;
use crate::app::ui::gallery_state::{GalleryState, heading};
use crate::app::ui::view::View;
use crate::negative::{Record, RunIs};

const MARGIN: f32 = 12.0;
const HEADING: f32 = 28.0;
const ROW: f32 = 54.0;
/// The side of a small picture.
const SIDE: f32 = 44.0;
/// By how much a run stands in from the one that it came from.
const INDENT: f32 = 14.0;
/// Runs stand in at most so often.
const DEEPEST: usize = 4;

/// One thing in the scrolled column.
enum Item {
    Heading(String),
    Run(Row),
}

impl Item {
    fn height(&self) -> f32 {
        match self {
            Self::Heading(_) => HEADING,
            Self::Run(_) => ROW,
        }
    }
}

/// Draws the list into `rect`.
pub fn negatives_ui(ui: &mut Ui, view: &mut View<'_>, state: &mut GalleryState, rect: Rect) {
    let items = items(view);
    let total: f32 = items.iter().map(Item::height).sum();
    ScrollArea::vertical().id_salt("runs").auto_shrink(false).show_viewport(ui, |ui, port| {
        ui.set_height(total + 4.0);
        let origin = ui.max_rect().min;
        let mut y = 0.0;
        for item in &items {
            let tall = item.height();
            if y + 2.0 * tall >= port.min.y && y - tall <= port.max.y {
                let place = Rect::from_min_size(
                    pos2(origin.x + MARGIN, origin.y + y),
                    vec2(rect.width() - 2.0 * MARGIN, tall),
                );
                match item {
                    Item::Heading(text) => heading_ui(ui, text, place),
                    Item::Run(row) => run_ui(ui, view, state, *row, place),
                }
            }
            y += tall;
        }
    });
}

/// Whether there is nothing to list.
pub fn is_empty(view: &View<'_>) -> bool {
    view.state.negatives.families(&view.state.library.search).is_empty()
}

fn items(view: &View<'_>) -> Vec<Item> {
    let today = day(view.now, view.offset);
    let mut items = Vec::new();
    let mut last = None;
    for family in view.state.negatives.families(&view.state.library.search).iter() {
        let days_ago = (today - day(moment(family.latest), view.offset)).max(0);
        if last.replace(days_ago) != Some(days_ago) {
            items.push(Item::Heading(heading(view, days_ago)));
        }
        items.extend(family.rows.iter().copied().map(Item::Run));
    }
    items
}

fn heading_ui(ui: &Ui, text: &str, place: Rect) {
    let color = theme::tokens(ui).subdued;
    let galley = widgets::line(ui, text, theme::small(), color, place.width());
    widgets::paint_line(ui, place.left() + 2.0, place.top() + 10.0, galley);
}

fn run_ui(ui: &mut Ui, view: &mut View<'_>, state: &mut GalleryState, row: Row, place: Rect) {
    let tokens = theme::tokens(ui);
    let Some(record) = view.state.negatives.records.get(row.index).cloned() else { return };
    state.runs_in_sight.push(record.id().to_owned());
    let indent = row.depth.min(DEEPEST) as f32 * INDENT;
    let inside = Rect::from_min_max(place.min + vec2(indent, 0.0), place.max - vec2(0.0, 4.0));
    let chosen = view.state.generation().and_then(|it| it.negative.as_deref()) == Some(record.id());
    let response =
        ui.interact(inside.expand2(vec2(4.0, 0.0)), ui.scope_id().with(record.id()), Sense::click());
    let radius = CornerRadius::same(size::RADIUS_SMALL);
    if chosen || response.hovered() {
        ui.painter().rect_filled(inside.expand2(vec2(4.0, 0.0)), radius, tokens.hovered);
    }
    if chosen {
        let stroke = Stroke::new(1.0, tokens.text);
        ui.painter().rect_stroke(inside.expand2(vec2(4.0, 0.0)), radius, stroke, StrokeKind::Inside);
    }
    if row.depth > 0 {
        branch_line(ui, place, inside);
    }
    let picture = Rect::from_min_size(pos2(inside.left(), inside.center().y - SIDE / 2.0), Vec2::splat(SIDE));
    let proof = view.state.negatives.proof(record.id()).cloned();
    match proof.and_then(|proof| view.textures.filling(ui.ctx(), &proof, picture.size())) {
        Some(texture) => widgets::paint_texture(ui.painter(), picture, texture),
        None => {
            ui.painter().rect_filled(picture, CornerRadius::same(size::RADIUS_FRAME), tokens.raised);
        }
    }
    let (title, below) = (title(view, &record), told(view, &record));
    let left = picture.right() + 8.0;
    let pin = if record.summary.pinned { 18.0 } else { 0.0 };
    let width = (inside.right() - left).max(10.0);
    let line = widgets::line(ui, &title, theme::font(12.5, theme::Weight::Medium), tokens.text, width - pin);
    widgets::paint_line(ui, left, inside.center().y - 9.0, line);
    let line = widgets::line(ui, &below, theme::small(), tokens.subdued, width);
    widgets::paint_line(ui, left, inside.center().y + 9.0, line);
    if record.summary.pinned {
        let at =
            Rect::from_center_size(pos2(inside.right() - 8.0, inside.center().y - 9.0), Vec2::splat(14.0));
        widgets::paint_icon(ui, at, icons::PIN, 13.0, tokens.subdued);
    }
    let name = format!("{title} · {below}");
    response.widget_info(|| WidgetInfo::selected(Role::ListBoxOption, true, chosen, &name));
    let response = response.on_hover_text(format!("{}\n{below}", record.settings.prompt));
    if response.clicked() {
        view.push(Command::ShowNegative(record.id().to_owned()));
        state.peek = false;
    }
    response.context_menu(|ui| menu_ui(ui, view, &record));
}

/// The line from the run above to one that came from it.
fn branch_line(ui: &Ui, place: Rect, inside: Rect) {
    let stroke = Stroke::new(1.0, theme::tokens(ui).faint);
    let x = inside.left() - INDENT + 5.0;
    let middle = inside.center().y;
    ui.painter().vline(x, place.top() - 4.0..=middle, stroke);
    ui.painter().hline(x..=inside.left() - 2.0, middle, stroke);
}

/// A first run's prompt; what a branch changed, and from which step on.
fn title(view: &View<'_>, record: &Record) -> String {
    let prompt = record.settings.prompt.clone();
    let Some(parent) = &record.parent else { return prompt };
    let changes = match view.state.negatives.record(&parent.id) {
        Some(from) => difference::changes(view.words, &from.settings, &record.settings),
        None => parent.changes.join(" · "),
    };
    let changes = if changes.is_empty() { view.words.t("nothing-changed") } else { changes };
    view.words.with("from-step", &[("step", parent.at.into()), ("changes", changes.into())])
}

/// How far a run came.
fn told(view: &View<'_>, record: &Record) -> String {
    let summary = &record.summary;
    let values = [("step", summary.steps_done.into()), ("steps", summary.steps.into())];
    let key = match summary.state {
        RunIs::Finished => "run-finished",
        RunIs::Stopped => "run-stopped",
        RunIs::Interrupted => "run-interrupted",
        RunIs::Running => "run-running",
        RunIs::Paused => "run-paused",
    };
    let mut told = view.words.with(key, &values);
    if record.parent.is_none() && summary.state == RunIs::Finished {
        told.push_str(&format!(" · {}", summary.seed));
    }
    told
}

fn menu_ui(ui: &mut Ui, view: &mut View<'_>, record: &Record) {
    ui.set_min_width(200.0);
    ui.spacing_mut().item_spacing.y = 0.0;
    let under_way = matches!(record.summary.state, RunIs::Running | RunIs::Paused);
    let acts = [
        (Act::GoOn, matches!(record.summary.state, RunIs::Stopped | RunIs::Interrupted)),
        (Act::Branch, record.summary.steps_done > 0),
        (Act::CompareParent, record.parent.is_some()),
        (Act::UseSettings, true),
    ];
    for (act, fits) in acts {
        if fits && crate::app::ui::palette::menu_row(ui, view.words, act) {
            view.push(Command::WithNegative { negative: record.id().to_owned(), act });
        }
    }
    let pinned = record.summary.pinned;
    let text = view.words.t(if pinned { "unpin" } else { "pin" });
    if crate::app::ui::palette::named_row(ui, icons::PIN, &text) {
        view.push(Command::Pin { negative: record.id().to_owned(), pinned: !pinned });
    }
    if !under_way && crate::app::ui::palette::named_row(ui, icons::TRASH, &view.words.t("delete-for-good")) {
        view.push(Command::DeleteKept(record.id().to_owned()));
    }
}
