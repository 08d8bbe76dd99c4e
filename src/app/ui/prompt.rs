//! The prompt box: what to make, what to leave out, how many tokens that is, and the button.

use std::sync::Arc;

use egui::text::{CCursor, LayoutJob, TextFormat};
use egui::text_edit::TextEditOutput;
use egui::{
    Align, CompletionPopup, CornerRadius, EventFilter, Frame, Galley, Id, Key, Layout, Margin, Modifiers,
    RectAlign, Sense, Stroke, Suggestion, TextBuffer, TextEdit, Ui, Vec2,
};

use crate::app::command::table::keys;
use crate::app::command::{Act, Command};
use crate::app::state::concepts;
use crate::app::state::concepts::Hint;
use crate::app::state::draft::Text;
use crate::app::state::generation::Stage;
use crate::app::theme::icons;
use crate::app::theme::icons::Icon;
use crate::app::theme::widgets;
use crate::app::theme::widgets::{IconButton, Kind};
use crate::app::theme::{self, size};
use crate::app::ui::lens::{LensUi, lens_ui};
use crate::app::ui::view::View;
use crate::settings::PartialSettings;

/// Suggestions at a time.
const SUGGESTIONS_MAX: usize = 8;
/// Unknown words that are named, at most.
const UNKNOWN_MAX: usize = 6;

/// The id by which the prompt has the keyboard's focus.
pub fn prompt_id() -> Id {
    Id::unique("prompt")
}

/// What the box remembers from frame to frame.
#[derive(Debug)]
pub struct PromptState {
    /// Height of the box, in points.
    pub height: f32,
    /// Whether completions are on offer.
    pub completing: bool,
    /// Rows that the prompt takes.
    rows: usize,
    /// Whether the cursor belongs at the end of the prompt, which came from the history.
    to_end: bool,
    hint: PromptHint,
}

impl Default for PromptState {
    fn default() -> Self {
        Self { height: 90.0, completing: false, rows: 0, to_end: false, hint: PromptHint::default() }
    }
}

/// The note on the prompt's words, kept until the prompt or the model changes.
#[derive(Debug, Default)]
struct PromptHint {
    /// The prompt looked at.
    prompt: String,
    /// How many things the model knows; another model knows another number.
    concepts: usize,
    found: Hint,
}

/// Draws the box into `ui` and notes its height for the layout.
pub fn prompt_ui(ui: &mut Ui, view: &mut View<'_>, state: &mut PromptState, lens: &mut LensUi) {
    let tokens = theme::tokens(ui);
    let lit = ui.memory(|memory| memory.has_focus(prompt_id()) || memory.has_focus(negative_id()));
    let edge = if lit { tokens.lamp } else { tokens.hairline };
    let outer = Frame::new()
        .fill(tokens.raised)
        .stroke(Stroke::new(1.0, edge))
        .corner_radius(CornerRadius::same(size::RADIUS_BOX))
        .inner_margin(Margin { left: 15, right: 11, top: 13, bottom: 11 });
    let shown = outer.show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.spacing_mut().item_spacing.y = 4.0;
        text_ui(ui, view, state, lens);
        if view.state.negative_open {
            negative_ui(ui, view);
        }
        note_ui(ui, view, state);
        branch_ui(ui, view);
        lens_ui(ui, view, lens);
        ui.add_space(2.0);
        row_ui(ui, view);
    });
    let height = shown.response.rect.height();
    if (state.height - height).abs() > 0.5 {
        state.height = height;
        ui.ctx().request_repaint();
    }
}

fn negative_id() -> Id {
    Id::unique("negative prompt")
}

