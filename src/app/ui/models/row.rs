//! A line of the list of models: a small picture of the last result, the name, and what the file's headers tell.

use std::path::{Path, PathBuf};

use egui::accesskit::Role;
use egui::{CornerRadius, Rect, Response, Sense, Stroke, StrokeKind, Ui, Vec2, WidgetInfo, pos2, vec2};

use crate::app::command::Command;
use crate::app::command::models::OfModels;
use crate::app::state::models::list::{Item, folder_of};
use crate::app::theme::icons::{self, Icon};
use crate::app::theme::widgets::{self, IconButton, Kind};
use crate::app::theme::{self, Weight, logo, size};
use crate::app::ui::models::{ModelsUi, REACH, part};
use crate::app::ui::status;
use crate::app::ui::view::View;
use crate::library::{Entry, Sort};
use crate::message::ModelSource;

/// The height of a line.
pub const ROW: f32 = 56.0;
/// The side of its picture.
const SIDE: f32 = 40.0;
/// The height of its name.
const TITLE: f32 = 20.0;

/// What a line shows.
struct Shown {
    name: String,
    note: String,
    /// A model's file or folder; none for the starter.
    path: Option<PathBuf>,
    /// Its last picture in the gallery.
    picture: Option<PathBuf>,
    icon: Icon,
    /// It cannot be used; the note says why.
    refused: bool,
    /// Its hash can be found out.
    unhashed: bool,
}

/// Draws a line; `marked`: it is the chosen one.
pub fn row_ui(
    ui: &mut Ui,
    view: &mut View<'_>,
    state: &mut ModelsUi,
    item: Item,
    marked: bool,
    place: Rect,
) -> Response {
    let tokens = theme::tokens(ui);
    let shown = shown(view, item);
    let in_use = view.state.is_in_use(item);
    let response = ui.interact(place, ui.scope_id().with(id_of(&shown, item)), Sense::click());
    let radius = CornerRadius::same(size::RADIUS_SMALL);
    if marked {
        ui.painter().rect_filled(place, radius, tokens.hovered);
        ui.painter().rect_stroke(place, radius, Stroke::new(1.0, tokens.faint), StrokeKind::Inside);
    }
    let tile =
        Rect::from_min_size(pos2(place.left() + REACH, place.center().y - SIDE / 2.0), Vec2::splat(SIDE));
    tile_ui(ui, view, state, &shown, tile);
    let mut right = place.right() - REACH;
    if in_use {
        let at = Rect::from_center_size(pos2(right - 8.0, place.center().y), Vec2::splat(16.0));
        widgets::paint_icon(ui, at, icons::CHECK, 16.0, tokens.text);
        right -= 24.0;
    }
    if marked {
        right = acts_ui(ui, view, &shown, right, place);
    }
    let left = tile.right() + 12.0;
    let width = right - left - 8.0;
    let color = if shown.refused { tokens.subdued } else { tokens.text };
    let name = widgets::line(ui, &shown.name, theme::font(14.0, Weight::Medium), color, width);
    let note = if shown.refused {
        two_lines(ui, &shown.note, tokens.subdued, width)
    } else {
        widgets::line(ui, &shown.note, theme::small(), tokens.subdued, width)
    };
    let top = place.center().y - (TITLE + note.size().y) / 2.0;
    widgets::paint_line(ui, left, top + TITLE / 2.0 - 1.0, name);
    ui.painter().galley(pos2(left, top + TITLE), note, tokens.subdued);
    let label = format!("{} · {}", shown.name, shown.note);
    response.widget_info(|| WidgetInfo::selected(Role::ListBoxOption, !shown.refused, in_use, &label));
    match shown.path {
        Some(path) => response.on_hover_text(path.display().to_string()),
        None => response,
    }
}

/// What tells a line from the others, whatever is searched for.
fn id_of(shown: &Shown, item: Item) -> (Option<PathBuf>, Option<usize>) {
    // Of one model several may be remembered, with other parts each.
    let recent = if let Item::Recent(place) = item { Some(place) } else { None };
    (shown.path.clone(), recent)
}

/// The text on at most two lines.
fn two_lines(ui: &Ui, text: &str, color: egui::Color32, width: f32) -> std::sync::Arc<egui::Galley> {
    let mut job = egui::text::LayoutJob::simple(text.to_owned(), theme::small(), color, width);
    job.wrap.max_rows = 2;
    for section in &mut job.sections {
        section.format.line_height = Some(15.0);
    }
    ui.fonts_mut(|fonts| fonts.layout_job(job))
}

