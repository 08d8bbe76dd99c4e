//! `Memory`: everything that is remembered, and its form as JSON.
//!
//! Reading goes field by field, so that one damaged or unknown field does not lose the others.
//! Numbers that no window or picture can have are left out.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{History, RememberedDownload};
use crate::message::{Compute, ModelSource};
use crate::picture::Format;
use crate::settings::{PartialSettings, PreviewMode};

/// The version that is written.
const VERSION: u64 = 1;
/// How many models are remembered.
const MOST_MODELS: usize = 20;
/// How many folders of models are remembered.
const MOST_FOLDERS: usize = 100;
/// How many files the library leaves out.
const MOST_FORGOTTEN: usize = 1000;
/// How many downloads that are not done are remembered.
const MOST_DOWNLOADS: usize = 20;
/// How many named panels, and named folds, are remembered.
const MOST_NAMES: usize = 100;
/// The longest plausible hash of a model, in bytes.
const HASH_MOST: usize = 64;
/// The largest plausible coordinate or length of a window, in points.
const FARTHEST: f32 = 100_000.0;

/// Light or dark.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Theme {
    /// As the system has it.
    #[default]
    System,
    /// Dark, whatever the system has.
    Dark,
    /// Light, whatever the system has.
    Light,
}

/// Where the window was, in points.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct WindowPlace {
    /// Left edge and top edge, where the system tells.
    pub position: Option<[f32; 2]>,
    /// Width and height of the inside.
    pub size: [f32; 2],
    /// Whether it filled the screen beside the bars.
    pub maximized: bool,
    /// Whether it filled the whole screen.
    pub fullscreen: bool,
}

impl WindowPlace {
    fn is_possible(&self) -> bool {
        let near = |v: &f32| v.is_finite() && v.abs() <= FARTHEST;
        self.position.iter().flatten().all(near) && self.size.iter().all(|v| near(v) && *v >= 1.0)
    }
}

/// A model as it is remembered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RememberedModel {
    /// The starter inside the program.
    Starter,
    /// A file or folder.
    Path {
        /// The path of the file or folder.
        path: String,
        /// Its config, where one was named.
        config: Option<String>,
        /// A VAE laid over it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        vae: Option<String>,
        /// A text encoder laid over it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        text_encoder: Option<String>,
        /// What the network predicts, where that was chosen: `eps` or `v`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        prediction: Option<String>,
    },
}

impl RememberedModel {
    /// The same as it is asked for; `None` for a path that JSON cannot hold.
    pub fn of(source: &ModelSource) -> Option<Self> {
        let text = |path: &PathBuf| path.to_str().map(str::to_owned);
        let maybe = |path: &Option<PathBuf>| path.as_ref().map_or(Some(None), |path| text(path).map(Some));
        match source {
            ModelSource::Starter => Some(Self::Starter),
            ModelSource::Path { path, config, vae, text_encoder, prediction } => Some(Self::Path {
                path: text(path)?,
                config: maybe(config)?,
                vae: maybe(vae)?,
                text_encoder: maybe(text_encoder)?,
                prediction: prediction.map(|prediction| prediction.name().to_owned()),
            }),
        }
    }
}

impl From<RememberedModel> for ModelSource {
    fn from(model: RememberedModel) -> Self {
        match model {
            RememberedModel::Starter => Self::Starter,
            RememberedModel::Path { path, config, vae, text_encoder, prediction } => Self::Path {
                path: path.into(),
                config: config.map(Into::into),
                vae: vae.map(Into::into),
                text_encoder: text_encoder.map(Into::into),
                prediction: prediction.and_then(|name| name.parse().ok()),
            },
        }
    }
}

