//! Ink: a prompt's letters in colors that say what they do, and where its chunks begin.
//!
//! Trap: marks are those of one text; a field asks for those of a text that the state does not know yet.

use std::sync::Arc;

use egui::text::{CCursor, LayoutJob, TextFormat};
use egui::text_edit::TextEditOutput;
use egui::{Color32, FontId, Galley, Stroke, Ui, pos2};

use crate::app::theme::{self, Tokens};
use crate::grammar::dynamic::Lists;
use crate::grammar::{Mark, Marked, marks};
use crate::settings::PromptGrammar;

/// The marks of a text, kept until it changes.
#[derive(Debug, Default)]
pub(super) struct Ink {
    of: Option<(String, PromptGrammar, usize)>,
    marks: Vec<Marked>,
}

impl Ink {
    /// The marks of a text; one that is taken literally has none.
    pub fn marks(&mut self, text: &str, grammar: PromptGrammar, steps: usize) -> &[Marked] {
        let known = self.of.as_ref().is_some_and(|of| of.0 == text && of.1 == grammar && of.2 == steps);
        if !known {
            self.marks = match grammar {
                PromptGrammar::A1111 => marks(text, steps),
                PromptGrammar::Literal => Vec::new(),
            };
            self.of = Some((text.to_owned(), grammar, steps));
        }
        &self.marks
    }
}

/// How plain text looks.
pub(super) struct Look {
    pub font: FontId,
    /// The height of its lines, where it is not the font's.
    pub line: Option<f32>,
    pub color: Color32,
}

impl Look {
    fn plain(&self) -> TextFormat {
        TextFormat { line_height: self.line, ..TextFormat::simple(self.font.clone(), self.color) }
    }

    /// The look of a mark.
    fn of(&self, mark: &Mark, tokens: &Tokens, lists: &Lists) -> TextFormat {
        let plain = self.plain();
        let quiet = |color| TextFormat { color, ..self.plain() };
        match mark {
            Mark::Words(1.0) => plain,
            Mark::Words(weight) => quiet(tokens.weighed(self.color, *weight)),
            Mark::Idle | Mark::Sign | Mark::Comment => quiet(tokens.faint),
            Mark::Keyword | Mark::Choice => quiet(tokens.subdued),
            Mark::Tag => TextFormat { background: tokens.hovered, ..quiet(tokens.subdued) },
            Mark::Unknown => {
                TextFormat { underline: Stroke::new(1.0, tokens.faint), ..quiet(tokens.subdued) }
            }
            Mark::Wildcard(name) if lists.knows(name) => TextFormat { background: tokens.hovered, ..plain },
            Mark::Wildcard(_) => TextFormat { underline: Stroke::new(1.0, tokens.bad), ..quiet(tokens.bad) },
        }
    }
}

/// Lays out a text by its marks, with the part that the model drops struck out.
pub(super) fn laid_out(
    ui: &Ui,
    text: &str,
    marks: &[Marked],
    (dropped_from, lists): (Option<usize>, &Lists),
    look: &Look,
    width: f32,
) -> Arc<Galley> {
    let tokens = theme::tokens(ui);
    let cut = dropped_from.filter(|&at| text.is_char_boundary(at)).unwrap_or(text.len());
    let mut job = LayoutJob::default();
    job.wrap.max_width = width;
    if marks.is_empty() {
        job.append(&text[..cut], 0.0, look.plain());
    }
    for Marked { range, mark } in marks {
        job.append(&text[range.clone()], 0.0, look.of(mark, tokens, lists));
    }
    if cut < text.len() && marks.is_empty() {
        let strikethrough = Stroke::new(1.0, tokens.bad);
        job.append(&text[cut..], 0.0, TextFormat { color: tokens.faint, strikethrough, ..look.plain() });
    }
    ui.fonts_mut(|fonts| fonts.layout_job(job))
}

/// Draws a sign before the first word of each chunk after the first.
pub(super) fn chunks_ui(ui: &Ui, text: &str, starts: &[usize], edit: &TextEditOutput) {
    let stroke = Stroke::new(1.0, theme::tokens(ui).subdued);
    for start in starts {
        // The brackets of a word begin with it.
        let Some(before) = text.get(..*start).map(|text| text.trim_end_matches(['(', '[', '{'])) else {
            continue;
        };
        let cursor = CCursor { prefer_next_row: true, ..CCursor::new(before.chars().count()) };
        let place = edit.galley.pos_from_cursor(cursor).translate(edit.galley_pos.to_vec2());
        let x = ui.painter().round_to_pixel_center(place.left() - 2.5);
        let (top, bottom) = (place.top() + 3.0, place.bottom() - 3.0);
        ui.painter().vline(x, top..=bottom, stroke);
        for y in [top, bottom] {
            ui.painter().line_segment([pos2(x, y), pos2(x + 2.5, y)], stroke);
        }
    }
}
