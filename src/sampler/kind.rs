//! `SamplerKind`: which update rule takes the steps. [`SamplerKind::TABLE`] is the only list of them:
//! the command line, the window, pictures' metadata and notes read it.
//!
//! Invariant: each kind has one row, and no two rows share a spelling.

mod table;

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::ScheduleKind;
use table::TABLE;

/// Which update rule takes the steps; serialized by its canonical name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "&'static str", try_from = "Cow<'static, str>")]
pub enum SamplerKind {
    /// Denoising diffusion implicit models (Song et al. 2020).
    #[default]
    Ddim,
    /// Pseudo linear multi-step (Liu et al. 2022).
    Plms,
    /// Euler's rule (Karras et al. 2022, algorithm 2 without its correction).
    Euler,
    /// Euler's rule to a lower level, and noise back up (k-diffusion).
    EulerAncestral,
    /// Heun's rule (Karras et al. 2022, algorithm 2).
    Heun,
    /// DPM-Solver-2 (Lu et al. 2022).
    Dpm2,
    /// DPM-Solver-2 to a lower level, and noise back up.
    Dpm2Ancestral,
    /// Linear multi-step in σ (k-diffusion).
    Lms,
    /// DPM-Solver++(2S), ancestral (Lu et al. 2022).
    DpmPp2sAncestral,
    /// DPM-Solver++, stochastic.
    DpmPpSde,
    /// DPM-Solver++(2M).
    DpmPp2m,
    /// DPM-Solver++(2M) SDE, by the midpoint.
    DpmPp2mSde,
    /// DPM-Solver++(2M) SDE, by Heun's weights.
    DpmPp2mSdeHeun,
    /// DPM-Solver++(3M) SDE.
    DpmPp3mSde,
    /// Unified predictor and corrector (Zhao et al. 2023).
    UniPc,
    /// Latent consistency models (Luo et al. 2023).
    Lcm,
    /// Trajectory consistency distillation (Zheng et al. 2024).
    Tcd,
    /// Denoising diffusion probabilistic models (Ho et al. 2020).
    Ddpm,
}

/// How a rule writes its latent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Space {
    /// √ᾱ·x_0 + √(1 − ᾱ)·z: the variance is kept.
    Vp,
    /// x_0 + σ·z: the variance grows.
    Sigma,
}

/// What lays out the steps of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// The reference's list of timesteps.
    Timesteps,
    /// A list of σ.
    Sigmas,
    /// A list of σ as diffusers' multi-step schedulers have it.
    Multistep,
    /// Whole timesteps by one of diffusers' spacings.
    Whole,
    /// The timesteps of the distilled models.
    Distilled,
}

/// A row of [`SamplerKind::TABLE`]: what is known of a sampler apart from its formula.
#[derive(Clone, Copy, Debug, PartialEq)]
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
    /// What lays out its steps.
    pub family: Family,
    /// The schedule that [`ScheduleKind::Auto`] stands for: that of A1111 1.10's Automatic, else
    /// diffusers'.
    pub own_schedule: ScheduleKind,
    /// Whether A1111 asks for a step more and leaves out the next to last σ.
    pub discards: bool,
    /// Whether diffusers' scheduler of it is a multi-step one, which spaces its timesteps otherwise.
    pub multistep: bool,
    /// Calls of the network that A1111 counts for a step; the last has fewer.
    pub calls_per_step: usize,
    /// How it writes its latent.
    pub space: Space,
    /// Its own η, which scales noise that it adds (γ for TCD); none where eta must be 0.
    pub own_eta: Option<f64>,
    /// Whether it can raise σ by fresh noise before a step (`s_churn`).
    pub churns: bool,
    /// Whether it knows CFG++, which renoises with the unconditional prediction.
    pub cfg_pp: bool,
}

impl SamplerKind {
    /// Every sampler, in the order in which menus show them.
    pub const TABLE: &[Sampler] = &TABLE;

    /// Its row of the table.
    pub fn row(self) -> &'static Sampler {
        // The rows stand in the order of the variants, as a test holds.
        &TABLE[self as usize]
    }

    /// The sampler of a canonical name, an alias or A1111's name, in upper or lower case.
    pub fn from_name(name: &str) -> Option<Self> {
        let known = |row: &&Sampler| row.spellings().any(|spelling| spelling.eq_ignore_ascii_case(name));
        Self::TABLE.iter().find(known).map(|row| row.kind)
    }
}

impl Sampler {
    /// Whether eta scales noise that the rule adds; where it adds none, eta must be 0.
    pub fn takes_eta(&self) -> bool {
        self.own_eta.is_some()
    }

    /// Its own η, 0 where it takes none.
    pub fn eta(&self) -> f64 {
        self.own_eta.unwrap_or(0.0)
    }

    /// Whether `s_noise` scales noise that it adds; elsewhere `temperature` does.
    pub fn scales_noise(&self) -> bool {
        self.space == Space::Sigma && (self.takes_eta() || self.churns)
    }

    /// Whether it can follow a schedule; every rule follows its own.
    pub fn goes_with(&self, schedule: ScheduleKind) -> bool {
        match self.family {
            _ if schedule == ScheduleKind::Auto => true,
            Family::Timesteps | Family::Distilled => false,
            Family::Whole => schedule.is_spaced(),
            Family::Sigmas | Family::Multistep => true,
        }
    }

    /// The schedule that acts where `schedule` is chosen.
    pub fn settled(&self, schedule: ScheduleKind) -> ScheduleKind {
        if schedule == ScheduleKind::Auto { self.own_schedule } else { schedule }
    }

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
