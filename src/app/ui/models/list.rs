//! The first page: all models, and what can be laid over them, to choose from.
//!
//! Trap: a library may have thousands of files, so only lines in sight are drawn.

use egui::{Align, Key, Layout, Margin, Modifiers, Rect, ScrollArea, TextEdit, Ui, Vec2, pos2, vec2};

use crate::app::command::models::OfModels;
use crate::app::command::table::keys;
use crate::app::command::{Act, Command};
use crate::app::state::models::list::Item;
use crate::app::theme;
use crate::app::theme::icons;
use crate::app::theme::widgets::{self, BUTTON, Kind};
use crate::app::ui::act_button::act_button;
use crate::app::ui::models::row::{ROW, row_ui};
use crate::app::ui::models::transfers::{heights, transfers_ui};
use crate::app::ui::models::{FIELD, ModelsUi, REACH, cut, heading_ui, part, sort_name};
use crate::app::ui::view::View;
use crate::library::Sort;
use crate::message::ModelSource;

/// The height of a heading.
const HEADING: f32 = 34.0;
/// The height of a note between lines.
const NOTE: f32 = 40.0;

/// One thing in the scrolled column.
enum Line {
    /// All downloads.
    Downloads(f32),
    Heading(String),
    /// The line with this number among those that can be chosen.
    Item(usize, Item),
    Note(&'static str),
}

impl Line {
    fn height(&self) -> f32 {
        match self {
            Self::Downloads(tall) => *tall,
            Self::Heading(_) => HEADING,
            Self::Item(..) => ROW,
            Self::Note(_) => NOTE,
        }
    }
}

/// Draws the page.
pub fn page_ui(ui: &mut Ui, view: &mut View<'_>, state: &mut ModelsUi, rect: Rect, is_new: bool) {
    let (top, mut middle, foot) = cut(ui, rect);
    heading_ui(ui, view, &view.words.t("models"), None, top);
    let mut field = middle;
    field.max.y = field.min.y + FIELD;
    middle.min.y = field.max.y + 6.0;
    // Enter belongs to the list while the field has the keyboard, else to what has it.
    let moves = moves(ui);
    let mut enter = false;
    let takes_focus = is_new || moves.any();
    part(ui, "search", field, |ui| enter = search_ui(ui, view, state, takes_focus));
    let lines = lines(ui, view, state, middle.width());
    let items: Vec<Item> = lines.iter().filter_map(Line::item).collect();
    let last = items.len().saturating_sub(1);
    let before = state.line;
    // Downloads stand at the top, and are seen first.
    let leads = view.state.models.transfers.list.is_empty();
    if is_new
        && leads
        && let Some(open) = items.iter().position(|item| view.state.is_in_use(*item))
    {
        state.line = open;
    }
    state.line = moves.apply(state.line).min(last);
    let moved = before != state.line || (is_new && leads);
    let mut chosen = enter.then(|| items.get(state.line).copied()).flatten();
    let mut list = middle;
    list.min.x -= REACH;
    list.max.x += REACH;
    part(ui, "list", list, |ui| {
        ui.set_clip_rect(list.intersect(ui.clip_rect()));
        if let Some(clicked) = lines_ui(ui, view, state, &lines, moved) {
            chosen = Some(clicked);
        }
    });
    part(ui, "foot", foot, |ui| foot_ui(ui, view));
    if let Some(item) = chosen {
        choose(view, item);
    }
}

impl Line {
    fn item(&self) -> Option<Item> {
        if let Self::Item(_, item) = self { Some(*item) } else { None }
    }
}

/// How the arrow keys move the choice.
struct Moves {
    down: usize,
    up: usize,
}

impl Moves {
    fn any(&self) -> bool {
        self.down + self.up > 0
    }

