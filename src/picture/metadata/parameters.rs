//! A1111's `parameters` text: the form of settings that every other program reads.
//!
//! The prompt, a line `Negative prompt: …` if there is one, and a last line of `Key: value` pairs.
//! Traps for readers of these files: `Steps` must come first, and no value may hold a comma or a
//! colon, so a model's name loses them. What A1111 has no key for is in the `safelight` chunk alone.

use crate::picture::metadata::made::{Added, AddedKind, Made};
use crate::picture::metadata::passes::{self, value};
use crate::sampler::SamplerKind;
use crate::settings::{GuidanceKind, LoraUse, PartialSettings, Setting, Settings, Value};

/// The keyword of the text.
pub(in crate::picture) const PARAMETERS: &str = "parameters";
/// A1111's key for the eta of every sampler but DDIM.
const ETA: &str = "Eta";
const NEGATIVE: &str = "Negative prompt:";

/// The settings before the model, in A1111's order.
const BEFORE_MODEL: [Setting; 7] = [
    Setting::Steps,
    Setting::Sampler,
    Setting::Schedule,
    Setting::Guidance,
    Setting::Seed,
    Setting::Width,
    Setting::Height,
];
/// The first settings after the model; what else the table has follows.
const AFTER_MODEL: [Setting; 1] = [Setting::Rng];

/// The text for a picture.
pub fn a1111_text(made: &Made) -> String {
    let settings = &made.settings;
    let mut text = line(&prompt_with_tags(made));
    text.push('\n');
    if !settings.negative_prompt.trim().is_empty() {
        text.push_str(NEGATIVE);
        text.push(' ');
        text.push_str(&line(&settings.negative_prompt));
        text.push('\n');
    }
    let known = PartialSettings::from(settings.clone());
    let mut pairs = Vec::new();
    let steered = !made.guidance_of_steps.is_empty();
    for setting in BEFORE_MODEL {
        push(&mut pairs, &known, setting, steered);
    }
    pairs.push(("Model hash", value(&made.model_hash)));
    pairs.push(("Model", value(&made.model)));
    let first = [&BEFORE_MODEL[..], &AFTER_MODEL].concat();
    let rest = Setting::TABLE.iter().map(|row| row.setting).filter(|setting| !first.contains(setting));
    for setting in AFTER_MODEL.into_iter().chain(rest) {
        push(&mut pairs, &known, setting, steered);
    }
    pairs.extend(passes::pairs(made));
    if let Some(steps) = made.stopped_after {
        pairs.push(("Stopped after", steps.to_string()));
    }
    if !made.guidance_of_steps.is_empty() {
        let guidance: Vec<String> = made.guidance_of_steps.iter().map(f64::to_string).collect();
        pairs.push(("Guidance of steps", guidance.join(" ")));
    }
    for by in made.enlargements() {
        pairs.extend(enlargement(by));
    }
    for (key, kind) in [("Lora hashes", AddedKind::Lora), ("TI hashes", AddedKind::Embedding)] {
        pairs.push((key, hashes(made, kind)));
    }
    pairs.push(("Version", concat!("Safelight ", env!("CARGO_PKG_VERSION")).to_owned()));
    pairs.retain(|(_, value)| !value.is_empty());
    let pairs: Vec<String> = pairs.into_iter().map(|(key, value)| format!("{key}: {value}")).collect();
    text.push_str(&pairs.join(", "));
    text
}

