//! A1111's `parameters` text: the form of settings that every other program reads.
//!
//! The prompt, a line `Negative prompt: …` if there is one, and a last line of `Key: value` pairs.
//! Traps for readers of our files: `Steps` must come first, and no value may hold a comma or a
//! colon, so a model's name loses them. All that is ours alone is in the `safelight` chunk instead.
//! Traps for reading theirs: the last line counts as pairs only if it has three, values may be quoted
//! JSON strings, and an absent `RNG` means the graphics card's generator.

use super::{Made, PartialSettings};
use crate::message::{RngKind, SamplerKind};

const NEGATIVE: &str = "Negative prompt:";
/// Fewer pairs than this, and the last line belongs to the prompt.
const FEWEST_PAIRS: usize = 3;
/// The most pairs that are read.
const MOST_PAIRS: usize = 200;

/// The text for a picture.
pub fn a1111_text(made: &Made) -> String {
    let settings = &made.settings;
    let mut text = line(&settings.prompt);
    text.push('\n');
    if !settings.negative_prompt.trim().is_empty() {
        text.push_str(NEGATIVE);
        text.push(' ');
        text.push_str(&line(&settings.negative_prompt));
        text.push('\n');
    }
    let sampler = match settings.sampler {
        SamplerKind::Ddim => "DDIM",
        SamplerKind::Plms => "PLMS",
    };
    let rng = match settings.rng {
        RngKind::Cpu | RngKind::CpuLibm => "CPU",
        RngKind::Nv => "NV",
    };
    let (width, height) = (settings.width, settings.height);
    let mut pairs = vec![
        ("Steps", settings.steps.to_string()),
        ("Sampler", sampler.to_owned()),
        ("CFG scale", settings.guidance.to_string()),
        ("Seed", settings.seed.to_string()),
        ("Size", format!("{width}x{height}")),
        ("Model hash", value(&made.model_hash)),
        ("Model", value(&made.model)),
        ("RNG", rng.to_owned()),
    ];
    if settings.eta != 0.0 {
        pairs.push(("Eta DDIM", settings.eta.to_string()));
    }
    pairs.push(("Version", concat!("Safelight ", env!("CARGO_PKG_VERSION")).to_owned()));
    pairs.retain(|(_, value)| !value.is_empty());
    let pairs: Vec<String> = pairs.into_iter().map(|(key, value)| format!("{key}: {value}")).collect();
    text.push_str(&pairs.join(", "));
    text
}

/// A prompt without letters that end a text early.
fn line(prompt: &str) -> String {
    prompt.trim_end().replace('\0', " ")
}

/// A value without the letters that separate values.
fn value(text: &str) -> String {
    let plain = |c: char| if c.is_control() || matches!(c, ',' | ':' | '"') { '_' } else { c };
    text.trim().chars().map(plain).collect()
}

/// What a text says.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Parameters {
    pub settings: PartialSettings,
    pub model: Option<String>,
    pub model_hash: Option<String>,
    pub sampler: Option<String>,
}

/// Reads a text of A1111's form; none if it has no line of pairs.
pub(super) fn parse(text: &str) -> Option<Parameters> {
    let text = text.trim_matches('\n');
    let (above, last) = text.rsplit_once('\n').unwrap_or(("", text));
    let pairs = pairs(last);
    if pairs.len() < FEWEST_PAIRS || !pairs.iter().any(|(key, _)| key == "Steps" || key == "Sampler") {
        return None;
    }
    let mut found = Parameters::default();
    let (prompt, negative) = split_prompts(above);
    found.settings.prompt = Some(prompt);
    found.settings.negative_prompt = Some(negative);
    // The generator is the card's unless the file says otherwise.
    found.settings.rng = Some(RngKind::Nv);
    for (key, value) in pairs {
        take(&mut found, &key, value);
    }
    Some(found)
}

fn take(found: &mut Parameters, key: &str, value: String) {
    let settings = &mut found.settings;
    match key {
        "Steps" => settings.steps = value.parse().ok(),
        "CFG scale" => settings.guidance = value.parse().ok(),
        "Seed" => settings.seed = value.parse().ok(),
        "Eta DDIM" | "Eta" => settings.eta = value.parse().ok(),
        "Size" => {
            let (width, height) = value.split_once('x').unwrap_or_default();
            settings.width = width.trim().parse().ok();
            settings.height = height.trim().parse().ok();
        }
        "RNG" => {
            settings.rng = match value.as_str() {
                "CPU" => Some(RngKind::Cpu),
                "NV" | "GPU" => Some(RngKind::Nv),
                _ => None,
            }
        }
        "Sampler" => {
            settings.set_sampler(&value);
            found.sampler = Some(value);
        }
        "Model" => found.model = Some(value),
        "Model hash" => found.model_hash = Some(value),
        _ => {}
    }
}