/// Everything that is remembered. What was never chosen is absent, and the program's own choice holds.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Memory {
    /// The last settings.
    pub settings: PartialSettings,
    /// The hash of the model that their size was chosen for.
    pub sized_for: Option<String>,
    /// Pictures to make at once.
    pub count: Option<u32>,
    /// Whether the seed stays the same from picture to picture.
    pub seed_locked: bool,
    /// How steps are shown.
    pub previews: PreviewMode,
    /// The last model.
    pub model: Option<RememberedModel>,
    /// Where and how to compute, where that was chosen.
    pub compute: Option<Compute>,
    /// Models that were opened, the latest first.
    pub recent_models: Vec<RememberedModel>,
    /// The folder of pictures, where another than the usual was chosen.
    pub pictures_folder: Option<String>,
    /// Folders of models that were added, in the order of the user.
    pub models_folders: Vec<String>,
    /// Files of these folders that the library leaves out.
    pub models_forgotten: Vec<String>,
    /// Downloads that are not done.
    pub downloads: Vec<RememberedDownload>,
    /// The file of TAESD that makes previews, where one was chosen.
    pub taesd: Option<String>,
    /// Bytes of kept runs, where another number than the usual was chosen.
    pub negatives_budget: Option<u64>,
    /// The kind of file of the last "save as".
    pub save_format: Format,
    /// Where the window was.
    pub window: Option<WindowPlace>,
    /// Light or dark.
    pub theme: Theme,
    /// Whether things move less.
    pub reduce_motion: bool,
    /// The language's tag (`en`, `zh-CN`), where one was chosen.
    pub language: Option<String>,
    /// Widths or heights of panels, by name, in points.
    pub panels: BTreeMap<String, f32>,
    /// Which parts are open (true) or folded, by name.
    pub folds: BTreeMap<String, bool>,
    /// The prompts of the past.
    pub history: History,
    /// Fields of a later version, kept as they are.
    #[serde(flatten)]
    pub others: Map<String, Value>,
}

impl Memory {
    /// Remembers that a model was opened.
    pub fn opened(&mut self, source: &ModelSource) {
        let Some(model) = RememberedModel::of(source) else { return };
        self.recent_models.retain(|other| *other != model);
        self.recent_models.insert(0, model.clone());
        self.recent_models.truncate(MOST_MODELS);
        self.model = Some(model);
    }

    /// The file's text.
    ///
    /// # Errors
    /// If a number in it is none (NaN); JSON has no word for that.
    pub(super) fn to_json(&self) -> Result<String, serde_json::Error> {
        let mut record = Map::new();
        record.insert("version".into(), VERSION.into());
        if let Value::Object(fields) = serde_json::to_value(self)? {
            record.extend(fields);
        }
        serde_json::to_string_pretty(&record)
    }

    /// Parses the file's text and returns the names of damaged fields beside; `None` if it is damaged as
    /// a whole.
    pub(super) fn from_json(text: &str) -> Option<(Self, Vec<String>)> {
        let fields: Map<String, Value> = serde_json::from_str(text).ok()?;
        // Every record that this program wrote has a version.
        fields.get("version")?.as_u64()?;
        let mut reader = Reader { fields, damaged: Vec::new() };
        reader.fields.remove("version");
        let mut memory = Self {
            settings: reader.take("settings"),
            sized_for: reader.take("sized_for"),
            count: reader.take("count"),
            seed_locked: reader.take("seed_locked"),
            previews: reader.take("previews"),
            model: reader.take("model"),
            compute: reader.take("compute"),
            recent_models: reader.take("recent_models"),
            pictures_folder: reader.take("pictures_folder"),
            models_folders: reader.take("models_folders"),
            models_forgotten: reader.take("models_forgotten"),
            downloads: reader.take("downloads"),
            taesd: reader.take("taesd"),
            negatives_budget: reader.take("negatives_budget"),
            save_format: reader.take("save_format"),
            window: reader.take("window"),
            theme: reader.take("theme"),
            reduce_motion: reader.take("reduce_motion"),
            language: reader.take("language"),
            panels: reader.take("panels"),
            folds: reader.take("folds"),
            history: reader.take("history"),
            others: Map::new(),
        };
        memory.others = reader.fields;
        Some((memory.bounded(), reader.damaged))
    }

    /// Whether more models are listed than are remembered.
    pub(super) fn has_surplus_models(&self) -> bool {
        self.models_folders.len() > MOST_FOLDERS || self.models_forgotten.len() > MOST_FORGOTTEN
    }

    /// The same without impossible numbers and surplus.
    fn bounded(mut self) -> Self {
        self.settings = self.settings.plausible();
        self.sized_for = self.sized_for.filter(|hash| hash.len() <= HASH_MOST);
        self.count = self.count.filter(|count| (1..=1000).contains(count));
        self.recent_models.truncate(MOST_MODELS);
        self.models_folders.truncate(MOST_FOLDERS);
        self.models_forgotten.truncate(MOST_FORGOTTEN);
        self.downloads.truncate(MOST_DOWNLOADS);
        self.window = self.window.filter(WindowPlace::is_possible);
        self.panels.retain(|_, size| (0.0..=FARTHEST).contains(size));
        while self.panels.len() > MOST_NAMES {
            self.panels.pop_last();
        }
        while self.folds.len() > MOST_NAMES {
            self.folds.pop_last();
        }
        self
    }
}

/// Takes fields out of a record one by one.
struct Reader {
    fields: Map<String, Value>,
    damaged: Vec<String>,
}

