//! The gallery: kept pictures, newest first, by day, with a search.
//!
//! Trap: a thousand pictures must scroll smoothly, so only rows in sight are drawn and only their
//! thumbnails are requested.

use egui::accesskit::Role;
use egui::{
    Align2, CornerRadius, Frame, Margin, Rect, ScrollArea, Sense, Stroke, StrokeKind, TextEdit, Ui,
    UiBuilder, Vec2, WidgetInfo, pos2, vec2,
};

use crate::app::command::{Act, Command};
use crate::app::state::generation::Stage;
use crate::app::state::library::{Group, day};
use crate::app::state::shown::{Beside, Compare, Shown};
use crate::app::theme::icons;
use crate::app::theme::widgets;
use crate::app::theme::widgets::IconButton;
use crate::app::theme::{self, size};
use crate::app::ui::gallery_state::{GalleryState, Tab, heading};
use crate::app::ui::view::View;
use crate::app::ui::{negatives, status};
use crate::message::JobId;

const MARGIN: f32 = 12.0;
const GAP: f32 = 7.5;
const HEADING: f32 = 28.0;
const FOOT: f32 = 53.0;
/// The height of the tabs.
const TABS: f32 = 32.0;

/// One thing in the scrolled column.
enum Item {
    Heading(String),
    /// The picture being made, and the first kept ones beside it.
    Row(Vec<Cell>),
}

enum Cell {
    Developing(JobId),
    Record(usize),
}

/// Draws the panel into `rect`.
pub fn gallery_ui(ui: &mut Ui, view: &mut View<'_>, state: &mut GalleryState, rect: Rect) {
    let mut tabs = rect.shrink2(vec2(MARGIN, 4.0));
    tabs.max.y = tabs.min.y + TABS;
    ui.scope_builder(UiBuilder::new().max_rect(tabs).id_salt("tabs"), |ui| tabs_ui(ui, view, state, tabs));
    let mut top = tabs;
    top.min.y = tabs.max.y + 8.0;
    top.max.y = top.min.y + 32.0;
    ui.scope_builder(UiBuilder::new().max_rect(top).id_salt("search"), |ui| search_ui(ui, view));
    let mut middle = rect;
    middle.min.y = top.max.y + 8.0;
    middle.max.y -= FOOT;
    ui.scope_builder(UiBuilder::new().max_rect(middle).id_salt("pictures"), |ui| {
        ui.set_clip_rect(middle.intersect(ui.clip_rect()));
        match state.tab {
            Tab::Pictures => pictures_ui(ui, view, state, middle),
            Tab::Negatives if negatives::is_empty(view) => no_runs_ui(ui, view, middle),
            Tab::Negatives => negatives::negatives_ui(ui, view, state, middle),
        }
    });
    let mut foot = rect;
    foot.min.y = middle.max.y;
    ui.scope_builder(UiBuilder::new().max_rect(foot).id_salt("foot"), |ui| {
        foot_ui(ui, view, state.tab, foot)
    });
}

fn tabs_ui(ui: &mut Ui, view: &mut View<'_>, state: &mut GalleryState, rect: Rect) {
    let tokens = theme::tokens(ui);
    ui.painter().hline(rect.x_range(), rect.bottom() - 0.5, Stroke::new(1.0, tokens.hairline));
    let tabs = [
        (Tab::Pictures, "tab-pictures", "tab-pictures-tip"),
        (Tab::Negatives, "tab-negatives", "tab-negatives-tip"),
    ];
    let wide = rect.width() / tabs.len() as f32;
    for (number, (tab, key, tip)) in tabs.into_iter().enumerate() {
        let left = rect.left() + number as f32 * wide;
        let place = Rect::from_min_size(pos2(left, rect.top()), vec2(wide, rect.height()));
        let response = ui.interact(place, ui.scope_id().with(key), Sense::click());
        let chosen = state.tab == tab;
        let color = if chosen || response.hovered() { tokens.text } else { tokens.subdued };
        let name = view.words.t(key);
        let galley = widgets::line(ui, &name, theme::body(), color, wide);
        widgets::paint_line(ui, place.center().x - galley.size().x / 2.0, place.center().y, galley);
        if chosen {
            ui.painter().hline(place.x_range(), rect.bottom() - 1.0, Stroke::new(2.0, tokens.text));
        }
        response.widget_info(|| WidgetInfo::selected(Role::Tab, true, chosen, &name));
        let response = response.on_hover_text(view.words.t(tip));
        if response.clicked() {
            state.tab = tab;
            if tab == Tab::Negatives {
                view.act(Act::Negatives);
            }
        }
    }
}

