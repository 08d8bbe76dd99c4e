//! Flags of `generate` for a run that begins from a picture.
//!
//! Trap: `--resize` is for a second pass, too; every other one of these flags is refused where there is no picture.

use std::path::{Path, PathBuf};

use clap::Args;

use super::Failure;
use crate::engine::from::{find, suiting_size};
use crate::message::{ModelInfo, Takes};
use crate::negative::Store;
use crate::note::{Note, SourceNote};
use crate::picture::metadata::read::Recovered;
use crate::picture::{PictureError, open};
use crate::settings::{Fill, Margins, Resize, Treatment};
use crate::tray::{MaskFrom, PictureFrom, Source};

/// The flags.
#[derive(Clone, Debug, Default, Args)]
pub struct SourceFlags {
    /// Begin from a picture: a PNG, JPEG or WebP file, or step K of a kept run as ID@K.
    #[arg(long, value_name = "PICTURE|ID@K")]
    pub from: Option<PathBuf>,
    /// How much of the picture is drawn anew, above 0 up to 1 [default: 0.75; 1 for models that see the picture].
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    pub strength: Option<f64>,
    /// What becomes of a picture of another shape, and what --hires enlarges: crop, fit, stretch or latent
    /// [default: crop; fit with a mask].
    #[arg(long, value_name = "HOW")]
    pub resize: Option<Resize>,
    /// Run all steps, whatever the strength is.
    #[arg(long)]
    pub full_steps: bool,
    /// Repaint what is white in this picture and keep the rest [default: what is transparent in the picture].
    #[arg(long, value_name = "FILE")]
    pub mask: Option<PathBuf>,
    /// Repaint what is black in the mask instead.
    #[arg(long)]
    pub mask_invert: bool,
    /// Soften the mask's edges by so many pixels [default: 4].
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub mask_blur: Option<f64>,
    /// What stands in the masked part at first: blur, original, noise or zero [default: original].
    #[arg(long, value_name = "FILL")]
    pub fill: Option<Fill>,
    /// Work on the masked part alone, with so many pixels around it, at the run's size.
    #[arg(long, value_name = "N")]
    pub only_masked: Option<usize>,
    /// Add room on the left, at the top, on the right and at the bottom, and paint it.
    #[arg(long, value_name = "L,T,R,B")]
    pub outpaint: Option<Margins>,
    /// How near everything is (white is near), for a model that takes a depth map.
    #[arg(long, value_name = "FILE")]
    pub depth: Option<PathBuf>,
    /// How closely a model that edits pictures follows the picture [default: 1.5].
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    pub image_guidance: Option<f64>,
}

impl SourceFlags {
    /// The first flag that needs a picture, if one was given.
    fn idle(&self) -> Option<&'static str> {
        let given = [
            ("--strength", self.strength.is_some()),
            ("--full-steps", self.full_steps),
            ("--mask", self.mask.is_some()),
            ("--mask-invert", self.mask_invert),
            ("--mask-blur", self.mask_blur.is_some()),
            ("--fill", self.fill.is_some()),
            ("--only-masked", self.only_masked.is_some()),
            ("--outpaint", self.outpaint.is_some()),
            ("--depth", self.depth.is_some()),
            ("--image-guidance", self.image_guidance.is_some()),
        ];
        given.into_iter().find(|(_, given)| *given).map(|(name, _)| name)
    }

    /// The source of a run: that of the flags over that of the picture whose settings it takes; what is to be said.
    ///
    /// # Errors
    /// If a file is not there, or a flag would do nothing.
    pub fn source(
        &self,
        like: Option<&Recovered>,
        takes: Takes,
        store: Option<&Store>,
    ) -> Result<(Option<Source>, Vec<Note>), Failure> {
        let (source, notes) = match (&self.from, like) {
            (Some(from), like) => {
                let usual = Treatment { strength: takes.strength(), ..Treatment::default() };
                let treatment = like.and_then(|like| like.treatment).unwrap_or(usual);
                let picture = picture_from(from, store)?;
                (Some(Source { treatment, ..Source::of(picture) }), Vec::new())
            }
            (None, Some(like)) => match (&like.beginning, like.treatment) {
                (Some(beginning), _) => {
                    let (source, note) = find(beginning, store);
                    (source, note.into_iter().collect())
                }
                (None, Some(_)) => (None, vec![Note::Source(SourceNote::Unnamed)]),
                (None, None) => (None, Vec::new()),
            },
            (None, None) => (None, Vec::new()),
        };
        let Some(mut source) = source else {
            return match self.idle() {
                Some(flag) => Err(Failure::Input(format!(
                    "expected a picture to begin from, found {flag} without one; add --from PICTURE or leave it out"
                ))),
                None => Ok((None, notes)),
            };
        };
        if let Some(mask) = &self.mask {
            source.mask = Some(MaskFrom::File(there(mask)?));
        }
        if let Some(depth) = &self.depth {
            source.depth = Some(PictureFrom::File(there(depth)?));
        }
        source.treatment = self.over(source.treatment);
        Ok((Some(source), notes))
    }

    /// A treatment with what was typed over it.
    fn over(&self, base: Treatment) -> Treatment {
        Treatment {
            strength: self.strength.unwrap_or(base.strength),
            full_steps: self.full_steps || base.full_steps,
            resize: self.resize.or(base.resize),
            mask_invert: self.mask_invert || base.mask_invert,
            mask_blur: self.mask_blur.unwrap_or(base.mask_blur),
            fill: self.fill.unwrap_or(base.fill),
            only_masked: self.only_masked.or(base.only_masked),
            outpaint: self.outpaint.unwrap_or(base.outpaint),
            image_guidance: self.image_guidance.unwrap_or(base.image_guidance),
        }
    }
}

