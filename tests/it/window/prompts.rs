//! Prompts as people write them: weights by keys, chunks, lists, choices, styles, and all of it off with one switch.

use std::sync::Arc;

use egui::accesskit::Role;
use egui::{Key, Modifiers};
use egui_kittest::kittest::Queryable as _;

use safelight::app::services::{Answer, Began, OfPhrasebook, Task};
use safelight::grammar::Style;
use safelight::grammar::dynamic::Lists;
use safelight::message::{Event, ModelInfo, ModelSource, Request, TokenCount};
use safelight::phrasebook::Phrases;
use safelight::picture::MadeBy;
use safelight::settings::{PromptGrammar, Settings};

use super::stage::{Setup, Stage, sample, settings, starter};

/// Two styles and two lists.
pub fn phrases() -> Phrases {
    let mut lists = Lists::new("/home/ada/safelight/wildcards");
    lists.add("animal", "fox\nowl\nhare\n");
    lists.add("colors/warm", "red\norange\n");
    let style = |name: &str, prompt: &str, negative: &str| Style {
        name: name.into(),
        prompt: prompt.into(),
        negative: negative.into(),
    };
    let styles = vec![
        style("Ink", "{prompt}, ink on rice paper", "photo"),
        style("Old photograph", "(sepia:1.2), scratches, 1890", ""),
    ];
    Phrases { lists: Arc::new(lists), styles }
}

/// A window with another model than the starter, which reads prompts as A1111 does.
pub fn reading(setup: Setup) -> Stage {
    let mut stage = setup.build();
    let defaults = Settings { grammar: PromptGrammar::A1111, ..settings("") };
    let source = ModelSource::file("/models/v1-5.safetensors");
    let info = ModelInfo {
        source,
        name: "v1-5".into(),
        concepts: Vec::new(),
        defaults,
        max_tokens: 77,
        ..starter()
    };
    stage.tell(Event::Opened(Box::new(info)));
    stage.run();
    stage.answer(Answer::Phrases(phrases()));
    stage.count();
    stage
}

fn prompt(stage: &Stage) -> String {
    stage.harness.state().state().draft.settings.prompt.clone()
}

fn write(stage: &mut Stage, text: &str) {
    stage.harness.get_by_role_and_label(Role::MultilineTextInput, "Prompt").focus();
    stage.run();
    stage.write(text);
}

#[test]
fn ctrl_with_up_and_down_weighs_the_word_at_the_cursor_and_is_undone() {
    let mut stage = reading(Setup::default());
    write(&mut stage, "a red fox");
    stage.press(Modifiers::COMMAND, Key::ArrowUp);
    assert_eq!(prompt(&stage), "a red (fox:1.1)");
    stage.press(Modifiers::COMMAND, Key::ArrowUp);
    assert_eq!(prompt(&stage), "a red (fox:1.2)");
    stage.press(Modifiers::COMMAND, Key::Z);
    assert_eq!(prompt(&stage), "a red (fox:1.1)");
    stage.press(Modifiers::COMMAND, Key::ArrowDown);
    assert_eq!(prompt(&stage), "a red fox");
    stage.press(Modifiers::COMMAND, Key::ArrowDown);
    assert_eq!(prompt(&stage), "a red (fox:0.9)");
    // What is selected, all of it here.
    stage.write("a red fox");
    stage.press(Modifiers::COMMAND, Key::A);
    stage.press(Modifiers::COMMAND, Key::ArrowUp);
    assert_eq!(prompt(&stage), "(a red fox:1.1)");
    // The negative prompt has weights too.
    stage.click("Negative prompt");
    stage.write("blur");
    stage.press(Modifiers::COMMAND, Key::ArrowUp);
    assert_eq!(stage.harness.state().state().draft.settings.negative_prompt, "(blur:1.1)");
}

