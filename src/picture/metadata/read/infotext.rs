//! The text of A1111 and of the many programs that write its form: prompt, negative prompt, and a
//! line of `Key: value` pairs.
//!
//! Traps: a prompt may hold what looks like pairs, a quoted value may hold whole texts of this form,
//! some programs put all of it on one line, and what cannot be told apart must not empty a prompt:
//! an empty one is therefore as good as none. An absent `RNG` means the graphics card's generator.

use super::pairs::{self, Pairs};
use super::{Origin, Recovered};
use crate::picture::metadata::passes::{KEYS, Told, told};
use crate::sampler::{RngKind, ScheduleKind};
use crate::settings::{Kind, Setting};

const NEGATIVE: &str = "negative prompt:";
/// What some programs write before the prompt itself.
const POSITIVE: [&str; 2] = ["positive prompt:", "prompt:"];
/// What may stand between the three parts where all is on one line.
const SEPARATORS: [char; 4] = ['.', ',', ';', '|'];
/// The most places that are looked at for where the pairs begin; the last ones count.
const MOST_PLACES: usize = 500;

/// What a key stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Key {
    /// A setting, by a key of the table.
    Of(Setting),
    /// Width and height in one value.
    Size,
    Model,
    ModelHash,
    Version,
    StoppedAfter,
    GuidanceOfSteps,
    /// Of the noise, the picture or the second pass that the run began with.
    Passes,
    /// Known, and not followed.
    Other,
}

impl Key {
    fn of(name: &str) -> Option<Self> {
        let name = name.to_lowercase();
        Some(match name.as_str() {
            "size" | "resolution" => Self::Size,
            "width" => Self::Of(Setting::Width),
            "height" => Self::Of(Setting::Height),
            "prompt" => Self::Of(Setting::Prompt),
            "negative prompt" => Self::Of(Setting::NegativePrompt),
            "model" | "checkpoint" | "base model" | "model name" => Self::Model,
            "model hash" | "base model hash" => Self::ModelHash,
            "version" => Self::Version,
            "stopped after" => Self::StoppedAfter,
            "guidance of steps" => Self::GuidanceOfSteps,
            "app" | "operations" | "vae" | "vae hash" | "lora hashes" | "ti hashes" | "ti" | "clip skip"
            | "ensd" | "created date" | "batch size" => Self::Other,
            name if KEYS.contains(&name) => Self::Passes,
            name => Self::Of(setting_of(name)?),
        })
    }

    /// Whether no text is of this form without one such key.
    fn is_core(self) -> bool {
        use Setting::{Guidance, Sampler, Seed, Steps};
        matches!(self, Self::Size | Self::Of(Steps | Sampler | Guidance | Seed))
    }

    fn is_prompt(self) -> bool {
        matches!(self, Self::Of(Setting::Prompt | Setting::NegativePrompt))
    }

    /// Whether a value can be one of this key.
    fn allows(self, value: &str) -> bool {
        match self {
            // A seed of -1 is one that was not told.
            Self::Of(Setting::Seed) => {
                Setting::Seed.row().kind.parse(value.strip_prefix('-').unwrap_or(value)).is_some()
            }
            Self::Of(setting) => match setting.row().kind {
                // A sampler or a generator may be one of another program.
                Kind::Choice(_) => !value.is_empty(),
                kind => kind.parse(value).is_some(),
            },
            Self::Size => size(value).is_some(),
            _ => true,
        }
    }
}

/// The setting that A1111's text gives under a key, in lower case.
fn setting_of(key: &str) -> Option<Setting> {
    let row = Setting::TABLE.iter().find(|row| {
        row.a1111.is_some_and(|form| form.key.eq_ignore_ascii_case(key) || form.others.contains(&key))
    })?;
    Some(row.setting)
}

