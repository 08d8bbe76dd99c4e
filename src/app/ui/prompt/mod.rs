//! The prompt box: what to make, what to leave out, how many tokens that is, and the button.
//!
//! Where prompts are read as A1111 reads them, the text is inked by what it means; else it is plain.

mod completing;
mod ink;
mod keys;
mod notes;
mod row;
mod styles;

use egui::text::CCursor;
use egui::text_edit::TextEditOutput;
use egui::{CornerRadius, EventFilter, Frame, Id, Margin, Stroke, TextBuffer, TextEdit, Ui};

use crate::app::command::Act;
use crate::app::state::draft::Text;
use crate::app::theme::widgets;
use crate::app::theme::{self, size};
use crate::app::ui::lens::{LensUi, lens_ui};
use crate::app::ui::prompt::ink::{Ink, Look};
use crate::app::ui::prompt::notes::PromptHint;
use crate::app::ui::prompt::styles::StylesUi;
use crate::app::ui::view::View;
use crate::settings::{PartialSettings, PromptGrammar};

/// The id by which the prompt has the keyboard's focus.
pub fn prompt_id() -> Id {
    Id::unique("prompt")
}

fn negative_id() -> Id {
    Id::unique("negative prompt")
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
    /// The marks of the prompt and of the negative prompt.
    inks: [Ink; 2],
    styles: StylesUi,
}

impl Default for PromptState {
    fn default() -> Self {
        Self {
            height: 90.0,
            completing: false,
            rows: 0,
            to_end: false,
            hint: PromptHint::default(),
            inks: Default::default(),
            styles: StylesUi::default(),
        }
    }
}

/// Whether prompts are more than their letters.
fn reads_grammar(view: &View<'_>) -> bool {
    view.state.draft.settings.grammar == PromptGrammar::A1111
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
            negative_ui(ui, view, &mut state.inks[1]);
        }
        notes::note_ui(ui, view, &mut state.hint, state.completing);
        notes::wildcard_ui(ui, view);
        notes::template_ui(ui, view);
        notes::branch_ui(ui, view);
        lens_ui(ui, view, lens);
        ui.add_space(2.0);
        row::row_ui(ui, view, &mut state.styles);
    });
    let height = shown.response.rect.height();
    if (state.height - height).abs() > 0.5 {
        state.height = height;
        ui.ctx().request_repaint();
    }
}

fn text_ui(ui: &mut Ui, view: &mut View<'_>, state: &mut PromptState, lens: &mut LensUi) {
    let mut prompt = view.state.draft.settings.prompt.clone();
    if std::mem::take(&mut state.to_end) {
        keys::move_to_end(ui, prompt_id(), &prompt);
    }
    if !state.completing {
        state.to_end = keys::history_keys(ui, view, state.rows);
    }
    let weighed = reads_grammar(view) && keys::weight_keys(ui, prompt_id(), &mut prompt);
    let tokens = theme::tokens(ui);
    let look = Look { font: theme::prompt(), line: Some(24.0), color: tokens.text };
    let [ink, _] = &mut state.inks;
    let (dropped_from, draft) = (view.state.draft.dropped_from(Text::Prompt), &view.state.draft);
    let (phrases, steps) = (&view.state.phrases, draft.settings.steps);
    let grammar = draft.settings.grammar;
    let mut layouter = |ui: &Ui, text: &dyn TextBuffer, width: f32| {
        let marks = ink.marks(text.as_str(), grammar, steps);
        ink::laid_out(ui, text.as_str(), marks, (dropped_from, &phrases.lists), &look, width)
    };
    let hint = widgets::body(view.words.t("prompt-hint"), tokens.faint).font(theme::prompt());
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
    let shown = completing::show(ui, view.state, concepts, prompt_id(), edit);
    state.completing = shown.is_open;
    state.rows = shown.text_edit.galley.rows.len();
    follow(view, lens, &prompt, &shown.text_edit);
    underline(ui, view, lens, &prompt, &shown.text_edit);
    let starts = view.state.draft.chunks_from(Text::Prompt, &view.state.phrases.lists);
    ink::chunks_ui(ui, &prompt, &starts, &shown.text_edit);
    let response = shown.text_edit.response.response;
    if weighed || response.changed() || shown.accepted.is_some() {
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

fn negative_ui(ui: &mut Ui, view: &mut View<'_>, ink: &mut Ink) {
    let tokens = theme::tokens(ui);
    let mut negative = view.state.draft.settings.negative_prompt.clone();
    let weighed = reads_grammar(view) && keys::weight_keys(ui, negative_id(), &mut negative);
    let dropped_from = view.state.draft.dropped_from(Text::Negative);
    let look = Look { font: theme::body(), line: None, color: tokens.subdued };
    let (draft, phrases) = (&view.state.draft, &view.state.phrases);
    let (grammar, steps) = (draft.settings.grammar, draft.settings.steps);
    let mut layouter = |ui: &Ui, text: &dyn TextBuffer, width: f32| {
        let marks = ink.marks(text.as_str(), grammar, steps);
        ink::laid_out(ui, text.as_str(), marks, (dropped_from, &phrases.lists), &look, width)
    };
    let edit = TextEdit::multiline(&mut negative)
        .layouter(&mut layouter)
        .hint_text(widgets::body(view.words.t("negative-hint"), tokens.faint))
        .desired_rows(1)
        .desired_width(f32::INFINITY)
        .margin(Margin::symmetric(1, 1))
        .frame(Frame::new());
    let shown = completing::show(ui, view.state, &[], negative_id(), edit);
    let starts = view.state.draft.chunks_from(Text::Negative, &view.state.phrases.lists);
    ink::chunks_ui(ui, &negative, &starts, &shown.text_edit);
    let mut response = shown.text_edit.response.response;
    if weighed || response.changed() || shown.accepted.is_some() {
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
