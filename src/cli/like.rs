//! `generate --like PICTURE`: the settings of a picture, as near as the model can follow them.
//!
//! Invariant: flags win, the model is never taken over, and every difference from the picture is a note.

use std::path::Path;

use crate::engine::{OpenModel, at_present_size};
use crate::note::{Note, PictureNote};
use crate::picture::metadata::read::{Recovered, recover};
use crate::sampler::SamplerKind;
use crate::settings::{SIDE_MAX, Settings};

use super::Failure;
use super::arguments::Generate;

/// Reads what a picture tells.
///
/// # Errors
/// If it cannot be read, tells nothing, or no prompt where none was typed.
pub fn read(path: &Path, arguments: &Generate) -> Result<Recovered, Failure> {
    let found = recover(path)?.ok_or_else(|| nothing_in(path))?;
    if found.settings.prompt.is_none() && arguments.settings.prompt.is_none() {
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
        // Another rule's eta means nothing to the one used instead.
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
    if let Some(name) = found.foreign_sampler.clone().filter(|_| arguments.settings.sampler.is_none()) {
        notes.push(Note::Picture(PictureNote::OtherSampler {
            found: name,
            used: SamplerKind::default().row().name.to_owned(),
        }));
    }
    let rule = settings.sampler.row();
    if arguments.settings.eta.is_none() && !rule.takes_eta() && settings.eta > 0.0 {
        notes.push(Note::Picture(PictureNote::OtherEta {
            found: settings.eta,
            sampler: rule.name.to_owned(),
        }));
        settings.eta = 0.0;
    }
    if let Some(steps) =
        found.settings.steps.filter(|&steps| steps != settings.steps && arguments.settings.steps.is_none())
    {
        notes.push(Note::Picture(PictureNote::OtherSteps { found: steps, used: settings.steps }));
    }
    let grown = at_present_size(&found.settings, &found.made_by(), &model.info);
    if arguments.settings.width.is_none() && arguments.settings.height.is_none() {
        notes.extend(grown.map(|(_, note)| note));
    }
    let size = [settings.width, settings.height];
    let multiple = model.networks.size_multiple();
    for (flag, side) in
        [(arguments.settings.width, &mut settings.width), (arguments.settings.height, &mut settings.height)]
    {
        *side = flag.unwrap_or_else(|| nearest(*side, multiple));
    }
    let used = [settings.width, settings.height];
    if size != used {
        notes.push(Note::Picture(PictureNote::OtherSize { found: size, used }));
    }
    if let Some(from) = &found.branched_from {
        notes.push(Note::Picture(PictureNote::WasBranched { at: from.at }));
    }
    if let Some(after) = found.stopped_after {
        notes.push(Note::Picture(PictureNote::WasStopped { after }));
    }
    if let Some(name) = found.model.clone().filter(|name| !name.eq_ignore_ascii_case(&model.info.name)) {
        notes.push(Note::Picture(PictureNote::OtherModel { found: name, used: model.info.name.clone() }));
    }
    let not_read = found.not_read().into_iter().filter(|name| !arguments.settings.tells(name));
    let missing: Vec<String> = not_read.map(|name| name.replace('_', " ")).collect();
    if !missing.is_empty() {
        notes.push(Note::Picture(PictureNote::NotTold { what: missing.join(", ") }));
    }
    notes
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