/// The prompt with the LoRAs of the settings as A1111 writes them; its own tags stand in it already.
fn prompt_with_tags(made: &Made) -> String {
    let prompt = made.settings.prompt.trim_end();
    let tags = made.settings.loras.0.iter().map(LoraUse::tag);
    std::iter::once(prompt.to_owned())
        .chain(tags)
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

/// How many times an upscaler enlarged a picture, and its name.
fn enlargement(by: &Added) -> [(&'static str, String); 2] {
    [
        ("Postprocess upscale by", by.strength.unwrap_or(1.0).to_string()),
        ("Postprocess upscaler", value(&by.name)),
    ]
}

/// The same as a text.
pub(super) fn enlarged_by(by: &Added) -> String {
    enlargement(by).map(|(key, value)| format!("{key}: {value}")).join(", ")
}

/// `"name: hash, name: hash"`, in quotes as A1111 has it; empty where there are none.
fn hashes(made: &Made, kind: AddedKind) -> String {
    let known = made.added.iter().filter(|added| added.kind == kind && !added.hash.is_empty());
    let hashes: Vec<String> = known.map(|added| format!("{}: {}", value(&added.name), added.hash)).collect();
    if hashes.is_empty() { String::new() } else { format!("\"{}\"", hashes.join(", ")) }
}

/// Adds a setting's pair, if A1111's text has one for it; the second of two settings of one key joins
/// the first.
fn push(pairs: &mut Vec<(&'static str, String)>, known: &PartialSettings, setting: Setting, steered: bool) {
    let row = setting.row();
    let (Some(form), Some(told)) = (row.a1111, known.get(setting)) else { return };
    // What acted in each step stands at the end then, and says more.
    if setting == Setting::GuidanceCurve && steered {
        return;
    }
    if form.omits_default && (is_usual(known, setting, &told) || !(row.acts)(known)) {
        return;
    }
    let text = match setting {
        Setting::Sampler => sampler(known),
        _ => row.a1111_value(&told),
    };
    match pairs.last_mut() {
        Some((key, first)) if *key == form.key => *first = format!("{first}x{text}"),
        _ if setting == Setting::Eta && !is_ddim(known) => pairs.push((ETA, text)),
        _ => pairs.push((form.key, text)),
    }
}

/// Whether a reader takes this value where the text has none.
fn is_usual(known: &PartialSettings, setting: Setting, told: &Value) -> bool {
    if setting == Setting::Eta {
        return known.sampler.map(|sampler| Value::Real(sampler.row().eta())).as_ref() == Some(told);
    }
    PartialSettings::from(Settings::default()).get(setting).as_ref() == Some(told)
}

fn is_ddim(known: &PartialSettings) -> bool {
    known.sampler == Some(SamplerKind::Ddim)
}

/// The sampler's name; of DDIM, whose CFG++ is a sampler of its own there, that one's.
fn sampler(known: &PartialSettings) -> String {
    let name = known.sampler.unwrap_or_default().row().a1111;
    let plus = known.guidance_kind == Some(GuidanceKind::CfgPp) && is_ddim(known);
    if plus { format!("{name} CFG++") } else { name.to_owned() }
}

/// A prompt without characters that end a text early.
fn line(prompt: &str) -> String {
    prompt.trim_end().replace('\0', " ")
}

#[cfg(test)]
pub(in crate::picture) mod tests {
    use super::*;
    use crate::sampler::{RngKind, ScheduleKind};
    use crate::settings::Settings;

    pub(crate) fn made() -> Made {
        Made {
            settings: Settings {
                prompt: "a red apple, on blue".into(),
                negative_prompt: "blurry".into(),
                seed: 42,
                height: 384,
                ..Settings::default()
            },
            guidance_of_steps: vec![],
            model: "v1-5: pruned, ema".into(),
            model_hash: "0123456789".into(),
            stopped_after: None,
            added: vec![],
            branched_from: None,
            beginning: None,
        }
    }

    #[test]
    fn the_text_in_full() {
        let mut made = made();
        let version = env!("CARGO_PKG_VERSION");
        assert_eq!(
            a1111_text(&made),
            format!(
                "a red apple, on blue\nNegative prompt: blurry\nSteps: 25, Sampler: DDIM, CFG scale: 7.5, \
                 Seed: 42, Size: 512x384, Model hash: 0123456789, Model: v1-5_ pruned_ ema, RNG: CPU, \
                 Version: Safelight {version}"
            )
        );
        made.settings.negative_prompt.clear();
        made.settings.eta = 0.5;
        made.settings.rng = RngKind::Nv;
        let text = a1111_text(&made);
        assert!(text.starts_with("a red apple, on blue\nSteps: 25, "));
        assert!(text.contains(", RNG: NV, Eta DDIM: 0.5, Version: "));
    }

    #[test]
    fn samplers_schedules_and_etas_as_a1111_writes_them() {
        let text = |settings: Settings| a1111_text(&Made { settings: settings.settled(), ..made() });
        let with = |sampler, schedule, eta| Settings { sampler, schedule, eta, ..Settings::default() };
        let auto = ScheduleKind::Auto;
        let karras = text(with(SamplerKind::DpmPp2m, auto, 0.0));
        assert!(karras.contains("Steps: 25, Sampler: DPM++ 2M, Schedule type: Karras, CFG"), "{karras}");
        let ancestral = text(with(SamplerKind::EulerAncestral, auto, 1.0));
        assert!(
            ancestral.contains("Sampler: Euler a, Schedule type: Uniform, ") && !ancestral.contains("Eta")
        );
        assert!(text(with(SamplerKind::EulerAncestral, auto, 0.5)).contains(", Eta: 0.5, "));
        assert!(!text(with(SamplerKind::Lcm, auto, 0.0)).contains("Schedule"));
        let plus = Settings { guidance_kind: GuidanceKind::CfgPp, ..Settings::default() };
        assert!(text(plus).contains("Sampler: DDIM CFG++, CFG scale: 7.5, "));
    }

    #[test]
    fn loras_and_embeddings_stand_as_a1111_has_them() {
        let mut made = made();
        made.settings.loras = "/a/ink.safetensors:0.8".parse().unwrap();
        let added = |kind, name: &str, hash: &str| Added {
            kind,
            name: name.into(),
            hash: hash.into(),
            strength: None,
        };
        made.added = vec![
            added(AddedKind::Lora, "ink", "abcdef012345"),
            added(AddedKind::Lora, "b, c", "0123"),
            added(AddedKind::Embedding, "easy", "99"),
        ];
        made = made.enlarged(Added { strength: Some(4.0), ..added(AddedKind::Upscaler, "4x, sharp", "77") });
        let text = a1111_text(&made);
        assert!(text.starts_with("a red apple, on blue <lora:ink:0.8>\nNegative"), "{text}");
        assert!(
            text.contains(", Postprocess upscale by: 4, Postprocess upscaler: 4x_ sharp, Lora"),
            "{text}"
        );
        let hashes = ", Lora hashes: \"ink: abcdef012345, b_ c: 0123\", TI hashes: \"easy: 99\", Version: ";
        assert!(text.contains(hashes), "{text}");
    }

    #[test]
    fn what_acted_is_told() {
        let mut made = made();
        made.stopped_after = Some(3);
        made.guidance_of_steps = vec![7.5, 7.5, 3.0];
        assert!(a1111_text(&made).contains(", Stopped after: 3, Guidance of steps: 7.5 7.5 3, Version: "));
        made.settings.guidance_curve = "0:2,0.3:7.5,1:3".parse().unwrap();
        assert!(!a1111_text(&made).contains("Guidance curve"));
        made.guidance_of_steps.clear();
        assert!(a1111_text(&made).contains(", Guidance curve: 0=2 0.3=7.5 1=3, "));
    }
}
