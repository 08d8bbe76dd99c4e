//! Icons: one outline family (Tabler), as a small font.
//!
//! Invariant: the order here is the order of `assets/icons/names.txt`, from which the font is made.

/// One icon of the font.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Icon(char);

impl Icon {
    /// The private character that draws it. Never a name: give the widget one in words.
    pub fn glyph(self) -> char {
        self.0
    }
}

macro_rules! icons {
    ($($constant:ident $file:literal $code:literal)*) => {
        $(#[doc = concat!("`", $file, "`")] pub const $constant: Icon = Icon($code);)*
        #[cfg(test)]
        const ALL: &[(&str, Icon)] = &[$(($file, $constant)),*];
    };
}

icons! {
    SEARCH "search" '\u{E000}'
    CLOSE "x" '\u{E001}'
    RIGHT "chevron-right" '\u{E002}'
    DOWN "chevron-down" '\u{E003}'
    UP "chevron-up" '\u{E004}'
    LEFT "chevron-left" '\u{E005}'
    PLUS "plus" '\u{E006}'
    MINUS "minus" '\u{E007}'
    DICE "dice-5" '\u{E008}'
    LOCK "lock" '\u{E009}'
    UNLOCK "lock-open" '\u{E00A}'
    PLAY "player-play" '\u{E00B}'
    PAUSE "player-pause" '\u{E00C}'
    STOP "square" '\u{E00D}'
    MOVIE "movie" '\u{E00E}'
    FOLDER "folder" '\u{E00F}'
    TRASH "trash" '\u{E010}'
    COPY "copy" '\u{E011}'
    SAVE "device-floppy" '\u{E012}'
    HISTORY "history" '\u{E013}'
    COMPARE "arrows-diff" '\u{E014}'
    UNDO "arrow-back-up" '\u{E015}'
    SETTINGS "settings" '\u{E016}'
    GRIP "grip-vertical" '\u{E017}'
    SIDEBAR "layout-sidebar" '\u{E018}'
    SIDEBAR_RIGHT "layout-sidebar-right" '\u{E019}'
    PICTURE "photo" '\u{E01A}'
    WAND "wand" '\u{E01B}'
    REFRESH "refresh" '\u{E01C}'
    ERROR "alert-circle" '\u{E01D}'
    WARNING "alert-triangle" '\u{E01E}'
    CHECK "check" '\u{E01F}'
    INFO "info-circle" '\u{E020}'
    COMMAND "command" '\u{E021}'
    IMPORT "file-import" '\u{E022}'
    DOWNLOAD "download" '\u{E023}'
    EYE "eye" '\u{E024}'
    FIT "maximize" '\u{E025}'
    ARROW_UP "arrow-up" '\u{E026}'
    ARROW_DOWN "arrow-down" '\u{E027}'
    SPARKLES "sparkles" '\u{E028}'
    NEXT "player-track-next" '\u{E029}'
    FOLDER_OPEN "folder-open" '\u{E02A}'
    MODEL "stack-2" '\u{E02B}'
    MOON "moon" '\u{E02C}'
    SUN "sun" '\u{E02D}'
    ZOOM_IN "zoom-in" '\u{E02E}'
    ZOOM_OUT "zoom-out" '\u{E02F}'
    BRANCH "git-branch" '\u{E030}'
    GRID "layout-grid" '\u{E031}'
    PIN "pin" '\u{E032}'
    FLAME "flame" '\u{E033}'
    BRUSH "brush" '\u{E034}'
    ERASER "eraser" '\u{E035}'
    LASSO "lasso" '\u{E036}'
    BUCKET "bucket-droplet" '\u{E037}'
    INVERT "contrast" '\u{E038}'
    REDO "arrow-forward-up" '\u{E039}'
    DOTS "dots" '\u{E03A}'
    WORK_FROM "photo-edit" '\u{E03B}'
}

#[cfg(test)]
mod tests {
    use super::ALL;

    #[test]
    fn the_font_and_the_constants_agree() {
        let names: Vec<&str> = include_str!("../../../assets/icons/names.txt").split_whitespace().collect();
        let here: Vec<&str> = ALL.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, here);
        for (i, (_, icon)) in ALL.iter().enumerate() {
            assert_eq!(icon.glyph() as usize, 0xE000 + i);
        }
    }
}
