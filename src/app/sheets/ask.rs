//! What is asked of a sheet: seeds, drafts of seeds, or values of one or two settings; and the jobs that follow.
//!
//! Trap: values are typed by people, so each is checked by the setting's own range before a job is made of it.

use crate::sampler::{SamplerKind, ScheduleKind};
use crate::settings::{Kind as SettingKind, PartialSettings, Setting, Settings, Value};
use crate::told::Told;

/// Pictures of a sheet, at most.
pub const CELLS_MAX: usize = 64;
/// Steps of a draft, by DPM++ 2M: they resemble the picture in full more than as many of DDIM.
pub const DRAFT_STEPS: usize = 8;

/// Settings that can be an axis.
pub const AXES: [Setting; 7] = [
    Setting::Guidance,
    Setting::Steps,
    Setting::Eta,
    Setting::Sampler,
    Setting::Schedule,
    Setting::Prompt,
    Setting::NegativePrompt,
];

/// What the pictures of a sheet differ in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// Their seeds: a contact sheet.
    #[default]
    Seeds,
    /// Their seeds, in a few steps each, before those that were picked are made in full.
    Drafts,
    /// Values of one or two settings.
    Values,
}

/// A setting and the values that are typed for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Axis {
    /// The setting; none is no axis.
    pub setting: Option<Setting>,
    /// Values between commas; prompts between bars.
    pub values: String,
}

/// What is asked, as it stands in the dialog.
#[derive(Clone, Debug, PartialEq)]
pub struct SheetDraft {
    /// What the pictures differ in.
    pub kind: Kind,
    /// Seeds, where they differ in these.
    pub seeds: usize,
    /// The share of the steps to take, 0 to 1.
    pub share: f64,
    /// Across and down.
    pub axes: [Axis; 2],
}

impl Default for SheetDraft {
    fn default() -> Self {
        let across = Axis { setting: Some(Setting::Guidance), values: "1.5, 3, 5, 8".to_owned() };
        let down = Axis { setting: None, values: String::new() };
        // Layout settles in the first third of a run; a fifth shows who is worth the rest.
        Self { kind: Kind::Seeds, seeds: 9, share: 0.2, axes: [across, down] }
    }
}

/// A picture of a sheet that is asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    /// What forms in the sheet.
    pub job: Settings,
    /// What its picture in full is made of.
    pub settings: Settings,
}

/// A sheet that is asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Sheet {
    /// Row by row.
    pub cells: Vec<Cell>,
    /// What each column has of its own.
    pub columns: Vec<String>,
    /// What each row has of its own.
    pub rows: Vec<String>,
    /// Steps to take of each.
    pub until: usize,
    /// Whether the cells are drafts.
    pub drafts: bool,
    /// The settings across and down, where they are asked for.
    pub axes: [Option<Setting>; 2],
}

impl Sheet {
    /// Steps of the longest of its pictures in full, else of `settings`.
    pub fn steps(&self, settings: &Settings) -> usize {
        self.cells.iter().map(|cell| cell.settings.steps).max().unwrap_or(settings.steps)
    }
}

/// Why a sheet cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// An axis without values.
    #[error("expected values of {}, found none; type some, with commas between", .0.row().name)]
    NoValues(Setting),
    /// A value that the setting does not take.
    #[error("expected a value of {}, found {typed}", .setting.row().name)]
    Value {
        /// The setting.
        setting: Setting,
        /// What was typed.
        typed: String,
    },
    /// More pictures than fit.
    #[error("expected at most {CELLS_MAX} pictures, found {0}; leave some values out")]
    TooMany(usize),
    /// Both axes are one setting.
    #[error("{} is across and down; choose another for one of them", .0.row().name)]
    Same(Setting),
}

impl Fault {
    /// The setting that it is about.
    pub fn setting(&self) -> Option<Setting> {
        match self {
            Self::NoValues(setting) | Self::Value { setting, .. } | Self::Same(setting) => Some(*setting),
            Self::TooMany(_) => None,
        }
    }
}

impl Told for Fault {
    fn key(&self) -> &'static str {
        match self {
            Self::NoValues(_) => "error-axis-empty",
            Self::Value { .. } => "error-axis-value",
            Self::TooMany(_) => "error-axis-many",
            Self::Same(_) => "error-axis-same",
        }
    }

    fn values(&self) -> Vec<(&'static str, String)> {
        let setting = self.setting().map(|setting| ("setting", setting.row().name.to_owned()));
        let other = match self {
            Self::Value { typed, .. } => Some(("typed", crate::told::quoted(typed))),
            Self::TooMany(count) => Some(("count", count.to_string())),
            Self::NoValues(_) | Self::Same(_) => None,
        };
        setting.into_iter().chain(other).collect()
    }
}