    fn apply(&self, line: usize) -> usize {
        (line + self.down).saturating_sub(self.up)
    }
}

fn moves(ui: &Ui) -> Moves {
    const PAGE: usize = 5;
    ui.input_mut(|input| {
        let mut pressed = |key| input.count_and_consume_key(Modifiers::NONE, key);
        let down = pressed(Key::ArrowDown) + PAGE * pressed(Key::PageDown);
        let up = pressed(Key::ArrowUp) + PAGE * pressed(Key::PageUp);
        Moves { down, up }
    })
}

/// The field; whether Enter was pressed in it.
fn search_ui(ui: &mut Ui, view: &View<'_>, state: &mut ModelsUi, takes_focus: bool) -> bool {
    let tokens = theme::tokens(ui);
    let rect = ui.max_rect();
    let id = ui.scope_id().with("models search");
    let enter = ui.memory(|memory| memory.has_focus(id))
        && ui.input_mut(|input| input.count_and_consume_key(Modifiers::NONE, Key::Enter) > 0);
    let name = view.words.t("models-search");
    let edit = TextEdit::singleline(&mut state.typed)
        .id(id)
        .hint_text(widgets::body(&name, tokens.faint))
        .margin(Margin { left: 34, right: 8, top: 6, bottom: 6 })
        .desired_width(rect.width() - 42.0)
        .min_size(vec2(rect.width(), FIELD));
    let response = ui.add(edit);
    let icon = Rect::from_center_size(pos2(rect.left() + 18.0, rect.center().y), Vec2::splat(16.0));
    widgets::paint_icon(ui, icon, icons::SEARCH, 16.0, tokens.subdued);
    // While the arrows choose, Enter means what they have chosen.
    if takes_focus {
        response.request_focus();
    }
    if response.changed() {
        state.line = 0;
    }
    response.accessible_name(name);
    enter
}

fn lines(ui: &Ui, view: &View<'_>, state: &ModelsUi, width: f32) -> Vec<Line> {
    let words = view.words;
    let searching = !state.typed.trim().is_empty();
    let mut lines = Vec::new();
    let downloads = heights(ui, view, width).iter().sum::<f32>();
    if downloads > 0.0 && !searching {
        lines.push(Line::Heading(words.t("downloads")));
        lines.push(Line::Downloads(downloads));
    }
    let groups = view.state.model_groups(&state.typed, &words.t("starter"));
    let mut number = 0;
    for group in &groups {
        lines.push(Line::Heading(sort_name(words, group.sort)));
        for item in &group.items {
            lines.push(Line::Item(number, *item));
            number += 1;
        }
        if group.sort == Sort::Model && !searching && !view.state.models.listed {
            lines.push(Line::Note("models-reading"));
        } else if group.sort == Sort::Model && !searching && view.state.models.entries.is_empty() {
            lines.push(Line::Note("models-empty"));
        }
    }
    if groups.is_empty() {
        lines.push(Line::Note("models-nothing"));
    }
    lines
}

/// Draws what is in sight; returns what was clicked.
fn lines_ui(
    ui: &mut Ui,
    view: &mut View<'_>,
    state: &mut ModelsUi,
    lines: &[Line],
    moved: bool,
) -> Option<Item> {
    let total: f32 = lines.iter().map(Line::height).sum();
    let width = ui.max_rect().width();
    let scroll = ScrollArea::vertical().id_salt("models").auto_shrink(false).animated(false);
    let shown = scroll.show_viewport(ui, |ui, port| {
        ui.set_height(total + 4.0);
        let origin = ui.max_rect().min;
        let (mut y, mut chosen) = (0.0, None);
        for line in lines {
            let tall = line.height();
            let place = Rect::from_min_size(pos2(origin.x, origin.y + y), vec2(width, tall));
            let marked = matches!(line, Line::Item(number, _) if *number == state.line);
            if marked && moved {
                // With the heading above the first line of a group.
                ui.scroll_to_rect(place.expand2(vec2(0.0, HEADING)), None);
            }
            if y + 2.0 * tall >= port.min.y && y - tall <= port.max.y {
                chosen = line_ui(ui, view, state, line, marked, place).or(chosen);
            }
            y += tall;
        }
        chosen
    });
    shown.inner
}

/// Draws one line; returns what it stands for if it was clicked.
fn line_ui(
    ui: &mut Ui,
    view: &mut View<'_>,
    state: &mut ModelsUi,
    line: &Line,
    marked: bool,
    place: Rect,
) -> Option<Item> {
    match line {
        Line::Downloads(_) => part(ui, "downloads", place, |ui| transfers_ui(ui, view, place)),
        Line::Heading(name) => text_ui(ui, name, place, HEADING - 14.0),
        Line::Note(key) => text_ui(ui, &view.words.t(key), place, NOTE / 2.0),
        Line::Item(number, item) => {
            let response = row_ui(ui, view, state, *item, marked, place);
            // There is one selection: the pointer moves it only when it moves itself.
            let pointed = response.contains_pointer() && ui.input(|input| input.pointer.is_moving());
            if pointed || response.gained_focus() {
                state.line = *number;
            }
            return response.clicked().then_some(*item);
        }
    }
    None
}

/// A small text whose middle lies so far below the upper edge of `place`.
fn text_ui(ui: &mut Ui, text: &str, place: Rect, middle: f32) {
    let color = theme::tokens(ui).subdued;
    let mut at = place.shrink2(vec2(REACH, 0.0));
    at.min.y += middle - 8.0;
    part(ui, text, at, |ui| {
        ui.add(egui::Label::new(widgets::small(text, color)).truncate());
    });
}

/// Opens what a line stands for.
fn choose(view: &mut View<'_>, item: Item) {
    match item {
        Item::Starter => {
            view.push(Command::CloseOverlay);
            view.push(Command::Open(ModelSource::Starter));
        }
        Item::Recent(place) => {
            if let Some(source) = view.state.recent_model(place) {
                view.push(Command::CloseOverlay);
                view.push(Command::Open(source));
            }
        }
        Item::Entry(place) => {
            let entry = view.state.models.entries.get(place).filter(|entry| entry.sort() != Sort::Other);
            if let Some(path) = entry.map(|entry| entry.path.clone()) {
                view.push(Command::Models(OfModels::Use(path)));
            }
        }
    }
}

fn foot_ui(ui: &mut Ui, view: &mut View<'_>) {
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 22.0;
        ui.set_height(34.0);
        let shortcut = Act::OpenModel.row().shortcut.map(|shortcut| keys(ui.ctx(), &shortcut));
        for (act, keys) in [(Act::ModelsFolders, None), (Act::OpenModel, shortcut.as_deref())] {
            act_button(ui, view, act, Kind::Ghost, keys, 28.0);
        }
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            act_button(ui, view, Act::GetModel, Kind::Outlined, None, BUTTON);
        });
    });
}
