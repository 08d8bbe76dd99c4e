//! Pictures for the tray, read to pixels: of files, of the clipboard, of what a picture tells that it began from.
//!
//! Trap: a step of a kept run is decoded by its model alone; of a run that began from one, its own negative has the
//! pixels.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use egui::ColorImage;

use crate::app::services::Answer;
use crate::engine::from::{SourceError, find, source_of};
use crate::message::Report;
use crate::negative::Store;
use crate::note::{Note, SourceNote};
use crate::picture::PictureError;
use crate::settings::{Beginning, Treatment};
use crate::tray::{Mask, MaskFrom, Photo, PictureFrom, Source};

/// A picture that is wanted on the tray.
#[derive(Clone, Debug, PartialEq)]
pub enum Wanted {
    /// Of a file.
    File(PathBuf),
    /// Of the clipboard.
    Pasted(Arc<ColorImage>),
    /// What a run of this session began from.
    Source(Box<Source>),
    /// What a picture tells that it began from.
    Beginning(Box<Beginning>),
    /// What a kept run began from, if it did.
    Kept(String),
}

/// A picture for the tray.
#[derive(Clone, Debug, PartialEq)]
pub struct Developed {
    /// Where it comes from.
    pub from: PictureFrom,
    /// Its pixels.
    pub photo: Photo,
    /// What of it is repainted, if that is known, and the file that it came from.
    pub mask: Option<(Mask, Option<PathBuf>)>,
    /// What was done with it; none where it is new.
    pub treatment: Option<Treatment>,
}

/// Reads a picture; nothing where a kept run began from none.
pub(super) fn read(wanted: Wanted, store: Option<&Store>) -> Option<Answer> {
    let source = match wanted {
        Wanted::File(path) => return Some(of_file(path)),
        Wanted::Pasted(image) => return Some(new(of_image(&image))),
        Wanted::Source(source) => *source,
        Wanted::Beginning(beginning) => match found(&beginning, store) {
            Ok(source) => source,
            Err(note) => return Some(Answer::Told(note)),
        },
        Wanted::Kept(negative) => match kept(&negative, store)? {
            Ok(source) => source,
            Err(note) => return Some(Answer::Told(note)),
        },
    };
    Some(match of_source(source) {
        Ok(developed) => Answer::Developed(Box::new(developed)),
        Err(error) => Answer::Failed(Report::of(&error)),
    })
}

/// The source of a kept run, where it began from a picture.
fn kept(negative: &str, store: Option<&Store>) -> Option<Result<Source, Note>> {
    let kept = store?.open(negative).ok()?;
    let beginning = Beginning { negative: Some(negative.to_owned()), ..kept.head.beginning.clone()? };
    Some(found(&beginning, store))
}

/// A file's picture.
pub(super) fn of_file(path: PathBuf) -> Answer {
    match Photo::open(&path) {
        Ok(photo) => laid(PictureFrom::File(path), photo),
        Err(error) => Answer::Failed(Report::of(&error)),
    }
}

/// A mask of a file, at the size of its picture.
pub(super) fn read_mask(path: PathBuf, [width, height]: [usize; 2]) -> Answer {
    let mask = Photo::open(&path).map_err(SourceError::from).and_then(|photo| {
        let mask = Mask::of_picture(&photo).fitted(width, height)?;
        Ok(mask)
    });
    match mask {
        Ok((mask, resized)) => Answer::Mask { mask, path: (!resized).then_some(path) },
        Err(error) => Answer::Failed(Report::of(&error)),
    }
}

fn new(photo: Photo) -> Answer {
    laid(PictureFrom::Pixels(photo.clone()), photo)
}

fn laid(from: PictureFrom, photo: Photo) -> Answer {
    match SourceError::of_size([photo.frame.width, photo.frame.height]) {
        Ok(()) => Answer::Developed(Box::new(Developed { from, photo, mask: None, treatment: None })),
        Err(error) => Answer::Failed(Report::of(&error)),
    }
}

fn of_image(image: &ColorImage) -> Photo {
    let rgba: Vec<u8> = image.pixels.iter().flat_map(|pixel| pixel.to_srgba_unmultiplied()).collect();
    Photo::of_rgba(image.size[0], image.size[1], &rgba)
}

/// The source of a beginning, of pixels that can be had here.
fn found(beginning: &Beginning, store: Option<&Store>) -> Result<Source, Note> {
    let (source, note) = find(beginning, store);
    let gone = || Note::Source(SourceNote::Gone { name: beginning.picture.told() });
    match source {
        Some(Source { picture: PictureFrom::Step { .. }, .. }) => {
            let kept = store.zip(beginning.negative.as_ref()).and_then(|(store, id)| store.open(id).ok());
            kept.and_then(|negative| source_of(&negative).ok().flatten()).ok_or_else(gone)
        }
        Some(source) => Ok(source),
        None => Err(note.unwrap_or_else(gone)),
    }
}

