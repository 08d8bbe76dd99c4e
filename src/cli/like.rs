//! `generate --like PICTURE`: the settings of a picture, as near as the model can follow them.
//!
//! Invariant: flags win, the model is never taken over, and what is not as in the picture is a note.

use std::path::Path;

use crate::engine::OpenModel;
use crate::note::{Note, PictureNote};
use crate::picture::metadata::read::{Recovered, recover};
use crate::picture::{Field, at_present_size};
use crate::sampler::SamplerKind;
use crate::settings::Settings;

use super::Failure;
use super::arguments::Generate;

/// The most pixels of a side.
const SIDE_MAX: usize = 8192;

/// Reads what a picture tells.
///
/// # Errors
/// If it cannot be read, tells nothing, or no prompt where none was typed.
pub fn read(path: &Path, arguments: &Generate) -> Result<Recovered, Failure> {
    let found = recover(path)?.ok_or_else(|| nothing_in(path))?;
    if found.settings.prompt.is_none() && arguments.prompt.is_none() {
        return Err(Failure::Input(format!(
            "expected a prompt, found none in {}; type one before --like",
            path.display()
        )));
    }
    Ok(found)
}

/// A picture without settings.
pub fn nothing_in(path: &Path) -> Failure {
    Failure::Input(format!(
        "expected a picture that tells its settings, found none in {}; use the file as its program saved it",
        path.display()
    ))
}

/// The picture's settings over `base`, before any flag.
pub fn over(found: &Recovered, base: &Settings, model: &OpenModel) -> Settings {
    let grown = at_present_size(&found.settings, &found.made_by(), &model.info);
    let mut known = grown.map_or_else(|| found.settings.clone(), |(known, _)| known);
    if found.foreign_sampler.is_some() {
        // Another rule's noise is not that of ours.
        known.eta = None;
        known.sampler = Some(SamplerKind::default());
    }
    known.over(base)
}

/// Brings `settings`, flags included, to the nearest that the model can follow; what differs from the
/// picture. What a flag says is left as it is.
pub fn follow(
    found: &Recovered,
    arguments: &Generate,
    model: &OpenModel,
    settings: &mut Settings,
) -> Vec<Note> {
    let mut notes = Vec::new();
    if let Some(name) = found.foreign_sampler.clone().filter(|_| arguments.sampler.is_none()) {
        notes.push(Note::Picture(PictureNote::OtherSampler {
            found: name,
            used: SamplerKind::default().row().name.to_owned(),
        }));
    }
    let rule = settings.sampler.row();
    if arguments.eta.is_none() && !rule.takes_eta && settings.eta > 0.0 {
        notes.push(Note::Picture(PictureNote::OtherEta {
            found: settings.eta,
            sampler: rule.name.to_owned(),
        }));
        settings.eta = 0.0;
    }
    if let Some(steps) =
        found.settings.steps.filter(|&steps| steps != settings.steps && arguments.steps.is_none())
    {
        notes.push(Note::Picture(PictureNote::OtherSteps { found: steps, used: settings.steps }));
    }
    let grown = at_present_size(&found.settings, &found.made_by(), &model.info);
    if arguments.width.is_none() && arguments.height.is_none() {
        notes.extend(grown.map(|(_, note)| note));
    }
    let size = [settings.width, settings.height];
    let multiple = model.networks.size_multiple();
    for (flag, side) in [(arguments.width, &mut settings.width), (arguments.height, &mut settings.height)] {
        *side = flag.unwrap_or_else(|| nearest(*side, multiple));
    }
    let used = [settings.width, settings.height];
    if size != used {
        notes.push(Note::Picture(PictureNote::OtherSize { found: size, used }));
    }
    if let Some(after) = found.stopped_after {
        notes.push(Note::Picture(PictureNote::WasStopped { after }));
    }
    if !found.guidance_of_steps.is_empty() && arguments.guidance.is_none() {
        notes.push(Note::Picture(PictureNote::WasSteered { used: settings.guidance }));
    }
    if let Some(name) = found.model.clone().filter(|name| !name.eq_ignore_ascii_case(&model.info.name)) {
        notes.push(Note::Picture(PictureNote::OtherModel { found: name, used: model.info.name.clone() }));
    }
    let missing: Vec<&str> =
        found.not_read().into_iter().filter(|field| !given(*field, arguments)).map(Field::name).collect();
    if !missing.is_empty() {
        notes.push(Note::Picture(PictureNote::NotTold { what: missing.join(", ") }));
    }
    notes
}

/// Whether a flag says it.
fn given(field: Field, arguments: &Generate) -> bool {
    match field {
        Field::Prompt => arguments.prompt.is_some(),
        Field::NegativePrompt => arguments.negative.is_some(),
        Field::Steps => arguments.steps.is_some(),
        Field::Guidance => arguments.guidance.is_some(),
        Field::Seed => arguments.seed.is_some(),
        Field::Size => arguments.width.is_some() && arguments.height.is_some(),
        Field::Sampler => arguments.sampler.is_some(),
    }
}

/// The nearest multiple that a side can have.
fn nearest(pixels: usize, multiple: usize) -> usize {
    let most = SIDE_MAX / multiple;
    (pixels.saturating_add(multiple / 2) / multiple).clamp(1, most) * multiple
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sides_become_the_nearest_multiple() {
        for (pixels, expected) in [(1, 64), (95, 64), (96, 128), (640, 640), (9000, 8192)] {
            assert_eq!(nearest(pixels, 64), expected);
        }
    }
}
