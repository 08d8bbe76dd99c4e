//! The page where a model is found that can be downloaded: a field, and what is offered by name. What a license asks
//! is said before anything is fetched.

use egui::accesskit::Role;
use egui::{
    CornerRadius, Key, Modifiers, Rect, ScrollArea, Sense, TextEdit, Ui, Vec2, WidgetInfo, pos2, vec2,
};

use crate::app::command::models::OfModels;
use crate::app::command::{Act, Command};
use crate::app::i18n::Message;
use crate::app::state::models::Asked;
use crate::app::theme::icons;
use crate::app::theme::widgets::{self, Kind};
use crate::app::theme::{self, Weight, size};
use crate::app::ui::models::{FIELD, ModelsUi, REACH, cut, heading_ui, part, plan, sort_name};
use crate::app::ui::status;
use crate::app::ui::view::View;
use crate::library::Sort;
use crate::library::get::{License, Offer, offers};

const ROW: f32 = 50.0;

/// Draws the page, or what was found in its place.
pub fn page_ui(ui: &mut Ui, view: &mut View<'_>, state: &mut ModelsUi, rect: Rect, is_new: bool) {
    if let Asked::Found { found, .. } = &view.state.models.asked {
        let found = found.clone();
        return plan::page_ui(ui, view, &found, rect);
    }
    let (top, mut middle, foot) = cut(ui, rect);
    let title = view.words.t("get-title");
    heading_ui(ui, view, &title, Some(Command::Do(Act::Models)), top);
    let mut field = middle;
    field.max.y = field.min.y + FIELD;
    part(ui, "field", field, |ui| field_ui(ui, view, state, is_new));
    let mut below = middle;
    below.min.y = field.max.y + 8.0;
    let told = told_ui(ui, view, below);
    middle.min.y = below.min.y + told;
    middle.min.x -= REACH;
    middle.max.x += REACH;
    part(ui, "offers", middle, |ui| {
        ui.set_clip_rect(middle.intersect(ui.clip_rect()));
        ScrollArea::vertical().id_salt("offers").auto_shrink(false).show(ui, |ui| offers_ui(ui, view));
    });
    part(ui, "foot", foot, |ui| {
        let tokens = theme::tokens(ui);
        ui.add_space(9.0);
        ui.label(widgets::small(view.words.t("get-note"), tokens.subdued));
    });
}

fn field_ui(ui: &mut Ui, view: &mut View<'_>, state: &mut ModelsUi, is_new: bool) {
    let tokens = theme::tokens(ui);
    let rect = ui.max_rect();
    let text = view.words.t("get-look");
    let width = widgets::button_width(ui, Kind::Outlined, false, &text, None, FIELD);
    let id = ui.scope_id().with("address");
    let enter = ui.memory(|memory| memory.has_focus(id))
        && ui.input_mut(|input| input.count_and_consume_key(Modifiers::NONE, Key::Enter) > 0);
    let name = view.words.t("get-field");
    let mut edit_rect = rect;
    edit_rect.max.x -= width + 8.0;
    part(ui, "edit", edit_rect, |ui| {
        let edit = TextEdit::singleline(&mut state.address)
            .id(id)
            .hint_text(widgets::body(view.words.t("get-hint"), tokens.faint))
            .margin(egui::Margin { left: 10, right: 8, top: 6, bottom: 6 })
            .desired_width(edit_rect.width() - 18.0)
            .min_size(vec2(edit_rect.width(), FIELD));
        let response = ui.add(edit);
        if is_new {
            response.request_focus();
        }
        response.accessible_name(name);
    });
    let mut button = rect;
    button.min.x = rect.right() - width;
    part(ui, "look", button, |ui| {
        let clicked = widgets::sized_button(ui, Kind::Outlined, None, &text, None, FIELD).clicked();
        if clicked || enter {
            view.push(Command::Models(OfModels::Plan(state.address.clone())));
        }
    });
}

/// What the last question came to, below the field; returns its height.
fn told_ui(ui: &mut Ui, view: &mut View<'_>, rect: Rect) -> f32 {
    let tokens = theme::tokens(ui);
    let (said, color, choices) = match view.state.models.asked.clone() {
        Asked::Looking { text, .. } => {
            let what = crate::told::quoted(&crate::transfer::shown(&text));
            (view.words.with("get-looking", &[("what", what.into())]), tokens.subdued, Vec::new())
        }
        Asked::Failed { choices, .. } if !choices.is_empty() => {
            (view.words.t("get-which"), tokens.text, choices)
        }
        Asked::Failed { report, .. } => {
            (Message::from(report.sentence).text(view.words), tokens.bad, Vec::new())
        }
        Asked::Nothing | Asked::Found { .. } => return 0.0,
    };
    part(ui, "told", rect, |ui| {
        let text = ui.label(widgets::small(&said, color));
        text.widget_info(|| WidgetInfo::labeled(Role::Status, true, &said));
        let most = (rect.height() - 40.0).max(60.0);
        ScrollArea::vertical().id_salt("choices").max_height(most.min(200.0)).show(ui, |ui| {
            for choice in &choices {
                let file = choice.splitn(3, '/').nth(2).unwrap_or(choice);
                if line_ui(ui, file, "", 30.0).clicked() {
                    view.push(Command::Models(OfModels::Plan(choice.clone())));
                }
            }
        });
        ui.min_rect().height() + 4.0
    })
}