impl Reader {
    fn take<T: Default + DeserializeOwned>(&mut self, name: &str) -> T {
        let Some(value) = self.fields.remove(name) else { return T::default() };
        serde_json::from_value(value).unwrap_or_else(|_| {
            self.damaged.push(name.to_owned());
            T::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(crate) fn full() -> Memory {
        let mut memory = Memory {
            settings: PartialSettings {
                prompt: Some("a café 城".into()),
                guidance: Some(7.3),
                seed: Some(u64::MAX),
                width: Some(384),
                height: Some(256),
                ..PartialSettings::default()
            },
            sized_for: Some("0123456789".into()),
            count: Some(4),
            seed_locked: true,
            previews: PreviewMode::Fast,
            pictures_folder: Some("/home/me/Pictures".into()),
            models_folders: vec!["/m/été".into()],
            models_forgotten: vec!["/m/old.ckpt".into()],
            downloads: vec![RememberedDownload {
                what: "o/n".into(),
                name: "n".into(),
                under_way: vec!["/m/n.ckpt".into()],
                done: 5,
                total: Some(9),
            }],
            taesd: Some("/m/taesd.pth".into()),
            save_format: Format::Webp,
            window: Some(WindowPlace {
                position: Some([-20.0, 30.5]),
                size: [1280.0, 800.0],
                maximized: true,
                fullscreen: false,
            }),
            compute: Some(Compute { device: "cpu".into(), dtype: "bf16".into(), threads: Some(3) }),
            theme: Theme::Light,
            language: Some("zh-CN".into()),
            ..Memory::default()
        };
        memory.opened(&ModelSource::Starter);
        memory.opened(&ModelSource::Path {
            path: "/m/v1-5.ckpt".into(),
            config: Some("/m/v1.yaml".into()),
            vae: Some("/m/vae.pt".into()),
            text_encoder: None,
            prediction: None,
        });
        memory.panels.insert("controls".into(), 320.5);
        memory.folds.insert("more".into(), true);
        memory.history.add("a fox");
        memory
    }

    #[test]
    fn everything_comes_back() {
        let memory = full();
        assert_eq!(Memory::from_json(&memory.to_json().unwrap()), Some((memory, vec![])));
        let nothing = Memory::default();
        assert_eq!(Memory::from_json(&nothing.to_json().unwrap()), Some((nothing, vec![])));
    }

    #[test]
    fn a_damaged_field_costs_that_field_alone() {
        let text = full().to_json().unwrap().replace("\"light\"", "\"purple\"");
        let (memory, damaged) = Memory::from_json(&text).unwrap();
        assert_eq!(damaged, ["theme"]);
        assert_eq!(memory, Memory { theme: Theme::System, ..full() });
    }

    #[test]
    fn a_later_versions_fields_are_kept() {
        let text = r#"{"version": 7, "theme": "dark", "loom": {"threads": 3}}"#;
        let (memory, damaged) = Memory::from_json(text).unwrap();
        assert_eq!((memory.theme, damaged), (Theme::Dark, vec![]));
        let again = memory.to_json().unwrap();
        assert!(again.contains("\"loom\"") && again.contains("\"version\": 1"), "{again}");
    }

    #[test]
    fn impossible_numbers_are_left_out() {
        let text = r#"{"version": 1, "settings": {"steps": 0, "guidance": 5.0}, "count": 0,
            "window": {"position": [1e30, 0], "size": [10, 10], "maximized": false, "fullscreen": false},
            "panels": {"a": -3, "b": 1e9, "c": 200}}"#;
        let (memory, damaged) = Memory::from_json(text).unwrap();
        assert_eq!(damaged, Vec::<String>::new());
        assert_eq!((memory.settings.steps, memory.settings.guidance), (None, Some(5.0)));
        assert_eq!((memory.count, memory.window), (None, None));
        assert_eq!(memory.panels.into_iter().collect::<Vec<_>>(), [("c".to_owned(), 200.0)]);
        for text in ["", "[]", "{}", "nonsense", r#"{"version": "x"}"#] {
            assert_eq!(Memory::from_json(text), None, "{text}");
        }
    }

    #[test]
    fn recent_models_are_each_once_and_bounded() {
        let mut memory = Memory::default();
        for i in 0..50 {
            memory.opened(&ModelSource::file(format!("/{}", i % 30)));
        }
        assert_eq!(memory.recent_models.len(), MOST_MODELS);
        assert_eq!(memory.recent_models.first(), memory.model.as_ref());
        let source: ModelSource = memory.recent_models[0].clone().into();
        assert_eq!(source, ModelSource::file("/19"));
    }
}