fn search_ui(ui: &mut Ui, view: &mut View<'_>) {
    let tokens = theme::tokens(ui);
    let name = view.words.t("search");
    let rect = ui.max_rect();
    let mut search = view.state.library.search.clone();
    let edit = TextEdit::singleline(&mut search)
        .hint_text(widgets::body(&name, tokens.faint))
        .margin(Margin { left: 34, right: 8, top: 6, bottom: 6 })
        .desired_width(rect.width() - 42.0)
        .min_size(vec2(rect.width(), 32.0));
    let response = ui.add(edit);
    let icon = Rect::from_center_size(pos2(rect.left() + 18.0, rect.center().y), Vec2::splat(16.0));
    widgets::paint_icon(ui, icon, icons::SEARCH, 16.0, tokens.subdued);
    if response.changed() {
        view.push(Command::Search(search));
    }
    if view.takes_focus(Act::FocusSearch) {
        response.request_focus();
    }
    response.accessible_name(name);
}

fn items(view: &View<'_>) -> Vec<Item> {
    let today = day(view.now, view.offset);
    let groups = view.state.library.groups(today, view.offset);
    let searching = !view.state.library.search.trim().is_empty();
    let developing = view
        .state
        .queue
        .running()
        .filter(|it| !searching && it.sheet.is_none())
        .map(|running| running.job.id);
    let mut items = Vec::new();
    let first = match developing {
        Some(_) if groups.first().is_none_or(|group| group.days_ago != 0) => {
            Some(Group { days_ago: 0, members: Vec::new() })
        }
        _ => None,
    };
    for (i, group) in first.into_iter().chain(groups).enumerate() {
        items.push(Item::Heading(heading(view, group.days_ago)));
        let lead = developing.filter(|_| i == 0).map(Cell::Developing);
        let mut cells = lead.into_iter().chain(group.members.into_iter().map(Cell::Record)).peekable();
        while cells.peek().is_some() {
            items.push(Item::Row(cells.by_ref().take(2).collect()));
        }
    }
    items
}

fn pictures_ui(ui: &mut Ui, view: &mut View<'_>, state: &mut GalleryState, rect: Rect) {
    let items = items(view);
    if items.is_empty() {
        empty_ui(ui, view, rect);
        return;
    }
    let side = ((rect.width() - 2.0 * MARGIN - GAP) / 2.0).floor();
    let height = |item: &Item| if matches!(item, Item::Heading(_)) { HEADING } else { side + GAP };
    let total: f32 = items.iter().map(height).sum();
    ScrollArea::vertical().auto_shrink(false).show_viewport(ui, |ui, port| {
        ui.set_height(total + 4.0);
        let origin = ui.max_rect().min;
        let mut y = 0.0;
        for item in &items {
            let tall = height(item);
            // A row above and one below, so that thumbnails are there when they come into sight.
            if y + 2.0 * tall >= port.min.y && y - tall <= port.max.y {
                draw(ui, view, state, item, pos2(origin.x + MARGIN, origin.y + y), side);
            }
            y += tall;
        }
    });
}

fn draw(ui: &mut Ui, view: &mut View<'_>, state: &mut GalleryState, item: &Item, at: egui::Pos2, side: f32) {
    match item {
        Item::Heading(text) => {
            let tokens = theme::tokens(ui);
            let galley = widgets::line(ui, text, theme::small(), tokens.subdued, side * 2.0);
            widgets::paint_line(ui, at.x + 2.0, at.y + 10.0, galley);
        }
        Item::Row(cells) => {
            for (i, cell) in cells.iter().enumerate() {
                let place = Rect::from_min_size(at + vec2(i as f32 * (side + GAP), 0.0), Vec2::splat(side));
                match cell {
                    Cell::Developing(job) => developing_ui(ui, view, state, *job, place),
                    Cell::Record(index) => record_ui(ui, view, state, *index, place),
                }
            }
        }
    }
}

/// Draws a picture cut to a square.
fn paint_square(ui: &Ui, view: &mut View<'_>, picture: &crate::app::picture::Picture, place: Rect) {
    match view.textures.filling(ui.ctx(), picture, place.size()) {
        Some(texture) => widgets::paint_texture(ui.painter(), place, texture),
        None => {
            let raised = theme::tokens(ui).raised;
            ui.painter().rect_filled(place, CornerRadius::same(size::RADIUS_FRAME), raised);
        }
    }
}

