//! The command palette, and the rows that menus share with it.

use egui::accesskit::Role;
use egui::{
    Align2, CornerRadius, Frame, Id, Key, Margin, Modal, Modifiers, Response, ScrollArea, Sense, Stroke,
    StrokeKind, TextEdit, Ui, Vec2, WidgetInfo, pos2, vec2,
};

use crate::app::command::table::{TABLE, keys};
use crate::app::command::{Act, Command};
use crate::app::i18n::{Language, Words};
use crate::app::state::Overlay;
use crate::app::theme::icons::Icon;
use crate::app::theme::widgets;
use crate::app::theme::{self, size};
use crate::app::ui::view::View;

const ROW: f32 = 36.0;
/// Rows in sight at a time, at most.
const ROWS: f32 = 9.0;

/// Acts that make no sense in a list of commands.
const HIDDEN: &[Act] = &[Act::Palette, Act::UseGot, Act::RestoreStyle];

/// What the palette remembers from frame to frame.
#[derive(Debug, Default)]
pub struct PaletteState {
    typed: String,
    /// The chosen line, from 0.
    line: usize,
}

impl PaletteState {
    /// An empty field, the first line chosen.
    pub fn clear(&mut self) {
        *self = Self::default();
    }
}

/// Draws the palette while it is open.
pub fn palette_ui(ui: &mut Ui, view: &mut View<'_>, state: &mut PaletteState) {
    if view.state.overlay != Overlay::Palette {
        return;
    }
    let tokens = theme::tokens(ui);
    let area =
        Modal::default_area(Id::unique("palette")).anchor(Align2::CENTER_TOP, vec2(0.0, 96.0)).fade_in(false);
    let area = area.role(Role::Dialog).accessible_name(Act::Palette.name(view.words));
    let frame = Frame::popup(ui.style())
        .inner_margin(Margin::same(8))
        .corner_radius(CornerRadius::same(size::RADIUS_BOX));
    let modal = Modal::new(Id::unique("palette")).area(area).frame(frame).backdrop_color(tokens.scrim);
    let shown = modal.show(ui.ctx(), |ui| {
        ui.set_width(480.0_f32.min(ui.ctx().content_rect().width() - 64.0));
        ui.spacing_mut().item_spacing.y = 0.0;
        contents_ui(ui, view, state)
    });
    if let Some(act) = shown.inner {
        view.push(Command::CloseOverlay);
        view.act(act);
    } else if shown.should_close() {
        view.push(Command::CloseOverlay);
    }
}

fn contents_ui(ui: &mut Ui, view: &mut View<'_>, state: &mut PaletteState) -> Option<Act> {
    let (down, up, enter) = ui.input_mut(|input| {
        let mut pressed = |key| input.count_and_consume_key(Modifiers::NONE, key);
        (pressed(Key::ArrowDown), pressed(Key::ArrowUp), pressed(Key::Enter) > 0)
    });
    let found = matching(view.words, &state.typed);
    let before = state.line;
    let hint = widgets::body(view.words.t("palette-hint"), theme::tokens(ui).faint);
    let edit = TextEdit::singleline(&mut state.typed)
        .hint_text(hint)
        .frame(Frame::new().inner_margin(Margin::symmetric(10, 8)))
        .desired_width(f32::INFINITY);
    let response = ui.add(edit).accessible_name(view.words.t("palette-hint"));
    if !response.has_focus() {
        response.request_focus();
    }
    // What was typed in this frame finds other commands in this frame.
    let found = if response.changed() { matching(view.words, &state.typed) } else { found };
    let last = found.len().saturating_sub(1);
    let line = if response.changed() { 0 } else { state.line };
    state.line = (line + down).saturating_sub(up).min(last);
    let moved = state.line != before || response.changed();
    ui.add_space(6.0);
    widgets::hairline(ui, ui.max_rect().x_range());
    ui.add_space(6.0);
    let mut chosen = enter.then(|| found.get(state.line).copied()).flatten();
    if found.is_empty() {
        ui.label(widgets::small(view.words.t("palette-nothing"), theme::tokens(ui).subdued));
    }
    // The area remembers how tall it was: a list that was short may grow again.
    let most = (ui.ctx().content_rect().bottom() - ui.cursor().top() - 24.0).min(ROW * ROWS);
    let list = ScrollArea::vertical().max_height(most).min_scrolled_height(most);
    list.auto_shrink([false, true]).animated(false).show(ui, |ui| {
        for (line, act) in found.iter().enumerate() {
            let response = row(ui, view.words, *act, line == state.line);
            // There is one selection: the pointer moves it only when it moves itself.
            if response.hovered() && ui.input(|input| input.pointer.is_moving()) {
                state.line = line;
            } else if moved && line == state.line {
                response.scroll_to_me(None);
            }
            if response.clicked() {
                chosen = Some(*act);
            }
        }
    });
    chosen
}

