//! What Ctrl+Z acts on: the text field in focus if it has something to undo or redo, else the last
//! delete.

use egui::text::CCursorRange;
use egui::{Context, TextEdit};

/// The states of the field in focus, as egui keeps them.
type Undoer = egui::util::undoer::Undoer<(CCursorRange, String)>;

/// Whether the field in focus has something to undo.
pub fn text_can_undo(ctx: &Context) -> bool {
    undoer(ctx).is_some_and(|mut undoer| {
        // A change in progress is no undo state yet.
        undoer.is_in_flux() || present(&undoer).is_some_and(|present| undoes(&mut undoer, present))
    })
}

/// Whether the field in focus has something to redo.
pub fn text_can_redo(ctx: &Context) -> bool {
    undoer(ctx).is_some_and(|undoer| present(&undoer).is_some_and(|present| undoer.has_redo(&present)))
}

fn undoer(ctx: &Context) -> Option<Undoer> {
    let focused = ctx.memory(|memory| memory.focused())?;
    Some(TextEdit::load_state(ctx, focused)?.undoer())
}

/// The latest state; that of a field at rest is what stands in it.
fn present(undoer: &Undoer) -> Option<(CCursorRange, String)> {
    // No field holds this, so nothing is skipped.
    let nothing = (CCursorRange::default(), String::from('\0'));
    undoer.clone().undo(&nothing).cloned()
}

/// Whether an earlier state has another text: a cursor that was moved is nothing to undo.
fn undoes(undoer: &mut Undoer, mut present: (CCursorRange, String)) -> bool {
    while let Some(earlier) = undoer.undo(&present).cloned() {
        if earlier.1 != present.1 {
            return true;
        }
        present = earlier;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(text: &str, at: usize) -> (CCursorRange, String) {
        (CCursorRange::one(egui::text::CCursor::new(at)), text.to_owned())
    }

    #[test]
    fn a_moved_cursor_is_nothing_to_undo_and_another_text_is() {
        let mut undoer = Undoer::default();
        assert_eq!(present(&undoer), None);
        undoer.add_undo(&state("a fox", 0));
        undoer.add_undo(&state("a fox", 3));
        assert_eq!(present(&undoer), Some(state("a fox", 3)));
        assert!(!undoes(&mut undoer.clone(), state("a fox", 3)));
        undoer.add_undo(&state("an owl", 6));
        assert!(undoes(&mut undoer.clone(), state("an owl", 6)));
        assert!(!undoer.has_redo(&state("an owl", 6)));
        undoer.undo(&state("an owl", 6));
        assert!(present(&undoer).is_some_and(|present| undoer.has_redo(&present)));
    }
}
