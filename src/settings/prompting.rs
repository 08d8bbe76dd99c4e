//! How prompts are read, and how their weights act; each is serialized by its name.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// How prompts are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "&'static str", try_from = "Cow<'static, str>")]
pub enum PromptGrammar {
    /// As AUTOMATIC1111's web UI reads them.
    #[default]
    A1111,
    /// Every letter as it stands, cut where the text encoder ends, as the reference does.
    Literal,
}

/// How weights of words act.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "&'static str", try_from = "Cow<'static, str>")]
pub enum Emphasis {
    /// A1111's: multiplied, and brought back to the mean.
    #[default]
    A1111,
    /// Multiplied alone.
    NoNorm,
    /// compel's: away from the empty text.
    Compel,
}

impl PromptGrammar {
    /// Each, in the order of menus.
    pub const ALL: [Self; 2] = [Self::A1111, Self::Literal];

    /// Its name on the command line and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::A1111 => "a1111",
            Self::Literal => "literal",
        }
    }

    /// The one of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name().eq_ignore_ascii_case(name))
    }
}

impl Emphasis {
    /// Each, in the order of menus.
    pub const ALL: [Self; 3] = [Self::A1111, Self::NoNorm, Self::Compel];

    /// Its name on the command line and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::A1111 => "a1111",
            Self::NoNorm => "none",
            Self::Compel => "compel",
        }
    }

    /// The one of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name().eq_ignore_ascii_case(name))
    }
}

impl From<PromptGrammar> for &'static str {
    fn from(kind: PromptGrammar) -> Self {
        kind.name()
    }
}

impl TryFrom<Cow<'static, str>> for PromptGrammar {
    type Error = String;

    fn try_from(name: Cow<'static, str>) -> Result<Self, String> {
        Self::from_name(&name).ok_or_else(|| format!("unknown grammar {name:?}"))
    }
}

impl From<Emphasis> for &'static str {
    fn from(kind: Emphasis) -> Self {
        kind.name()
    }
}

impl TryFrom<Cow<'static, str>> for Emphasis {
    type Error = String;

    fn try_from(name: Cow<'static, str>) -> Result<Self, String> {
        Self::from_name(&name).ok_or_else(|| format!("unknown emphasis {name:?}"))
    }
}
