//! `SamplerKind`: which update rule takes the steps. [`SamplerKind::TABLE`] is the only list of them:
//! the command line, the window, pictures' metadata and notes read it.
//!
//! Invariant: each kind has one row, and no two rows share a spelling.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// Which update rule takes the steps; serialized by its canonical name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "&'static str", try_from = "Cow<'static, str>")]
pub enum SamplerKind {
    /// Denoising diffusion implicit models (Song et al. 2020).
    #[default]
    Ddim,
    /// Pseudo linear multi-step (Liu et al. 2022).
    Plms,
}

/// A row of [`SamplerKind::TABLE`]: what is known of a sampler apart from its formula.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sampler {
    /// The kind that the row describes.
    pub kind: SamplerKind,
    /// The canonical name: ComfyUI's where it has one. The command line and JSON use it.
    pub name: &'static str,
    /// A1111's name, which pictures carry and the window shows.
    pub a1111: &'static str,
    /// Other spellings that are understood.
    pub aliases: &'static [&'static str],
    /// One sentence for the command line's help.
    pub about: &'static str,
    /// Whether eta scales noise that the rule adds; where it adds none, eta must be 0.
    pub takes_eta: bool,
}

impl SamplerKind {
    /// Every sampler, in the order in which menus show them.
    pub const TABLE: &[Sampler] = &[
        Sampler {
            kind: Self::Ddim,
            name: "ddim",
            a1111: "DDIM",
            aliases: &[],
            about: "Denoising diffusion implicit models",
            takes_eta: true,
        },
        Sampler {
            kind: Self::Plms,
            name: "plms",
            a1111: "PLMS",
            aliases: &[],
            about: "Pseudo linear multi-step; needs eta 0",
            takes_eta: false,
        },
    ];

    /// Its row of the table.
    pub fn row(self) -> &'static Sampler {
        // The rows stand in the order of the variants, as a test holds.
        &Self::TABLE[self as usize]
    }

    /// The sampler of a canonical name, an alias or A1111's name, in upper or lower case.
    pub fn from_name(name: &str) -> Option<Self> {
        let known = |row: &&Sampler| row.spellings().any(|spelling| spelling.eq_ignore_ascii_case(name));
        Self::TABLE.iter().find(known).map(|row| row.kind)
    }
}

impl Sampler {
    /// Every spelling that names it, the canonical one first.
    pub fn spellings(&self) -> impl Iterator<Item = &'static str> + use<> {
        [self.name, self.a1111].into_iter().chain(self.aliases.iter().copied())
    }
}

impl From<SamplerKind> for &'static str {
    fn from(kind: SamplerKind) -> Self {
        kind.row().name
    }
}

impl TryFrom<Cow<'static, str>> for SamplerKind {
    type Error = String;

    fn try_from(name: Cow<'static, str>) -> Result<Self, String> {
        Self::from_name(&name).ok_or_else(|| format!("unknown sampler {name:?}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_its_row_and_no_two_rows_share_a_spelling() {
        let mut seen: Vec<String> = Vec::new();
        for (i, row) in SamplerKind::TABLE.iter().enumerate() {
            assert_eq!(row.kind as usize, i, "{row:?} stands in the wrong place");
            assert_eq!(row.kind.row(), row);
            let mut own: Vec<String> = row.spellings().map(str::to_lowercase).collect();
            own.dedup();
            for spelling in own {
                assert_eq!(SamplerKind::from_name(&spelling), Some(row.kind), "{spelling}");
                assert!(!seen.contains(&spelling), "{spelling} names two samplers");
                seen.push(spelling);
            }
        }
        assert_eq!(SamplerKind::from_name("ddim "), None);
    }

    #[test]
    fn json_holds_the_canonical_name_and_an_unknown_one_is_refused() {
        for row in SamplerKind::TABLE {
            let json = serde_json::to_string(&row.kind).unwrap();
            assert_eq!(json, format!("{:?}", row.name));
            assert_eq!(serde_json::from_str::<SamplerKind>(&json).unwrap(), row.kind);
        }
        let refused = serde_json::from_str::<SamplerKind>("\"k_none\"").unwrap_err();
        assert!(refused.to_string().contains("k_none"), "{refused}");
    }
}
