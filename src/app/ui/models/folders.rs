//! The page of the library's folders: where models are looked for.

use egui::accesskit::Role;
use egui::{Align, Layout, Rect, ScrollArea, Sense, Ui, Vec2, WidgetInfo, pos2, vec2};

use crate::app::command::models::OfModels;
use crate::app::command::{Act, Command};
use crate::app::i18n::Message;
use crate::app::state::models::Models;
use crate::app::theme::icons;
use crate::app::theme::widgets::{self, BUTTON, IconButton, Kind};
use crate::app::theme::{self, size};
use crate::app::ui::act_button::act_button;
use crate::app::ui::models::{cut, heading_ui, part};
use crate::app::ui::settings::path_ui;
use crate::app::ui::view::View;
use crate::library::FolderOrigin;

const ROW: f32 = 56.0;

/// Draws the page.
pub fn page_ui(ui: &mut Ui, view: &mut View<'_>, rect: Rect) {
    let tokens = theme::tokens(ui);
    let (top, mut middle, foot) = cut(ui, rect);
    let title = view.words.t("models-folders");
    heading_ui(ui, view, &title, Some(Command::Do(Act::Models)), top);
    let mut hint = middle;
    hint.max.y = hint.min.y + 24.0;
    part(ui, "hint", hint, |ui| {
        ui.label(widgets::small(view.words.t("models-folders-hint"), tokens.subdued));
    });
    middle.min.y = hint.max.y + 6.0;
    part(ui, "folders", middle, |ui| {
        ui.set_clip_rect(middle.intersect(ui.clip_rect()));
        ScrollArea::vertical().id_salt("folders").auto_shrink(false).show(ui, |ui| {
            ui.spacing_mut().item_spacing.y = 0.0;
            for place in 0..view.state.models.folders.len() {
                folder_ui(ui, view, place);
            }
            if !view.state.models.listed {
                ui.label(widgets::small(view.words.t("models-reading"), tokens.subdued));
            }
        });
    });
    part(ui, "foot", foot, |ui| foot_ui(ui, view));
}

fn folder_ui(ui: &mut Ui, view: &mut View<'_>, place: usize) {
    let Some(listed) = view.state.models.folders.get(place).cloned() else { return };
    let tokens = theme::tokens(ui);
    let path = listed.folder.path.clone();
    let shown = path.display().to_string();
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), ROW), Sense::hover());
    let icon = Rect::from_center_size(pos2(rect.left() + 9.0, rect.center().y), Vec2::splat(size::ICON));
    widgets::paint_icon(ui, icon, icons::FOLDER, size::ICON, tokens.subdued);
    let left = rect.left() + 30.0;
    let width = rect.right() - left - 64.0;
    let line = Rect::from_min_size(pos2(left, rect.center().y - 18.0), vec2(width, 16.0));
    part(ui, ("path", place), line, |ui| {
        path_ui(ui, &shown, (theme::body(), tokens.text), width);
    });
    let origin = view.words.t(match listed.folder.origin {
        FolderOrigin::Own => "folder-own",
        FolderOrigin::Added => "folder-added",
        FolderOrigin::HubCache => "folder-hub",
    });
    let state = match listed.is_there {
        true => view.words.with("folder-files", &[("n", view.state.models.count_in(&path).into())]),
        false => view.words.t("folder-missing"),
    };
    let note = format!("{origin} · {state}");
    let galley = widgets::line(ui, &note, theme::small(), tokens.subdued, width);
    widgets::paint_line(ui, left, rect.center().y + 10.0, galley);
    response.widget_info(|| WidgetInfo::labeled(Role::ListItem, true, format!("{shown} · {note}")));
    let at = |right: f32| Rect::from_center_size(pos2(right, rect.center().y), Vec2::splat(24.0));
    let name = view.words.with("show-place", &[("what", shown.as_str().into())]);
    part(ui, ("show", place), at(rect.right() - 44.0), |ui| {
        let tip = view.words.t("do-reveal-tip");
        if IconButton::new(icons::FOLDER_OPEN, &name).in_row().tip(tip).show(ui).clicked() {
            view.push(Command::Reveal(path.clone()));
        }
    });
    if !Models::may_go(&listed) {
        return;
    }
    let name = view.words.with("folder-remove", &[("folder", shown.as_str().into())]);
    part(ui, ("remove", place), at(rect.right() - 12.0), |ui| {
        let tip = view.words.t("folder-remove-tip");
        if IconButton::new(icons::CLOSE, &name).in_row().tip(tip).show(ui).clicked() {
            view.push(Command::Models(OfModels::RemoveFolder(path.clone())));
        }
    });
}

fn foot_ui(ui: &mut Ui, view: &mut View<'_>) {
    let tokens = theme::tokens(ui);
    ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
        act_button(ui, view, Act::AddModelsFolder, Kind::Outlined, None, BUTTON);
        if let Some(report) = &view.state.models.trouble {
            let said = Message::from(report.sentence.clone()).text(view.words);
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                ui.add(egui::Label::new(widgets::small(said, tokens.bad)).wrap());
            });
        }
    });
}