#[test]
fn the_history_is_gone_through_with_alt_where_a_prompt_has_rows() {
    let mut stage = reading(Setup::default());
    for text in ["first", "second"] {
        write(&mut stage, text);
        stage.click("Develop");
        let job = stage.job().id;
        stage.begin(job, 20);
        stage.finish(job, 3);
    }
    write(&mut stage, "one\ntwo");
    stage.press(Modifiers::NONE, Key::ArrowUp);
    assert_eq!(prompt(&stage), "one\ntwo");
    stage.press(Modifiers::ALT, Key::ArrowUp);
    assert_eq!(prompt(&stage), "second");
    stage.press(Modifiers::ALT, Key::ArrowUp);
    assert_eq!(prompt(&stage), "first");
    stage.press(Modifiers::ALT, Key::ArrowDown);
    assert_eq!(prompt(&stage), "second");
}

#[test]
fn taken_literally_a_prompt_has_no_keys_no_styles_and_nothing_is_written_out() {
    let mut stage = Setup::default().open();
    stage.answer(Answer::Phrases(phrases()));
    write(&mut stage, "a {b|b} __gone__ fox");
    stage.press(Modifiers::COMMAND, Key::ArrowUp);
    assert_eq!(prompt(&stage), "a {b|b} __gone__ fox");
    assert!(stage.harness.query_by_label("Styles").is_none());
    stage.click("Develop");
    let settings = stage.job().settings;
    assert_eq!((settings.prompt.as_str(), settings.template.as_str()), ("a {b|b} __gone__ fox", ""));
}

#[test]
fn chunks_and_counts_are_told_as_a1111_tells_them() {
    let mut stage = reading(Setup::default());
    let text = "a long prompt";
    write(&mut stage, text);
    let count = TokenCount { used: 75 + 10 + 4, max: 154, dropped_from: None, chunks: 2, starts: vec![7] };
    stage.tell(Event::Tokens { text: text.into(), count });
    stage.run();
    stage.harness.get_by_label("75+10 of 150");
    stage.requests();
    // What is counted is what the next picture gets.
    write(&mut stage, "a {x|x} fox");
    let counted = stage.requests().into_iter().find_map(|request| match request {
        Request::CountTokens { text, .. } => Some(text),
        _ => None,
    });
    assert_eq!(counted.as_deref(), Some("a x fox"));
}

#[test]
fn each_seed_writes_a_prompt_out_by_itself_and_the_picture_keeps_both() {
    let mut stage = reading(Setup::default());
    write(&mut stage, "a {small|large} __animal__");
    for _ in 0..4 {
        stage.click("One more");
    }
    stage.click("Develop");
    let first = stage.job().settings;
    let state = stage.harness.state().state();
    let waiting = state.queue.waiting.iter().map(|waiting| waiting.job.settings.clone());
    let all: Vec<Settings> = std::iter::once(first.clone()).chain(waiting).collect();
    assert_eq!(all.len(), 5);
    let prompts: std::collections::BTreeSet<&str> = all.iter().map(|it| it.prompt.as_str()).collect();
    assert!(prompts.len() > 1, "{prompts:?}");
    for settings in &all {
        assert_eq!(settings.template, "a {small|large} __animal__");
        let words: Vec<&str> = settings.prompt.split(' ').collect();
        assert!(["small", "large"].contains(&words[1]) && ["fox", "owl", "hare"].contains(&words[2]));
    }
    // The field keeps what was written, and a picture gives back both.
    assert_eq!(prompt(&stage), "a {small|large} __animal__");
    stage.answer(Answer::Phrases(Phrases::default()));
    stage.answer(Answer::Recovered {
        path: "/pictures/a.png".into(),
        settings: Box::new(first.clone().into()),
        foreign_sampler: None,
        made_by: MadeBy::default(),
        frame: sample(1),
        began: Began::FromNoise,
    });
    assert_eq!(prompt(&stage), first.prompt);
    assert!(stage.says("Written out of: a {small|large} __animal__"));
    stage.click("Add to queue");
    let waiting = &stage.harness.state().state().queue.waiting;
    let again = waiting[waiting.len() - 5].job.settings.clone();
    assert_eq!((&again.prompt, &again.template, again.seed), (&first.prompt, &first.template, first.seed));
    stage.click("Use it");
    assert_eq!(prompt(&stage), "a {small|large} __animal__");
    assert!(!stage.says("Written out of: a {small|large} __animal__"));
}

