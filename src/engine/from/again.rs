//! `find`: the source that a picture tells of, where it is still there.
//!
//! Trap: a file of the same name may be another picture by now; its hash says so.

use super::kept::source_of;
use super::read::{of_file, place_of};
use crate::negative::Store;
use crate::note::{Note, SourceNote};
use crate::settings::{Beginning, Named};
use crate::tray::{MaskFrom, PictureFrom, Source};

/// What became of a picture that was named.
enum Place {
    /// It is there.
    There(PictureFrom),
    /// Another one lies in its place.
    Changed,
    /// It is gone.
    Gone,
}

/// The source of a beginning: by its files, else by the negative of the run that began so. None where neither is
/// there, with a note that says what is missing.
pub fn find(beginning: &Beginning, store: Option<&Store>) -> (Option<Source>, Option<Note>) {
    let picture = place(&beginning.picture, store);
    let mask = beginning.mask.as_ref().map(|mask| place(mask, store));
    let depth = beginning.depth.as_ref().map(|depth| place(depth, store));
    if let Place::There(picture) = &picture {
        let mask = match &mask {
            None => Some(None),
            Some(Place::There(PictureFrom::File(path))) => Some(Some(MaskFrom::File(path.clone()))),
            Some(_) => None,
        };
        let depth = match &depth {
            None => Some(None),
            Some(Place::There(depth)) => Some(Some(depth.clone())),
            Some(_) => None,
        };
        if let (Some(mask), Some(depth)) = (mask, depth) {
            let treatment = beginning.treatment;
            return (Some(Source { picture: picture.clone(), mask, depth, treatment }), None);
        }
    }
    let kept = store.zip(beginning.negative.as_ref()).and_then(|(store, id)| store.open(id).ok());
    let kept = kept.and_then(|negative| source_of(&negative).ok().flatten());
    if let Some(source) = kept {
        return (Some(source), None);
    }
    let named = [
        (Some(&beginning.picture), Some(&picture)),
        (beginning.mask.as_ref(), mask.as_ref()),
        (beginning.depth.as_ref(), depth.as_ref()),
    ];
    let note = named.into_iter().find_map(|(named, place)| {
        let name = named?.told();
        match place? {
            Place::There(PictureFrom::File(_) | PictureFrom::Step { .. }) => None,
            Place::Changed => Some(SourceNote::Changed { name }),
            Place::Gone | Place::There(PictureFrom::Pixels(_)) => Some(SourceNote::Gone { name }),
        }
    });
    (None, note.map(Note::Source))
}

fn place(named: &Named, store: Option<&Store>) -> Place {
    if let Some(step) = &named.step {
        let there = store.is_some_and(|store| store.open(&step.negative).is_ok());
        let (negative, at) = (step.negative.clone(), step.at);
        return if there { Place::There(PictureFrom::Step { negative, at }) } else { Place::Gone };
    }
    let Some(path) = named.path.as_deref().map(place_of) else { return Place::Gone };
    match of_file(&path) {
        Ok(now) if now.hash == named.hash => Place::There(PictureFrom::File(path)),
        Ok(_) => Place::Changed,
        Err(_) => Place::Gone,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Treatment;

    #[test]
    fn a_source_is_found_by_its_path_and_its_hash() {
        let folder = tempfile::tempdir().unwrap();
        let (path, mask) = (folder.path().join("a.png"), folder.path().join("m.png"));
        std::fs::write(&path, b"a").unwrap();
        std::fs::write(&mask, b"m").unwrap();
        let beginning = Beginning {
            picture: of_file(&path).unwrap(),
            mask: Some(of_file(&mask).unwrap()),
            is_masked: true,
            treatment: Treatment { strength: 0.3, ..Treatment::default() },
            ..Beginning::default()
        };
        let (found, note) = find(&beginning, None);
        let found = found.unwrap();
        assert_eq!((found.picture, note), (PictureFrom::File(path.clone()), None));
        assert_eq!((found.mask, found.treatment.strength), (Some(MaskFrom::File(mask.clone())), 0.3));
        std::fs::write(&mask, b"another").unwrap();
        let note = find(&beginning, None).1;
        assert_eq!(note, Some(Note::Source(SourceNote::Changed { name: "m.png".into() })));
        std::fs::remove_file(&path).unwrap();
        let (found, note) = find(&beginning, None);
        assert_eq!((found, note), (None, Some(Note::Source(SourceNote::Gone { name: "a.png".into() }))));
        let painted =
            Beginning { picture: of_file(&mask).unwrap(), mask: Some(Named::default()), ..beginning };
        let note = find(&painted, None).1;
        assert_eq!(note, Some(Note::Source(SourceNote::Gone { name: "pixels".into() })));
    }
}