fn shown(view: &View<'_>, item: Item) -> Shown {
    let words = view.words;
    let of_model = |name: String, note: String, path: Option<PathBuf>| Shown {
        name,
        note,
        path,
        picture: None,
        icon: icons::MODEL,
        refused: false,
        unhashed: false,
    };
    match item {
        Item::Starter => of_model(words.t("starter"), words.t("starter-note"), None),
        Item::Recent(place) => {
            let source = view.state.recent_model(place).unwrap_or(ModelSource::Starter);
            let path = match &source {
                ModelSource::Path { path, .. } => Some(path.clone()),
                ModelSource::Starter => None,
            };
            let name = view.state.name_of_item(item);
            let picture = path.as_deref().and_then(|path| {
                let name = crate::engine::model_name(path);
                view.state.last_picture_of(&name, None).map(Path::to_owned)
            });
            Shown { picture, ..of_model(name, folder_of(&source), path) }
        }
        Item::Entry(place) => match view.state.models.entries.get(place) {
            Some(entry) => of_entry(view, entry),
            None => of_model(String::new(), String::new(), None),
        },
    }
}

fn of_entry(view: &View<'_>, entry: &Entry) -> Shown {
    let icon = match entry.sort() {
        Sort::Model | Sort::TextEncoder => icons::MODEL,
        Sort::Lora => icons::WAND,
        Sort::Vae => icons::PICTURE,
        Sort::Taesd => icons::EYE,
        Sort::Embedding => icons::SPARKLES,
        Sort::Other => icons::WARNING,
    };
    let refused = entry.sort() == Sort::Other;
    Shown {
        name: entry.name(),
        note: if refused { why_not(view, entry) } else { note(view, entry) },
        path: Some(entry.path.clone()),
        picture: view.state.last_picture_of_entry(entry).map(Path::to_owned),
        icon,
        refused,
        unhashed: !refused && entry.sha256.is_none(),
    }
}

/// The family or base, size, number type, hash and license, as far as they are known.
fn note(view: &View<'_>, entry: &Entry) -> String {
    let facts = &entry.facts;
    // Of the others the heading says it.
    let told = match entry.sort() {
        Sort::Model => true,
        Sort::Lora => facts.detail != "LoRA",
        _ => false,
    };
    let hashing = view.state.models.hashing.contains(&entry.path);
    let parts = [
        told.then(|| facts.detail.clone()),
        Some(status::file_size(entry.bytes)),
        facts.dtype.clone(),
        entry.hash().map(str::to_owned).or_else(|| hashing.then(|| view.words.t("hash-finding"))),
        facts.license.clone(),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" · ")
}

/// Why an entry cannot be used, in one sentence.
fn why_not(view: &View<'_>, entry: &Entry) -> String {
    match &entry.facts.refusal {
        Some(refusal) if view.words.has(&refusal.key) => {
            let values = refusal.values.iter();
            let values: Vec<_> = values.map(|(name, value)| (name.as_str(), value.as_str().into())).collect();
            view.words.with(&refusal.key, &values)
        }
        _ => entry.facts.detail.clone(),
    }
}

/// The last picture, or what stands for it.
fn tile_ui(ui: &Ui, view: &mut View<'_>, state: &mut ModelsUi, shown: &Shown, tile: Rect) {
    let tokens = theme::tokens(ui);
    let starter = if shown.path.is_none() { logo::starter() } else { None };
    let kept = shown.picture.as_ref().and_then(|path| {
        state.in_sight.push(path.clone());
        view.state.library.thumbnail(path)
    });
    let texture = starter.or(kept).and_then(|picture| view.textures.filling(ui.ctx(), picture, tile.size()));
    match texture {
        Some(texture) => widgets::paint_texture(ui.painter(), tile, texture),
        None => {
            ui.painter().rect_filled(tile, CornerRadius::same(size::RADIUS_FRAME), tokens.raised);
            widgets::paint_icon(ui, tile, shown.icon, size::ICON, tokens.faint);
        }
    }
}

/// What can be done with the chosen line beside choosing it; returns where its texts end.
fn acts_ui(ui: &mut Ui, view: &mut View<'_>, shown: &Shown, mut right: f32, place: Rect) -> f32 {
    let Some(path) = &shown.path else { return right };
    let at = |right: f32, width: f32| {
        Rect::from_min_size(pos2(right - width, place.center().y - 12.0), vec2(width, 24.0))
    };
    let folder = at(right, 24.0);
    part(ui, "show", folder, |ui| {
        let name = view.words.with("show-place", &[("what", shown.name.as_str().into())]);
        let tip = view.words.t("do-reveal-tip");
        if IconButton::new(icons::FOLDER_OPEN, &name).in_row().tip(tip).show(ui).clicked() {
            view.push(Command::Reveal(path.clone()));
        }
    });
    right = folder.left() - 12.0;
    if shown.unhashed && !view.state.models.hashing.contains(path) {
        let text = view.words.t("hash-find");
        let width = widgets::button_width(ui, Kind::Ghost, false, &text, None, 24.0);
        let hash = at(right, width);
        part(ui, "hash", hash, |ui| {
            let button = widgets::sized_button(ui, Kind::Ghost, None, &text, None, 24.0);
            if button.on_hover_text(view.words.t("hash-find-tip")).clicked() {
                view.push(Command::Models(OfModels::Hash(path.clone())));
            }
        });
        right = hash.left() - 12.0;
    }
    right
}
