//! Settings back from a picture: Safelight's own, and what other programs leave.
//!
//! Everything read here was written by strangers: lengths are bounded, numbers that no picture can
//! have had are left out, and a damaged text is the same as none. A file may carry several texts; the
//! most trusted that tells enough is read, else the one that tells most.

mod comfy;
mod exif;
mod flat;
mod infotext;
mod invoke;
mod json;
mod pairs;
mod texts;
mod value;

use std::fs::File;
use std::io::{BufReader, Cursor};
use std::path::Path;

use serde_json::Value;

use self::exif::MAKER_NOTE;
use self::texts::Texts;
use crate::picture::metadata::chunks::PngHead;
use crate::picture::metadata::exif::NOTE;
use crate::picture::metadata::made::{BranchedFrom, SAFELIGHT};
use crate::picture::metadata::parameters::PARAMETERS;
use crate::picture::{Carried, Made, MadeBy, PictureError};
use crate::sampler::GuidanceCurve;
use crate::settings::{Beginning, PartialSettings, Treatment};

/// Places of texts, the most trusted first; a text anywhere else comes last.
const PLACES: [&str; 12] = [
    "invokeai_metadata",
    PARAMETERS,
    "UserComment",
    "prompt",
    "Model",
    "Make",
    "ImageDescription",
    "XPComment",
    "sd-metadata",
    "Dream",
    "Comment",
    "Description",
];
/// The most steps whose guidance is read.
const MOST_STEPS: usize = 1_000;
/// A text that tells so many settings is enough.
const ENOUGH: usize = 4;

/// The program that wrote a picture's settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub enum Origin {
    /// This program, by its own chunk.
    Safelight,
    /// stable-diffusion-webui, or one of the many that write its form.
    A1111,
    /// ComfyUI; its graph was followed.
    #[serde(rename = "ComfyUI")]
    ComfyUi,
    /// InvokeAI, present or older.
    #[serde(rename = "InvokeAI")]
    InvokeAi,
    /// SwarmUI, in its own JSON.
    #[serde(rename = "SwarmUI")]
    SwarmUi,
    /// Fooocus, in its own form.
    Fooocus,
    /// A program that writes an object of JSON.
    #[serde(rename = "another program")]
    Other,
}

impl Origin {
    /// The name that users know it by.
    pub fn name(self) -> &'static str {
        match self {
            Self::Safelight => "Safelight",
            Self::A1111 => "A1111",
            Self::ComfyUi => "ComfyUI",
            Self::InvokeAi => "InvokeAI",
            Self::SwarmUi => "SwarmUI",
            Self::Fooocus => "Fooocus",
            Self::Other => "another program",
        }
    }
}

/// What a picture tells of how it was made.
#[derive(Clone, Debug, PartialEq)]
pub struct Recovered {
    /// Who wrote it.
    pub origin: Origin,
    /// All settings that are known.
    pub settings: PartialSettings,
    /// The model's name.
    pub model: Option<String>,
    /// The start of the model file's SHA-256, or what the program took for it.
    pub model_hash: Option<String>,
    /// The name of a sampler that is not known here, so the picture will come out another.
    pub foreign_sampler: Option<String>,
    /// Steps that were done, where the run was stopped early.
    pub stopped_after: Option<usize>,
    /// The guidance of each step, where it was changed on the way; else empty.
    pub guidance_of_steps: Vec<f64>,
    /// The run that it branched off from, if it did.
    pub branched_from: Option<BranchedFrom>,
    /// What was done with the picture that it was made from, if it was.
    pub treatment: Option<Treatment>,
    /// That picture, where it is named.
    pub beginning: Option<Beginning>,
    /// The whole record, if this program wrote it.
    pub made: Option<Made>,
}

/// Reads a picture file's settings; `None` if it carries none that are known.
///
/// # Errors
/// What the file system says; a file that is no picture has no settings.
pub fn recover(path: &Path) -> Result<Option<Recovered>, PictureError> {
    let file = File::open(path).map_err(|error| PictureError::read(path, error))?;
    let texts = Texts::read(&mut BufReader::new(file)).map_err(|error| PictureError::read(path, error))?;
    Ok(recover_texts(&texts))
}

