//! What the window remembers from one start to the next.
//!
//! Plain data that reads with any field missing, so that an old file is never refused.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::app::words::Language;
use crate::message::{PreviewMode, Settings};

/// Prompts kept in the history.
pub const PROMPTS_MAX: usize = 200;
/// Models kept in the list.
pub const MODELS_MAX: usize = 8;

/// Dark, light, or as the system has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Look {
    /// As the system has it.
    #[default]
    System,
    /// Dark.
    Dark,
    /// Light.
    Light,
}

impl Look {
    /// As egui says it.
    pub fn preference(self) -> egui::ThemePreference {
        match self {
            Self::System => egui::ThemePreference::System,
            Self::Dark => egui::ThemePreference::Dark,
            Self::Light => egui::ThemePreference::Light,
        }
    }

    /// From egui's word.
    pub fn from_preference(preference: egui::ThemePreference) -> Self {
        match preference {
            egui::ThemePreference::System => Self::System,
            egui::ThemePreference::Dark => Self::Dark,
            egui::ThemePreference::Light => Self::Light,
        }
    }
}

/// Everything that is remembered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Remembered {
    /// The language; none is the system's.
    pub language: Option<Language>,
    /// The theme.
    pub look: Look,
    /// Whether things move less.
    pub reduce_motion: bool,
    /// Where pictures are kept; none is the usual place.
    pub pictures_folder: Option<PathBuf>,
    /// The settings as they stood.
    pub settings: Option<Settings>,
    /// How steps are shown.
    pub previews: PreviewMode,
    /// Whether the seed is kept.
    pub seed_locked: bool,
    /// Pictures at a time.
    pub count: usize,
    /// Whether the gallery is shown.
    pub gallery_open: bool,
    /// Whether the controls are shown.
    pub controls_open: bool,
    /// Whether the rarer controls are shown.
    pub more_open: bool,
    /// The gallery's width, in points.
    pub gallery_width: f32,
    /// The controls' width, in points.
    pub controls_width: f32,
    /// The window's size, in points.
    pub window_size: Option<[f32; 2]>,
    /// The window's place, in points.
    pub window_position: Option<[f32; 2]>,
    /// The model that was open; none is the starter.
    pub model: Option<PathBuf>,
    /// The hash of the model that the settings were made for.
    pub model_hash: Option<String>,
    /// Model files opened before, the newest first.
    pub models: Vec<PathBuf>,
    /// Prompts used, the newest last.
    pub prompts: Vec<String>,
}

impl Default for Remembered {
    fn default() -> Self {
        Self {
            language: None,
            look: Look::System,
            reduce_motion: false,
            pictures_folder: None,
            settings: None,
            previews: PreviewMode::Auto,
            seed_locked: false,
            count: 1,
            gallery_open: true,
            controls_open: true,
            more_open: false,
            gallery_width: crate::app::theme::size::GALLERY,
            controls_width: crate::app::theme::size::CONTROLS,
            window_size: None,
            window_position: None,
            model: None,
            model_hash: None,
            models: Vec::new(),
            prompts: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_file_with_few_fields_reads() {
        let read: Remembered =
            serde_json::from_str(r#"{"seed_locked": true, "language": "zh-Hans"}"#).unwrap();
        assert_eq!(
            read,
            Remembered { seed_locked: true, language: Some(Language::Chinese), ..Remembered::default() }
        );
    }

    #[test]
    fn it_survives_the_way_to_the_disk_and_back() {
        let there = Remembered { prompts: vec!["fox".into()], look: Look::Light, ..Remembered::default() };
        let back: Remembered = serde_json::from_str(&serde_json::to_string(&there).unwrap()).unwrap();
        assert_eq!(back, there);
    }
}
