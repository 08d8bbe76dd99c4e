//! Commands: everything that a person can do, as data.
//!
//! [`TABLE`] is the one list of named acts; menus, the palette, tooltips and keys read it, so they
//! cannot disagree. Drawing only returns commands; `execute.rs` carries them out.

use std::path::PathBuf;

use egui::{Context, Key, KeyboardShortcut, Modifiers};

use crate::app::i18n::{Language, Words};
use crate::app::theme::icons;
use crate::app::theme::icons::Icon;
use crate::message::{Compute, JobId, ModelSource};
use crate::settings::Settings;

/// A named act without particulars.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Make a picture, or put it in the queue.
    Develop,
    /// End the running picture and hold the queue, or close what is open.
    Stop,
    /// End the running picture and take all others out of the queue.
    StopAll,
    /// Take all waiting pictures out of the queue.
    ClearQueue,
    /// Set a queue on hold going again.
    ContinueQueue,
    /// Rest or go on.
    Pause,
    /// Show all acts.
    Palette,
    /// Show the settings.
    Settings,
    /// Choose a model file.
    OpenModel,
    /// Choose a picture and use its settings.
    OpenPicture,
    /// Save what is shown under another name.
    SaveAs,
    /// Put what is shown on the clipboard.
    Copy,
    /// Show its file in the folder.
    Reveal,
    /// Use its settings.
    UseSettings,
    /// Compare it with another.
    Compare,
    /// Move it to the trash.
    Delete,
    /// Bring back what was deleted last.
    UndoDelete,
    /// Delete again what was brought back last.
    RedoDelete,
    /// Try again to save the pictures that could not be saved.
    SaveAgain,
    /// Choose the folder where pictures are kept.
    PickFolder,
    /// Develop again what was cut short when the program ended.
    DevelopAgain,
    /// Write a prompt of things that the model knows.
    Surprise,
    /// Another seed.
    NewSeed,
    /// Keep the seed, or not.
    LockSeed,
    /// Show or hide the gallery.
    Gallery,
    /// Show or hide the controls.
    Controls,
    /// Show or hide the rarer controls.
    More,
    /// Show or hide the negative prompt.
    Negative,
    /// Play the development.
    Play,
    /// Save the development as a GIF.
    ExportGif,
    /// Save the development as an animated PNG.
    ExportApng,
    /// Decode the chosen step with the full decoder.
    DecodeStep,
    /// The step before.
    PreviousStep,
    /// The step after.
    NextStep,
    /// The whole picture.
    ZoomFit,
    /// Nearer.
    ZoomIn,
    /// Farther.
    ZoomOut,
    /// Write the prompt.
    FocusPrompt,
    /// Search the gallery.
    FocusSearch,
    /// The pictures' folder.
    OpenFolder,
    /// Start the inference thread again.
    Restart,
    /// Close the window.
    Quit,
}

/// What a person asked for.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// A named act.
    Do(Act),
    /// Show a step of a development; none is its newest.
    ShowStep {
        /// Which development.
        job: JobId,
        /// Which step.
        step: Option<usize>,
    },
    /// Show a picture of the gallery.
    ShowRecord(PathBuf),
    /// Compare what is shown with a picture of the gallery.
    CompareWith(PathBuf),
    /// Stop comparing.
    EndCompare,
    /// Move a picture to the trash.
    DeleteRecord(PathBuf),
    /// Take a waiting picture out of the queue.
    Unqueue(JobId),
    /// Move a waiting picture to a place in the queue.
    Requeue {
        /// Which.
        job: JobId,
        /// Its place, from 0.
        to: usize,
    },
    /// Open a model.
    Open(ModelSource),
    /// Compute elsewhere or otherwise.
    Compute(Compute),
    /// Change the guidance of the running picture.
    Steer(f64),
    /// Make one of the first screen's examples, by its number.
    DevelopExample(usize),
    /// Use these settings.
    Use(Box<Settings>),
    /// Files dropped on the window.
    Dropped(Vec<PathBuf>),
    /// Look for files on the clipboard; `picture` when a bare picture was found there.
    PasteFiles {
        /// Whether there was one.
        picture: bool,
    },
    /// Put a card away.
    Dismiss(u64),
    /// Speak another language.
    Speak(Language),
    /// Use another theme.
    Theme(crate::preferences::Theme),
    /// Move less, or as much as usual.
    ReduceMotion(bool),
    /// Show a file or folder that the program keeps.
    Reveal(PathBuf),
    /// Close the window although work is in progress.
    CloseAnyway,
    /// Do not close.
    KeepWorking,
}

