//! A run that was set aside: what a window that must end leaves for its successor, in one file of the data folder.
//!
//! Invariant: the file goes when it is read, and counts only for the same settings and the same model.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::files::write_atomically;
use crate::sampler::{Latent, RunState};
use crate::settings::Settings;

/// The file's name.
const NAME: &str = "unfinished";

/// A run between two steps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Unfinished {
    /// What it makes.
    pub(super) settings: Settings,
    /// The model's name.
    pub(super) model: String,
    /// Where it stands.
    pub(super) state: RunState,
    /// The last step's predicted picture.
    pub(super) pred_x0: Latent,
    /// The guidance of the steps that are done.
    pub(super) guidance: Vec<f64>,
}

fn file(folder: &Path) -> PathBuf {
    folder.join(NAME)
}

impl Unfinished {
    /// Writes it to `folder`; without it the run begins again, so a failure is no more than logged.
    pub(super) fn keep(&self, folder: &Path) {
        let written = std::fs::create_dir_all(folder)
            .and_then(|()| serde_json::to_vec(self).map_err(std::io::Error::other))
            .and_then(|bytes| write_atomically(&file(folder), &bytes, true));
        if let Err(error) = written {
            log::warn!("the run is not set aside: {error}");
        }
    }

    /// Takes what `folder` holds, if it is a run of these settings with this model.
    pub(super) fn take(folder: &Path, settings: &Settings, model: &str) -> Option<Self> {
        let bytes = std::fs::read(file(folder)).ok()?;
        std::fs::remove_file(file(folder)).map_err(|error| log::warn!("{NAME}: {error}")).ok()?;
        let found: Self = serde_json::from_slice(&bytes).ok()?;
        let is_whole = found.state.step == found.guidance.len() && found.state.step > 0;
        (is_whole && found.settings == *settings && found.model == model).then_some(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sampler::RngKind;
    use crate::sampler::noise::Noise;

    #[test]
    fn a_run_is_taken_once_and_only_for_its_own_settings() {
        let folder = tempfile::tempdir().unwrap();
        let noise = Noise::seeded(RngKind::Cpu, 7);
        let mut state = RunState::start([1, 4, 2, 2], None, noise, 7.5);
        state.step = 2;
        let (settings, pred_x0) = (Settings::default(), state.x.clone());
        let run = Unfinished {
            settings: settings.clone(),
            model: "a".into(),
            state,
            pred_x0,
            guidance: vec![7.5, 0.1],
        };
        run.keep(folder.path());
        assert_eq!(Unfinished::take(folder.path(), &settings, "a"), Some(run.clone()));
        assert_eq!(Unfinished::take(folder.path(), &settings, "a"), None);
        run.keep(folder.path());
        assert_eq!(Unfinished::take(folder.path(), &settings, "b"), None);
        run.keep(folder.path());
        assert_eq!(Unfinished::take(folder.path(), &Settings { seed: 9, ..settings.clone() }, "a"), None);
        std::fs::write(folder.path().join(NAME), "{").unwrap();
        assert_eq!(Unfinished::take(folder.path(), &settings, "a"), None);
    }
}
