//! What a download would bring, before any of it is fetched: its files and bytes, where it comes from and goes to,
//! the room there, and what its license asks.

use egui::accesskit::Role;
use egui::{CornerRadius, Frame, Margin, Rect, ScrollArea, Ui, WidgetInfo, vec2};

use crate::app::command::models::OfModels;
use crate::app::command::{Act, Command};
use crate::app::state::models::FoundPlan;
use crate::app::theme::widgets::{self, Kind};
use crate::app::theme::{self, size};
use crate::app::ui::models::{cut, heading_ui, part};
use crate::app::ui::settings::path_ui;
use crate::app::ui::status;
use crate::app::ui::view::View;
use crate::told::Told as _;

/// The width of what stands before a value.
const LABEL: f32 = 128.0;
/// Files that are named.
const FILES_MAX: usize = 6;

/// Draws the page.
pub fn page_ui(ui: &mut Ui, view: &mut View<'_>, found: &FoundPlan, rect: Rect) {
    let (top, middle, foot) = cut(ui, rect);
    let plan = &found.plan;
    heading_ui(ui, view, &plan.name, Some(Command::Models(OfModels::ForgetPlan)), top);
    part(ui, "plan", middle, |ui| {
        ui.set_clip_rect(middle.intersect(ui.clip_rect()));
        ScrollArea::vertical().id_salt("plan").auto_shrink(false).show(ui, |ui| facts_ui(ui, view, found));
    });
    part(ui, "foot", foot, |ui| foot_ui(ui, view, found));
}

fn facts_ui(ui: &mut Ui, view: &View<'_>, found: &FoundPlan) {
    let tokens = theme::tokens(ui);
    let (words, plan) = (view.words, &found.plan);
    ui.spacing_mut().item_spacing.y = 0.0;
    fact_ui(ui, &words.t("plan-from"), &plan.origin);
    if plan.here.is_none() {
        let bytes = plan.bytes().map_or_else(|| words.t("plan-size-untold"), status::file_size);
        fact_ui(ui, &words.t("plan-size"), &bytes);
    }
    for (place, file) in plan.files.iter().take(FILES_MAX).enumerate() {
        let label = if place == 0 { words.t("plan-files") } else { String::new() };
        // Of one file the size is told above.
        let bytes = file.source.known.bytes.filter(|_| plan.files.len() > 1);
        let bytes = bytes.map(|bytes| format!("  {}", status::file_size(bytes)));
        fact_ui(ui, &label, &format!("{}{}", file.path, bytes.unwrap_or_default()));
    }
    let more = plan.files.len().saturating_sub(FILES_MAX);
    if more > 0 {
        fact_ui(ui, "", &words.with("plan-more", &[("n", more.into())]));
    }
    let folder = plan.here.as_ref().unwrap_or(&found.folder).display().to_string();
    let label = words.t(if plan.here.is_some() { "plan-here" } else { "plan-to" });
    ui.horizontal(|ui| {
        label_ui(ui, &label);
        path_ui(ui, &folder, (theme::small(), tokens.text), ui.available_width());
    });
    if let Some(free) = found.free.filter(|_| plan.here.is_none()) {
        fact_ui(ui, &words.t("plan-room"), &status::file_size(free));
    }
    ui.add_space(12.0);
    ui.label(widgets::body(words.t("plan-license"), tokens.text));
    ui.add_space(6.0);
    let frame = Frame::new().fill(tokens.raised).corner_radius(CornerRadius::same(size::RADIUS_BUTTON));
    frame.inner_margin(Margin::symmetric(12, 10)).show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.label(widgets::body(words.say(&plan.license.sentence()), tokens.text));
    });
}

/// A label; what follows it stands on the same line.
fn label_ui(ui: &mut Ui, label: &str) {
    let tokens = theme::tokens(ui);
    let (rect, _) = ui.allocate_exact_size(vec2(LABEL, 24.0), egui::Sense::hover());
    let galley = widgets::line(ui, label, theme::small(), tokens.subdued, LABEL);
    widgets::paint_line(ui, rect.left(), rect.center().y, galley);
}

fn fact_ui(ui: &mut Ui, label: &str, value: &str) {
    let tokens = theme::tokens(ui);
    ui.horizontal(|ui| {
        label_ui(ui, label);
        let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 24.0), egui::Sense::hover());
        let galley = widgets::line(ui, value, theme::small(), tokens.text, rect.width());
        widgets::paint_line(ui, rect.left(), rect.center().y, galley);
        let said = if label.is_empty() { value.to_owned() } else { format!("{label}: {value}") };
        response.widget_info(|| WidgetInfo::labeled(Role::Label, true, &said));
    });
}

fn foot_ui(ui: &mut Ui, view: &mut View<'_>, found: &FoundPlan) {
    let tokens = theme::tokens(ui);
    let plan = &found.plan;
    ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
        if let Some(here) = &plan.here {
            let text = Act::UseGot.name(view.words);
            if widgets::button(ui, Kind::Primary, None, &text, None).clicked() {
                view.push(Command::Models(OfModels::ForgetPlan));
                view.push(Command::Models(OfModels::Use(here.clone())));
            }
            return;
        }
        let lacks = found.free.zip(plan.bytes()).filter(|(free, bytes)| free < bytes);
        if let Some((free, bytes)) = lacks {
            let values =
                [("needed", status::file_size(bytes).into()), ("free", status::file_size(free).into())];
            ui.label(widgets::small(view.words.with("error-get-no-room", &values), tokens.bad));
            return;
        }
        let text = match plan.bytes() {
            Some(bytes) => view.words.with("get-download", &[("size", status::file_size(bytes).into())]),
            None => view.words.t("get-download-untold"),
        };
        if widgets::button(ui, Kind::Primary, None, &text, None).clicked() {
            view.push(Command::Models(OfModels::Download));
        }
    });
}