/// The lines above the pairs: prompt, and from `Negative prompt:` on the other.
fn split_prompts(above: &str) -> (String, String) {
    let mut prompt = Vec::new();
    let mut negative: Option<Vec<&str>> = None;
    for line in above.lines() {
        match (&mut negative, line.trim_start().strip_prefix(NEGATIVE)) {
            (None, Some(rest)) => negative = Some(vec![rest.trim_start()]),
            (None, None) => prompt.push(line),
            (Some(lines), _) => lines.push(line),
        }
    }
    (prompt.join("\n"), negative.unwrap_or_default().join("\n"))
}

/// `Key: value` pairs, separated by commas; a value may be a JSON string.
fn pairs(line: &str) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    let mut rest = line.trim();
    while let Some((key, after)) = rest.split_once(':') {
        if pairs.len() == MOST_PAIRS {
            break;
        }
        // A key never holds a comma: what stands before one belongs to no pair.
        let key = key.rsplit(',').next().unwrap_or_default().trim();
        let (value, next) = next_value(after.trim_start());
        if !key.is_empty() {
            pairs.push((key.to_owned(), value));
        }
        rest = next;
    }
    pairs
}

/// A value, and what follows its comma.
fn next_value(text: &str) -> (String, &str) {
    if text.starts_with('"') {
        let mut strings = serde_json::Deserializer::from_str(text).into_iter::<String>();
        if let Some(Ok(value)) = strings.next() {
            let rest = &text[strings.byte_offset()..];
            return (value, rest.trim_start().strip_prefix(',').unwrap_or(rest));
        }
    }
    let (value, rest) = text.split_once(',').unwrap_or((text, ""));
    (value.trim().to_owned(), rest)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::message::{Settings, TimestepSpacing};

    pub(crate) fn made() -> Made {
        Made {
            settings: Settings {
                prompt: "a red apple, on blue".into(),
                negative_prompt: "blurry".into(),
                steps: 25,
                guidance: 7.5,
                eta: 0.0,
                seed: 42,
                width: 512,
                height: 384,
                sampler: SamplerKind::Ddim,
                timesteps: TimestepSpacing::Uniform,
                rng: RngKind::Cpu,
                temperature: 1.0,
            },
            guidance_of_steps: vec![],
            model: "v1-5: pruned, ema".into(),
            model_hash: "0123456789".into(),
            stopped_after: None,
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
    fn it_reads_what_it_writes() {
        let made = made();
        let found = parse(&a1111_text(&made)).unwrap();
        assert_eq!(
            found.settings.over(&Settings { prompt: "?".into(), ..made.settings.clone() }),
            made.settings
        );
        assert_eq!(found.model_hash.as_deref(), Some("0123456789"));
    }

    #[test]
    fn a_text_of_a1111() {
        let text = "masterpiece, (best: 1.2)\nsecond line\nNegative prompt: bad, worse\nand more\nSteps: 20, \
                    Sampler: Euler a, Schedule type: Automatic, CFG scale: 7, Seed: 3864284914, Size: 512x768, \
                    Model hash: 6ce0161689, Model: v1-5-pruned-emaonly, Lora hashes: \"a: 1, b: 2\", \
                    TI: \"say \\\"x\\\"\", Eta: 0.3, Version: v1.10.1";
        let found = parse(text).unwrap();
        assert_eq!(found.settings.prompt.as_deref(), Some("masterpiece, (best: 1.2)\nsecond line"));
        assert_eq!(found.settings.negative_prompt.as_deref(), Some("bad, worse\nand more"));
        assert_eq!(found.settings.seed, Some(3_864_284_914));
        assert_eq!((found.settings.width, found.settings.height), (Some(512), Some(768)));
        assert_eq!(found.settings.eta, Some(0.3));
        assert_eq!(found.settings.rng, Some(RngKind::Nv));
        assert_eq!(found.sampler.as_deref(), Some("Euler a"));
        assert_eq!(found.settings.sampler, None);
        assert_eq!(found.model.as_deref(), Some("v1-5-pruned-emaonly"));
    }

    #[test]
    fn text_without_pairs_is_not_of_this_form() {
        for text in ["", "a prompt", "a: b, c: d, e: f", "Steps: 20", "x\nSteps: 20, Sampler: DDIM"] {
            assert_eq!(parse(text), None, "{text}");
        }
        let bare = parse("Steps: 20, Sampler: DDIM, CFG scale: 7").unwrap();
        assert_eq!(bare.settings.prompt.as_deref(), Some(""));
    }
}
