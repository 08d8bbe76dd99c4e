//! The settings window, and the question before closing with work in progress.

use egui::accesskit::Role;
use egui::{
    Align, Align2, Color32, CornerRadius, FontId, Frame, Id, Layout, Margin, Modal, ModalResponse, Sense, Ui,
    WidgetInfo, vec2,
};
use std::path::Path;

use crate::app::command::{Act, Command};
use crate::app::i18n::Language;
use crate::app::state::Overlay;
use crate::app::theme::icons;
use crate::app::theme::widgets;
use crate::app::theme::widgets::{IconButton, Kind};
use crate::app::theme::{self, size};
use crate::app::ui::sheet_dialog::sheet_dialog_ui;
use crate::app::ui::status;
use crate::app::ui::view::View;
use crate::preferences::Theme;

/// How far small dialogs stand above the middle, where the eye expects them.
const RAISED: f32 = 24.0;

/// Draws the one of the two that is open.
pub fn dialogs_ui(ui: &mut Ui, view: &mut View<'_>) {
    match view.state.overlay {
        Overlay::Settings => {
            let name = view.words.t("settings");
            if dialog(ui, &name, (440.0, RAISED), |ui| settings_ui(ui, view, &name)).should_close() {
                view.push(Command::CloseOverlay);
            }
        }
        Overlay::Closing => {
            let name = view.words.t(if view.state.is_busy() { "close-title" } else { "close-unsaved-title" });
            if dialog(ui, &name, (400.0, RAISED), |ui| closing_ui(ui, view, &name)).should_close() {
                view.push(Command::CloseOverlay);
            }
        }
        Overlay::Sheet => {
            let name = view.words.t("sheet-title");
            if dialog(ui, &name, (480.0, RAISED), |ui| sheet_dialog_ui(ui, view, &name)).should_close() {
                view.push(Command::CloseOverlay);
            }
        }
        // The others are drawn elsewhere.
        Overlay::Nothing
        | Overlay::Palette
        | Overlay::Models
        | Overlay::ModelsFolders
        | Overlay::GetModel => {}
    }
}

/// A dialog in the middle of the window, of a width, and so far above the very middle.
pub fn dialog<R>(
    ui: &Ui,
    name: &str,
    (width, raised): (f32, f32),
    add: impl FnOnce(&mut Ui) -> R,
) -> ModalResponse<R> {
    let id = Id::unique(("dialog", name));
    let area = Modal::default_area(id).anchor(Align2::CENTER_CENTER, vec2(0.0, -raised)).fade_in(false);
    let area = area.role(Role::Dialog).accessible_name(name);
    let frame = Frame::popup(ui.style())
        .fill(theme::tokens(ui).panel)
        .inner_margin(Margin::same(20))
        .corner_radius(CornerRadius::same(size::RADIUS_BOX));
    Modal::new(id).area(area).frame(frame).backdrop_color(theme::tokens(ui).scrim).show(ui.ctx(), |ui| {
        ui.set_width(width.min(ui.ctx().content_rect().width() - 64.0));
        add(ui)
    })
}

fn settings_ui(ui: &mut Ui, view: &mut View<'_>, name: &str) {
    ui.horizontal(|ui| {
        widgets::heading(ui, name);
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if IconButton::new(icons::CLOSE, &view.words.t("close")).show(ui).clicked() {
                view.push(Command::CloseOverlay);
            }
        });
    });
    ui.add_space(8.0);
    let looks = [(Theme::System, "theme-system"), (Theme::Dark, "theme-dark"), (Theme::Light, "theme-light")];
    let names: Vec<String> = looks.iter().map(|(_, key)| view.words.t(key)).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let present = looks.iter().position(|(look, _)| *look == view.state.preferences.theme);
    if let Some(chosen) = field(ui, &view.words.t("theme"), &names, present) {
        view.push(Command::Theme(looks[chosen].0));
    }
    let languages: Vec<Language> = Language::all().collect();
    let names: Vec<&str> = languages.iter().map(|language| language.name()).collect();
    let present = languages.iter().position(|language| *language == view.words.language());
    if let Some(chosen) = field(ui, &view.words.t("language"), &names, present) {
        view.push(Command::Speak(languages[chosen]));
    }
    let mut still = view.state.preferences.reduce_motion;
    if widgets::switch(ui, &view.words.t("reduce-motion"), &mut still).clicked() {
        view.push(Command::ReduceMotion(still));
    }
    ui.add_space(8.0);
    pictures_ui(ui, view);
    budget_ui(ui, view);
    places_ui(ui, view);
}

/// The pictures' folder: where it is, shown and chosen.
fn pictures_ui(ui: &mut Ui, view: &mut View<'_>) {
    let tokens = theme::tokens(ui);
    ui.horizontal(|ui| {
        ui.set_height(28.0);
        ui.label(widgets::body(view.words.t("pictures-folder"), tokens.text));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let text = view.words.t("choose");
            if widgets::sized_button(ui, Kind::Outlined, None, &text, None, 28.0).clicked() {
                view.act(Act::PickFolder);
            }
            let text = view.words.t("show");
            if widgets::sized_button(ui, Kind::Outlined, None, &text, None, 28.0).clicked() {
                view.act(Act::OpenFolder);
            }
        });
    });
    let usual = || view.places.map(|places| places.pictures.display().to_string());
    let folder = view.state.preferences.pictures_folder.clone().or_else(usual).unwrap_or_default();
    path_ui(ui, &folder, (theme::small(), tokens.subdued), ui.available_width());
}