fn of_source(source: Source) -> Result<Developed, SourceError> {
    let Source { picture, mask, treatment, .. } = source;
    let photo = match &picture {
        PictureFrom::File(path) => Photo::open(path)?,
        PictureFrom::Pixels(photo) => photo.clone(),
        PictureFrom::Step { .. } => {
            return Err(SourceError::Step { cause: "its pixels are not at hand".to_owned() });
        }
    };
    let size = [photo.frame.width, photo.frame.height];
    let mask = mask.map(|mask| mask_of(mask, size)).transpose()?;
    Ok(Developed { from: picture, photo, mask, treatment: Some(treatment) })
}

fn mask_of(mask: MaskFrom, [width, height]: [usize; 2]) -> Result<(Mask, Option<PathBuf>), SourceError> {
    let (mask, path) = match mask {
        MaskFrom::Painted(mask) => (mask, None),
        MaskFrom::File(path) => (opened(&path)?, Some(path)),
    };
    let (mask, resized) = mask.fitted(width, height)?;
    Ok((mask, path.filter(|_| !resized)))
}

fn opened(path: &Path) -> Result<Mask, PictureError> {
    Ok(Mask::of_picture(&Photo::open(path)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::{Format, Frame, encode};
    use crate::settings::Named;
    use crate::told::Told as _;

    fn saved(folder: &Path, name: &str, width: usize, height: usize) -> PathBuf {
        let frame = Frame { width, height, rgb: vec![255; 3 * width * height].into() };
        let path = folder.join(name);
        std::fs::write(&path, encode(&frame, None, Format::Png).unwrap()).unwrap();
        path
    }

    fn answer(wanted: Wanted, store: Option<&Store>) -> Answer {
        read(wanted, store).unwrap()
    }

    fn sentence(answer: Answer) -> &'static str {
        match answer {
            Answer::Failed(report) => report.sentence.key,
            Answer::Told(note) => note.sentence().key,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_file_becomes_a_picture_or_one_sentence() {
        let folder = tempfile::tempdir().unwrap();
        let path = saved(folder.path(), "a.png", 20, 10);
        let Some(Answer::Developed(developed)) = read(Wanted::File(path.clone()), None) else { panic!() };
        assert_eq!((developed.photo.frame.width, developed.from), (20, PictureFrom::File(path)));
        let thin = saved(folder.path(), "thin.png", 2000, 3);
        assert_eq!(sentence(answer(Wanted::File(thin), None)), "error-source-small");
        assert_eq!(sentence(answer(Wanted::File(folder.path().join("none.png")), None)), "error-unreadable");
        let pasted = Arc::new(ColorImage::filled([9, 8], egui::Color32::from_rgb(1, 2, 3)));
        let Some(Answer::Developed(developed)) = read(Wanted::Pasted(pasted), None) else { panic!() };
        assert_eq!((&developed.photo.frame.rgb[..3], developed.photo.alpha), (&[1, 2, 3][..], None));
    }

    #[test]
    fn a_mask_goes_with_its_picture_or_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = saved(folder.path(), "m.png", 20, 10);
        let Answer::Mask { mask, path: same } = read_mask(path.clone(), [20, 10]) else { panic!() };
        assert_eq!((mask.levels[0], same), (255, Some(path.clone())));
        let Answer::Mask { mask, path: none } = read_mask(path.clone(), [40, 20]) else { panic!() };
        assert_eq!((mask.width, none), (40, None));
        assert_eq!(sentence(read_mask(path, [10, 20])), "error-mask-shape");
    }

    #[test]
    fn what_a_picture_began_from_is_found_where_it_still_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = saved(folder.path(), "a.png", 20, 10);
        let hash = crate::hashes::sha256(&path, None, &mut || true).unwrap().unwrap();
        let picture = Named { path: Some(path.to_string_lossy().into_owned()), hash, step: None };
        let treatment = Treatment { strength: 0.4, ..Treatment::default() };
        let beginning = Beginning { picture, treatment, ..Beginning::default() };
        let wanted = || Wanted::Beginning(Box::new(beginning.clone()));
        let Some(Answer::Developed(developed)) = read(wanted(), None) else { panic!() };
        assert_eq!(developed.treatment, Some(treatment));
        std::fs::remove_file(&path).unwrap();
        assert_eq!(sentence(answer(wanted(), None)), "note-source-gone");
        assert_eq!(read(Wanted::Kept("x".into()), None), None);
        let source = Source::of(PictureFrom::Step { negative: "x".into(), at: 3 });
        assert_eq!(sentence(answer(Wanted::Source(Box::new(source)), None)), "error-source-step");
    }
}
