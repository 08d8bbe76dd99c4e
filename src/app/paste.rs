//! Pasting: pictures and files on the clipboard act as if dropped; text stays text.
//!
//! Trap: file managers differ. Most on Linux hand over copied files as text, Windows' Explorer as
//! nothing that egui reports: a Ctrl+V that brought nothing shows in its key alone, and then the
//! services look at the clipboard.

use std::path::{Path, PathBuf};

use egui::{Context, Event, Key};

use crate::app::command::Command;

/// Files pasted at once, at most.
const FILES_MAX: usize = 64;

/// Takes what is no text out of this frame's pastes. `pasted`: whether the key that pastes, while it is
/// held, has brought something.
pub(super) fn take(ctx: &Context, pasted: &mut bool) -> Vec<Command> {
    let mut commands = Vec::new();
    ctx.input_mut(|input| {
        input.events.retain(|event| match event {
            Event::Paste(text) => {
                *pasted = true;
                let files = files(text);
                let is_text = files.is_none();
                commands.extend(files.map(Command::Dropped));
                is_text
            }
            Event::PasteImage(picture) => {
                *pasted = true;
                commands.push(Command::PasteFiles { picture: Some(picture.clone()) });
                false
            }
            Event::Key { key: Key::V, pressed: false, modifiers, .. } => {
                if !std::mem::take(pasted) && modifiers.command {
                    commands.push(Command::PasteFiles { picture: None });
                }
                true
            }
            _ => true,
        });
    });
    commands
}

/// The files that a text names, if it names nothing else: a path or a `file:` address on each line.
fn files(text: &str) -> Option<Vec<PathBuf>> {
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    if lines.is_empty() || lines.len() > FILES_MAX {
        return None;
    }
    lines.into_iter().map(file).collect()
}

fn file(line: &str) -> Option<PathBuf> {
    if line.starts_with("file://") {
        return url::Url::parse(line).ok()?.to_file_path().ok();
    }
    let path = Path::new(line);
    (path.is_absolute() && path.extension().is_some()).then(|| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(unix)]
    fn only_a_text_of_files_alone_names_files() {
        let named = |text: &str| {
            files(text).map(|paths| paths.into_iter().map(|it| it.display().to_string()).collect())
        };
        assert_eq!(named("file:///a/red%20fox.png\r\n"), Some(vec!["/a/red fox.png".to_owned()]));
        assert_eq!(named("/a/b.png\n/c/d.webp\n"), Some(vec!["/a/b.png".to_owned(), "/c/d.webp".to_owned()]));
        for text in
            ["", "a fox", "fox.png", "/a/b.png and a fox\nan owl", "and/or", "file:", "/b", "http://a/b.png"]
        {
            assert_eq!(files(text), None, "{text}");
        }
    }
}
