//! Why a picture could not be written or read, each in one sentence for the user.

use std::path::{Path, PathBuf};

use crate::told::Told;

/// What went wrong with a picture file.
#[derive(Debug, thiserror::Error)]
pub enum PictureError {
    /// The file system refused to write.
    #[error("cannot write {}: {source}; choose another place", .path.display())]
    Write {
        /// The file that was to be written.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file system refused to read.
    #[error("cannot read {}: {source}", .path.display())]
    Read {
        /// The file that was to be read.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The name does not end in a kind of picture that the program writes.
    #[error("{} has an unknown ending; use {expected}", .path.display())]
    Ending {
        /// The name that was asked for.
        path: PathBuf,
        /// Endings that would do.
        expected: &'static str,
    },
    /// More pixels than the memory limit allows.
    #[error(
        "{} has {width}x{height} pixels, which take {found} MB, and {most} MB are the most; make it smaller",
        .path.display()
    )]
    TooLarge {
        /// The file that was read.
        path: PathBuf,
        /// Its width, in pixels.
        width: usize,
        /// Its height, in pixels.
        height: usize,
        /// Megabytes of its pixels.
        found: u64,
        /// The most megabytes.
        most: u64,
    },
    /// Pixels that cannot be a picture of this kind.
    #[error("a picture of {width}x{height} pixels cannot be saved as {format}")]
    Size {
        /// Its width, in pixels.
        width: usize,
        /// Its height, in pixels.
        height: usize,
        /// The kind of file.
        format: &'static str,
    },
    /// Bytes that are no picture, or a damaged one.
    #[error("{} is not a picture that can be opened ({reason})", .path.display())]
    Damaged {
        /// The file that was read.
        path: PathBuf,
        /// What the decoder said.
        reason: String,
    },
    /// An encoder failed.
    #[error("the picture could not be encoded as {format}: {reason}")]
    Encode {
        /// The kind of file.
        format: &'static str,
        /// What the encoder said.
        reason: String,
    },
}

impl Told for PictureError {
    fn key(&self) -> &'static str {
        match self {
            Self::Write { .. } => "error-write",
            Self::Read { .. } => "error-unreadable",
            Self::Ending { .. } => "error-ending",
            Self::TooLarge { .. } => "error-picture-large",
            Self::Size { .. } => "error-picture-size",
            Self::Damaged { .. } => "error-no-picture",
            Self::Encode { .. } => "error-encode",
        }
    }

    fn values(&self) -> Vec<(&'static str, String)> {
        let file = |path: &Path| {
            let name = path.file_name().unwrap_or(path.as_os_str());
            vec![("file", name.to_string_lossy().into_owned())]
        };
        match self {
            Self::Write { path, .. } | Self::Read { path, .. } | Self::Damaged { path, .. } => file(path),
            Self::Ending { path, expected } => {
                let mut values = file(path);
                values.push(("expected", (*expected).to_owned()));
                values
            }
            Self::TooLarge { path, width, height, .. } => {
                let mut values = file(path);
                values.extend([("width", width.to_string()), ("height", height.to_string())]);
                values
            }
            Self::Encode { format, .. } => vec![("format", (*format).to_owned())],
            Self::Size { width, height, format } => vec![
                ("width", width.to_string()),
                ("height", height.to_string()),
                ("format", (*format).to_owned()),
            ],
        }
    }
}

impl PictureError {
    /// The error of a write that the system refused.
    pub(super) fn write(path: &Path, source: std::io::Error) -> Self {
        Self::Write { path: path.to_owned(), source }
    }

    /// The error of a read that the system refused.
    pub(super) fn read(path: &Path, source: std::io::Error) -> Self {
        Self::Read { path: path.to_owned(), source }
    }
}