thread_local! {
    /// Commands are found by their English names in every language.
    static ENGLISH: Words = Words::new(Language::English);
}

/// Acts whose name or sentence, in the window's language or in English, has all the words typed; names
/// that begin so come first.
pub fn matching(words: &Words, typed: &str) -> Vec<Act> {
    let typed = typed.trim().to_lowercase();
    let mut found: Vec<(usize, Act)> = TABLE
        .iter()
        .filter(|row| !HIDDEN.contains(&row.act))
        .filter_map(|row| {
            let name = row.act.name(words).to_lowercase();
            let told = |words: &Words| {
                format!("{} {}", row.act.name(words), words.t(&format!("do-{}-tip", row.key)))
            };
            let all = format!("{} {}", told(words), ENGLISH.with(told)).to_lowercase();
            let fits = typed.split_whitespace().all(|word| all.contains(word));
            let rank =
                [name.starts_with(&typed), name.contains(&typed)].iter().filter(|holds| !**holds).count();
            fits.then_some((rank, row.act))
        })
        .collect();
    found.sort_by_key(|(rank, _)| *rank);
    found.into_iter().map(|(_, act)| act).collect()
}

/// A row of a menu: an act's icon, name and keys. Whether it was clicked.
pub fn menu_row(ui: &mut Ui, words: &Words, act: Act) -> bool {
    let clicked = row(ui, words, act, false).clicked();
    if clicked {
        ui.close();
    }
    clicked
}

/// A row of a menu that is no named act. Whether it was clicked.
pub fn named_row(ui: &mut Ui, icon: Icon, name: &str) -> bool {
    let response = drawn_row(ui, icon, name, None, false);
    if response.clicked() {
        ui.close();
    }
    response.clicked()
}

fn row(ui: &mut Ui, words: &Words, act: Act, marked: bool) -> Response {
    let shortcut = act.row().shortcut.as_ref().map(|shortcut| keys(ui.ctx(), shortcut));
    drawn_row(ui, act.row().icon, &act.name(words), shortcut, marked)
}

fn drawn_row(ui: &mut Ui, icon: Icon, name: &str, shortcut: Option<String>, marked: bool) -> Response {
    let tokens = theme::tokens(ui);
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), ROW), Sense::click());
    let lit = marked || response.hovered();
    if lit {
        ui.painter().rect_filled(rect, CornerRadius::same(size::RADIUS_SMALL), tokens.hovered);
    }
    if marked {
        let stroke = Stroke::new(1.0, tokens.text);
        ui.painter().rect_stroke(rect, CornerRadius::same(size::RADIUS_SMALL), stroke, StrokeKind::Inside);
    }
    let at = egui::Rect::from_center_size(pos2(rect.left() + 20.0, rect.center().y), Vec2::splat(18.0));
    widgets::paint_icon(ui, at, icon, 17.0, if lit { tokens.text } else { tokens.subdued });
    let mut end = rect.right() - 10.0;
    if let Some(shortcut) = shortcut {
        let galley = widgets::line(ui, &shortcut, theme::small(), tokens.subdued, 120.0);
        end -= galley.size().x;
        widgets::paint_line(ui, end, rect.center().y, galley);
    }
    let galley = widgets::line(ui, name, theme::body(), tokens.text, end - rect.left() - 52.0);
    widgets::paint_line(ui, rect.left() + 40.0, rect.center().y, galley);
    response.widget_info(|| WidgetInfo::selected(Role::MenuItem, true, marked, name));
    response
}
