//! Where pictures and their thumbnails live.

use std::path::PathBuf;

/// The folder for new pictures: `Safelight` in the user's pictures folder, else in `~/Pictures`.
pub fn pictures_folder() -> PathBuf {
    let pictures = dirs::picture_dir().or_else(|| Some(dirs::home_dir()?.join("Pictures")));
    pictures.unwrap_or_default().join("Safelight")
}

/// The folder for thumbnails, in the user's cache; the system's temporary folder where there is none.
pub fn thumbnails_folder() -> PathBuf {
    dirs::cache_dir().unwrap_or_else(std::env::temp_dir).join("safelight").join("thumbnails")
}
