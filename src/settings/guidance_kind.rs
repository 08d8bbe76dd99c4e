//! `GuidanceKind`: by which formula guidance brings the two predictions together.
//!
//! Trap: CFG++ reads the same number on another scale: A1111's for DDIM (the scale over 12.5), ComfyUI's
//! for Euler (as it is).

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// The formula of guidance; serialized by its name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "&'static str", try_from = "Cow<'static, str>")]
pub enum GuidanceKind {
    /// Classifier-free guidance (Ho and Salimans 2022).
    #[default]
    Cfg,
    /// CFG++ (Chung et al. 2024): the noise that a step gives back is the unconditional one.
    CfgPp,
}

impl GuidanceKind {
    /// Every formula, in the order in which menus show them.
    pub const ALL: [Self; 2] = [Self::Cfg, Self::CfgPp];

    /// Its name on the command line and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cfg => "cfg",
            Self::CfgPp => "cfg++",
        }
    }

    /// The formula of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name().eq_ignore_ascii_case(name))
    }
}

impl From<GuidanceKind> for &'static str {
    fn from(kind: GuidanceKind) -> Self {
        kind.name()
    }
}

impl TryFrom<Cow<'static, str>> for GuidanceKind {
    type Error = String;

    fn try_from(name: Cow<'static, str>) -> Result<Self, String> {
        Self::from_name(&name).ok_or_else(|| format!("unknown kind of guidance {name:?}"))
    }
}