fn text_ui(ui: &mut Ui, view: &mut View<'_>, state: &mut PromptState, lens: &mut LensUi) {
    if std::mem::take(&mut state.to_end) {
        move_to_end(ui, &view.state.draft.settings.prompt);
    }
    history_keys(ui, view, state);
    let tokens = theme::tokens(ui);
    let dropped_from = view.state.draft.dropped_from(Text::Prompt);
    let (font, color) = (theme::prompt(), tokens.text);
    let mut layouter = |ui: &Ui, text: &dyn TextBuffer, width: f32| {
        let format = TextFormat { line_height: Some(24.0), ..TextFormat::simple(font.clone(), color) };
        marked(ui, text.as_str(), dropped_from, format, width)
    };
    let hint = widgets::body(view.words.t("prompt-hint"), tokens.faint).font(theme::prompt());
    let mut prompt = view.state.draft.settings.prompt.clone();
    let edit = TextEdit::multiline(&mut prompt)
        .hint_text(hint)
        .desired_rows(1)
        .desired_width(f32::INFINITY)
        .margin(Margin::symmetric(1, 1))
        .frame(Frame::new())
        .event_filter(EventFilter {
            horizontal_arrows: true,
            vertical_arrows: true,
            ..EventFilter::default()
        })
        .layouter(&mut layouter);
    let concepts = view.state.model.info.as_ref().map_or(&[][..], |info| &info.concepts);
    let shown = CompletionPopup::new(prompt_id())
        .align(RectAlign::TOP_START)
        .max_height(320.0)
        .accept_keys(vec![Key::Tab, Key::Enter])
        .show(ui, edit, |query| {
            let names = concepts::completions(concepts, query.word, SUGGESTIONS_MAX);
            names.into_iter().map(|name| Suggestion::new(format!("{name} ")).content(name)).collect()
        });
    state.completing = shown.is_open;
    state.rows = shown.text_edit.galley.rows.len();
    follow(view, lens, &prompt, &shown.text_edit);
    underline(ui, view, lens, &prompt, &shown.text_edit);
    let response = shown.text_edit.response.response;
    if response.changed() || shown.accepted.is_some() {
        view.set(PartialSettings { prompt: Some(prompt), ..Default::default() });
    }
    if view.takes_focus(Act::FocusPrompt) {
        response.request_focus();
    }
    response.accessible_name(view.words.t("prompt"));
}

/// Tells the lens where the pointer and the text cursor are in the prompt.
fn follow(view: &mut View<'_>, lens: &mut LensUi, prompt: &str, edit: &TextEditOutput) {
    let byte = |index: usize| prompt.char_indices().nth(index).map_or(prompt.len(), |(at, _)| at);
    let pointer = edit.response.response.hover_pos().map(|at| at - edit.galley_pos);
    // Beside the words there is nothing to look at.
    let on_words = |at: &egui::Vec2| edit.galley.rows.iter().any(|row| row.rect().contains(at.to_pos2()));
    let pointer = pointer.filter(on_words).map(|at| byte(edit.galley.cursor_from_pos(at).index.into()));
    let cursor = edit.cursor_range.map(|range| byte(range.primary.index.into()));
    lens.follow(view, prompt, pointer, cursor);
}

/// Underlines the word that is looked at.
fn underline(ui: &Ui, view: &View<'_>, lens: &LensUi, prompt: &str, edit: &TextEditOutput) {
    let Some(word) = lens.word_in(view, prompt) else { return };
    let [from, to] = [word.start, word.end].map(|byte| {
        let index = prompt.get(..byte).map_or(0, |before| before.chars().count());
        edit.galley.pos_from_cursor(CCursor::new(index)).translate(edit.galley_pos.to_vec2())
    });
    if from.bottom() == to.bottom() {
        let stroke = Stroke::new(2.0, theme::tokens(ui).subdued);
        ui.painter().hline(from.left()..=to.left(), from.bottom() - 1.5, stroke);
    }
}

/// Up and down go through the history; in a prompt of several rows with Ctrl, or from an empty one.
fn history_keys(ui: &Ui, view: &mut View<'_>, state: &mut PromptState) {
    if state.completing || !ui.memory(|memory| memory.has_focus(prompt_id())) {
        return;
    }
    let modifiers = if state.rows <= 1 { Modifiers::NONE } else { Modifiers::COMMAND };
    let pressed = |key| ui.input_mut(|input| input.consume_key(modifiers, key));
    let (older, newer) = (pressed(Key::ArrowUp), pressed(Key::ArrowDown));
    if older {
        view.push(Command::RecallOlder);
    }
    if newer {
        view.push(Command::RecallNewer);
    }
    state.to_end = older || newer;
}

