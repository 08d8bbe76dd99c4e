//! `Format`: the kinds of picture file that the program writes.

use std::path::Path;

use super::PictureError;

/// A kind of picture file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Lossless, with everything in text chunks.
    #[default]
    Png,
    /// Small, slightly lossy.
    Jpeg,
    /// Lossless, smaller than PNG; settings in an EXIF block.
    Webp,
}

impl Format {
    /// The kind that a name's ending asks for.
    ///
    /// # Errors
    /// If the ending is missing or another.
    pub fn of(path: &Path) -> Result<Self, PictureError> {
        let ending = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
        match ending.as_str() {
            "png" => Ok(Self::Png),
            "jpg" | "jpeg" => Ok(Self::Jpeg),
            "webp" => Ok(Self::Webp),
            _ => Err(PictureError::Ending { path: path.to_owned(), expected: ".png, .jpg or .webp" }),
        }
    }

    /// The usual ending, without a dot.
    pub fn ending(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Jpeg => "jpg",
            Self::Webp => "webp",
        }
    }

    /// The name that users know it by.
    pub fn name(self) -> &'static str {
        match self {
            Self::Png => "PNG",
            Self::Jpeg => "JPEG",
            Self::Webp => "WebP",
        }
    }

    /// The most pixels of a side that the kind can hold.
    pub(super) fn side_max(self) -> usize {
        match self {
            Self::Png => 1 << 20,
            Self::Jpeg => 65_535,
            Self::Webp => 16_383,
        }
    }
}
