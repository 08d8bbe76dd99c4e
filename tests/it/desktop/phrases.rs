//! Lists and styles on the disk: read at the start and whenever the user comes back, styles written.

use std::fs;

use safelight::app::services::{Answer, OfPhrasebook, Task};
use safelight::grammar::Style;
use safelight::phrasebook::Phrases;

use super::{Home, Open};

fn phrases(open: &mut Open) -> Phrases {
    open.wait(|answer| match answer {
        Answer::Phrases(phrases) => Some(phrases.clone()),
        _ => None,
    })
}

#[test]
fn lists_and_styles_are_read_written_and_read_again() {
    let home = Home::new();
    let (folder, table) = (home.places().wildcards.unwrap(), home.places().styles.unwrap());
    let mut open = home.open();
    open.ask(Task::List { folder: None });
    assert_eq!(phrases(&mut open).styles, []);
    let ink = Style { name: "Ink".into(), prompt: "{prompt}, ink".into(), negative: "photo".into() };
    open.ask(Task::Phrasebook(OfPhrasebook::Save(ink.clone())));
    assert_eq!(phrases(&mut open).styles, [ink]);
    let written = fs::read_to_string(&table).unwrap();
    assert_eq!(written, "\u{feff}name,prompt,negative_prompt\r\nInk,\"{prompt}, ink\",photo\r\n");
    open.ask(Task::Phrasebook(OfPhrasebook::Delete("Ink".into())));
    assert_eq!(phrases(&mut open).styles, []);
    // What was changed elsewhere is seen when the user comes back.
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("pet.txt"), "cat\n").unwrap();
    open.ask(Task::Watch(true));
    assert!(phrases(&mut open).lists.knows("pet"));
    // A table of something else is told, and not written over.
    fs::write(&table, "a,b\n1,2\n").unwrap();
    open.ask(Task::Phrasebook(OfPhrasebook::Save(Style { name: "x".into(), ..Style::default() })));
    assert!(open.failure().contains("error-styles-names"));
    assert_eq!(fs::read_to_string(&table).unwrap(), "a,b\n1,2\n");
}
