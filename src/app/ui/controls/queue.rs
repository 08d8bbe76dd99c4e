//! The queue: what is being made and what waits, in order; a row can be dragged, moved by keys and taken
//! out, and all of them at once.

use egui::{
    Align, CursorIcon, Id, Layout, Rect, Sense, Ui, UiBuilder, Vec2, WidgetInfo, accesskit::Role, pos2, vec2,
};

use crate::app::command::{Act, Command};
use crate::app::theme::icons;
use crate::app::theme::widgets;
use crate::app::theme::widgets::{IconButton, Kind};
use crate::app::theme::{self, size};
use crate::app::ui::view::View;
use crate::message::Job;

const ROW: f32 = 44.0;
/// Rows that are drawn; the heading tells how many there are.
const ROWS_MAX: usize = 50;

/// Draws the heading and the rows.
pub fn queue_ui(ui: &mut Ui, view: &mut View<'_>) {
    let tokens = theme::tokens(ui);
    ui.horizontal(|ui| {
        ui.label(widgets::body(view.words.t("queue"), tokens.text));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let (name, tip) = (Act::ClearQueue.name(view.words), Act::ClearQueue.tip(view.words, ui.ctx()));
            if IconButton::new(icons::CLOSE, &name).in_row().tip(tip).show(ui).clicked() {
                view.act(Act::ClearQueue);
            }
            let said = view.words.with("waiting", &[("n", view.state.queue.waiting.len().into())]);
            ui.label(widgets::small(said, tokens.subdued));
        });
    });
    ui.add_space(6.0);
    match view.state.queue.running().map(|running| running.job.settings.prompt.clone()) {
        Some(prompt) => running_ui(ui, view, &prompt),
        None if view.state.queue.held => held_ui(ui, view),
        None => {}
    }
    let jobs: Vec<Job> =
        view.state.queue.waiting.iter().take(ROWS_MAX).map(|waiting| waiting.job.clone()).collect();
    let top = ui.cursor().top();
    for (place, job) in jobs.iter().enumerate() {
        ui.push_id(job.id.0, |ui| row_ui(ui, view, job, place, top));
    }
}

/// The running job: its prompt, and its number among all.
fn running_ui(ui: &mut Ui, view: &View<'_>, prompt: &str) {
    let tokens = theme::tokens(ui);
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), ROW), Sense::hover());
    let (left, width) = (rect.left() + 25.0, rect.width() - 25.0);
    let dot = pos2(rect.left() + 6.0, rect.top() + 13.0);
    ui.painter().circle_filled(dot, 3.5, tokens.lamp);
    let title = widgets::line(ui, prompt, theme::font(12.5, theme::Weight::Medium), tokens.text, width);
    widgets::paint_line(ui, left, rect.top() + 13.0, title);
    let (at, of) = view.state.queue.place();
    let said = view.words.with("place-in-queue", &[("at", at.into()), ("of", of.into())]);
    let note = widgets::line(ui, &said, theme::small(), tokens.subdued, width);
    widgets::paint_line(ui, left, rect.top() + 30.0, note);
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, format!("{said}: {prompt}")));
}

/// Says that the queue is on hold, and offers to resume it.
fn held_ui(ui: &mut Ui, view: &mut View<'_>) {
    let tokens = theme::tokens(ui);
    ui.horizontal(|ui| {
        ui.set_height(36.0);
        ui.label(widgets::small(view.words.t("queue-on-hold"), tokens.subdued));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let (name, tip) =
                (Act::ContinueQueue.name(view.words), Act::ContinueQueue.tip(view.words, ui.ctx()));
            let button = widgets::sized_button(ui, Kind::Outlined, Some(icons::PLAY), &name, None, 28.0);
            if button.on_hover_text(tip).clicked() {
                view.act(Act::ContinueQueue);
            }
        });
    });
}

fn row_ui(ui: &mut Ui, view: &mut View<'_>, job: &Job, place: usize, top: f32) {
    let tokens = theme::tokens(ui);
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), ROW), Sense::hover());
    let grip = Rect::from_min_size(rect.min + vec2(-6.0, 10.0), Vec2::splat(size::SMALL_TARGET));
    let name = view.words.with("move-job", &[("prompt", job.settings.prompt.as_str().into())]);
    let handle = ui.interact(grip, Id::unique(("grip", job.id.0)), Sense::click_and_drag());
    handle.widget_info(|| WidgetInfo::labeled(Role::Button, true, &name));
    let handle = handle.on_hover_cursor(CursorIcon::Grab).on_hover_text(view.words.t("move-job-tip"));
    widgets::paint_icon(
        ui,
        grip,
        icons::GRIP,
        16.0,
        if handle.hovered() { tokens.text } else { tokens.faint },
    );
    if let Some(at) = handle.interact_pointer_pos().filter(|_| handle.dragged()) {
        let to = ((at.y - top) / ROW).max(0.0) as usize;
        if to != place {
            view.push(Command::Requeue { job: job.id, to });
        }
    }
    if handle.has_focus() {
        let filter = egui::EventFilter { vertical_arrows: true, ..Default::default() };
        ui.memory_mut(|memory| memory.set_focus_lock_filter(handle.id, filter));
        let pressed = |key| ui.input_mut(|input| input.consume_key(egui::Modifiers::NONE, key));
        if pressed(egui::Key::ArrowUp) {
            view.push(Command::Requeue { job: job.id, to: place.saturating_sub(1) });
        }
        if pressed(egui::Key::ArrowDown) {
            view.push(Command::Requeue { job: job.id, to: place + 1 });
        }
    }
    let left = rect.left() + 25.0;
    let width = rect.right() - 34.0 - left;
    let title =
        widgets::line(ui, &job.settings.prompt, theme::font(12.5, theme::Weight::Medium), tokens.text, width);
    widgets::paint_line(ui, left, rect.top() + 13.0, title);
    let values = [("seed", job.settings.seed.to_string().into()), ("steps", job.settings.steps.into())];
    let note =
        widgets::line(ui, &view.words.with("seed-and-steps", &values), theme::small(), tokens.subdued, width);
    widgets::paint_line(ui, left, rect.top() + 30.0, note);
    let at =
        Rect::from_center_size(pos2(rect.right() - 12.0, rect.top() + 22.0), Vec2::splat(size::SMALL_TARGET));
    ui.scope_builder(UiBuilder::new().max_rect(at), |ui| {
        let name = view.words.with("remove-job", &[("prompt", job.settings.prompt.as_str().into())]);
        if IconButton::new(icons::CLOSE, &name)
            .in_row()
            .tip(view.words.t("remove-job-tip"))
            .show(ui)
            .clicked()
        {
            view.push(Command::Unqueue(job.id));
        }
    });
}
