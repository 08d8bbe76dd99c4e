//! What a word that is being written may become: a thing that the model knows, or the name of a list.

use egui::{CompletionOutput, CompletionPopup, Id, Key, RectAlign, Suggestion, TextEdit, Ui};

use crate::app::state::{State, concepts};
use crate::message::Concept;
use crate::settings::PromptGrammar;

/// Suggestions at a time.
const SUGGESTIONS_MAX: usize = 8;
/// What the name of a list stands between.
const AROUND: &str = "__";

/// Shows a field that completes words: the names of lists, and of these concepts.
pub(super) fn show(
    ui: &mut Ui,
    state: &State,
    concepts: &[Concept],
    id: Id,
    edit: TextEdit<'_>,
) -> CompletionOutput {
    let reads_lists = state.draft.settings.grammar == PromptGrammar::A1111;
    let lists = &state.phrases.lists;
    let ends = move |letter: char| letter.is_whitespace() || (reads_lists && ",(){}|[]<>".contains(letter));
    CompletionPopup::new(id)
        .word_boundary(ends)
        .align(RectAlign::TOP_START)
        .max_height(320.0)
        .accept_keys(vec![Key::Tab, Key::Enter])
        .show(ui, edit, |query| {
            if reads_lists && let Some(begun) = query.word.strip_prefix(AROUND) {
                let names = list_names(lists.names(), begun);
                return names
                    .into_iter()
                    .map(|name| Suggestion::new(format!("{AROUND}{name}{AROUND}")))
                    .collect();
            }
            let names = concepts::completions(concepts, query.word, SUGGESTIONS_MAX);
            names.into_iter().map(|name| Suggestion::new(format!("{name} ")).content(name)).collect()
        })
}

/// Names of lists that begin with what is written, then those that hold it; none once a name is closed.
fn list_names<'a>(names: impl Iterator<Item = &'a str>, begun: &str) -> Vec<String> {
    let begun = begun.to_lowercase();
    if begun.contains(AROUND) {
        return Vec::new();
    }
    let mut found: Vec<&str> = names.filter(|name| name.contains(&begun)).collect();
    found.sort_by_key(|name| !name.starts_with(&begun));
    found.into_iter().take(SUGGESTIONS_MAX).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_lists_complete() {
        let names = ["animal", "colors/anime", "pet"];
        let found = |begun| list_names(names.into_iter(), begun);
        assert_eq!(
            (found("AN"), found("")),
            (vec!["animal".to_owned(), "colors/anime".into()], names.map(str::to_owned).to_vec())
        );
        assert!(found("pet__").is_empty() && found("x").is_empty());
    }
}