#[test]
fn the_pictures_of_a_sheet_are_written_out_each_by_its_seed() {
    let mut stage = reading(Setup::default());
    write(&mut stage, "{a|b|c|d|e|f|g|h}");
    stage.press(Modifiers::COMMAND, Key::G);
    stage.click("Develop 9 to step 5");
    let sheet = stage.requests().into_iter().find_map(|request| match request {
        Request::Sheet(sheet) => Some(sheet),
        _ => None,
    });
    let jobs = sheet.unwrap().jobs;
    let prompts: std::collections::BTreeSet<String> =
        jobs.iter().map(|job| job.settings.prompt.clone()).collect();
    assert!(prompts.len() > 2 && prompts.iter().all(|prompt| prompt.len() == 1), "{prompts:?}");
    assert!(jobs.iter().all(|job| job.settings.template == "{a|b|c|d|e|f|g|h}"));
}

#[test]
fn a_list_that_is_missing_is_told_and_loses_nothing() {
    let mut stage = reading(Setup::default());
    write(&mut stage, "a __animl__");
    let said = "No list “animl” for __animl__ in /home/ada/safelight/wildcards; there are: animal, \
                colors/warm. Correct the name or put animl.txt there.";
    assert!(stage.says(said));
    let seed = stage.harness.state().state().draft.settings.seed;
    stage.click("Develop");
    assert!(!stage.requests().iter().any(|request| matches!(request, Request::Generate(_))));
    assert_eq!(
        (prompt(&stage).as_str(), stage.harness.state().state().draft.settings.seed),
        ("a __animl__", seed)
    );
    // Once the list is there the same prompt is made.
    let mut phrases = phrases();
    let mut lists = Lists::clone(&phrases.lists);
    lists.add("animl", "cat");
    phrases.lists = Arc::new(lists);
    stage.answer(Answer::Phrases(phrases));
    stage.click("Develop");
    assert_eq!(stage.job().settings.prompt, "a cat");
}

#[test]
fn names_of_lists_complete() {
    let mut stage = reading(Setup::default());
    write(&mut stage, "a (__an");
    stage.run();
    stage.press(Modifiers::NONE, Key::Tab);
    assert_eq!(prompt(&stage), "a (__animal__");
}

#[test]
fn styles_are_applied_kept_and_forgotten() {
    let mut stage = reading(Setup::default());
    write(&mut stage, "a fox");
    stage.click("Styles");
    stage.click("Apply “Ink”");
    let draft = |stage: &Stage| {
        let settings = &stage.harness.state().state().draft.settings;
        (settings.prompt.clone(), settings.negative_prompt.clone())
    };
    assert_eq!(draft(&stage), ("a fox, ink on rice paper".into(), "photo".into()));
    stage.press(Modifiers::COMMAND, Key::Z);
    assert_eq!(draft(&stage).0, "a fox");
    stage.tasks();
    stage.click("Styles");
    stage.harness.get_by_role_and_label(Role::TextInput, "Name of the style").focus();
    stage.run();
    stage.write("Fox");
    stage.click("Save");
    let saved = Style { name: "Fox".into(), prompt: "a fox".into(), negative: "photo".into() };
    assert!(stage.tasks().contains(&Task::Phrasebook(OfPhrasebook::Save(saved))));
    stage.click("Delete style “Ink”");
    assert!(stage.tasks().contains(&Task::Phrasebook(OfPhrasebook::Delete("Ink".into()))));
    stage.click("Restore style");
    let ink = phrases().styles.remove(0);
    assert!(stage.tasks().contains(&Task::Phrasebook(OfPhrasebook::Save(ink))));
}
