//! What the user can do on the tray beside the named acts.

use std::path::PathBuf;

use crate::settings::{Margins, Treatment};
use crate::tray::{Brush, Touch};

/// Something done on the tray.
#[derive(Clone, Debug, PartialEq)]
pub enum OfTray {
    /// Use a file as the mask.
    MaskFile(PathBuf),
    /// Paint a part of a stroke.
    Stroke(Stroke),
    /// Paint what a line encloses, in pixels of the picture, or take it away.
    Enclose(Vec<[f32; 2]>),
    /// Hold another brush.
    Hold(Brush),
    /// Do something else with the picture.
    Treat(Treatment),
    /// Leave other room around it; `ends`: the hand lets go.
    Room {
        /// The room.
        margins: Margins,
        /// Whether the size of the run follows.
        ends: bool,
    },
}

/// A part of a stroke.
#[derive(Clone, Debug, PartialEq)]
pub struct Stroke {
    /// Whether it is the first part.
    pub begins: bool,
    /// Places on the picture, in the order touched.
    pub touches: Vec<Touch>,
    /// Whether it is the last part.
    pub ends: bool,
}

/// What a hand on the tray does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tool {
    /// Paints with the brush.
    #[default]
    Brush,
    /// Encloses with a line.
    Lasso,
}