/// The size of a run from a source, where none was typed.
///
/// # Errors
/// If the picture cannot be read.
pub fn size(source: &Source, info: &ModelInfo, store: Option<&Store>) -> Result<[usize; 2], Failure> {
    let Treatment { outpaint, only_masked, .. } = source.treatment;
    let [width, height] = match &source.picture {
        PictureFrom::File(path) => open::size(path)?,
        PictureFrom::Pixels(photo) => [photo.frame.width, photo.frame.height],
        PictureFrom::Step { negative, .. } => {
            let kept = store.map(|store| store.open(negative)).transpose()?;
            kept.map_or([info.trained_side; 2], |kept| [kept.head.settings.width, kept.head.settings.height])
        }
    };
    let sum = |sides: [usize; 3]| sides.into_iter().fold(0, usize::saturating_add);
    let larger = [sum([outpaint.left, width, outpaint.right]), sum([outpaint.top, height, outpaint.bottom])];
    Ok(suiting_size(info, larger, only_masked.is_some()))
}

/// A file, or a step of a kept run.
fn picture_from(from: &Path, store: Option<&Store>) -> Result<PictureFrom, Failure> {
    let text = from.to_string_lossy();
    let step = text.rsplit_once('@').and_then(|(id, at)| Some((id, at.parse::<usize>().ok()?)));
    match (step, store) {
        (Some((id, at)), Some(store)) if !from.exists() => {
            Ok(PictureFrom::Step { negative: store.find(id)?, at })
        }
        _ => Ok(PictureFrom::File(there(from)?)),
    }
}

/// The whole path of a file that is there.
fn there(path: &Path) -> Result<PathBuf, Failure> {
    let read = std::fs::File::open(path).and_then(|file| file.metadata());
    match read {
        Ok(file) if file.is_file() => Ok(std::path::absolute(path).unwrap_or_else(|_| path.to_owned())),
        Ok(_) => Err(Failure::Input(format!("expected a picture file, found a folder: {}", path.display()))),
        Err(source) => Err(PictureError::Read { path: path.to_owned(), source }.into()),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Typed {
        #[command(flatten)]
        flags: SourceFlags,
    }

    fn typed(arguments: &[&str]) -> SourceFlags {
        Typed::try_parse_from(["generate"].iter().chain(arguments)).unwrap().flags
    }

    #[test]
    fn flags_without_a_picture_are_refused() {
        for flag in [
            &["--strength", "0.5"][..],
            &["--full-steps"],
            &["--mask", "m.png"],
            &["--mask-invert"],
            &["--mask-blur", "2"],
            &["--fill", "noise"],
            &["--only-masked", "16"],
            &["--outpaint", "1,2,3,4"],
            &["--depth", "d.png"],
            &["--image-guidance", "2"],
        ] {
            let Err(Failure::Input(said)) = typed(flag).source(None, Takes::Nothing, None) else {
                panic!("{flag:?} is taken")
            };
            assert!(said.contains(flag[0]), "{said}");
        }
        let (none, _) = typed(&["--resize", "latent"]).source(None, Takes::Nothing, None).unwrap();
        assert_eq!(none, None);
    }

    #[test]
    fn what_is_typed_goes_over_the_usual() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a@3");
        std::fs::write(&path, b"").unwrap();
        let text = path.to_str().unwrap();
        let source = |more: &[&str], takes| {
            typed(&[&["--from", text], more].concat()).source(None, takes, None).unwrap().0.unwrap()
        };
        let usual = source(&[], Takes::Nothing);
        assert_eq!((usual.picture, usual.treatment), (PictureFrom::File(path.clone()), Treatment::default()));
        assert_eq!(source(&[], Takes::MaskedPicture).treatment.strength, 1.0);
        let more = source(&["--strength", "0.3", "--resize", "fit", "--outpaint", "0,8,0,0"], Takes::Nothing);
        assert_eq!((more.treatment.strength, more.treatment.resize), (0.3, Some(Resize::Fit)));
        assert_eq!(more.treatment.outpaint.top, 8);
        let missing = typed(&["--from", "nowhere.png"]).source(None, Takes::Nothing, None);
        assert!(matches!(missing, Err(Failure::Input(said)) if said.contains("nowhere.png")));
        assert!(Typed::try_parse_from(["generate", "--fill", "wide"]).is_err());
    }
}