/// How many bytes of runs are kept.
fn budget_ui(ui: &mut Ui, view: &mut View<'_>) {
    const CHOICES: [u64; 4] = [500_000_000, 2_000_000_000, 8_000_000_000, 32_000_000_000];
    let budget = view.state.preferences.negatives_budget.unwrap_or(crate::negative::BUDGET);
    let names = CHOICES.map(|bytes| format!("{} GB", bytes as f64 / 1e9));
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let used = status::bytes(view.state.negatives.bytes());
    let label = view.words.with("kept-runs", &[("used", used.into())]);
    let present = CHOICES.iter().position(|bytes| *bytes == budget);
    if let Some(chosen) = field(ui, &label, &names, present) {
        view.push(Command::SetBudget(CHOICES[chosen]));
    }
}

/// The other files and folders of the program.
fn places_ui(ui: &mut Ui, view: &mut View<'_>) {
    const LABEL: f32 = 148.0;
    let Some(places) = view.places else { return };
    let tokens = theme::tokens(ui);
    ui.add_space(10.0);
    widgets::hairline(ui, ui.max_rect().x_range());
    ui.add_space(10.0);
    ui.label(widgets::body(view.words.t("places"), tokens.text));
    let rows = [
        ("place-settings", places.memory.clone()),
        ("place-cache", places.thumbnails.parent().map(Path::to_owned)),
        ("place-data", places.data.clone()),
    ];
    for (key, path) in rows {
        let Some(path) = path else { continue };
        let label = view.words.t(key);
        ui.horizontal(|ui| {
            ui.set_height(size::SMALL_TARGET);
            let (rect, _) = ui.allocate_exact_size(vec2(LABEL, 16.0), Sense::hover());
            let galley = widgets::line(ui, &label, theme::small(), tokens.subdued, LABEL);
            widgets::paint_line(ui, rect.left(), rect.center().y, galley);
            let width = ui.available_width() - size::SMALL_TARGET - 8.0;
            path_ui(ui, &path.display().to_string(), (theme::small(), tokens.subdued), width);
            let name = view.words.with("show-place", &[("what", label.into())]);
            if IconButton::new(icons::FOLDER_OPEN, &name).in_row().tip(name.clone()).show(ui).clicked() {
                view.push(Command::Reveal(path));
            }
        });
    }
}

/// A path on one line of a width: its end identifies it, so its beginning is cut.
pub fn path_ui(ui: &mut Ui, path: &str, (font, color): (FontId, Color32), width: f32) {
    let fits =
        |text: &str| ui.painter().layout_no_wrap(text.to_owned(), font.clone(), color).size().x <= width;
    let shorter = path.char_indices().filter(|(_, c)| std::path::is_separator(*c));
    let shorter = shorter.map(|(at, _)| format!("…{}", &path[at..]));
    let text = std::iter::once(path.to_owned()).chain(shorter).find(|text| fits(text));
    let (rect, response) = ui.allocate_exact_size(vec2(width, 16.0), Sense::hover());
    let galley = widgets::line(ui, text.as_deref().unwrap_or(path), font.clone(), color, width);
    widgets::paint_line(ui, rect.left(), rect.center().y, galley);
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, path));
    if text.is_none_or(|text| text != path) {
        response.on_hover_text(path);
    }
}

/// Draws a label and a row of choices at the right; returns the one that was clicked.
fn field(ui: &mut Ui, label: &str, names: &[&str], present: Option<usize>) -> Option<usize> {
    const GAP: f32 = 6.0;
    let widths = names.iter().map(|name| widgets::chip_width(ui, name) + GAP);
    let width = widths.sum::<f32>() - GAP;
    ui.horizontal(|ui| {
        ui.set_height(36.0);
        ui.spacing_mut().item_spacing.x = GAP;
        ui.label(widgets::body(label, theme::tokens(ui).text));
        ui.add_space((ui.available_width() - width).max(0.0));
        let mut chosen = None;
        for (i, name) in names.iter().enumerate() {
            if widgets::chip(ui, name, name, present == Some(i)).clicked() {
                chosen = Some(i);
            }
        }
        chosen
    })
    .inner
}

fn closing_ui(ui: &mut Ui, view: &mut View<'_>, name: &str) {
    widgets::heading(ui, name);
    let (waiting, unsaved) = (view.state.queue.waiting.len(), view.state.unsaved);
    let busy = view.state.is_busy().then(|| match waiting {
        0 => view.words.t("close-running"),
        n => view.words.with("close-waiting", &[("n", n.into())]),
    });
    let unsaved = (unsaved > 0).then(|| view.words.with("close-unsaved", &[("n", unsaved.into())]));
    let downloading = view.state.models.transfers.running().map(|_| view.words.t("close-downloading"));
    for said in busy.into_iter().chain(unsaved.clone()).chain(downloading) {
        ui.label(widgets::body(said, theme::tokens(ui).subdued));
    }
    ui.add_space(12.0);
    if unsaved.is_some() {
        ui.horizontal(|ui| {
            for act in [Act::SaveAgain, Act::PickFolder] {
                if widgets::button(ui, Kind::Outlined, None, &act.name(view.words), None).clicked() {
                    view.push(Command::CloseOverlay);
                    view.act(act);
                }
            }
        });
        ui.add_space(8.0);
    }
    ui.horizontal(|ui| {
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let keep = view.words.t("keep-working");
            let response = widgets::button(ui, Kind::Primary, None, &keep, None);
            if ui.memory(|memory| memory.focused()).is_none() {
                response.request_focus();
            }
            if response.clicked() {
                view.push(Command::CloseOverlay);
            }
            let close = view.words.t("close-anyway");
            if widgets::button(ui, Kind::Outlined, None, &close, None).clicked() {
                view.push(Command::CloseAnyway);
            }
        });
    });
}
