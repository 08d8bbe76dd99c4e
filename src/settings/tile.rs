//! `Tile`: along which axes a picture continues on its other side, so that copies of it fit together.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// Along which axes a picture tiles.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "&'static str", try_from = "Cow<'static, str>")]
pub enum Tile {
    /// None.
    #[default]
    None,
    /// Its right edge goes on at the left one.
    X,
    /// Its lower edge goes on at the upper one.
    Y,
    /// Both.
    Xy,
}

impl Tile {
    /// Each, in the order of menus.
    pub const ALL: [Self; 4] = [Self::None, Self::X, Self::Y, Self::Xy];

    /// Its name on the command line and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::X => "x",
            Self::Y => "y",
            Self::Xy => "xy",
        }
    }

    /// The one of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|tile| tile.name().eq_ignore_ascii_case(name))
    }

    /// Whether it tiles from left to right, and from top to bottom.
    pub fn axes(self) -> [bool; 2] {
        [matches!(self, Self::X | Self::Xy), matches!(self, Self::Y | Self::Xy)]
    }
}

impl From<Tile> for &'static str {
    fn from(tile: Tile) -> Self {
        tile.name()
    }
}

impl TryFrom<Cow<'static, str>> for Tile {
    type Error = String;

    fn try_from(name: Cow<'static, str>) -> Result<Self, String> {
        Self::from_name(&name).ok_or_else(|| format!("unknown axes {name:?}"))
    }
}
