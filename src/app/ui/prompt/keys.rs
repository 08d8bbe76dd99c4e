//! Keys of the prompt beside those of any text: weights, and the history.
//!
//! Trap: they are taken before the text's own field sees them, so what they change is put into the field's memory, the
//! text before among it, or undo would not know it.

use egui::text::{CCursor, CCursorRange};
use egui::{Id, Key, Modifiers, TextEdit, Ui};

use crate::app::command::Command;
use crate::app::ui::prompt::prompt_id;
use crate::app::ui::view::View;
use crate::grammar::{Edited, reweigh};

/// Ctrl with up and down changes how much what is selected, or stands at the cursor, counts. Whether it did.
pub(super) fn weight_keys(ui: &Ui, id: Id, text: &mut String) -> bool {
    if !ui.memory(|memory| memory.has_focus(id)) {
        return false;
    }
    let pressed = |key| ui.input_mut(|input| input.count_and_consume_key(Modifiers::COMMAND, key));
    let (up, down) = (pressed(Key::ArrowUp), pressed(Key::ArrowDown));
    let steps = std::iter::repeat_n(true, up).chain(std::iter::repeat_n(false, down));
    steps.filter(|more| weigh(ui, id, text, *more)).count() > 0
}

fn weigh(ui: &Ui, id: Id, text: &mut String, more: bool) -> bool {
    let Some(mut state) = TextEdit::load_state(ui.ctx(), id) else { return false };
    let Some(range) = state.cursor.char_range() else { return false };
    let byte = |index: usize| text.char_indices().nth(index).map_or(text.len(), |(at, _)| at);
    let ends = [range.primary.index, range.secondary.index].map(|index| byte(index.into()));
    let selection = ends[0].min(ends[1])..ends[0].max(ends[1]);
    let Some(Edited { text: changed, selection }) = reweigh(text, selection, more) else { return false };
    let mut undoer = state.undoer();
    undoer.add_undo(&(range, text.clone()));
    state.set_undoer(undoer);
    let index = |at: usize| CCursor::new(changed[..at].chars().count());
    let chosen = CCursorRange::two(index(selection.start), index(selection.end));
    state.cursor.set_char_range(Some(chosen));
    state.store(ui.ctx(), id);
    *text = changed;
    true
}

/// Up and down go through the history: with Alt, and in a prompt of one row without. Whether they did.
pub(super) fn history_keys(ui: &Ui, view: &mut View<'_>, rows: usize) -> bool {
    if !ui.memory(|memory| memory.has_focus(prompt_id())) {
        return false;
    }
    let pressed = |key| {
        ui.input_mut(|input| {
            let plain = rows <= 1 && !input.modifiers.any() && input.consume_key(Modifiers::NONE, key);
            plain || input.consume_key(Modifiers::ALT, key)
        })
    };
    let (older, newer) = (pressed(Key::ArrowUp), pressed(Key::ArrowDown));
    if older {
        view.push(Command::RecallOlder);
    }
    if newer {
        view.push(Command::RecallNewer);
    }
    older || newer
}

/// Moves the text cursor behind the last character of a text.
pub(super) fn move_to_end(ui: &Ui, id: Id, text: &str) {
    if let Some(mut edit) = TextEdit::load_state(ui.ctx(), id) {
        edit.cursor.set_char_range(Some(CCursorRange::one(CCursor::new(text.chars().count()))));
        edit.store(ui.ctx(), id);
    }
}