/// Reads a text; none if it holds neither pairs nor a negative prompt.
pub(super) fn parse(text: &str) -> Option<Recovered> {
    let text = text.trim_start_matches('\u{feff}').trim_end_matches('\0');
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let mut found = Recovered::from(Origin::A1111);
    let Some(place) = settings_place(&text) else {
        let (prompt, negative) = split_prompts(&text, false);
        found.settings.negative_prompt = Some(negative?);
        found.settings.prompt = prompt;
        return Some(found);
    };
    let (above, below) = (&text[..place.start], &text[place.start + place.pairs.length..]);
    let (mut prompt, mut negative) = split_prompts(above, place.inline);
    let follows = below.trim_start();
    if above.trim().is_empty() && pairs::key(follows).is_none_or(|(key, _)| Key::of(key).is_some()) {
        (prompt, negative) = split_prompts(follows, false);
    }
    found.settings.prompt = prompt;
    found.settings.negative_prompt = negative;
    // The generator is the card's unless the text says otherwise.
    found.settings.rng = Some(RngKind::Nv);
    let mut passes = Vec::new();
    for (name, value) in place.pairs.pairs {
        let key = Key::of(&name);
        if key == Some(Key::Passes) {
            passes.push((name.to_lowercase(), value));
        } else if let Some(key) = key
            && key.allows(&value)
        {
            take(&mut found, key, value);
        }
    }
    let Told { variation, hires, treatment } = told(&passes);
    (found.settings.variation, found.settings.hires, found.treatment) = (variation, hires, treatment);
    // A text that gives a prompt and no negative one had none.
    if found.settings.prompt.is_some() {
        found.settings.negative_prompt.get_or_insert_default();
    }
    Some(found)
}

fn take(found: &mut Recovered, key: Key, value: String) {
    let settings = &mut found.settings;
    match key {
        Key::Of(Setting::Sampler) => found.set_sampler(value),
        Key::Of(Setting::Prompt) => drop(settings.prompt.get_or_insert(value)),
        Key::Of(Setting::NegativePrompt) => drop(settings.negative_prompt.get_or_insert(value)),
        Key::Of(setting) => settings.set(setting, setting.row().kind.parse(&value)),
        Key::Size => (settings.width, settings.height) = size(&value).unzip(),
        Key::Model => found.model = Some(value),
        Key::ModelHash => found.model_hash = Some(value),
        Key::Version if draws_on_the_processor(&value) => settings.rng = Some(RngKind::Cpu),
        Key::Version if knows_automatic(&value) => {
            settings.schedule.get_or_insert(ScheduleKind::Auto);
        }
        Key::StoppedAfter => found.stopped_after = value.parse().ok(),
        Key::GuidanceOfSteps => {
            found.guidance_of_steps =
                value.split_whitespace().filter_map(|value| value.parse().ok()).collect();
        }
        Key::Version | Key::Passes | Key::Other => {}
    }
}

/// ComfyUI's offspring write A1111's form, too, and no `RNG`.
fn draws_on_the_processor(version: &str) -> bool {
    let version = version.to_lowercase();
    ["comfyui", "fooocus", "swarmui"].iter().any(|name| version.contains(name))
}

/// From 1.9 A1111's schedule is what suits the sampler, unless the text tells one; before it is uniform.
/// Its offspring put their own version before A1111's.
fn knows_automatic(version: &str) -> bool {
    let begins = |text: &&str| text.starts_with(|c: char| c.is_ascii_digit());
    let Some(release) = version.rsplit('v').find(begins) else { return false };
    let mut numbers = release.split(['.', '-', ' ']).map_while(|number| number.parse::<u32>().ok());
    let release = numbers.next().zip(numbers.next());
    release.is_some_and(|release| release >= (1, 9))
}

/// Where the pairs stand.
struct Place {
    start: usize,
    pairs: Pairs,
    /// They follow the prompts on the same line.
    inline: bool,
}

/// Finds the pairs: the last line of them, else the last within a line.
fn settings_place(text: &str) -> Option<Place> {
    let lines = || std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1));
    let begins_with_key = |&start: &usize| {
        let line = text[start..].trim_start_matches([' ', '\t']);
        // An unknown key may only open a line that cannot be the prompt.
        let unknown_may = start > 0 && line.starts_with(char::is_uppercase);
        pairs::key(line).is_some_and(|(key, _)| Key::of(key).map_or(unknown_may, |key| !key.is_prompt()))
    };
    let last = |starts: Vec<usize>, sound: fn(&[(String, String)]) -> bool| {
        let mut found = None;
        let mut end = 0;
        for &start in &starts[starts.len().saturating_sub(MOST_PLACES)..] {
            // What lies within a quoted value is none.
            if start < end {
                continue;
            }
            let pairs = pairs::line(&text[start..]);
            if sound(&pairs.pairs) {
                end = start + pairs.length;
                found = Some((start, pairs));
            }
        }
        found
    };
    if let Some((start, pairs)) = last(lines().filter(begins_with_key).collect(), sound_as_line) {
        return Some(Place { start, pairs, inline: false });
    }
    let (start, pairs) = last(core_keys(text), sound_in_line)?;
    let inline = start > 0 && !text[..start].ends_with('\n');
    Some(Place { start, pairs, inline })
}

