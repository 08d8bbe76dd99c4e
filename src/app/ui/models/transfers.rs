//! Downloads as lines: how far each is, and what can be done with it; and the line in the controls that tells of
//! them while the library is closed.

use std::sync::Arc;

use egui::accesskit::Role;
use egui::{CornerRadius, Galley, Rect, Response, Sense, Ui, UiBuilder, Vec2, WidgetInfo, pos2, vec2};

use crate::app::command::models::OfModels;
use crate::app::command::{Act, Command};
use crate::app::i18n::Message;
use crate::app::state::models::transfers::{Stage, Transfer};
use crate::app::theme::icons::{self, Icon};
use crate::app::theme::widgets::{self, IconButton, Kind};
use crate::app::theme::{self, Weight, size};
use crate::app::ui::status;
use crate::app::ui::view::View;

/// Room for the buttons at the right.
const BUTTONS: f32 = 68.0;
const MARGIN: f32 = 8.0;
/// Above and below the texts of a line.
const ABOVE: f32 = 8.0;
const TITLE: f32 = 20.0;
/// Where the line that tells the share lies below the texts.
const RAIL: f32 = 9.0;
/// The note below them all.
const NOTE: f32 = 24.0;

/// The heights of the lines and of the note below them; none where there is no download.
pub fn heights(ui: &Ui, view: &View<'_>, width: f32) -> Vec<f32> {
    let list = &view.state.models.transfers.list;
    let mut heights: Vec<f32> = list.iter().map(|transfer| height(ui, view, transfer, width)).collect();
    heights.extend(is_closing_told(view).then_some(NOTE));
    heights
}

fn is_closing_told(view: &View<'_>) -> bool {
    view.state.models.transfers.running().is_some()
}

fn height(ui: &Ui, view: &View<'_>, transfer: &Transfer, width: f32) -> f32 {
    let told = told(ui, view, transfer, width - BUTTONS - 2.0 * MARGIN).size().y;
    ABOVE + TITLE + told + if has_rail(transfer) { RAIL + 8.0 } else { 10.0 }
}

fn has_rail(transfer: &Transfer) -> bool {
    matches!(transfer.stage, Stage::Running | Stage::Paused | Stage::Waiting)
}

/// How far it is, or why it is no further; a long sentence takes several lines.
fn told(ui: &Ui, view: &View<'_>, transfer: &Transfer, width: f32) -> Arc<Galley> {
    let tokens = theme::tokens(ui);
    let color = if matches!(transfer.stage, Stage::Failed(_)) { tokens.bad } else { tokens.subdued };
    let mut job = egui::text::LayoutJob::simple(said(view, transfer, false), theme::small(), color, width);
    for section in &mut job.sections {
        section.format.line_height = Some(16.0);
    }
    ui.fonts_mut(|fonts| fonts.layout_job(job))
}

/// How far a download is, in words.
fn said(view: &View<'_>, transfer: &Transfer, is_short: bool) -> String {
    let words = view.words;
    let progress = &transfer.progress;
    let done = status::file_size(progress.done);
    let share = match progress.total {
        Some(total) => {
            words.with("download-share", &[("done", done.into()), ("total", status::file_size(total).into())])
        }
        None => done,
    };
    match &transfer.stage {
        Stage::Waiting => words.t("download-waits"),
        Stage::Running if progress.done == 0 => words.t("download-begins"),
        Stage::Running => {
            // Where there is little room, the time says it.
            let pace = progress.speed.filter(|_| !is_short).map(|speed| {
                let speed = status::file_size(speed as u64);
                words.with("download-speed", &[("speed", speed.into())])
            });
            let left = progress.seconds_left().map(|seconds| status::left(view, seconds));
            [Some(share), pace, left].into_iter().flatten().collect::<Vec<_>>().join(" · ")
        }
        Stage::Paused if progress.done == 0 => words.t("download-paused"),
        Stage::Paused => format!("{} · {share}", words.t("download-paused")),
        Stage::Failed(report) => Message::from(report.sentence.clone()).text(words),
        Stage::Got(_) => words.t("download-here"),
    }
}

/// Draws all downloads into `rect`.
pub fn transfers_ui(ui: &mut Ui, view: &mut View<'_>, rect: Rect) {
    let list = view.state.models.transfers.list.clone();
    let mut top = rect.top();
    for transfer in &list {
        let tall = height(ui, view, transfer, rect.width());
        let place = Rect::from_min_size(pos2(rect.left(), top), vec2(rect.width(), tall));
        ui.push_id(transfer.id, |ui| transfer_ui(ui, view, transfer, place));
        top += tall;
    }
    if is_closing_told(view) {
        let color = theme::tokens(ui).faint;
        let place = Rect::from_min_size(pos2(rect.left() + MARGIN, top + 2.0), vec2(rect.width(), NOTE));
        ui.scope_builder(UiBuilder::new().max_rect(place).id_salt("closing"), |ui| {
            ui.label(widgets::small(view.words.t("download-closing"), color));
        });
    }
}

