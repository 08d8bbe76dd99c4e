//! `Choice`: one of the values of a setting that has a fixed list of them.

use crate::sampler::{RngKind, SamplerKind, ScheduleKind, TimestepSpacing};

use super::guidance_kind::GuidanceKind;
use super::prompting::{Emphasis, PromptGrammar};
use super::tile::Tile;

/// One value of a setting of [`Kind::Choice`](super::Kind::Choice).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The canonical name, on the command line and in JSON.
    pub name: &'static str,
    /// The name in A1111's text.
    pub a1111: &'static str,
    /// Other spellings that are understood.
    pub aliases: Vec<&'static str>,
    /// One sentence for the command line's help.
    pub about: &'static str,
    /// What the window shows.
    pub label: Label,
}

/// The words on a choice's chip in the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Label {
    /// The same in every language.
    Literal(&'static str),
    /// The key of the words in each language.
    Words(&'static str),
}

impl Choice {
    /// Whether `text` is one of its spellings, in upper or lower case.
    pub(super) fn is_spelled(&self, text: &str) -> bool {
        let mut spellings = [self.name, self.a1111].into_iter().chain(self.aliases.iter().copied());
        spellings.any(|spelling| spelling.eq_ignore_ascii_case(text))
    }
}

/// The samplers, from their own table.
pub(super) fn samplers() -> Vec<Choice> {
    let choice = |row: &crate::sampler::Sampler| Choice {
        name: row.name,
        a1111: row.a1111,
        aliases: row.aliases.to_vec(),
        about: row.about,
        label: Label::Literal(row.a1111),
    };
    SamplerKind::TABLE.iter().map(choice).collect()
}

/// The spacings of timesteps, from their own table.
pub(super) fn spacings() -> Vec<Choice> {
    let choice = |row: &crate::sampler::Spacing| Choice {
        name: row.name,
        a1111: row.name,
        aliases: Vec::new(),
        about: row.about,
        label: Label::Words(row.key),
    };
    TimestepSpacing::TABLE.iter().map(choice).collect()
}

/// The schedules of noise levels, from their own table.
pub(super) fn schedules() -> Vec<Choice> {
    let choice = |row: &crate::sampler::NoiseSchedule| Choice {
        name: row.name,
        a1111: row.a1111,
        aliases: row.aliases.to_vec(),
        about: row.about,
        label: match row.kind {
            ScheduleKind::Auto => Label::Words("schedule-auto"),
            _ => Label::Literal(row.a1111),
        },
    };
    ScheduleKind::TABLE.iter().map(choice).collect()
}

/// The formulas of guidance.
pub(super) fn guidance_kinds() -> Vec<Choice> {
    let choice = |kind: GuidanceKind| {
        let (aliases, about, label) = match kind {
            GuidanceKind::Cfg => (vec![], "Classifier-free guidance", "CFG"),
            GuidanceKind::CfgPp => (vec!["cfgpp", "cfg_pp"], "CFG++: renoises without the prompt", "CFG++"),
        };
        Choice { name: kind.name(), a1111: label, aliases, about, label: Label::Literal(label) }
    };
    GuidanceKind::ALL.map(choice).to_vec()
}

/// The ways of reading prompts.
pub(super) fn grammars() -> Vec<Choice> {
    let choice = |kind: PromptGrammar| {
        let (a1111, about, key) = match kind {
            PromptGrammar::A1111 => {
                ("A1111", "Weights, schedules and tags as A1111 reads them", "grammar-a1111")
            }
            PromptGrammar::Literal => ("Literal", "Every letter as it stands", "grammar-literal"),
        };
        Choice { name: kind.name(), a1111, aliases: Vec::new(), about, label: Label::Words(key) }
    };
    PromptGrammar::ALL.map(choice).to_vec()
}

/// The formulas of weights.
pub(super) fn emphases() -> Vec<Choice> {
    let choice = |kind: Emphasis| {
        let (a1111, aliases, about, label) = match kind {
            Emphasis::A1111 => ("Original", vec![], "Multiplied, and brought back to the mean", "A1111"),
            Emphasis::NoNorm => ("No norm", vec!["no_norm", "no-norm"], "Multiplied alone", "No norm"),
            Emphasis::Compel => ("compel", vec![], "Away from the empty text, as compel does", "compel"),
        };
        Choice { name: kind.name(), a1111, aliases, about, label: Label::Literal(label) }
    };
    Emphasis::ALL.map(choice).to_vec()
}

/// The axes along which pictures tile. A1111 tiles along both or none.
pub(super) fn tiles() -> Vec<Choice> {
    let choice = |tile: Tile| {
        let (a1111, aliases, about, key) = match tile {
            Tile::None => ("False", vec!["off"], "The picture ends at its edges", "tile-none"),
            Tile::X => ("x", vec![], "The right edge goes on at the left one", "tile-x"),
            Tile::Y => ("y", vec![], "The lower edge goes on at the upper one", "tile-y"),
            Tile::Xy => ("True", vec!["on"], "Both", "tile-xy"),
        };
        Choice { name: tile.name(), a1111, aliases, about, label: Label::Words(key) }
    };
    Tile::ALL.map(choice).to_vec()
}

/// The generators. A1111 does not tell torch's two CPU generators apart; the first stands for both.
const RNGS: [RngKind; 3] = [RngKind::Cpu, RngKind::CpuLibm, RngKind::Nv];

pub(super) fn rngs() -> Vec<Choice> {
    let choice = |kind: RngKind| {
        let (a1111, aliases, about, label) = match kind {
            RngKind::Cpu => ("CPU", vec![], "torch's CPU generator on x86-64", "CPU"),
            RngKind::CpuLibm => ("CPU", vec![], "torch's CPU generator elsewhere", "CPU libm"),
            RngKind::Nv => ("NV", vec!["GPU", "CUDA"], "torch's CUDA generator", "CUDA"),
        };
        Choice { name: rng_name(kind), a1111, aliases, about, label: Label::Literal(label) }
    };
    RNGS.map(choice).to_vec()
}

/// The canonical name of a generator, as JSON has it.
pub(super) fn rng_name(kind: RngKind) -> &'static str {
    match kind {
        RngKind::Cpu => "cpu",
        RngKind::CpuLibm => "cpu-libm",
        RngKind::Nv => "nv",
    }
}

/// The generator of a canonical name.
pub(super) fn rng_from_name(name: &str) -> Option<RngKind> {
    RNGS.into_iter().find(|kind| rng_name(*kind) == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generators_have_the_names_that_json_has() {
        for kind in RNGS {
            assert_eq!(serde_json::to_value(kind).unwrap(), rng_name(kind));
            assert_eq!(rng_from_name(rng_name(kind)), Some(kind));
        }
        assert_eq!(rng_from_name("gpu"), None);
    }
}
