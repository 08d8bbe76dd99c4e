//! Settings back from a picture: Safelight's own, and what A1111, ComfyUI and InvokeAI leave.
//!
//! Everything read here was written by strangers: lengths are bounded, numbers that no picture can
//! have had are left out, and a damaged text is the same as none.

mod comfy;
mod invoke;
mod value;

use std::fs::File;
use std::io::{BufReader, Cursor, Read};
use std::path::Path;

use serde_json::Value;

use super::chunks::{PngHead, png_head};
use super::exif_block;
use super::format::{PARAMETERS, SAFELIGHT};
use super::{Made, MadeBy, PartialSettings, PictureError, parameters};

/// The most bytes of a JPEG or WebP file that are looked at.
const MOST_BYTES: u64 = 64 << 20;

/// The program that wrote a picture's settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// This program.
    Safelight,
    /// stable-diffusion-webui, or one of the many that write its form.
    A1111,
    /// ComfyUI; its graph was followed.
    ComfyUi,
    /// InvokeAI, present or older.
    InvokeAi,
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
    /// The sampler's name where it is none of ours, so the picture will come out another.
    pub foreign_sampler: Option<String>,
    /// The whole record, if this program wrote it.
    pub made: Option<Made>,
}

/// Reads a picture file's settings; `None` if it carries none that are known.
///
/// # Errors
/// What the file system says; a file that is no picture has no settings.
pub fn recover(path: &Path) -> Result<Option<Recovered>, PictureError> {
    let file = File::open(path).map_err(|error| PictureError::read(path, error))?;
    let mut reader = BufReader::new(file);
    let head = png_head(&mut reader).map_err(|error| PictureError::read(path, error))?;
    if let Some(head) = head {
        return Ok(recover_png(&head));
    }
    let again = |error| PictureError::read(path, error);
    let mut bytes = Vec::new();
    File::open(path).map_err(again)?.take(MOST_BYTES).read_to_end(&mut bytes).map_err(again)?;
    Ok(recover_exif(exif_block::read_file(&bytes)))
}

/// Reads the settings of a picture in memory.
pub fn recover_bytes(bytes: &[u8]) -> Option<Recovered> {
    match png_head(&mut Cursor::new(bytes)) {
        Ok(Some(head)) => recover_png(&head),
        _ => recover_exif(exif_block::read_file(bytes)),
    }
}

/// Reads the settings of a PNG whose texts are at hand.
pub fn recover_png(head: &PngHead) -> Option<Recovered> {
    let text = |keyword| head.text(keyword);
    let found = text(SAFELIGHT)
        .and_then(safelight)
        .or_else(|| text("invokeai_metadata").and_then(invoke::metadata))
        .or_else(|| text(PARAMETERS).and_then(a1111))
        .or_else(|| text("prompt").and_then(comfy::graph))
        .or_else(|| text("sd-metadata").and_then(invoke::legacy))
        .or_else(|| recover_exif(exif_block::read(head.exif.clone()?)));
    found.map(Recovered::believed)
}

fn recover_exif((comment, json): exif_block::Texts) -> Option<Recovered> {
    let found = json.as_deref().and_then(safelight);
    found.or_else(|| comment.as_deref().and_then(a1111)).map(Recovered::believed)
}

impl Recovered {
    /// A record of which only the origin is known.
    fn from(origin: Origin) -> Self {
        Self {
            origin,
            settings: PartialSettings::default(),
            model: None,
            model_hash: None,
            foreign_sampler: None,
            made: None,
        }
    }

    /// The model that made it.
    pub fn made_by(&self) -> MadeBy {
        MadeBy { name: self.model.clone(), hash: self.model_hash.clone() }
    }

    /// Takes the sampler by name, ours or not.
    fn set_sampler(&mut self, name: String) {
        if !self.settings.set_sampler(&name) {
            self.foreign_sampler = Some(name);
        }
    }

    fn believed(self) -> Self {
        Self { settings: self.settings.believed(), ..self }
    }
}

/// Our own JSON. A later version's still gives what this one knows.
fn safelight(text: &str) -> Option<Recovered> {
    let record: Value = serde_json::from_str(text).ok()?;
    let made = record.get("made")?;
    let settings: PartialSettings = serde_json::from_value(made.get("settings")?.clone()).ok()?;
    let text = |key: &str| made.get(key).and_then(Value::as_str).map(str::to_owned);
    Some(Recovered {
        settings,
        model: text("model"),
        model_hash: text("model_hash"),
        made: serde_json::from_value(made.clone()).ok(),
        ..Recovered::from(Origin::Safelight)
    })
}

fn a1111(text: &str) -> Option<Recovered> {
    let found = parameters::parse(text)?;
    let mut recovered = Recovered {
        settings: found.settings,
        model: found.model,
        model_hash: found.model_hash,
        ..Recovered::from(Origin::A1111)
    };
    if let Some(sampler) = found.sampler {
        recovered.set_sampler(sampler);
    }
    Some(recovered)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_versions_record_gives_what_is_known() {
        let text = r#"{"version":9,"made":{"settings":{"prompt":"a","steps":7,"lens":"wide"},"model":"m"}}"#;
        let found = safelight(text).unwrap();
        assert_eq!(found.settings.prompt.as_deref(), Some("a"));
        assert_eq!(found.settings.steps, Some(7));
        assert_eq!(found.settings.seed, None);
        assert_eq!((found.model.as_deref(), found.made), (Some("m"), None));
    }

    #[test]
    fn numbers_that_cannot_be_are_left_out() {
        let text = "x\nSteps: 90000, Sampler: DDIM, CFG scale: NaN, Seed: -1, Size: 0x99999999, Eta: 7";
        let found = a1111(text).unwrap().believed();
        let settings = found.settings;
        assert_eq!((settings.steps, settings.guidance, settings.seed), (None, None, None));
        assert_eq!((settings.width, settings.height, settings.eta), (None, None, None));
    }
}