fn record_ui(ui: &mut Ui, view: &mut View<'_>, state: &mut GalleryState, index: usize, place: Rect) {
    let tokens = theme::tokens(ui);
    let Some(record) = view.state.library.records.get(index) else { return };
    let (path, prompt) = (record.path.clone(), record.prompt().to_owned());
    state.in_sight.push(path.clone());
    match view.state.library.thumbnail(&path) {
        Some(picture) => paint_square(ui, view, picture, place),
        None => {
            ui.painter().rect_filled(place, CornerRadius::same(size::RADIUS_FRAME), tokens.raised);
        }
    }
    let chosen = match &view.state.shown {
        Shown::Record(shown) => *shown == path,
        Shown::Generation { .. } => view.state.shown_path() == Some(path.as_path()),
        Shown::Nothing | Shown::Sheet(_) | Shown::Tray => false,
    };
    let beside = |compare: &Compare| matches!(&compare.with, Beside::Record(with) if *with == path);
    let compared = view.state.compare.as_ref().is_some_and(beside);
    let response = ui.interact(place, ui.scope_id().with(&path), Sense::click());
    if chosen || compared {
        ring(ui, place, tokens.text);
    } else if response.hovered() {
        let stroke = Stroke::new(1.0, tokens.faint);
        ui.painter().rect_stroke(place, CornerRadius::same(size::RADIUS_FRAME), stroke, StrokeKind::Inside);
    }
    let name = if prompt.is_empty() { crate::app::i18n::file_name(&path) } else { prompt };
    response.widget_info(|| WidgetInfo::selected(Role::ListBoxOption, true, chosen, &name));
    let response = response.on_hover_text(&name);
    if response.clicked() {
        let other = view.state.compare.is_some() || ui.input(|input| input.modifiers.command);
        view.push(if other && !chosen {
            Command::CompareWith(path.clone())
        } else {
            Command::ShowRecord(path.clone())
        });
        state.peek = false;
    }
    if response.has_focus() && ui.input(|input| input.key_pressed(egui::Key::Delete)) {
        view.push(Command::DeleteRecord(path.clone()));
    }
    response.context_menu(|ui| menu_ui(ui, view, &path));
}

fn menu_ui(ui: &mut Ui, view: &mut View<'_>, path: &std::path::Path) {
    ui.set_min_width(180.0);
    ui.spacing_mut().item_spacing.y = 0.0;
    let entry = |ui: &mut Ui, act: Act| crate::app::ui::palette::menu_row(ui, view.words, act);
    let picked: Vec<Act> = [Act::UseSettings, Act::Compare, Act::SaveAs, Act::Reveal, Act::Delete]
        .into_iter()
        .filter(|act| entry(ui, *act))
        .collect();
    for act in picked {
        match act {
            Act::Compare => view.push(Command::CompareWith(path.to_owned())),
            Act::Delete => view.push(Command::DeleteRecord(path.to_owned())),
            act => {
                view.push(Command::ShowRecord(path.to_owned()));
                view.act(act);
            }
        }
    }
}

fn ring(ui: &Ui, place: Rect, color: egui::Color32) {
    let stroke = Stroke::new(2.0, color);
    ui.painter().rect_stroke(place.expand(1.0), CornerRadius::same(5), stroke, StrokeKind::Outside);
}

/// The picture being made, and the share that is done.
fn developing_ui(ui: &mut Ui, view: &mut View<'_>, state: &mut GalleryState, job: JobId, place: Rect) {
    let tokens = theme::tokens(ui);
    let Some(generation) = view.state.queue.generation(job) else { return };
    let (share, stage) = (generation.share(), generation.stage);
    let prompt = generation.job.settings.prompt.clone();
    match generation.picture(None) {
        Some(picture) => paint_square(ui, view, picture, place),
        None => {
            ui.painter().rect_filled(place, CornerRadius::same(size::RADIUS_FRAME), tokens.raised);
        }
    }
    let middle = place.max - vec2(16.0, 16.0);
    ui.painter().circle_filled(middle, 9.0, tokens.veil);
    let end = share * std::f32::consts::TAU;
    let points: Vec<_> = (0..=24)
        .map(|i| {
            let angle = end * i as f32 / 24.0 - std::f32::consts::FRAC_PI_2;
            middle + 5.5 * vec2(angle.cos(), angle.sin())
        })
        .collect();
    ui.painter().line(points, Stroke::new(2.5, tokens.lamp));
    let response = ui.interact(place, ui.scope_id().with(("developing", job.0)), Sense::click());
    let chosen = matches!(view.state.shown, Shown::Generation { job: shown, .. } if shown == job);
    if chosen {
        ring(ui, place, if stage == Stage::Paused { tokens.text } else { tokens.lamp });
    }
    let name = view.words.with("developing-named", &[("prompt", prompt.into())]);
    response.widget_info(|| WidgetInfo::selected(Role::ListBoxOption, true, chosen, &name));
    if response.clicked() {
        view.push(Command::ShowStep { job, step: None });
        state.peek = false;
    }
}

