//! The table of settings: each is described here and nowhere else.
//!
//! A new setting is an entry here, the place where it acts, and its words in `assets/words`. The order is
//! that of the JSON in pictures; a new entry goes to the end. Older files lack the field, so readers take its
//! default. What each column means stands in `row.rs`.

use crate::sampler::{Family, GuidanceCurve, RngKind, SamplerKind, ScheduleKind, TimestepSpacing};

use super::acts::{adds_noise_in_vp, always, family, is_guided, reads_weights, row};
use super::additions::{Embeddings, Loras};
use super::choices::{emphases, grammars, guidance_kinds, rngs, samplers, schedules, spacings, tiles};
use super::guidance_kind::GuidanceKind;
use super::hires::Hires;
use super::prompting::{Emphasis, PromptGrammar};
use super::row::{a1111, flag, slider};
use super::tile::Tile;
use super::value::FieldValue;
use super::variation::Variation;
use super::{A1111, Compound, Kind, Row, Value};

/// The most steps that a run has.
pub const STEPS_MAX: usize = 1000;
/// The most pixels of a side.
pub const SIDE_MAX: usize = 8192;

/// The range of a side.
const SIDE: Kind = Kind::Whole { range: [1, SIDE_MAX as u64], read: [1, 1 << 15] };

settings! {
    /// What the picture shall show.
    prompt: String = String::new(), "prompt",
    Prompt {
        error: "",
        kind: Kind::Text,
        told_as: Some("prompt"),
        a1111: None,
        flag: flag("", "PROMPT", "What the picture should show [default with --like: that picture's prompt]"),
        slider: None,
        more: false,
        suits: true,
        acts: always,
    }

    /// What the picture shall not show; often empty.
    negative_prompt: String = String::new(), "negative",
    NegativePrompt {
        error: "",
        kind: Kind::Text,
        told_as: Some("negative_prompt"),
        a1111: None,
        flag: flag("negative", "TEXT", "What the picture should not show [default: nothing]"),
        slider: None,
        more: false,
        suits: false,
        acts: always,
    }

    /// Steps asked for, 1 to 1000 (the schedule may run a few more or fewer).
    steps: usize = 25, "steps",
    Steps {
        error: "",
        kind: Kind::Whole { range: [1, STEPS_MAX as u64], read: [1, 10_000] },
        told_as: Some("steps"),
        a1111: a1111("Steps", &["sampling steps"]),
        flag: flag("steps", "N", "Denoising steps, 1 to 1000 [default: the model's, or 25]"),
        slider: slider(1.0, 100.0, 100.0, 1.0, 0),
        more: false,
        suits: true,
        acts: always,
    }

    /// `unconditional_guidance_scale`, -1000 to 1000; 1 means no guidance.
    guidance: f64 = 7.5, "guidance",
    Guidance {
        error: "error-guidance",
        kind: Kind::Real { range: [-1000.0, 1000.0], read: [0.0, 1000.0] },
        told_as: Some("guidance"),
        a1111: a1111("CFG scale", &["cfg", "guidance scale", "guidance"]),
        flag: flag(
            "guidance",
            "X",
            "How closely the picture follows the prompt; 1 means no guidance [default: the model's, or 7.5]",
        ),
        slider: slider(1.0, 15.0, 30.0, 0.1, 1),
        more: false,
        suits: true,
        acts: always,
    }

    /// Guidance over the run, straight between points of share and value; without points it is `guidance` throughout.
    guidance_curve: GuidanceCurve = GuidanceCurve::default(), "guidance-curve",
    GuidanceCurve {
        error: "",
        kind: Kind::Curve,
        told_as: None,
        a1111: Some(A1111 { key: "Guidance curve", others: &[], omits_default: true }),
        flag: flag(
            "guidance-curve",
            "SHARE:X,…",
            "Guidance over the steps, straight between points such as 0:2,0.3:7.5,1:3 [default: constant]",
        ),
        slider: None,
        more: false,
        suits: false,
        acts: always,
    }

    /// Share of fresh noise in each step, 0 to 1. The default is the sampler's own (`own_eta` of its row); in
    /// pictures it is "Eta" beside other samplers than DDIM (`picture/metadata/parameters.rs`).
    eta: f64 = 0.0, "eta",
    Eta {
        error: "error-eta",
        kind: Kind::Real { range: [0.0, 1.0], read: [0.0, 1.0] },
        told_as: None,
        a1111: Some(A1111 { key: "Eta DDIM", others: &["eta"], omits_default: true }),
        flag: flag("eta", "X", "Share of fresh noise in each step, 0 to 1 [default: the sampler's own; of ddim the model's, or 0]"),
        slider: slider(0.0, 1.0, 1.0, 0.05, 2),
        more: true,
        suits: true,
        acts: |settings| settings.sampler.is_none_or(|sampler| sampler.row().takes_eta()),
    }

    /// The seed; the `cpu` and `cpu-libm` generators use its low 32 bits.
    seed: u64 = 0, "seed",
    Seed {
        error: "",
        kind: Kind::Whole { range: [0, u64::MAX], read: [0, u64::MAX] },
        told_as: Some("seed"),
        a1111: a1111("Seed", &[]),
        flag: flag("seed", "N", "The seed; a negative number stands for a random one [default: random]"),
        slider: None,
        more: false,
        suits: false,
        acts: always,
    }

    /// Pixels across, up to 8192.
    width: usize = 512, "width",
    Width {
        error: "",
        kind: SIDE,
        told_as: Some("size"),
        a1111: a1111("Size", &[]),
        flag: flag("width", "PIXELS", "Width in pixels [default: the model's]"),
        slider: None,
        more: false,
        suits: true,
        acts: always,
    }

    /// Pixels down, up to 8192.
    height: usize = 512, "height",
    Height {
        error: "",
        kind: SIDE,
        told_as: Some("size"),
        a1111: a1111("Size", &[]),
        flag: flag("height", "PIXELS", "Height in pixels [default: the model's]"),
        slider: None,
        more: false,
        suits: true,
        acts: always,
    }

    /// The update rule.
    sampler: SamplerKind = SamplerKind::default(), "sampler",
    Sampler {
        error: "",
        kind: Kind::Choice(samplers),
        told_as: Some("sampler"),
        a1111: a1111("Sampler", &["sampler name", "sampling method"]),
        flag: flag("sampler", "SAMPLER", "The update rule [default: ddim]"),
        slider: None,
        more: true,
        suits: false,
        acts: always,
    }

    /// How the steps are spread over the schedule.
    timesteps: TimestepSpacing = TimestepSpacing::default(), "spacing",
    Timesteps {
        error: "",
        kind: Kind::Choice(spacings),
        told_as: None,
        a1111: None,
        flag: flag("timesteps", "TIMESTEPS", "How the steps of ddim and plms are spread [default: uniform]"),
        slider: None,
        more: true,
        suits: false,
        acts: |settings| family(settings).is_none_or(|family| family == Family::Timesteps),
    }

    /// Which generator's noise the seed names.
    rng: RngKind = RngKind::default(), "rng",
    Rng {
        error: "",
        kind: Kind::Choice(rngs),
        told_as: None,
        a1111: a1111("RNG", &[]),
        flag: flag(
            "rng",
            "RNG",
            "Generator that the seed is for; cpu and cpu-libm use its low 32 bits [default: cpu]",
        ),
        slider: None,
        more: true,
        suits: false,
        acts: always,
    }

    /// Scales the fresh noise of each step, 0 to 1000; 1 is the reference.
    temperature: f64 = 1.0, "temperature",
    Temperature {
        error: "error-temperature",
        kind: Kind::Real { range: [0.0, 1000.0], read: [0.0, 1000.0] },
        told_as: None,
        a1111: None,
        flag: flag("temperature", "X", "Scale of the added noise [default: 1]"),
        slider: slider(0.0, 2.0, 2.0, 0.05, 2),
        more: true,
        suits: false,
        acts: |settings| row(settings).is_none_or(adds_noise_in_vp) && settings.eta.is_some_and(|eta| eta > 0.0),
    }

    /// How the noise levels are spread, for rules in σ.
    schedule: ScheduleKind = ScheduleKind::default(), "schedule",
    Schedule {
        error: "",
        kind: Kind::Choice(schedules),
        told_as: None,
        a1111: Some(A1111 { key: "Schedule type", others: &["scheduler"], omits_default: true }),
        flag: flag("schedule", "SCHEDULE", "How the noise levels of the other samplers are spread [default: auto]"),
        slider: None,
        more: true,
        suits: false,
        acts: |settings| family(settings).is_none_or(|family| {
            !matches!(family, Family::Timesteps | Family::Distilled)
        }),
    }

    /// How much of each step's σ fresh noise may raise (`s_churn`), 0 to 100, spread over the steps.
    s_churn: f64 = 0.0, "churn",
    Churn {
        error: "error-churn",
        kind: Kind::Real { range: [0.0, 100.0], read: [0.0, 100.0] },
        told_as: None,
        a1111: Some(A1111 { key: "Sigma churn", others: &["s_churn"], omits_default: true }),
        flag: flag("s-churn", "X", "Fresh noise before each step of euler, heun and dpm_2 [default: 0]"),
        slider: slider(0.0, 20.0, 100.0, 0.5, 1),
        more: true,
        suits: false,
        acts: |settings| row(settings).is_some_and(|row| row.churns),
    }

    /// Scales fresh noise of rules in σ (`s_noise`), 0 to 1000; 1 is the reference.
    s_noise: f64 = 1.0, "noise-strength",
    NoiseStrength {
        error: "error-noise-strength",
        kind: Kind::Real { range: [0.0, 1000.0], read: [0.0, 1000.0] },
        told_as: None,
        a1111: Some(A1111 { key: "Sigma noise", others: &["s_noise"], omits_default: true }),
        flag: flag("s-noise", "X", "Scale of the noise that samplers other than ddim add [default: 1]"),
        slider: slider(0.0, 2.0, 2.0, 0.05, 2),
        more: true,
        suits: false,
        acts: |settings| row(settings).is_some_and(|row| {
            row.scales_noise()
                && (settings.eta.is_some_and(|eta| eta > 0.0) || settings.s_churn.is_some_and(|churn| churn > 0.0))
        }),
    }

    /// Share of the guided prediction that gets the conditional one's contrast back, 0 to 1.
    guidance_rescale: f64 = 0.0, "guidance-rescale",
    GuidanceRescale {
        error: "error-guidance-rescale",
        kind: Kind::Real { range: [0.0, 1.0], read: [0.0, 1.0] },
        told_as: None,
        a1111: Some(A1111 { key: "CFG Rescale", others: &["cfg rescale phi", "guidance rescale"], omits_default: true }),
        flag: flag("guidance-rescale", "X", "Share of the contrast that guidance gives back, 0 to 1 [default: 0]"),
        slider: slider(0.0, 1.0, 1.0, 0.05, 2),
        more: true,
        suits: false,
        acts: is_guided,
    }

    /// Where guidance begins to act, as a share of the steps, 0 to 1.
    guidance_start: f64 = 0.0, "guidance-start",
    GuidanceStart {
        error: "error-guidance-start",
        kind: Kind::Real { range: [0.0, 1.0], read: [0.0, 1.0] },
        told_as: None,
        a1111: Some(A1111 { key: "Guidance start", others: &[], omits_default: true }),
        flag: flag("guidance-start", "X", "Share of the steps before which guidance is 1 [default: 0]"),
        slider: slider(0.0, 1.0, 1.0, 0.05, 2),
        more: true,
        suits: false,
        acts: is_guided,
    }

    /// Where guidance ends to act, as a share of the steps, 0 to 1.
    guidance_end: f64 = 1.0, "guidance-end",
    GuidanceEnd {
        error: "error-guidance-end",
        kind: Kind::Real { range: [0.0, 1.0], read: [0.0, 1.0] },
        told_as: None,
        a1111: Some(A1111 { key: "Guidance end", others: &[], omits_default: true }),
        flag: flag("guidance-end", "X", "Share of the steps after which guidance is 1 [default: 1]"),
        slider: slider(0.0, 1.0, 1.0, 0.05, 2),
        more: true,
        suits: false,
        acts: is_guided,
    }

    /// Which formula guides.
    guidance_kind: GuidanceKind = GuidanceKind::default(), "guidance-kind",
    GuidanceFormula {
        error: "",
        kind: Kind::Choice(guidance_kinds),
        told_as: None,
        a1111: Some(A1111 { key: "Guidance kind", others: &[], omits_default: true }),
        flag: flag(
            "guidance-kind",
            "KIND",
            "The formula of guidance; cfg++ goes with ddim, euler and euler_ancestral [default: cfg]",
        ),
        slider: None,
        more: true,
        suits: false,
        acts: |settings| row(settings).is_some_and(|row| row.cfg_pp),
    }

    /// LoRA files over the model, each in a strength.
    loras: Loras = Loras::default(), "loras",
    Loras {
        error: "",
        kind: Kind::Loras,
        told_as: None,
        a1111: None,
        flag: flag(
            "lora",
            "FILE:X",
            "A LoRA's file (or its name beside the model) and its strength; may be given several times \
             [default: none]",
        ),
        slider: None,
        more: false,
        suits: false,
        acts: always,
    }

    /// Embeddings beside those of the folders.
    embeddings: Embeddings = Embeddings::default(), "embeddings",
    Embeddings {
        error: "",
        kind: Kind::Files,
        told_as: None,
        a1111: None,
        flag: flag(
            "embedding",
            "FILE",
            "An embedding's file, whose name is then a word of the prompt; may be given several times \
             [default: those beside the model]",
        ),
        slider: None,
        more: false,
        suits: false,
        acts: always,
    }

    /// How prompts are read.
    grammar: PromptGrammar = PromptGrammar::default(), "grammar",
    Grammar {
        error: "",
        kind: Kind::Choice(grammars),
        told_as: None,
        a1111: Some(A1111 { key: "Prompt grammar", others: &[], omits_default: true }),
        flag: flag("grammar", "GRAMMAR", "How prompts are read [default: the model's, or a1111]"),
        slider: None,
        more: true,
        suits: true,
        acts: always,
    }

    /// How weights of words act.
    emphasis: Emphasis = Emphasis::default(), "emphasis",
    Emphasis {
        error: "",
        kind: Kind::Choice(emphases),
        told_as: None,
        a1111: Some(A1111 { key: "Emphasis", others: &[], omits_default: true }),
        flag: flag("emphasis", "FORMULA", "How weights such as (word:1.2) act [default: a1111]"),
        slider: None,
        more: true,
        suits: false,
        acts: reads_weights,
    }

    /// The layer of CLIP whose state is the context, from the end: 1 is the last.
    clip_skip: usize = 1, "clip-skip",
    ClipSkip {
        error: "error-clip-skip",
        kind: Kind::Whole { range: [1, 12], read: [1, 100] },
        told_as: None,
        a1111: Some(A1111 { key: "Clip skip", others: &["clipskip"], omits_default: true }),
        flag: flag("clip-skip", "N", "Layer of CLIP that is taken, from the end, 1 to 12 [default: 1]"),
        slider: slider(1.0, 4.0, 12.0, 1.0, 0),
        more: true,
        suits: true,
        acts: reads_weights,
    }

    /// A second pass at a larger size.
    hires: Hires = Hires::default(), "hires",
    Hires {
        error: "",
        kind: Kind::Compound(Compound {
            read: |text| text.parse().map(|hires: Hires| hires.to_string()).map_err(|error| error.to_string()),
            examples: &["1", "2", "1.5:12", "2:10:0.45", "2:0:0.7:latent"],
        }),
        told_as: None,
        // Several keys tell it: see `picture/metadata/passes.rs`.
        a1111: None,
        flag: flag(
            "hires",
            "X[:STEPS[:STRENGTH]]",
            "Enlarge the finished picture X times and go over it again, so many steps in such a strength \
             [default: no; steps as in the first pass, strength 0.7]",
        ),
        slider: None,
        more: false,
        suits: false,
        acts: always,
    }

    /// A way from the seed's noise towards that of another.
    variation: Variation = Variation::default(), "variation",
    Variation {
        error: "",
        kind: Kind::Compound(Compound {
            read: |text| {
                text.parse().map(|variation: Variation| variation.to_string()).map_err(|error| error.to_string())
            },
            examples: &["0:0", "7:0.25", "4294967295:1"],
        }),
        told_as: None,
        a1111: None,
        flag: flag(
            "subseed",
            "N:STRENGTH",
            "Begin on the way from the seed's noise to that of seed N, so far as STRENGTH says, 0 to 1 [default: no]",
        ),
        slider: None,
        more: false,
        suits: false,
        acts: always,
    }

    /// The upscaler's file: it enlarges the finished picture, or what a second pass by it begins from.
    upscaler: String = String::new(), "upscaler",
    Upscaler {
        error: "",
        kind: Kind::File,
        told_as: None,
        // Two keys tell it: see `picture/metadata/parameters.rs`.
        a1111: None,
        flag: flag(
            "upscale",
            "FILE",
            "Enlarge the finished picture by this upscaler (its file, or its name beside the model); with \
             --hires X:STEPS:STRENGTH:upscaler it enlarges before the second pass instead [default: no]",
        ),
        slider: None,
        more: false,
        suits: false,
        acts: always,
    }

    /// The axes along which copies of the picture fit together.
    tile: Tile = Tile::default(), "tile",
    Tile {
        error: "",
        kind: Kind::Choice(tiles),
        told_as: None,
        a1111: Some(A1111 { key: "Tiling", others: &[], omits_default: true }),
        flag: flag("tile", "AXES", "Make a texture whose edges fit together: x, y or xy [default: none]"),
        slider: None,
        more: true,
        suits: false,
        acts: always,
    }
}
