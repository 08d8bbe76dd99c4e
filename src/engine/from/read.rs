//! Reading a [`Source`]: its files and steps to pixels, and what is told of them afterwards.
//!
//! Trap: a mask is inverted before it is asked whether it is empty, and room around the picture comes after both.

use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::error::{SIDE_LEAST, SourceError};
use super::kept::ground_of;
use crate::engine::generate_error::GenerateError;
use crate::engine::open::OpenModel;
use crate::engine::pixels::decode;
use crate::hashes;
use crate::negative::{Negative, NegativeError, Store};
use crate::note::{Note, SourceNote};
use crate::picture::{Frame, PictureError};
use crate::sampler::Latent;
use crate::settings::{Beginning, KeptStep, Margins, Named, SIDE_MAX, Treatment};
use crate::tray::{Mask, MaskFrom, Photo, PictureFrom, Source, extended};

/// What a source holds.
pub(super) struct Read {
    /// The picture, with room around it where that was asked for.
    pub(super) picture: Frame,
    /// What is repainted of it, hard or as soft as it was drawn.
    pub(super) mask: Option<Mask>,
    /// The map of depths, at the picture's size.
    pub(super) depth: Option<Frame>,
    /// The latent of a step that nothing was put around.
    pub(super) latent: Option<Latent>,
    pub(super) beginning: Beginning,
    pub(super) notes: Vec<Note>,
}

/// A picture with what is told of it.
struct Found {
    photo: Photo,
    named: Named,
    latent: Option<Latent>,
}

/// Reads a source.
///
/// # Errors
/// If a file or a step cannot be had, or they do not go together.
pub(super) fn read(model: &OpenModel, source: &Source, store: Option<&Store>) -> Result<Read, GenerateError> {
    let treatment = source.treatment;
    check(&treatment)?;
    let Found { photo, named, mut latent } = picture(model, &source.picture, store)?;
    let (width, height) = (photo.frame.width, photo.frame.height);
    if width.min(height) < SIDE_LEAST {
        return Err(SourceError::Small { width, height }.into());
    }
    let mut notes = Vec::new();
    let drawn = source.mask.as_ref().map(mask_of).transpose()?;
    let (mask, named_mask) = drawn.unzip();
    let mask = mask.or_else(|| Mask::of_holes(&photo));
    let mask = match mask {
        Some(mask) => {
            let mask = if treatment.mask_invert { mask.inverted() } else { mask };
            let from = [mask.width, mask.height];
            let (mask, resized) = mask.fitted(width, height).map_err(SourceError::from)?;
            notes.extend(
                resized.then_some(Note::Source(SourceNote::MaskResized { from, to: [width, height] })),
            );
            Some(mask)
        }
        None if treatment.mask_invert => return Err(SourceError::NoMask.into()),
        None => None,
    };
    let depth = source.depth.as_ref().map(|depth| picture(model, depth, store)).transpose()?;
    let named_depth = depth.as_ref().map(|depth| depth.named.clone());
    let mut depth = depth.map(|depth| fitted_depth(depth.photo.frame, [width, height])).transpose()?;
    let (mut frame, mut mask) = (photo.frame.clone(), mask);
    if !treatment.outpaint.is_none() {
        check_room(treatment.outpaint, [width, height])?;
        let (larger, room) = extended(&photo, mask.as_ref(), treatment.outpaint);
        (frame, mask, latent) = (larger.frame, Some(room), None);
        depth = depth.map(|depth| extended(&Photo::from(depth), None, treatment.outpaint).0.frame);
    }
    if mask.is_none() && treatment.only_masked.is_some() {
        return Err(SourceError::NoMask.into());
    }
    let is_masked = mask.is_some();
    let beginning = Beginning {
        picture: named,
        mask: named_mask,
        depth: named_depth,
        is_masked,
        treatment,
        negative: None,
    };
    Ok(Read { picture: frame, mask, depth, latent, beginning, notes })
}

/// Checks the numbers of a treatment.
fn check(treatment: &Treatment) -> Result<(), SourceError> {
    let Treatment { strength, mask_blur, image_guidance, .. } = *treatment;
    if !(strength > 0.0 && strength <= 1.0) {
        return Err(SourceError::Strength(strength));
    }
    if !(0.0..=crate::settings::BLUR_MOST).contains(&mask_blur) {
        return Err(SourceError::Blur(mask_blur));
    }
    if !(0.0..=crate::settings::IMAGE_GUIDANCE_MOST).contains(&image_guidance) {
        return Err(SourceError::ImageGuidance(image_guidance));
    }
    Ok(())
}