/// What a picture's file tells, to be written into another: this program's record, else a text of A1111's form.
///
/// # Errors
/// As [`recover`].
pub fn carried(path: &Path) -> Result<Carried, PictureError> {
    let file = File::open(path).map_err(|error| PictureError::read(path, error))?;
    let texts = Texts::read(&mut BufReader::new(file)).map_err(|error| PictureError::read(path, error))?;
    if let Some(made) = recover_texts(&texts).and_then(|found| found.made) {
        return Ok(Carried::Ours(Box::new(made)));
    }
    // Some programs keep JSON there.
    let plain = texts.get(PARAMETERS).filter(|text| !text.trim_start().starts_with('{'));
    let found = || texts.iter().map(|(_, text)| text).find(|text| infotext::parse(text).is_some());
    Ok(Carried::Text(plain.or_else(found).unwrap_or_default().to_owned()))
}

/// Reads the settings of a picture in memory.
pub fn recover_bytes(bytes: &[u8]) -> Option<Recovered> {
    recover_texts(&Texts::read(&mut Cursor::new(bytes)).ok()?)
}

/// Reads the settings of a PNG whose texts are at hand.
pub fn recover_png(head: &PngHead) -> Option<Recovered> {
    recover_texts(&Texts::of_png(head))
}

fn recover_texts(texts: &Texts) -> Option<Recovered> {
    let note = || texts.get(MAKER_NOTE).and_then(|text| text.strip_prefix(NOTE));
    let own = texts.get(SAFELIGHT).and_then(safelight).or_else(|| note().and_then(safelight));
    let found = own.or_else(|| foreign(texts)).map(Recovered::plausible)?;
    (found.settings.known() > 0 || found.model.is_some()).then_some(found)
}

/// What other programs leave.
fn foreign(texts: &Texts) -> Option<Recovered> {
    let rank =
        |name: &str| PLACES.iter().position(|place| place.eq_ignore_ascii_case(name)).unwrap_or(PLACES.len());
    let mut ordered: Vec<(&str, &str)> = texts.iter().filter(|(name, _)| *name != MAKER_NOTE).collect();
    ordered.sort_by_key(|(name, _)| rank(name));
    let mut best: Option<Recovered> = None;
    for (_, text) in ordered {
        let Some(found) = any_form(text) else { continue };
        if best.as_ref().is_none_or(|best| best.settings.known() < found.settings.known()) {
            best = Some(found);
        }
        if best.as_ref().is_some_and(|best| best.settings.known() >= ENOUGH) {
            return best;
        }
    }
    // Some write each value under a keyword of its own.
    let apart = || texts.iter().map(|(name, text)| (name.to_owned(), Value::from(text))).collect();
    best.or_else(|| flat::record(&Value::Object(apart())))
}

/// Reads a text by what it looks like, wherever it stood.
fn any_form(text: &str) -> Option<Recovered> {
    // ComfyUI writes such a word into fields of EXIF.
    let bare = text.trim_start_matches(['\u{feff}', ' ', '\n']);
    let bare = ["prompt:", "Prompt:"].iter().find_map(|word| bare.strip_prefix(word)).unwrap_or(bare);
    let record = json::parse(bare).and_then(|value| any_record(&value));
    record.or_else(|| infotext::parse(text)).or_else(|| invoke::dream(text))
}

fn any_record(value: &Value) -> Option<Recovered> {
    let graph = comfy::graph(value).or_else(|| {
        let inner = value.get("prompt")?;
        inner
            .as_object()
            .map_or_else(|| comfy::graph(&json::parse(inner.as_str()?)?), |_| comfy::graph(inner))
    });
    // Where a graph comes with a plain record of it, that tells more.
    let plain = || {
        flat::record(value).filter(|found| {
            graph.as_ref().is_none_or(|graph| graph.settings.known() < found.settings.known())
        })
    };
    invoke::metadata(value).or_else(|| invoke::legacy(value)).or_else(plain).or_else(|| graph.clone())
}

impl Recovered {
    /// What a file of this program tells of a picture that was made so.
    pub fn of_made(made: &Made) -> Self {
        Self {
            settings: made.settings.clone().into(),
            model: Some(made.model.clone()),
            model_hash: Some(made.model_hash.clone()),
            stopped_after: made.stopped_after,
            branched_from: made.branched_from.clone(),
            treatment: made.beginning.as_ref().map(|beginning| beginning.treatment),
            beginning: made.beginning.clone(),
            guidance_of_steps: made.guidance_of_steps.iter().take(MOST_STEPS).copied().collect(),
            made: Some(made.clone()),
            ..Self::from(Origin::Safelight)
        }
    }

