//! The table of settings: each is described here and nowhere else.
//!
//! A new setting is an entry here, the place where it acts, and its words in `assets/words`. The order is
//! that of the JSON in pictures; a new entry goes to the end. Older files lack the field, so readers take its
//! default. What each column means, and what it is where a row is silent, stands in `row.rs`.

use crate::sampler::{Family, GuidanceCurve, RngKind, SamplerKind, ScheduleKind, TimestepSpacing};

use super::acts::{adds_noise_in_vp, family, is_guided, never, reads_weights, row};
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
        kind: Kind::Text,
        told_as: Some("prompt"),
        flag: flag("", "PROMPT", "What the picture should show [default with --like: that picture's prompt]"),
        suits: true,
        ..Row::PLAIN
    }

    /// What the picture shall not show; often empty.
    negative_prompt: String = String::new(), "negative",
    NegativePrompt {
        kind: Kind::Text,
        told_as: Some("negative_prompt"),
        flag: flag("negative", "TEXT", "What the picture should not show [default: nothing]"),
        ..Row::PLAIN
    }

    /// Steps asked for, 1 to 1000 (the schedule may run a few more or fewer).
    steps: usize = 25, "steps",
    Steps {
        kind: Kind::Whole { range: [1, STEPS_MAX as u64], read: [1, 10_000] },
        told_as: Some("steps"),
        a1111: a1111("Steps", &["sampling steps"]),
        flag: flag("steps", "N", "Denoising steps, 1 to 1000 [default: the model's, or 25]"),
        slider: slider(1.0, 100.0, 100.0, 1.0, 0),
        suits: true,
        ..Row::PLAIN
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
        suits: true,
        ..Row::PLAIN
    }

    /// Guidance over the run, straight between points of share and value; without points it is `guidance` throughout.
    guidance_curve: GuidanceCurve = GuidanceCurve::default(), "guidance-curve",
    GuidanceCurve {
        kind: Kind::Curve,
        a1111: Some(A1111 { key: "Guidance curve", others: &[], omits_default: true }),
        flag: flag(
            "guidance-curve",
            "SHARE:X,…",
            "Guidance over the steps, straight between points such as 0:2,0.3:7.5,1:3 [default: constant]",
        ),
        ..Row::PLAIN
    }

    /// Share of fresh noise in each step, 0 to 1. The default is the sampler's own (`own_eta` of its row); in
    /// pictures it is "Eta" beside other samplers than DDIM (`picture/metadata/parameters.rs`).
    eta: f64 = 0.0, "eta",
    Eta {
        error: "error-eta",
        kind: Kind::Real { range: [0.0, 1.0], read: [0.0, 1.0] },
        a1111: Some(A1111 { key: "Eta DDIM", others: &["eta"], omits_default: true }),
        flag: flag("eta", "X", "Share of fresh noise in each step, 0 to 1 [default: the sampler's own; of ddim the model's, or 0]"),
        slider: slider(0.0, 1.0, 1.0, 0.05, 2),
        more: true,
        suits: true,
        acts: |settings| settings.sampler.is_none_or(|sampler| sampler.row().takes_eta()),
        ..Row::PLAIN
    }

    /// The seed; the `cpu` and `cpu-libm` generators use its low 32 bits.
    seed: u64 = 0, "seed",
    Seed {
        kind: Kind::Whole { range: [0, u64::MAX], read: [0, u64::MAX] },
        told_as: Some("seed"),
        a1111: a1111("Seed", &[]),
        flag: flag("seed", "N", "The seed; a negative number stands for a random one [default: random]"),
        ..Row::PLAIN
    }

    /// Pixels across, up to 8192.
    width: usize = 512, "width",
    Width {
        kind: SIDE,
        told_as: Some("size"),
        a1111: a1111("Size", &[]),
        flag: flag("width", "PIXELS", "Width in pixels [default: the model's]"),
        suits: true,
        ..Row::PLAIN
    }

    /// Pixels down, up to 8192.
    height: usize = 512, "height",
    Height {
        kind: SIDE,
        told_as: Some("size"),
        a1111: a1111("Size", &[]),
        flag: flag("height", "PIXELS", "Height in pixels [default: the model's]"),
        suits: true,
        ..Row::PLAIN
    }

    /// The update rule.
    sampler: SamplerKind = SamplerKind::default(), "sampler",
    Sampler {
        kind: Kind::Choice(samplers),
        told_as: Some("sampler"),
        a1111: a1111("Sampler", &["sampler name", "sampling method"]),
        flag: flag("sampler", "SAMPLER", "The update rule [default: ddim]"),
        more: true,
        ..Row::PLAIN
    }

    /// How the steps are spread over the schedule.
    timesteps: TimestepSpacing = TimestepSpacing::default(), "spacing",
    Timesteps {
        kind: Kind::Choice(spacings),
        flag: flag("timesteps", "TIMESTEPS", "How the steps of ddim and plms are spread [default: uniform]"),
        more: true,
        acts: |settings| family(settings).is_none_or(|family| family == Family::Timesteps),
        ..Row::PLAIN
    }

    /// Which generator's noise the seed names.
    rng: RngKind = RngKind::default(), "rng",
    Rng {
        kind: Kind::Choice(rngs),
        a1111: a1111("RNG", &[]),
        flag: flag(
            "rng",
            "RNG",
            "Generator that the seed is for; cpu and cpu-libm use its low 32 bits [default: cpu]",
        ),
        more: true,
        ..Row::PLAIN
    }

    /// Scales the fresh noise of each step, 0 to 1000; 1 is the reference.
    temperature: f64 = 1.0, "temperature",
    Temperature {
        error: "error-temperature",
        kind: Kind::Real { range: [0.0, 1000.0], read: [0.0, 1000.0] },
        flag: flag("temperature", "X", "Scale of the added noise [default: 1]"),
        slider: slider(0.0, 2.0, 2.0, 0.05, 2),
        more: true,
        acts: |settings| row(settings).is_none_or(adds_noise_in_vp) && settings.eta.is_some_and(|eta| eta > 0.0),
        ..Row::PLAIN
    }

    /// How the noise levels are spread, for rules in σ.
    schedule: ScheduleKind = ScheduleKind::default(), "schedule",
    Schedule {
        kind: Kind::Choice(schedules),
        a1111: Some(A1111 { key: "Schedule type", others: &["scheduler"], omits_default: true }),
        flag: flag("schedule", "SCHEDULE", "How the noise levels of the other samplers are spread [default: auto]"),
        more: true,
        acts: |settings| family(settings).is_none_or(|family| {
            !matches!(family, Family::Timesteps | Family::Distilled)
        }),
        ..Row::PLAIN
    }

    /// How much of each step's σ fresh noise may raise (`s_churn`), 0 to 100, spread over the steps.
    s_churn: f64 = 0.0, "churn",
    Churn {
        error: "error-churn",
        kind: Kind::Real { range: [0.0, 100.0], read: [0.0, 100.0] },
        a1111: Some(A1111 { key: "Sigma churn", others: &["s_churn"], omits_default: true }),
        flag: flag("s-churn", "X", "Fresh noise before each step of euler, heun and dpm_2 [default: 0]"),
        slider: slider(0.0, 20.0, 100.0, 0.5, 1),
        more: true,
        acts: |settings| row(settings).is_some_and(|row| row.churns),
        ..Row::PLAIN
    }

    /// Scales fresh noise of rules in σ (`s_noise`), 0 to 1000; 1 is the reference.
    s_noise: f64 = 1.0, "noise-strength",
    NoiseStrength {
        error: "error-noise-strength",
        kind: Kind::Real { range: [0.0, 1000.0], read: [0.0, 1000.0] },
        a1111: Some(A1111 { key: "Sigma noise", others: &["s_noise"], omits_default: true }),
        flag: flag("s-noise", "X", "Scale of the noise that samplers other than ddim add [default: 1]"),
        slider: slider(0.0, 2.0, 2.0, 0.05, 2),
        more: true,
        acts: |settings| row(settings).is_some_and(|row| {
            row.scales_noise()
                && (settings.eta.is_some_and(|eta| eta > 0.0) || settings.s_churn.is_some_and(|churn| churn > 0.0))
        }),
        ..Row::PLAIN
    }

    /// Share of the guided prediction that gets the conditional one's contrast back, 0 to 1.
    guidance_rescale: f64 = 0.0, "guidance-rescale",
    GuidanceRescale {
        error: "error-guidance-rescale",
        kind: Kind::Real { range: [0.0, 1.0], read: [0.0, 1.0] },
        a1111: Some(A1111 { key: "CFG Rescale", others: &["cfg rescale phi", "guidance rescale"], omits_default: true }),
        flag: flag("guidance-rescale", "X", "Share of the contrast that guidance gives back, 0 to 1 [default: 0]"),
        slider: slider(0.0, 1.0, 1.0, 0.05, 2),
        more: true,
        acts: is_guided,
        ..Row::PLAIN
    }

    /// Where guidance begins to act, as a share of the steps, 0 to 1.
    guidance_start: f64 = 0.0, "guidance-start",
    GuidanceStart {
        error: "error-guidance-start",
        kind: Kind::Real { range: [0.0, 1.0], read: [0.0, 1.0] },
        a1111: Some(A1111 { key: "Guidance start", others: &[], omits_default: true }),
        flag: flag("guidance-start", "X", "Share of the steps before which guidance is 1 [default: 0]"),
        slider: slider(0.0, 1.0, 1.0, 0.05, 2),
        more: true,
        acts: is_guided,
        ..Row::PLAIN
    }

    /// Where guidance ends to act, as a share of the steps, 0 to 1.
    guidance_end: f64 = 1.0, "guidance-end",
    GuidanceEnd {
        error: "error-guidance-end",
        kind: Kind::Real { range: [0.0, 1.0], read: [0.0, 1.0] },
        a1111: Some(A1111 { key: "Guidance end", others: &[], omits_default: true }),
        flag: flag("guidance-end", "X", "Share of the steps after which guidance is 1 [default: 1]"),
        slider: slider(0.0, 1.0, 1.0, 0.05, 2),
        more: true,
        acts: is_guided,
        ..Row::PLAIN
    }

    /// Which formula guides.
    guidance_kind: GuidanceKind = GuidanceKind::default(), "guidance-kind",
    GuidanceFormula {
        kind: Kind::Choice(guidance_kinds),
        a1111: Some(A1111 { key: "Guidance kind", others: &[], omits_default: true }),
        flag: flag(
            "guidance-kind",
            "KIND",
            "The formula of guidance; cfg++ goes with ddim, euler and euler_ancestral [default: cfg]",
        ),
        more: true,
        acts: |settings| row(settings).is_some_and(|row| row.cfg_pp),
        ..Row::PLAIN
    }

    /// LoRA files over the model, each in a strength.
    loras: Loras = Loras::default(), "loras",
    Loras {
        kind: Kind::Loras,
        flag: flag(
            "lora",
            "FILE:X",
            "A LoRA's file (or its name beside the model) and its strength; may be given several times \
             [default: none]",
        ),
        ..Row::PLAIN
    }

    /// Embeddings beside those of the folders.
    embeddings: Embeddings = Embeddings::default(), "embeddings",
    Embeddings {
        kind: Kind::Files,
        flag: flag(
            "embedding",
            "FILE",
            "An embedding's file, whose name is then a word of the prompt; may be given several times \
             [default: those beside the model]",
        ),
        ..Row::PLAIN
    }

    /// How prompts are read.
    grammar: PromptGrammar = PromptGrammar::default(), "grammar",
    Grammar {
        kind: Kind::Choice(grammars),
        a1111: Some(A1111 { key: "Prompt grammar", others: &[], omits_default: true }),
        flag: flag("grammar", "GRAMMAR", "How prompts are read [default: the model's, or a1111]"),
        more: true,
        suits: true,
        ..Row::PLAIN
    }

    /// How weights of words act.
    emphasis: Emphasis = Emphasis::default(), "emphasis",
    Emphasis {
        kind: Kind::Choice(emphases),
        a1111: Some(A1111 { key: "Emphasis", others: &[], omits_default: true }),
        flag: flag("emphasis", "FORMULA", "How weights such as (word:1.2) act [default: a1111]"),
        more: true,
        acts: reads_weights,
        ..Row::PLAIN
    }

    /// The layer of CLIP whose state is the context, from the end: 1 is the last.
    clip_skip: usize = 1, "clip-skip",
    ClipSkip {
        error: "error-clip-skip",
        kind: Kind::Whole { range: [1, 12], read: [1, 100] },
        a1111: Some(A1111 { key: "Clip skip", others: &["clipskip"], omits_default: true }),
        flag: flag("clip-skip", "N", "Layer of CLIP that is taken, from the end, 1 to 12 [default: 1]"),
        slider: slider(1.0, 4.0, 12.0, 1.0, 0),
        more: true,
        suits: true,
        acts: reads_weights,
        ..Row::PLAIN
    }

    /// A second pass at a larger size.
    hires: Hires = Hires::default(), "hires",
    Hires {
        kind: Kind::Compound(Compound {
            read: |text| text.parse().map(|hires: Hires| hires.to_string()).map_err(|error| error.to_string()),
            examples: &["1", "2", "1.5:12", "2:10:0.45", "2:0:0.7:latent"],
        }),
        // Several keys tell it: see `picture/metadata/passes.rs`.
        flag: flag(
            "hires",
            "X[:STEPS[:STRENGTH]]",
            "Enlarge the finished picture X times and go over it again, so many steps in such a strength \
             [default: no; steps as in the first pass, strength 0.7]",
        ),
        ..Row::PLAIN
    }

    /// A way from the seed's noise towards that of another.
    variation: Variation = Variation::default(), "variation",
    Variation {
        kind: Kind::Compound(Compound {
            read: |text| {
                text.parse().map(|variation: Variation| variation.to_string()).map_err(|error| error.to_string())
            },
            examples: &["0:0", "7:0.25", "4294967295:1"],
        }),
        flag: flag(
            "subseed",
            "N:STRENGTH",
            "Begin on the way from the seed's noise to that of seed N, so far as STRENGTH says, 0 to 1 [default: no]",
        ),
        ..Row::PLAIN
    }

    /// What the prompt was written out of: its choices, and the names of lists. Empty where it is what was written.
    template: String = String::new(), "template",
    Template {
        kind: Kind::Text,
        flag: flag("template", "TEXT", "What the prompt was written out of, to be kept beside it [default: found]"),
        acts: never,
        ..Row::PLAIN
    }

    /// The same of the negative prompt.
    negative_template: String = String::new(), "negative-template",
    NegativeTemplate {
        kind: Kind::Text,
        flag: flag(
            "negative-template",
            "TEXT",
            "What the negative prompt was written out of, to be kept beside it [default: found]",
        ),
        acts: never,
        ..Row::PLAIN
    }

    /// The upscaler's file: it enlarges the finished picture, or what a second pass by it begins from.
    upscaler: String = String::new(), "upscaler",
    Upscaler {
        kind: Kind::File,
        // Two keys tell it: see `picture/metadata/parameters.rs`.
        flag: flag(
            "upscale",
            "FILE",
            "Enlarge the finished picture by this upscaler (its file, or its name beside the model); with \
             --hires X:STEPS:STRENGTH:upscaler it enlarges before the second pass instead [default: no]",
        ),
        ..Row::PLAIN
    }

    /// The axes along which copies of the picture fit together.
    tile: Tile = Tile::default(), "tile",
    Tile {
        kind: Kind::Choice(tiles),
        a1111: Some(A1111 { key: "Tiling", others: &[], omits_default: true }),
        flag: flag("tile", "AXES", "Make a texture whose edges fit together: x, y or xy [default: none]"),
        more: true,
        ..Row::PLAIN
    }
}