fn no_runs_ui(ui: &Ui, view: &View<'_>, rect: Rect) {
    let searching = !view.state.library.search.trim().is_empty();
    let key = match (searching, view.state.negatives.listed) {
        (true, _) => "nothing-found",
        (false, true) => "negatives-empty",
        (false, false) => "gallery-reading",
    };
    said_ui(ui, &view.words.t(key), rect);
}

fn empty_ui(ui: &Ui, view: &View<'_>, rect: Rect) {
    let key = match (view.state.library.search.trim().is_empty(), view.state.library.listed) {
        (false, _) => "nothing-found",
        (true, true) => "gallery-empty",
        (true, false) => "gallery-reading",
    };
    said_ui(ui, &view.words.t(key), rect);
}

/// A sentence in the middle of the panel.
fn said_ui(ui: &Ui, text: &str, rect: Rect) {
    let tokens = theme::tokens(ui);
    let mut job =
        egui::text::LayoutJob::simple(text.to_owned(), theme::small(), tokens.subdued, rect.width() - 32.0);
    job.halign = egui::Align::Center;
    for section in &mut job.sections {
        section.format.line_height = Some(16.0);
    }
    let galley = ui.fonts_mut(|fonts| fonts.layout_job(job));
    let middle = pos2(rect.center().x, rect.center().y - galley.size().y / 2.0);
    ui.painter().galley(middle, galley, tokens.subdued);
}

fn foot_ui(ui: &mut Ui, view: &mut View<'_>, tab: Tab, rect: Rect) {
    let tokens = theme::tokens(ui);
    widgets::hairline(ui, rect.x_range());
    let (n, runs) = (view.state.library.records.len(), view.state.negatives.records.len());
    let said = match tab {
        Tab::Pictures if n == 0 => view.words.t("no-pictures"),
        Tab::Pictures => view.words.with("n-pictures", &[("n", n.into())]),
        Tab::Negatives => {
            let bytes = status::bytes(view.state.negatives.bytes());
            view.words.with("n-negatives", &[("n", runs.into()), ("size", bytes.into())])
        }
    };
    let place = Align2::LEFT_CENTER
        .anchor_size(pos2(rect.left() + MARGIN, rect.center().y), vec2(rect.width() - 60.0, 16.0));
    ui.scope_builder(UiBuilder::new().max_rect(place), |ui| ui.label(widgets::small(said, tokens.subdued)));
    let at = Rect::from_center_size(pos2(rect.right() - 28.0, rect.center().y), Vec2::splat(size::TARGET));
    ui.scope_builder(UiBuilder::new().max_rect(at), |ui| {
        let (name, tip) = (Act::OpenFolder.name(view.words), Act::OpenFolder.tip(view.words, ui.ctx()));
        if IconButton::new(icons::FOLDER, &name).tip(tip).show(ui).clicked() {
            view.act(Act::OpenFolder);
        }
    });
}

/// The gallery lying over the canvas of a narrow window.
pub fn peek_ui(ui: &Ui, view: &mut View<'_>, state: &mut GalleryState, rect: Rect) {
    let tokens = theme::tokens(ui);
    egui::Area::new(egui::Id::unique("gallery over the canvas"))
        .order(egui::Order::Middle)
        .fixed_pos(rect.min)
        .constrain(false)
        .fade_in(false)
        .show(ui.ctx(), |ui| {
            let frame = Frame::new().fill(tokens.panel).shadow(ui.visuals().popup_shadow);
            frame.show(ui, |ui| {
                ui.set_min_size(rect.size());
                ui.painter().vline(rect.right() - 0.5, rect.y_range(), Stroke::new(1.0, tokens.hairline));
                gallery_ui(ui, view, state, rect);
            });
        });
}