impl SheetDraft {
    /// Steps to take of a run of `steps`: at least one.
    pub fn until(&self, steps: usize) -> usize {
        ((steps as f64 * self.share).round() as usize).clamp(1, steps.max(1))
    }

    /// The sheet of these settings.
    ///
    /// # Errors
    /// If an axis is not what the setting takes, or there are too many.
    pub fn sheet(&self, settings: &Settings) -> Result<Sheet, Fault> {
        match self.kind {
            Kind::Values => self.grid(settings),
            Kind::Seeds | Kind::Drafts => Ok(self.seeds(settings)),
        }
    }

    fn seeds(&self, settings: &Settings) -> Sheet {
        let drafts = self.kind == Kind::Drafts;
        let cell = |number: u64| {
            let settings = Settings { seed: settings.seed.wrapping_add(number), ..settings.clone() };
            let job = if drafts { draft_of(&settings) } else { settings.clone() };
            Cell { job, settings }
        };
        let cells = (0..self.seeds.clamp(1, CELLS_MAX) as u64).map(cell).collect();
        let until = if drafts { DRAFT_STEPS } else { self.until(settings.steps) };
        Sheet { cells, columns: Vec::new(), rows: Vec::new(), until, drafts, axes: [None; 2] }
    }

    fn grid(&self, settings: &Settings) -> Result<Sheet, Fault> {
        let [across, down] = &self.axes;
        if let (Some(a), Some(b)) = (across.setting, down.setting)
            && a == b
        {
            return Err(Fault::Same(a));
        }
        let (columns, rows) = (across.changes()?, down.changes()?);
        let count = columns.len() * rows.len();
        if count > CELLS_MAX {
            return Err(Fault::TooMany(count));
        }
        let mut cells = Vec::new();
        for (_, down) in &rows {
            for (_, across) in &columns {
                let settings = across.put_over(&down.put_over(settings).settled()).settled();
                cells.push(Cell { job: settings.clone(), settings });
            }
        }
        let labels = |changes: Vec<(String, PartialSettings)>| {
            changes.into_iter().map(|(label, _)| label).filter(|label| !label.is_empty()).collect()
        };
        let (columns, rows) = (labels(columns), labels(rows));
        let axes = [across.setting, down.setting];
        let sheet = Sheet { cells, columns, rows, until: 0, drafts: false, axes };
        Ok(Sheet { until: self.until(sheet.steps(settings)), ..sheet })
    }
}

impl Axis {
    /// Each value's label and what it changes; without a setting one that changes nothing.
    fn changes(&self) -> Result<Vec<(String, PartialSettings)>, Fault> {
        let Some(setting) = self.setting else {
            return Ok(vec![(String::new(), PartialSettings::default())]);
        };
        let between = if is_text(setting) { '|' } else { ',' };
        let typed = self.values.split(between).map(str::trim).filter(|typed| !typed.is_empty());
        let changes = typed.map(|typed| {
            let fault = || Fault::Value { setting, typed: typed.to_owned() };
            let value = value(setting, typed).ok_or_else(fault)?;
            Ok((typed.to_owned(), PartialSettings::only(setting, value)))
        });
        let changes = changes.collect::<Result<Vec<_>, _>>()?;
        if changes.is_empty() { Err(Fault::NoValues(setting)) } else { Ok(changes) }
    }
}

/// Whether a setting's values are texts, which may hold commas.
pub fn is_text(setting: Setting) -> bool {
    matches!(
        setting.row().kind,
        SettingKind::Text | SettingKind::Loras | SettingKind::Files | SettingKind::File
    )
}

/// A typed value that a run accepts.
fn value(setting: Setting, typed: &str) -> Option<Value> {
    let kind = &setting.row().kind;
    kind.parse(typed).filter(|value| kind.accepts(value))
}

/// The settings of a draft.
fn draft_of(settings: &Settings) -> Settings {
    Settings {
        sampler: SamplerKind::DpmPp2m,
        schedule: ScheduleKind::Auto,
        steps: DRAFT_STEPS,
        eta: 0.0,
        ..settings.clone()
    }
    .settled()
}
