//! The library of models over the window: what to choose from, its folders, and where to get more. Three pages of one
//! dialog.

mod folders;
mod get;
mod list;
mod plan;
mod row;
pub(super) mod transfers;

use std::path::PathBuf;

use egui::{AsIdSalt, Rect, Sense, Ui, UiBuilder, pos2, vec2};

use crate::app::command::Command;
use crate::app::i18n::Words;
use crate::app::state::Overlay;
use crate::app::theme::icons;
use crate::app::theme::widgets;
use crate::app::theme::widgets::IconButton;
use crate::app::ui::settings::dialog;
use crate::app::ui::view::View;
use crate::library::Sort;

/// The dialog's inside.
const WIDTH: f32 = 620.0;
const HEIGHT: f32 = 540.0;
/// What stays free above and below it, its margins included.
const AROUND: f32 = 88.0;
/// The heading, and a field below it.
const HEADING: f32 = 44.0;
const FIELD: f32 = 32.0;
/// The buttons at the lower end.
const FOOT: f32 = 50.0;
/// By how much lists reach beyond the text above them, so that what lights up has room around it.
const REACH: f32 = 8.0;

/// What the dialog remembers from frame to frame.
#[derive(Debug, Default)]
pub struct ModelsUi {
    /// The pictures in sight; taken after each frame.
    pub in_sight: Vec<PathBuf>,
    /// What is searched for.
    typed: String,
    /// The chosen line, from 0.
    line: usize,
    /// What is to be downloaded.
    address: String,
    /// The page of the last frame.
    page: Overlay,
}

/// Draws the page that is open.
pub fn models_ui(ui: &mut Ui, view: &mut View<'_>, state: &mut ModelsUi) {
    let page = view.state.overlay;
    let before = std::mem::replace(&mut state.page, page);
    let name = match page {
        Overlay::Models => view.words.t("models"),
        Overlay::ModelsFolders => view.words.t("models-folders"),
        Overlay::GetModel => view.words.t("get-title"),
        _ => return,
    };
    let is_new = before != page;
    if is_new && page == Overlay::Models {
        state.typed.clear();
        state.line = 0;
    }
    let shown = dialog(ui, &name, (WIDTH, 0.0), |ui| {
        let height = HEIGHT.min(ui.ctx().content_rect().height() - AROUND);
        let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), height), Sense::hover());
        match page {
            Overlay::ModelsFolders => folders::page_ui(ui, view, rect),
            Overlay::GetModel => get::page_ui(ui, view, state, rect, is_new),
            _ => list::page_ui(ui, view, state, rect, is_new),
        }
    });
    if shown.should_close() {
        view.push(Command::CloseOverlay);
    }
}

/// A part of a page. It takes no room from what is around it, which has a place of its own.
fn part<R>(ui: &mut Ui, salt: impl AsIdSalt, rect: Rect, add: impl FnOnce(&mut Ui) -> R) -> R {
    add(&mut ui.new_child(UiBuilder::new().max_rect(rect).id_salt(salt)))
}

/// A page's title, the way back on its left where there is one, and the way out on its right.
fn heading_ui(ui: &mut Ui, view: &mut View<'_>, title: &str, back: Option<Command>, rect: Rect) {
    let mut left = rect.left();
    if let Some(command) = back {
        let place = Rect::from_min_size(pos2(rect.left() - 8.0, rect.top()), vec2(32.0, 32.0));
        part(ui, "back", place, |ui| {
            let name = view.words.t("back");
            if IconButton::new(icons::LEFT, &name).tip(name.clone()).show(ui).clicked() {
                view.push(command);
            }
        });
        left = place.right() + 4.0;
    }
    let place = Rect::from_min_max(pos2(left, rect.top() + 2.0), pos2(rect.right() - 40.0, rect.bottom()));
    part(ui, "title", place, |ui| widgets::heading(ui, title));
    let place = Rect::from_min_size(pos2(rect.right() - 32.0, rect.top()), vec2(32.0, 32.0));
    part(ui, "close", place, |ui| {
        if IconButton::new(icons::CLOSE, &view.words.t("close")).show(ui).clicked() {
            view.push(Command::CloseOverlay);
        }
    });
}

/// A page cut into its heading, what is between, and its foot, above which a line is drawn.
fn cut(ui: &mut Ui, rect: Rect) -> (Rect, Rect, Rect) {
    let (mut top, mut middle, mut foot) = (rect, rect, rect);
    top.max.y = rect.top() + HEADING;
    middle.min.y = top.max.y;
    middle.max.y = rect.bottom() - FOOT;
    foot.min.y = middle.max.y;
    part(ui, "line", foot, |ui| widgets::hairline(ui, rect.x_range()));
    foot.min.y += FOOT - 34.0;
    (top, middle, foot)
}

/// The heading of a sort.
fn sort_name(words: &Words, sort: Sort) -> String {
    words.t(match sort {
        Sort::Model => "models",
        Sort::Lora => "loras",
        Sort::Vae => "sort-vae",
        Sort::Taesd => "sort-taesd",
        Sort::TextEncoder => "sort-text-encoder",
        Sort::Embedding => "sort-embedding",
        Sort::Other => "sort-other",
    })
}