/// Moves the text cursor behind the last character of the prompt.
fn move_to_end(ui: &Ui, prompt: &str) {
    if let Some(mut edit) = TextEdit::load_state(ui.ctx(), prompt_id()) {
        let end = CCursor::new(prompt.chars().count());
        edit.cursor.set_char_range(Some(egui::text::CCursorRange::one(end)));
        edit.store(ui.ctx(), prompt_id());
    }
}

/// Lays out a text, with the part that the model drops struck out.
fn marked(ui: &Ui, text: &str, dropped_from: Option<usize>, format: TextFormat, width: f32) -> Arc<Galley> {
    let tokens = theme::tokens(ui);
    let cut = dropped_from.filter(|&at| text.is_char_boundary(at)).unwrap_or(text.len());
    let dropped =
        TextFormat { color: tokens.faint, strikethrough: Stroke::new(1.0, tokens.bad), ..format.clone() };
    let mut job = LayoutJob::default();
    job.wrap.max_width = width;
    job.append(&text[..cut], 0.0, format);
    job.append(&text[cut..], 0.0, dropped);
    ui.fonts_mut(|fonts| fonts.layout_job(job))
}

fn negative_ui(ui: &mut Ui, view: &mut View<'_>) {
    let tokens = theme::tokens(ui);
    let dropped_from = view.state.draft.dropped_from(Text::Negative);
    let mut layouter = |ui: &Ui, text: &dyn TextBuffer, width: f32| {
        marked(ui, text.as_str(), dropped_from, TextFormat::simple(theme::body(), tokens.subdued), width)
    };
    let mut negative = view.state.draft.settings.negative_prompt.clone();
    let edit = TextEdit::multiline(&mut negative)
        .id(negative_id())
        .layouter(&mut layouter)
        .hint_text(widgets::body(view.words.t("negative-hint"), tokens.faint))
        .desired_rows(1)
        .desired_width(f32::INFINITY)
        .margin(Margin::symmetric(1, 1))
        .frame(Frame::new());
    let mut response = ui.add(edit);
    if response.changed() {
        view.set(PartialSettings { negative_prompt: Some(negative), ..Default::default() });
    }
    if dropped_from.is_some() {
        response = response.on_hover_text(view.words.t("tokens-dropped"));
    }
    if view.takes_focus(Act::Negative) {
        response.request_focus();
    }
    response.accessible_name(view.words.t("negative-prompt"));
}

/// Draws a note: the words that the model does not know, or what it knows where the prompt names none.
fn note_ui(ui: &mut Ui, view: &View<'_>, state: &mut PromptState) {
    let Some(info) = &view.state.model.info else { return };
    let (prompt, concepts) = (view.state.draft.settings.prompt.as_str(), &info.concepts);
    // A word that is being completed is not reported as unknown.
    let completing = state.completing;
    let prompt = if completing { prompt.trim_end_matches(char::is_alphanumeric) } else { prompt };
    let hint = &mut state.hint;
    if hint.prompt != prompt || hint.concepts != concepts.len() {
        *hint = PromptHint {
            found: concepts::hint(concepts, prompt),
            prompt: prompt.to_owned(),
            concepts: concepts.len(),
        };
    }
    let said = match &state.hint.found {
        Hint::Nothing => return,
        Hint::NothingKnown if completing => return,
        Hint::NothingKnown => {
            let step = (concepts.len() / 4).max(1);
            let names =
                concepts.iter().skip(step / 2).step_by(step).filter_map(|concept| concept.names.first());
            let examples: Vec<&str> = names.take(4).map(String::as_str).collect();
            let values = [("n", concepts.len().into()), ("examples", examples.join(", ").into())];
            view.words.with("knows-only", &values)
        }
        Hint::Unknown(words) => {
            let mut named = words.iter().take(UNKNOWN_MAX).cloned().collect::<Vec<_>>().join(", ");
            if words.len() > UNKNOWN_MAX {
                named.push_str(", …");
            }
            view.words.with("unknown-words", &[("words", named.into())])
        }
    };
    ui.label(widgets::small(said, theme::tokens(ui).subdued));
}