/// A line that can be clicked: a name, and a note below it if there is one.
fn line_ui(ui: &mut Ui, name: &str, note: &str, height: f32) -> egui::Response {
    let tokens = theme::tokens(ui);
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), height), Sense::click());
    if response.hovered() || response.has_focus() {
        ui.painter().rect_filled(rect, CornerRadius::same(size::RADIUS_SMALL), tokens.hovered);
    }
    let width = rect.width() - 2.0 * REACH - 96.0;
    let left = rect.left() + REACH;
    let middle = if note.is_empty() { rect.center().y } else { rect.center().y - 9.0 };
    let galley = widgets::line(ui, name, theme::font(14.0, Weight::Medium), tokens.text, width);
    widgets::paint_line(ui, left, middle, galley);
    if !note.is_empty() {
        let galley = widgets::line(ui, note, theme::small(), tokens.subdued, rect.width() - 2.0 * REACH);
        widgets::paint_line(ui, left, rect.center().y + 9.0, galley);
    }
    let label = if note.is_empty() { name.to_owned() } else { format!("{name} · {note}") };
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, &label));
    response
}

fn offers_ui(ui: &mut Ui, view: &mut View<'_>) {
    let tokens = theme::tokens(ui);
    ui.spacing_mut().item_spacing.y = 0.0;
    for sort in Sort::ALL {
        let of_sort: Vec<&Offer> = offers().iter().filter(|offer| offer.kind == sort).collect();
        if of_sort.is_empty() {
            continue;
        }
        let (place, _) = ui.allocate_exact_size(vec2(ui.available_width(), 34.0), Sense::hover());
        let galley =
            widgets::line(ui, &sort_name(view.words, sort), theme::small(), tokens.subdued, place.width());
        widgets::paint_line(ui, place.left() + REACH, place.bottom() - 14.0, galley);
        for offer in of_sort {
            offer_ui(ui, view, offer);
        }
    }
}

fn offer_ui(ui: &mut Ui, view: &mut View<'_>, offer: &Offer) {
    let tokens = theme::tokens(ui);
    let size = status::file_size(offer.megabytes * 1_000_000);
    let license = brief(view, &offer.license());
    let response = line_ui(ui, &offer.name, &license, ROW);
    let rect = response.rect;
    let mut right = rect.right() - REACH;
    if is_here(view, offer) {
        let at = Rect::from_center_size(pos2(right - 8.0, rect.center().y - 9.0), Vec2::splat(16.0));
        widgets::paint_icon(ui, at, icons::CHECK, 16.0, tokens.text);
        right -= 22.0;
    }
    let galley = widgets::line(ui, &size, theme::small(), tokens.subdued, 90.0);
    widgets::paint_line(ui, right - galley.size().x, rect.center().y - 9.0, galley);
    let name = format!("{} · {size} · {license}", offer.name);
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, &name));
    let asks = view.words.say(&crate::told::Told::sentence(&offer.license()));
    if response.on_hover_text(asks).clicked() {
        view.push(Command::Models(OfModels::Plan(offer.id.clone())));
    }
}

/// Whether the library has what is offered, by where it came from or its name.
fn is_here(view: &View<'_>, offer: &Offer) -> bool {
    let own = match &offer.file {
        Some(file) => crate::library::name_of(file.as_ref(), Some(&offer.repository)),
        None => offer.repository.rsplit('/').next().unwrap_or_default().to_owned(),
    };
    let same_file = |entry: &crate::library::Entry| match &offer.file {
        Some(file) => entry.path.ends_with(file),
        None => true,
    };
    view.state.models.entries.iter().any(|entry| {
        let of_hub = entry.repository.as_deref() == Some(offer.repository.as_str()) && same_file(entry);
        of_hub || (entry.sort() == offer.kind && entry.name() == own)
    })
}

/// A license in a few words.
fn brief(view: &View<'_>, license: &License) -> String {
    let key = match license {
        License::OpenRail(_) => "license-brief-open-rail",
        License::Stability(_) => "license-brief-stability",
        License::NonCommercial(_) => "license-brief-non-commercial",
        License::Permissive(_) => "license-brief-permissive",
        License::Other(_) => "license-brief-other",
        License::Unnamed => "license-brief-unnamed",
    };
    view.words.with(key, &[("name", license.name().unwrap_or_default().into())])
}