/// Where core keys begin, at the beginning of a word.
fn core_keys(text: &str) -> Vec<usize> {
    let mut boundary = true;
    let mut starts = Vec::new();
    for (at, letter) in text.char_indices() {
        let begins = boundary && letter.is_ascii_alphabetic();
        if begins && pairs::key(&text[at..]).and_then(|(key, _)| Key::of(key)).is_some_and(Key::is_core) {
            starts.push(at);
        }
        boundary = letter.is_whitespace() || SEPARATORS.contains(&letter);
    }
    starts
}

/// A line of its own: two known pairs, one of them a core one.
fn sound_as_line(pairs: &[(String, String)]) -> bool {
    let (known, core, _) = counted(pairs);
    known >= 2 && core >= 1
}

/// The rest of a line: three core pairs, each once, and none with a value that cannot be.
fn sound_in_line(pairs: &[(String, String)]) -> bool {
    let (_, core, sound) = counted(pairs);
    core >= 3 && sound
}

/// How many pairs are known, how many of them core ones, and whether each of those is there once and
/// with a value that can be.
fn counted(pairs: &[(String, String)]) -> (usize, usize, bool) {
    let (mut known, mut core, mut sound) = (0, Vec::new(), true);
    for (key, value) in pairs.iter().filter_map(|(key, value)| Some((Key::of(key)?, value))) {
        let allowed = key.allows(value);
        known += usize::from(allowed);
        if key.is_core() {
            sound &= allowed && !core.contains(&key);
            if allowed {
                core.push(key);
            }
        }
    }
    (known, core.len(), sound)
}

/// Prompt and negative prompt of what stands beside the pairs; `inline` if the pairs follow on the
/// same line. The prompt is none if it is empty, the negative one if there is no word of it.
fn split_prompts(text: &str, inline: bool) -> (Option<String>, Option<String>) {
    let (prompt, negative) = match negative_at(text) {
        Some((at, on_line)) => {
            let negative = &text[at + NEGATIVE.len()..];
            (part(&text[..at], !on_line), Some(part(negative, inline).trim().to_owned()))
        }
        None => (part(text, inline), None),
    };
    let prompt = without_label(prompt.trim_matches('\n')).to_owned();
    (Some(prompt).filter(|prompt| !prompt.trim().is_empty()), negative)
}

/// A part without what sets it apart from the next one on its line.
fn part(text: &str, joined: bool) -> &str {
    let bare = text.trim_end();
    // A full stop with a space behind it ends a sentence.
    let ends_sentence = bare.ends_with('.') && bare.len() < text.len();
    match bare.strip_suffix(SEPARATORS) {
        Some(bare) if joined && !ends_sentence => bare.trim_end(),
        _ => bare,
    }
}

/// Where `Negative prompt:` stands, and whether it begins its line; one that does counts first.
fn negative_at(text: &str) -> Option<(usize, bool)> {
    // Lower case in ASCII alone, so that offsets stay.
    let lower = text.to_ascii_lowercase();
    let before = |at: usize| &text[..at];
    let begins_line = |at: &usize| {
        let line = before(*at).rsplit('\n').next().unwrap_or_default();
        line.trim().is_empty()
    };
    let begins_word =
        |at: &usize| before(*at).ends_with(|c: char| c.is_whitespace() || SEPARATORS.contains(&c));
    let places = || lower.match_indices(NEGATIVE).map(|(at, _)| at);
    let on_line = places().find(begins_line).map(|at| (at, true));
    on_line.or_else(|| places().find(begins_word).map(|at| (at, false)))
}

fn without_label(prompt: &str) -> &str {
    let label = POSITIVE
        .iter()
        .find(|label| prompt.get(..label.len()).is_some_and(|start| start.eq_ignore_ascii_case(label)));
    label.map_or(prompt, |label| prompt[label.len()..].trim_start())
}

/// "512x640", "512 × 640", "(512, 640)".
pub(super) fn size(text: &str) -> Option<(usize, usize)> {
    let text = text.trim_matches(['(', ')', '[', ']', '.', ' ']);
    let (width, height) = text.split_once(['x', 'X', '×', ','])?;
    Some((width.trim().parse().ok()?, height.trim().parse().ok()?))
}

#[cfg(test)]
mod tests;
