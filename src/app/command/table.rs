//! The table of named acts, and their names, tips and keys.
//!
//! Menus, the palette, tooltips and keys all read [`TABLE`], so they cannot disagree.

use egui::{Context, Key, KeyboardShortcut, Modifiers};

use crate::app::command::Act;
use crate::app::i18n::Words;
use crate::app::theme::icons;
use crate::app::theme::icons::Icon;

/// One row of the table.
pub struct Row {
    /// The act that the row describes.
    pub act: Act,
    /// The words are `do-KEY` (what it is called) and `do-KEY-tip` (one plain sentence).
    pub key: &'static str,
    /// Drawn on its button and in the palette.
    pub icon: Icon,
    /// The keys that trigger it, where it has any.
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

/// Every act once, in the order in which the palette lists them.
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
    keyed(Act::Models, "models", icons::MODEL, CTRL_SHIFT, Key::M),
    row(Act::GetModel, "get-model", icons::DOWNLOAD),
    row(Act::ModelsFolders, "models-folders", icons::FOLDER),
    row(Act::AddModelsFolder, "add-models-folder", icons::PLUS),
    row(Act::GoOnDownloads, "go-on-downloads", icons::DOWNLOAD),
    row(Act::UseGot, "use-got", icons::CHECK),
    keyed(Act::OpenPicture, "open-picture", icons::IMPORT, CTRL_SHIFT, Key::O),
    keyed(Act::PickPhoto, "pick-photo", icons::PICTURE, CTRL_SHIFT, Key::I),
    keyed(Act::WorkFrom, "work-from", icons::WORK_FROM, CTRL, Key::I),
    keyed(Act::ShowTray, "show-tray", icons::PICTURE, CTRL, Key::T),
    row(Act::ClearTray, "clear-tray", icons::CLOSE),
    keyed(Act::Brush, "brush", icons::BRUSH, Modifiers::NONE, Key::B),
    keyed(Act::Eraser, "eraser", icons::ERASER, Modifiers::NONE, Key::E),
    keyed(Act::Lasso, "lasso", icons::LASSO, Modifiers::NONE, Key::L),
    keyed(Act::SmallerBrush, "smaller-brush", icons::MINUS, Modifiers::NONE, Key::OpenBracket),
    keyed(Act::LargerBrush, "larger-brush", icons::PLUS, Modifiers::NONE, Key::CloseBracket),
    row(Act::FillMask, "fill-mask", icons::BUCKET),
    row(Act::ClearMask, "clear-mask", icons::TRASH),
    row(Act::InvertMask, "invert-mask", icons::INVERT),
    row(Act::PickMask, "pick-mask", icons::FOLDER_OPEN),
    row(Act::MaskHoles, "mask-holes", icons::GRID),
    row(Act::ClearRoom, "clear-room", icons::FIT),
    keyed(Act::SaveAs, "save-as", icons::SAVE, CTRL, Key::S),
    keyed(Act::Copy, "copy", icons::COPY, CTRL_SHIFT, Key::C),
    keyed(Act::Reveal, "reveal", icons::FOLDER, CTRL_SHIFT, Key::R),
    keyed(Act::UseSettings, "use-settings", icons::HISTORY, CTRL, Key::U),
    keyed(Act::Compare, "compare", icons::COMPARE, CTRL, Key::D),
    keyed(Act::Delete, "delete", icons::TRASH, Modifiers::NONE, Key::Delete),
    keyed(Act::Undo, "undo", icons::UNDO, CTRL, Key::Z),
    keyed(Act::Redo, "redo", icons::REDO, CTRL_SHIFT, Key::Z),
    row(Act::UndoDelete, "undo-delete", icons::UNDO),
    row(Act::RedoDelete, "redo-delete", icons::TRASH),
    row(Act::SaveAgain, "save-again", icons::SAVE),
    row(Act::PickFolder, "pick-folder", icons::FOLDER),
    keyed(Act::Surprise, "surprise", icons::WAND, CTRL, Key::R),
    keyed(Act::NewSeed, "new-seed", icons::DICE, CTRL, Key::N),
    keyed(Act::LockSeed, "lock-seed", icons::LOCK, CTRL, Key::L),
    keyed(Act::Gallery, "gallery", icons::SIDEBAR, CTRL, Key::B),
    keyed(Act::Controls, "controls", icons::SIDEBAR_RIGHT, CTRL, Key::J),
    keyed(Act::More, "more", icons::PLUS, CTRL, Key::M),
    row(Act::Curve, "curve", icons::WAND),
    keyed(Act::Lens, "lens", icons::EYE, CTRL_SHIFT, Key::L),
    row(Act::Negative, "negative", icons::MINUS),
    keyed(Act::Play, "play", icons::PLAY, Modifiers::NONE, Key::Space),
    row(Act::ExportGif, "export-gif", icons::MOVIE),
    row(Act::ExportApng, "export-apng", icons::MOVIE),
    row(Act::DecodeStep, "decode-step", icons::EYE),
    row(Act::DecodeAll, "decode-all", icons::EYE),
    row(Act::ExportStrip, "export-strip", icons::GRID),
    keyed(Act::Branch, "branch", icons::BRANCH, CTRL_SHIFT, Key::B),
    row(Act::EndBranch, "end-branch", icons::CLOSE),
    keyed(Act::GoOn, "go-on", icons::NEXT, CTRL_SHIFT, Key::Period),
    keyed(Act::CompareParent, "compare-parent", icons::COMPARE, CTRL_SHIFT, Key::D),
    keyed(Act::Negatives, "negatives", icons::HISTORY, CTRL_SHIFT, Key::N),
    keyed(Act::Sheet, "sheet", icons::GRID, CTRL, Key::G),
    keyed(Act::ShowSheet, "show-sheet", icons::GRID, CTRL_SHIFT, Key::G),
    row(Act::PickAll, "pick-all", icons::CHECK),
    keyed(Act::DevelopPicked, "develop-picked", icons::SPARKLES, CTRL_SHIFT, Key::Enter),
    row(Act::SaveSheet, "save-sheet", icons::SAVE),
    row(Act::DeleteNegative, "delete-negative", icons::TRASH),
    row(Act::RestoreStyle, "restore-style", icons::UNDO),
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
    /// Whether it acts on the tray alone, while that is on the canvas.
    pub fn is_of_tray(self) -> bool {
        matches!(
            self,
            Self::Brush
                | Self::Eraser
                | Self::Lasso
                | Self::SmallerBrush
                | Self::LargerBrush
                | Self::FillMask
                | Self::ClearMask
                | Self::InvertMask
                | Self::PickMask
                | Self::MaskHoles
                | Self::ClearRoom
        )
    }

    /// Its row of the table.
    pub fn row(self) -> &'static Row {
        // Every act has a row (a test says so); the first stands in if one were lost.
        TABLE.iter().find(|row| row.act == self).unwrap_or(&TABLE[0])
    }

    /// Its name in the language of `words`.
    pub fn name(self, words: &Words) -> String {
        words.t(&format!("do-{}", self.row().key))
    }

    /// One sentence about it, and its keys.
    pub fn tip(self, words: &Words, ctx: &Context) -> String {
        let row = self.row();
        let tip = words.t(&format!("do-{}-tip", row.key));
        match &row.shortcut {
            Some(shortcut) => format!("{tip}  {}", keys(ctx, shortcut)),
            None => tip,
        }
    }
}

/// A shortcut in readable form.
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