/// One row of the table.
pub struct Row {
    /// The act.
    pub act: Act,
    /// The words are `do-KEY` (what it is called) and `do-KEY-tip` (one plain sentence).
    pub key: &'static str,
    /// Its icon.
    pub icon: Icon,
    /// Its keys.
    pub shortcut: Option<KeyboardShortcut>,
    /// Whether the keys count only while no text is being written.
    pub plain: bool,
}

const CTRL: Modifiers = Modifiers::COMMAND;
const CTRL_SHIFT: Modifiers = Modifiers::COMMAND.plus(Modifiers::SHIFT);

const fn row(act: Act, key: &'static str, icon: Icon) -> Row {
    Row { act, key, icon, shortcut: None, plain: false }
}

const fn keyed(act: Act, key: &'static str, icon: Icon, modifiers: Modifiers, press: Key) -> Row {
    Row {
        act,
        key,
        icon,
        shortcut: Some(KeyboardShortcut::new(modifiers, press)),
        plain: !modifiers.command && !modifiers.shift,
    }
}

/// All acts.
pub const TABLE: &[Row] = &[
    keyed(Act::Develop, "develop", icons::SPARKLES, CTRL, Key::Enter),
    keyed(Act::Stop, "stop", icons::STOP, Modifiers::NONE, Key::Escape),
    keyed(Act::StopAll, "stop-all", icons::STOP, Modifiers::SHIFT, Key::Escape),
    row(Act::ClearQueue, "clear-queue", icons::CLOSE),
    row(Act::ContinueQueue, "continue-queue", icons::PLAY),
    row(Act::DevelopAgain, "develop-again", icons::REFRESH),
    keyed(Act::Pause, "pause", icons::PAUSE, CTRL, Key::Period),
    keyed(Act::Palette, "palette", icons::COMMAND, CTRL, Key::K),
    keyed(Act::Settings, "settings", icons::SETTINGS, CTRL, Key::Comma),
    keyed(Act::OpenModel, "open-model", icons::MODEL, CTRL, Key::O),
    keyed(Act::OpenPicture, "open-picture", icons::IMPORT, CTRL_SHIFT, Key::O),
    keyed(Act::SaveAs, "save-as", icons::SAVE, CTRL, Key::S),
    keyed(Act::Copy, "copy", icons::COPY, CTRL_SHIFT, Key::C),
    keyed(Act::Reveal, "reveal", icons::FOLDER, CTRL_SHIFT, Key::R),
    keyed(Act::UseSettings, "use-settings", icons::HISTORY, CTRL, Key::U),
    keyed(Act::Compare, "compare", icons::COMPARE, CTRL, Key::D),
    keyed(Act::Delete, "delete", icons::TRASH, Modifiers::NONE, Key::Delete),
    keyed(Act::UndoDelete, "undo-delete", icons::UNDO, CTRL, Key::Z),
    keyed(Act::RedoDelete, "redo-delete", icons::TRASH, CTRL_SHIFT, Key::Z),
    row(Act::SaveAgain, "save-again", icons::SAVE),
    row(Act::PickFolder, "pick-folder", icons::FOLDER),
    keyed(Act::Surprise, "surprise", icons::WAND, CTRL, Key::R),
    keyed(Act::NewSeed, "new-seed", icons::DICE, CTRL, Key::N),
    keyed(Act::LockSeed, "lock-seed", icons::LOCK, CTRL, Key::L),
    keyed(Act::Gallery, "gallery", icons::SIDEBAR, CTRL, Key::B),
    keyed(Act::Controls, "controls", icons::SIDEBAR_RIGHT, CTRL, Key::J),
    keyed(Act::More, "more", icons::PLUS, CTRL, Key::M),
    row(Act::Negative, "negative", icons::MINUS),
    keyed(Act::Play, "play", icons::PLAY, Modifiers::NONE, Key::Space),
    row(Act::ExportGif, "export-gif", icons::MOVIE),
    row(Act::ExportApng, "export-apng", icons::MOVIE),
    row(Act::DecodeStep, "decode-step", icons::EYE),
    keyed(Act::PreviousStep, "previous-step", icons::LEFT, Modifiers::NONE, Key::Comma),
    keyed(Act::NextStep, "next-step", icons::RIGHT, Modifiers::NONE, Key::Period),
    keyed(Act::ZoomFit, "zoom-fit", icons::FIT, CTRL, Key::Num0),
    keyed(Act::ZoomIn, "zoom-in", icons::ZOOM_IN, CTRL, Key::Plus),
    keyed(Act::ZoomOut, "zoom-out", icons::ZOOM_OUT, CTRL, Key::Minus),
    keyed(Act::FocusPrompt, "focus-prompt", icons::RIGHT, CTRL, Key::E),
    keyed(Act::FocusSearch, "focus-search", icons::SEARCH, CTRL, Key::F),
    row(Act::OpenFolder, "open-folder", icons::FOLDER_OPEN),
    row(Act::Restart, "restart", icons::REFRESH),
    keyed(Act::Quit, "quit", icons::CLOSE, CTRL, Key::Q),
];

