//! Places: the folders and files that the program keeps, and nothing else of the user's.
//!
//! `SAFELIGHT_HOME`, where it is set, holds them all: for a program on a stick, and for tests.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The variable that names one folder for everything.
const HOME: &str = "SAFELIGHT_HOME";

/// The folder of negatives, within the data folder.
const NEGATIVES: &str = "negatives";

/// The folder of lists of words.
const WILDCARDS: &str = "wildcards";

/// The file of styles, in A1111's form.
const STYLES: &str = "styles.csv";

/// The folder of models.
const MODELS: &str = "models";

/// The file of what is known of models, within the cache.
const MODELS_INDEX: &str = "models.json";

/// Where things are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Places {
    /// The file of what is remembered; none where the system has no place for one.
    pub memory: Option<PathBuf>,
    /// The usual folder for new pictures; it need not exist yet.
    pub pictures: PathBuf,
    /// Thumbnails, which can be made again.
    pub thumbnails: PathBuf,
    /// Fitted previews, which can be made again.
    pub previews: Option<PathBuf>,
    /// How fast graphics cards were, which can be measured again.
    pub cards: Option<PathBuf>,
    /// What each process needs while it runs, in a folder of its own.
    pub sessions: Option<PathBuf>,
    /// Where people may put further files (TAESD).
    pub data: Option<PathBuf>,
    /// The negatives of runs.
    pub negatives: Option<PathBuf>,
    /// The folder of lists of words, which people fill; it need not exist.
    pub wildcards: Option<PathBuf>,
    /// The file of styles; it need not exist.
    pub styles: Option<PathBuf>,
    /// The first folder of models, where downloaded ones go; it need not exist yet.
    pub models: Option<PathBuf>,
    /// What is known of model files, which can be found out again.
    pub models_index: Option<PathBuf>,
}

impl Places {
    /// The user's: in `SAFELIGHT_HOME` if that is set, else where the system keeps such things.
    pub fn of_user() -> Self {
        Self::chosen(std::env::var_os(HOME))
    }

    fn chosen(home: Option<OsString>) -> Self {
        match home.filter(|home| !home.is_empty()).map(PathBuf::from) {
            // Relative to where the program was started, whatever happens later.
            Some(home) => Self::within(&std::path::absolute(&home).unwrap_or(home)),
            None => Self::of_system(),
        }
    }

    /// All in one folder: `remembered.json`, `pictures`, `models`, `wildcards`, `styles.csv`, `cache` and `data`.
    pub fn within(home: &Path) -> Self {
        let cache = home.join("cache");
        Self {
            memory: Some(home.join("remembered.json")),
            pictures: home.join("pictures"),
            thumbnails: cache.join("thumbnails"),
            previews: Some(cache.join("previews")),
            cards: Some(cache.join("cards.json")),
            sessions: Some(cache.join("sessions")),
            data: Some(home.join("data")),
            negatives: Some(home.join("data").join(NEGATIVES)),
            wildcards: Some(home.join(WILDCARDS)),
            styles: Some(home.join(STYLES)),
            models: Some(home.join(MODELS)),
            models_index: Some(cache.join(MODELS_INDEX)),
        }
    }

    fn of_system() -> Self {
        let ours = |folder: Option<PathBuf>| Some(folder?.join("safelight"));
        let pictures = dirs::picture_dir().or_else(|| Some(dirs::home_dir()?.join("Pictures")));
        let cache = ours(dirs::cache_dir());
        let temporary = || std::env::temp_dir().join("safelight");
        Self {
            memory: ours(dirs::config_dir()).map(|folder| folder.join("remembered.json")),
            pictures: pictures.unwrap_or_default().join("Safelight"),
            thumbnails: cache.clone().unwrap_or_else(temporary).join("thumbnails"),
            previews: cache.as_ref().map(|folder| folder.join("previews")),
            cards: cache.as_ref().map(|folder| folder.join("cards.json")),
            sessions: cache.as_ref().map(|folder| folder.join("sessions")),
            data: ours(dirs::data_dir()),
            negatives: ours(dirs::data_dir()).map(|folder| folder.join(NEGATIVES)),
            wildcards: ours(dirs::data_dir()).map(|folder| folder.join(WILDCARDS)),
            styles: ours(dirs::data_dir()).map(|folder| folder.join(STYLES)),
            models: ours(dirs::data_dir()).map(|folder| folder.join(MODELS)),
            models_index: cache.map(|folder| folder.join(MODELS_INDEX)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_home_holds_everything_and_is_absolute() {
        let places = Places::chosen(Some("here".into()));
        let home = std::env::current_dir().unwrap().join("here");
        assert_eq!(places, Places::within(&home));
        let all = [
            places.memory,
            Some(places.thumbnails),
            places.previews,
            places.cards,
            places.sessions,
            places.data,
            places.negatives,
            places.wildcards,
            places.styles,
            places.models,
            places.models_index,
        ];
        assert!(all.into_iter().flatten().all(|path| path.starts_with(&home)));
        assert!(places.pictures.starts_with(&home));
    }

    #[test]
    fn without_a_home_the_systems_places_hold() {
        assert_eq!(Places::chosen(Some(OsString::new())), Places::chosen(None));
        assert!(Places::chosen(None).pictures.ends_with("Safelight"));
    }
}
