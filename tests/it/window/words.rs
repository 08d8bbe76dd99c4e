//! The prompt's words: what fits, what is known, what completes.

use egui::accesskit::Role;
use egui::{Key, Modifiers};
use egui_kittest::kittest::Queryable as _;

use safelight::app::state::concepts;
use safelight::app::state::concepts::Hint;
use safelight::app::state::draft::Text;
use safelight::message::{Event, Request, TokenCount};
use safelight::settings::PromptGrammar;

use super::stage::{Setup, starter};

#[test]
fn words_that_do_not_fit_and_words_that_are_unknown_are_told() {
    let mut stage = Setup::default().open();
    let text = "of dreams and far too many words";
    stage.write(text);
    stage.harness.get_by_label_contains("This model knows 364 things");
    stage.requests();
    stage.tell(Event::Tokens {
        text: text.into(),
        count: TokenCount { used: 24, max: 24, dropped_from: Some(10), chunks: 1, starts: Vec::new() },
    });
    stage.run();
    stage.harness.get_by_label("24 of 24 tokens");
    assert_eq!(stage.harness.state().state().draft.dropped_from(Text::Prompt), Some(10));
}

#[test]
fn the_dropped_words_of_a_negative_prompt_are_marked_too() {
    let mut stage = Setup::default().open();
    stage.click("Negative prompt");
    let text = "blur, and far too many words";
    stage.harness.event(egui::Event::Text(text.into()));
    stage.run();
    assert!(
        stage
            .requests()
            .contains(&Request::CountTokens { text: text.into(), grammar: PromptGrammar::Literal })
    );
    let count = TokenCount { used: 24, max: 24, dropped_from: Some(6), chunks: 1, starts: Vec::new() };
    stage.tell(Event::Tokens { text: text.into(), count });
    stage.run();
    let draft = &stage.harness.state().state().draft;
    assert_eq!((draft.dropped_from(Text::Negative), draft.dropped_from(Text::Prompt)), (Some(6), None));
    // The count beside the button is still the prompt's.
    stage.harness.get_by_label("8 of 24 tokens");
    stage.harness.get_by_role_and_label(Role::MultilineTextInput, "Negative prompt").hover();
    stage.run();
    assert!(stage.says("Struck-out words exceed the limit and are ignored"));
    // Once the text changes the marks wait for the next count.
    stage.harness.event(egui::Event::Text("!".into()));
    stage.run();
    assert_eq!(stage.harness.state().state().draft.dropped_from(Text::Negative), None);
}

#[test]
fn names_complete_and_surprises_are_known_things() {
    let mut stage = Setup::default().open();
    stage.write("a dino");
    stage.run();
    stage.press(Modifiers::NONE, Key::Tab);
    assert!(stage.harness.state().state().draft.settings.prompt.starts_with("a dinosaur"));
    stage.click("Surprise me");
    let prompt = stage.harness.state().state().draft.settings.prompt.clone();
    assert_eq!(concepts::hint(&starter().concepts, &prompt), Hint::Nothing, "{prompt}");
}