impl Act {
    /// Its row.
    pub fn row(self) -> &'static Row {
        // Every act has a row (a test says so); the first stands in if one were lost.
        TABLE.iter().find(|row| row.act == self).unwrap_or(&TABLE[0])
    }

    /// What it is called.
    pub fn name(self, words: &Words) -> String {
        words.t(&format!("do-{}", self.row().key))
    }

    /// What it does, and its keys.
    pub fn tip(self, words: &Words, ctx: &Context) -> String {
        let row = self.row();
        let tip = words.t(&format!("do-{}-tip", row.key));
        match &row.shortcut {
            Some(shortcut) => format!("{tip}  {}", keys(ctx, shortcut)),
            None => tip,
        }
    }
}

/// A shortcut as people read it.
pub fn keys(ctx: &Context, shortcut: &KeyboardShortcut) -> String {
    let text = ctx.format_shortcut(shortcut).replace('+', " ");
    [("Enter", "↵"), ("Escape", "Esc"), ("Period", "."), ("Comma", ","), ("Plus", "+"), ("Minus", "−")]
        .iter()
        .fold(text, |text, (long, short)| text.replace(long, short))
}

/// The acts whose keys were pressed in this frame and that `may` be done now.
/// `writing`: whether keys without modifiers belong to something else.
pub fn pressed(ctx: &Context, writing: bool, may: impl Fn(Act) -> bool) -> Vec<Act> {
    // Stop is for everywhere. More modifiers first, or Ctrl+Shift+C would also be Ctrl+C.
    let plain = |row: &Row| row.plain && writing && row.act != Act::Stop;
    let mut rows: Vec<&Row> = TABLE.iter().filter(|row| !plain(row) && may(row.act)).collect();
    rows.sort_by_key(|row| row.shortcut.is_some_and(|keys| !keys.modifiers.shift));
    ctx.input_mut(|input| {
        rows.iter()
            .filter(|row| row.shortcut.is_some_and(|shortcut| input.consume_shortcut(&shortcut)))
            .map(|row| row.act)
            .collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_acts_share_keys_or_names() {
        for (i, a) in TABLE.iter().enumerate() {
            for b in &TABLE[i + 1..] {
                assert_ne!(a.act, b.act);
                assert_ne!(a.key, b.key);
                assert!(a.shortcut.is_none() || a.shortcut != b.shortcut, "{} and {}", a.key, b.key);
            }
        }
    }

    #[test]
    fn each_act_finds_its_own_row() {
        for row in TABLE {
            assert_eq!(row.act.row().key, row.key);
        }
        assert_eq!(Act::Restart.row().key, "restart");
        assert_eq!(Act::ExportApng.row().key, "export-apng");
    }
}