fn check_room(room: Margins, [width, height]: [usize; 2]) -> Result<(), SourceError> {
    let sum = |sides: [usize; 3]| sides.into_iter().fold(0_usize, usize::saturating_add);
    let (width, height) = (sum([room.left, width, room.right]), sum([room.top, height, room.bottom]));
    if width.max(height) <= SIDE_MAX {
        return Ok(());
    }
    Err(SourceError::Room { width, height, most: SIDE_MAX })
}

fn picture(model: &OpenModel, from: &PictureFrom, store: Option<&Store>) -> Result<Found, GenerateError> {
    match from {
        PictureFrom::File(path) => {
            let photo = Photo::open(path).map_err(SourceError::from)?;
            Ok(Found { photo, named: of_file(path)?, latent: None })
        }
        PictureFrom::Pixels(photo) => {
            let named = Named { hash: hash_of(photo), ..Named::default() };
            Ok(Found { photo: photo.clone(), named, latent: None })
        }
        PictureFrom::Step { negative, at } => step(model, negative, *at, store),
    }
}

/// A mask's levels as they were drawn, and what is told of them.
fn mask_of(from: &MaskFrom) -> Result<(Mask, Named), SourceError> {
    match from {
        MaskFrom::File(path) => {
            let photo = Photo::open(path)?;
            Ok((Mask::of_picture(&photo), of_file(path)?))
        }
        MaskFrom::Painted(mask) => {
            let hash = hashes::digits(Sha256::new().chain_update(&*mask.levels));
            Ok((mask.clone(), Named { hash, ..Named::default() }))
        }
    }
}

/// What a step of a kept run predicts, with what that run's picture had around it.
fn step(model: &OpenModel, id: &str, at: usize, store: Option<&Store>) -> Result<Found, GenerateError> {
    let cause = |error: NegativeError| SourceError::Step { cause: error.to_string() };
    let missing = || SourceError::Step { cause: "there is no folder for kept runs".to_owned() };
    let store = store.ok_or_else(missing)?;
    let mut negative = store.open(id).map_err(cause)?;
    while let Some(parent) = negative.head.parent.as_ref().filter(|_| at <= negative.first_step()) {
        negative = store.open(&parent.id.clone()).map_err(cause)?;
    }
    if !is_of(model, &negative) {
        let cause = format!("it was made with another model; open {:?} first", negative.head.model.name);
        return Err(SourceError::Step { cause }.into());
    }
    let latent = negative.pred_x0(at).map_err(cause)?;
    let (made, _) = decode(&model.networks, &latent)?;
    let ground = ground_of(&negative).map_err(cause)?;
    let is_whole = ground.as_ref().is_none_or(|ground| ground.overlay.is_none());
    let photo = Photo::from(ground.map_or(made.clone(), |ground| ground.finished(made)));
    let step = Some(KeptStep { negative: id.to_owned(), at });
    let named = Named { hash: hash_of(&photo), step, path: None };
    Ok(Found { photo, named, latent: Some(latent).filter(|_| is_whole) })
}

/// Whether an open model made a negative, as far as is known.
fn is_of(model: &OpenModel, negative: &Negative) -> bool {
    let made = negative.model_hash();
    match model.hash.if_ready() {
        Some(hash) if !made.is_empty() => hash == made,
        _ => negative.head.model.name == model.info.name,
    }
}

/// A file as it is told: with `~` for the user's folder.
pub(super) fn of_file(path: &Path) -> Result<Named, SourceError> {
    let unreadable = |source| SourceError::from(PictureError::Read { path: path.to_owned(), source });
    let hash = hashes::sha256(path, None, &mut || true).map_err(unreadable)?.unwrap_or_default();
    let whole = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let short =
        std::env::home_dir().and_then(|home| Some(Path::new("~").join(whole.strip_prefix(home).ok()?)));
    let told = short.unwrap_or(whole).to_string_lossy().into_owned();
    Ok(Named { path: Some(told), hash, step: None })
}

/// Where a file that was told so lies.
pub(super) fn place_of(told: &str) -> PathBuf {
    let inside = told.strip_prefix('~').map(|rest| rest.trim_start_matches(['/', '\\']));
    match (inside, std::env::home_dir()) {
        (Some(inside), Some(home)) => home.join(inside),
        _ => PathBuf::from(told),
    }
}

fn hash_of(photo: &Photo) -> String {
    let mut hash = Sha256::new().chain_update(&*photo.frame.rgb);
    if let Some(alpha) = &photo.alpha {
        hash.update(alpha);
    }
    hashes::digits(hash)
}

/// A map of depths at the size of its picture.
fn fitted_depth(depth: Frame, [width, height]: [usize; 2]) -> Result<Frame, SourceError> {
    let shape = Mask::flat(depth.width, depth.height, 255);
    shape.fitted(width, height).map_err(SourceError::from)?;
    Ok(crate::tray::resized(&depth, [width, height]))
}
