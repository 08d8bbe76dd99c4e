//! What the gallery's panel lists, and what its lists share.

use std::path::PathBuf;

use crate::app::ui::view::View;

/// What the panel lists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tab {
    /// Kept pictures.
    #[default]
    Pictures,
    /// Kept runs.
    Negatives,
}

/// What the gallery remembers from frame to frame.
#[derive(Debug, Default)]
pub struct GalleryState {
    /// What the panel lists.
    pub tab: Tab,
    /// The kept runs in sight, by their negatives; taken after each frame.
    pub runs_in_sight: Vec<String>,
    /// Whether the gallery lies over the canvas of a narrow window.
    pub peek: bool,
    /// The kept pictures in sight, in the order drawn; taken after each frame.
    pub in_sight: Vec<PathBuf>,
}

/// "Today", "Yesterday", or how long ago.
pub fn heading(view: &View<'_>, days_ago: i64) -> String {
    match days_ago {
        0 => view.words.t("today"),
        1 => view.words.t("yesterday"),
        n => view.words.with("days-ago", &[("n", n.into())]),
    }
}