    /// A record of which only the origin is known.
    fn from(origin: Origin) -> Self {
        Self {
            origin,
            settings: PartialSettings::default(),
            model: None,
            model_hash: None,
            foreign_sampler: None,
            stopped_after: None,
            branched_from: None,
            guidance_of_steps: Vec::new(),
            treatment: None,
            beginning: None,
            made: None,
        }
    }

    /// The model that made it.
    pub fn made_by(&self) -> MadeBy {
        MadeBy { name: self.model.clone(), hash: self.model_hash.clone() }
    }

    /// The names of what the picture does not tell, so that whatever was there before stays.
    pub fn not_read(&self) -> Vec<&'static str> {
        let mut missing = self.settings.missing();
        missing.retain(|name| *name != "sampler" || self.foreign_sampler.is_none());
        missing
    }

    /// Sets the sampler by name, or keeps the name of one that the program lacks.
    fn set_sampler(&mut self, name: String) {
        if !self.settings.set_sampler(&name) {
            self.foreign_sampler = Some(name);
        }
    }

    fn plausible(mut self) -> Self {
        self.settings = self.settings.plausible();
        if self.origin != Origin::Safelight {
            self.settings = self.settings.with_what_goes_unsaid();
        }
        self.guidance_of_steps.retain(|guidance| guidance.is_finite());
        let settings = &mut self.settings;
        if !self.guidance_of_steps.is_empty()
            && settings.guidance_curve.as_ref().is_none_or(|it| it.is_none())
        {
            let done = self.guidance_of_steps.len();
            let steps =
                if self.stopped_after.is_some() { settings.steps.unwrap_or(done).max(done) } else { done };
            settings.guidance_curve = Some(GuidanceCurve::through(&self.guidance_of_steps, steps));
        }
        self
    }
}

/// Reads the `safelight` JSON. A later version's still gives what this one knows.
fn safelight(text: &str) -> Option<Recovered> {
    let record = json::parse(text)?;
    let made = record.get("made")?;
    let settings: PartialSettings = serde_json::from_value(made.get("settings")?.clone()).ok()?;
    let text = |key: &str| made.get(key).and_then(Value::as_str).map(str::to_owned);
    let guidance = made.get("guidance_of_steps").and_then(Value::as_array);
    let beginning = made.get("beginning").and_then(|begun| serde_json::from_value(begun.clone()).ok());
    Some(Recovered {
        treatment: beginning.as_ref().map(|beginning: &Beginning| beginning.treatment),
        beginning,
        settings,
        model: text("model"),
        model_hash: text("model_hash"),
        stopped_after: made.get("stopped_after").and_then(value::count),
        branched_from: made.get("branched_from").and_then(|from| serde_json::from_value(from.clone()).ok()),
        guidance_of_steps: guidance
            .into_iter()
            .flatten()
            .take(MOST_STEPS)
            .filter_map(Value::as_f64)
            .collect(),
        made: serde_json::from_value(made.clone()).ok(),
        ..Recovered::from(Origin::Safelight)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_versions_record_gives_what_is_known() {
        let text = r#"{"version":9,"made":{"settings":{"prompt":"a","steps":7,"lens":"wide"},"model":"m","stopped_after":3}}"#;
        let found = safelight(text).unwrap();
        assert_eq!(found.settings.prompt.as_deref(), Some("a"));
        assert_eq!((found.settings.steps, found.stopped_after), (Some(7), Some(3)));
        assert_eq!(found.settings.seed, None);
        assert_eq!((found.model.as_deref(), &found.made), (Some("m"), &None));
        assert_eq!(found.not_read(), ["negative_prompt", "guidance", "seed", "size", "sampler"]);
    }

    #[test]
    fn numbers_that_cannot_be_are_left_out() {
        let text = "x\nSteps: 90000, Sampler: DDIM, CFG scale: NaN, Seed: -1, Size: 0x99999999, Eta: 7";
        let found = any_form(text).unwrap().plausible();
        let settings = found.settings;
        assert_eq!((settings.steps, settings.guidance, settings.seed), (None, None, None));
        // An eta that cannot be counts as untold, which means the sampler's own.
        assert_eq!((settings.width, settings.height, settings.eta), (None, None, Some(0.0)));
    }
}