/// Where the next picture begins, if it does not begin anew.
fn branch_ui(ui: &mut Ui, view: &mut View<'_>) {
    let Some(branch) = &view.state.draft.branch else { return };
    let tokens = theme::tokens(ui);
    let values = [("step", branch.at.into()), ("steps", branch.steps.into())];
    let said = view.words.with("branches-at", &values);
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 6.0;
        let (icon, _) = ui.allocate_exact_size(Vec2::splat(16.0), Sense::hover());
        widgets::paint_icon(ui, icon, icons::BRANCH, 15.0, tokens.lamp);
        ui.label(widgets::small(said, tokens.text));
        let (name, tip) = (Act::EndBranch.name(view.words), Act::EndBranch.tip(view.words, ui.ctx()));
        if IconButton::new(icons::CLOSE, &name).in_row().tip(tip).show(ui).clicked() {
            view.act(Act::EndBranch);
        }
    });
}

/// What the row leaves out where it is narrow, one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fold {
    /// The row is wide enough for everything.
    Open,
    /// *Surprise me* is its icon.
    Surprise,
    /// Buttons leave out their keys.
    Keys,
    /// *Negative prompt* is its icon.
    Negative,
    /// *Add to queue* is its icon.
    Queue,
}

impl Fold {
    const ALL: [Self; 5] = [Self::Open, Self::Surprise, Self::Keys, Self::Negative, Self::Queue];

    /// The first that fits into the row.
    fn of(ui: &Ui, view: &View<'_>) -> Self {
        let room = ui.available_width();
        Self::ALL.into_iter().find(|fold| fold.width(ui, view) <= room).unwrap_or(Self::Queue)
    }

    /// The row's width then; the count of tokens is shown only where there is room.
    fn width(self, ui: &Ui, view: &View<'_>) -> f32 {
        let gap = ui.spacing().item_spacing.x;
        let text = |kind, icon, text: &str, keys: Option<String>| {
            let keys = keys.filter(|_| self < Self::Keys);
            widgets::button_width(ui, kind, icon, text, keys.as_deref(), BUTTON)
        };
        let quiet = |name: String, folded: bool| {
            if folded { size::SMALL_TARGET } else { text(Kind::Ghost, true, &name, None) }
        };
        let negative = quiet(view.words.t("negative-prompt"), self >= Self::Negative);
        let surprise = if knows_things(view) {
            QUIET_GAP + quiet(Act::Surprise.name(view.words), self >= Self::Surprise)
        } else {
            0.0
        };
        let right = if view.state.queue.running().is_some() {
            let stop = text(Kind::Outlined, true, &Act::Stop.name(view.words), Some("Esc".to_owned()));
            let add = view.words.t("add-to-queue");
            let add =
                if self >= Self::Queue { size::TARGET } else { text(Kind::Outlined, false, &add, None) };
            add + gap + stop + gap + size::TARGET
        } else {
            let develop = text(Kind::Primary, false, &Act::Develop.name(view.words), develop_keys(ui));
            2.0 * (size::TARGET + gap) + develop
        };
        negative + surprise + 2.0 * gap + right
    }
}

/// The height of the row's buttons.
const BUTTON: f32 = 34.0;
/// Between the quiet buttons.
const QUIET_GAP: f32 = 18.0;

fn knows_things(view: &View<'_>) -> bool {
    view.state.model.info.as_ref().is_some_and(|info| !info.concepts.is_empty())
}

fn develop_keys(ui: &Ui) -> Option<String> {
    Act::Develop.row().shortcut.as_ref().map(|shortcut| keys(ui.ctx(), shortcut))
}

fn row_ui(ui: &mut Ui, view: &mut View<'_>) {
    ui.horizontal(|ui| {
        ui.set_height(BUTTON);
        let fold = Fold::of(ui, view);
        ui.scope(|ui| quiet_ui(ui, view, fold));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            match view.state.queue.running().map(|running| running.stage) {
                Some(stage) => working_ui(ui, view, stage, fold),
                None => develop_ui(ui, view, fold),
            }
            ui.add_space(6.0);
            tokens_ui(ui, view);
        });
    });
}

fn quiet_ui(ui: &mut Ui, view: &mut View<'_>, fold: Fold) {
    ui.spacing_mut().item_spacing.x = QUIET_GAP;
    let icon = if view.state.negative_open { icons::MINUS } else { icons::PLUS };
    let name = view.words.t("negative-prompt");
    if quiet_button(ui, view, Act::Negative, icon, &name, fold >= Fold::Negative) {
        view.act(Act::Negative);
    }
    if knows_things(view) {
        let name = Act::Surprise.name(view.words);
        if quiet_button(ui, view, Act::Surprise, icons::WAND, &name, fold >= Fold::Surprise) {
            view.act(Act::Surprise);
        }
    }
}