fn transfer_ui(ui: &mut Ui, view: &mut View<'_>, transfer: &Transfer, place: Rect) {
    let tokens = theme::tokens(ui);
    let left = place.left() + MARGIN;
    let width = place.width() - BUTTONS - 2.0 * MARGIN;
    let response = ui.interact(place, ui.scope_id().with("download"), Sense::hover());
    let title = widgets::line(ui, &transfer.name, theme::font(14.0, Weight::Medium), tokens.text, width);
    widgets::paint_line(ui, left, place.top() + ABOVE + TITLE / 2.0 - 1.0, title);
    let galley = told(ui, view, transfer, width);
    let below = place.top() + ABOVE + TITLE + galley.size().y;
    ui.painter().galley(pos2(left, place.top() + ABOVE + TITLE), galley, tokens.subdued);
    if has_rail(transfer) {
        let rail = Rect::from_min_size(
            pos2(left, below + RAIL - 3.0),
            vec2(place.width() - 2.0 * MARGIN, size::PROGRESS),
        );
        rail_ui(ui, view, transfer, rail);
    }
    let name = format!("{}: {}", transfer.name, said(view, transfer, false));
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, &name));
    if let Stage::Failed(report) = &transfer.stage
        && !report.details.is_empty()
    {
        response.on_hover_text(&report.details);
    }
    buttons_ui(ui, view, transfer, place);
}

/// The share that is here.
fn rail_ui(ui: &mut Ui, view: &View<'_>, transfer: &Transfer, rail: Rect) {
    let tokens = theme::tokens(ui);
    ui.painter().rect_filled(rail, 0.0, tokens.rail);
    let Some(share) = transfer.share() else { return };
    let name = view.words.with("download-named", &[("name", transfer.name.as_str().into())]);
    widgets::progress(ui, "share", rail, share, transfer.stage == Stage::Running, &name);
}

fn buttons_ui(ui: &mut Ui, view: &mut View<'_>, transfer: &Transfer, place: Rect) {
    let middle = place.top() + ABOVE + TITLE;
    let at = |right: f32| {
        Rect::from_center_size(pos2(right - 12.0, middle - 2.0), Vec2::splat(size::SMALL_TARGET))
    };
    let end = at(place.right() - MARGIN);
    let id = transfer.id;
    let gone = if matches!(transfer.stage, Stage::Got(_)) { "download-dismiss" } else { "download-give-up" };
    button_ui(ui, view, transfer, (icons::CLOSE, gone), end, OfModels::GiveUp(id));
    let before = at(end.left() - 4.0);
    match &transfer.stage {
        Stage::Running | Stage::Waiting => {
            button_ui(ui, view, transfer, (icons::PAUSE, "download-pause"), before, OfModels::Pause(id));
        }
        Stage::Paused => {
            button_ui(ui, view, transfer, (icons::PLAY, "download-go-on"), before, OfModels::GoOn(id));
        }
        Stage::Failed(_) => {
            button_ui(ui, view, transfer, (icons::REFRESH, "download-again"), before, OfModels::GoOn(id));
        }
        Stage::Got(path) => {
            let text = Act::UseGot.name(view.words);
            let width = widgets::button_width(ui, Kind::Outlined, false, &text, None, 28.0);
            let place =
                Rect::from_min_size(pos2(end.left() - 8.0 - width, end.center().y - 14.0), vec2(width, 28.0));
            ui.scope_builder(UiBuilder::new().max_rect(place).id_salt("use"), |ui| {
                if widgets::sized_button(ui, Kind::Outlined, None, &text, None, 28.0).clicked() {
                    view.push(Command::Models(OfModels::Use(path.clone())));
                }
            });
        }
    }
}

fn button_ui(
    ui: &mut Ui,
    view: &mut View<'_>,
    transfer: &Transfer,
    (icon, key): (Icon, &str),
    place: Rect,
    asked: OfModels,
) {
    ui.scope_builder(UiBuilder::new().max_rect(place).id_salt(key), |ui| {
        let name = view.words.with(key, &[("name", transfer.name.as_str().into())]);
        if IconButton::new(icon, &name).in_row().tip(name.clone()).show(ui).clicked() {
            view.push(Command::Models(asked));
        }
    });
}

/// The line in the controls: the foremost download; a click shows them all.
pub fn foremost_ui(ui: &mut Ui, view: &mut View<'_>) -> Option<Response> {
    let transfer = view.state.models.transfers.foremost()?.clone();
    let tokens = theme::tokens(ui);
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 46.0), Sense::click());
    if response.hovered() {
        let wide = rect.expand2(vec2(6.0, 4.0));
        ui.painter().rect_filled(wide, CornerRadius::same(size::RADIUS_SMALL), tokens.raised);
    }
    let title = view.words.with("download-named", &[("name", transfer.name.as_str().into())]);
    let line = widgets::line(ui, &title, theme::body(), tokens.text, rect.width());
    widgets::paint_line(ui, rect.left(), rect.top() + 9.0, line);
    let failed = matches!(transfer.stage, Stage::Failed(_));
    let said = said(view, &transfer, true);
    let color = if failed { tokens.bad } else { tokens.subdued };
    let line = widgets::line(ui, &said, theme::small(), color, rect.width());
    widgets::paint_line(ui, rect.left(), rect.top() + 28.0, line);
    let rail =
        Rect::from_min_size(pos2(rect.left(), rect.bottom() - 3.0), vec2(rect.width(), size::PROGRESS));
    if has_rail(&transfer) {
        rail_ui(ui, view, &transfer, rail);
    }
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, format!("{title}: {said}")));
    let response = response.on_hover_text(Act::Models.tip(view.words, ui.ctx()));
    if response.clicked() {
        view.act(Act::Models);
    }
    Some(response)
}