/// Whether it was clicked.
fn quiet_button(ui: &mut Ui, view: &View<'_>, act: Act, icon: Icon, name: &str, folded: bool) -> bool {
    let tip = act.tip(view.words, ui.ctx());
    if folded {
        return IconButton::new(icon, name).in_row().tip(tip).show(ui).clicked();
    }
    widgets::sized_button(ui, Kind::Ghost, Some(icon), name, None, 28.0).on_hover_text(tip).clicked()
}

fn develop_ui(ui: &mut Ui, view: &mut View<'_>, fold: Fold) {
    let shortcut = develop_keys(ui).filter(|_| fold < Fold::Keys);
    let text = Act::Develop.name(view.words);
    let tip = Act::Develop.tip(view.words, ui.ctx());
    ui.add_enabled_ui(view.state.can_develop(), |ui| {
        if widgets::button(ui, Kind::Primary, None, &text, shortcut.as_deref()).on_hover_text(tip).clicked() {
            view.act(Act::Develop);
        }
        let (name, tip) = (Act::Sheet.name(view.words), Act::Sheet.tip(view.words, ui.ctx()));
        if IconButton::new(icons::GRID, &name).boxed().tip(tip).show(ui).clicked() {
            view.act(Act::Sheet);
        }
        let photo = if view.state.tray.laid.is_some() { Act::ShowTray } else { Act::PickPhoto };
        let (name, tip) = (photo.name(view.words), photo.tip(view.words, ui.ctx()));
        if IconButton::new(icons::PICTURE, &name).boxed().tip(tip).show(ui).clicked() {
            view.act(photo);
        }
    });
}

fn working_ui(ui: &mut Ui, view: &mut View<'_>, stage: Stage, fold: Fold) {
    let add = view.words.t("add-to-queue");
    let tip = view.words.t("add-to-queue-tip");
    let added = if fold >= Fold::Queue {
        IconButton::new(icons::PLUS, &add).boxed().tip(tip).show(ui).clicked()
    } else {
        widgets::button(ui, Kind::Outlined, None, &add, None).on_hover_text(tip).clicked()
    };
    if added {
        view.act(Act::Develop);
    }
    let stop = Act::Stop.name(view.words);
    let tip = Act::Stop.tip(view.words, ui.ctx());
    let keys = (fold < Fold::Keys).then_some("Esc");
    if widgets::button(ui, Kind::Outlined, Some(icons::STOP), &stop, keys).on_hover_text(tip).clicked() {
        view.act(Act::Stop);
    }
    let paused = matches!(stage, Stage::Paused | Stage::Pausing);
    let name = if paused { view.words.t("resume") } else { Act::Pause.name(view.words) };
    let icon = if paused { icons::PLAY } else { icons::PAUSE };
    let tip = Act::Pause.tip(view.words, ui.ctx());
    let in_sheet = view.state.queue.running().is_some_and(|running| running.sheet.is_some());
    let able = matches!(stage, Stage::Running | Stage::Paused | Stage::Pausing) && !in_sheet;
    if IconButton::new(icon, &name).tip(tip).enabled(able).show(ui).clicked() {
        view.act(Act::Pause);
    }
}

fn tokens_ui(ui: &mut Ui, view: &View<'_>) {
    let Some((text, count)) = &view.state.draft.tokens else { return };
    let tokens = theme::tokens(ui);
    let fits = count.dropped_from.is_none();
    let current = *text == view.state.draft.settings.prompt;
    let color = match (fits, current) {
        (false, true) => tokens.bad,
        _ => tokens.subdued,
    };
    let said = view.words.with("tokens", &[("used", count.used.into()), ("max", count.max.into())]);
    let tip = if fits { view.words.t("tokens-tip") } else { view.words.t("tokens-dropped") };
    // In a small window the buttons come first.
    let width = ui.painter().layout_no_wrap(said.clone(), theme::small(), color).size().x;
    if width + 8.0 > ui.available_width() {
        return;
    }
    ui.label(widgets::small(said, color)).on_hover_text(tip);
}
