//! The texts about the picture on the canvas: above it, below it, and for screen readers.

use std::path::Path;

use crate::app::i18n::file_name;
use crate::app::sheets::SheetId;
use crate::app::state::generation::{Generation, Stage};
use crate::app::state::shown::Shown;
use crate::app::state::tray::Name;
use crate::app::ui::controls::more::mode_name;
use crate::app::ui::view::View;
use crate::note::Note;
use crate::settings::{PreviewMode, Settings};
use crate::told::Told as _;

/// Seconds, with two decimals below ten.
fn seconds(view: &View<'_>, seconds: f64) -> String {
    let shown = match seconds {
        s if s < 10.0 => format!("{s:.2}"),
        s => format!("{s:.0}"),
    };
    view.words.with("seconds", &[("n", shown.into())])
}

/// A remaining time, in the unit that one would say it in.
pub fn left(view: &View<'_>, seconds: f64) -> String {
    match seconds {
        s if s < 90.0 => view.words.with("seconds-left", &[("n", (s.ceil().max(1.0) as i64).into())]),
        s if s < 5400.0 => view.words.with("minutes-left", &[("n", ((s / 60.0).ceil() as i64).into())]),
        s => view.words.with("hours-left", &[("n", format!("{:.1}", s / 3600.0).into())]),
    }
}

/// The line above the picture: its left and its right part.
/// `most`: the longest side that the graphics card takes.
pub fn above(view: &View<'_>, most: usize) -> (String, String) {
    if view.state.compare.is_some() {
        return Default::default();
    }
    match &view.state.shown {
        Shown::Nothing => (String::new(), String::new()),
        Shown::Sheet(id) => of_sheet(view, *id),
        Shown::Tray => of_tray(view),
        Shown::Record(path) => {
            let settings = view.state.library.record(path).and_then(|record| record.settings());
            let settings =
                settings.map(|settings| settings.over(&crate::app::state::draft::first_settings()));
            let summary = settings.map(|settings| summary(view, &settings));
            let parts = [size_of_record(view, path, most), summary];
            (file_name(path), parts.into_iter().flatten().collect::<Vec<_>>().join(" · "))
        }
        Shown::Generation { job, step } => {
            let Some(generation) = view.state.queue.generation(*job) else { return Default::default() };
            match view.state.playing.or(*step) {
                Some(step) => of_step(view, generation, step),
                None => of_generation(view, generation),
            }
        }
    }
}

/// A kept picture's own size, and whether what is seen is smaller.
fn size_of_record(view: &View<'_>, path: &Path, most: usize) -> Option<String> {
    let full = view.state.library.full(path).map(|picture| picture.size());
    let size = full.or_else(|| view.state.library.record(path).map(|record| record.size()))?;
    let values = [("width", size[0].to_string().into()), ("height", size[1].to_string().into())];
    let key = if size.iter().any(|&side| side > most) { "size-shown-smaller" } else { "size-of" };
    Some(view.words.with(key, &values))
}

fn summary(view: &View<'_>, settings: &Settings) -> String {
    let values = [
        ("steps", settings.steps.into()),
        ("guidance", trimmed(settings.guidance).into()),
        ("seed", settings.seed.to_string().into()),
    ];
    view.words.with("summary", &values)
}

/// What lies on the tray, and what can be done there first.
fn of_tray(view: &View<'_>) -> (String, String) {
    let Some(laid) = &view.state.tray.laid else { return Default::default() };
    let [width, height] = laid.whole();
    let size = view.words.with("size-of", &[("width", width.into()), ("height", height.into())]);
    let hint = if laid.is_masked() { "tray-masked" } else { "tray-hint" };
    (format!("{} · {size}", tray_name(view, &laid.name())), view.words.t(hint))
}

/// What a picture on the tray is called.
pub fn tray_name(view: &View<'_>, name: &Name) -> String {
    match name {
        Name::File(name) => name.clone(),
        Name::Step(step) => view.words.with("step-number", &[("step", (*step).into())]),
        Name::Pasted => view.words.t("tray-pasted"),
    }
}

fn of_sheet(view: &View<'_>, id: SheetId) -> (String, String) {
    let Some(sheet) = view.state.sheets.get(id) else { return Default::default() };
    let done = sheet.cells.iter().filter_map(|cell| view.state.queue.generation(cell.job));
    let done = done.map(|generation| generation.done.min(sheet.until)).min().unwrap_or(0);
    let values = [("n", sheet.cells.len().into()), ("step", done.into()), ("steps", sheet.until.into())];
    let key = if sheet.drafts { "sheet-drafts" } else { "sheet-to-step" };
    (view.words.with(key, &values), view.words.t("sheet-hint"))
}

fn of_step(view: &View<'_>, generation: &Generation, step: usize) -> (String, String) {
    let Some(shown) = generation.steps.get(step) else { return Default::default() };
    let values =
        [("step", (step + 1).into()), ("steps", generation.steps.len().into()), ("t", shown.timestep.into())];
    let key = match shown.mode {
        PreviewMode::Full => "predicted-in-full",
        _ => "predicted",
    };
    (view.words.with("step-at", &values), view.words.t(key))
}

fn of_generation(view: &View<'_>, generation: &Generation) -> (String, String) {
    let steps = generation.steps.len();
    let values = [("step", generation.done.into()), ("steps", steps.into())];
    let pace = || {
        let (Some(a_step), Some(to_go)) = (generation.seconds_a_step(), generation.seconds_left()) else {
            return String::new();
        };
        let a_step = seconds(view, a_step);
        view.words.with("pace", &[("step", a_step.into()), ("left", left(view, to_go).into())])
    };
    match generation.stage {
        Stage::Asked if view.state.model.info.is_none() => (view.words.t("waiting-for-model"), String::new()),
        Stage::Asked => (view.words.t("beginning"), String::new()),
        Stage::Running => (view.words.with("step-of", &values), pace()),
        Stage::Pausing => (view.words.with("pausing", &values), pace()),
        Stage::Paused => (view.words.with("paused-at", &values), String::new()),
        Stage::Stopping => (view.words.t("stopping"), String::new()),
        Stage::Stopped => {
            let kept = if generation.negative.is_some() { "kept-as-negative" } else { "not-saved" };
            (view.words.with("stopped-after", &values), view.words.t(kept))
        }
        Stage::Failed => (view.words.with("failed-after", &values), String::new()),
        Stage::Finished => {
            let name = match &generation.saved {
                Some(path) => view.words.with("file-saved", &[("file", file_name(path).into())]),
                None if generation.unsaved => view.words.t("unsaved"),
                None if generation.reopened => view.words.t("kept-run"),
                None if generation.sheet.is_some() => view.words.t("kept-as-negative"),
                None => view.words.t("saving"),
            };
            let Some(took) = generation.took else { return (name, summary(view, &generation.job.settings)) };
            let took = format!("{:.1}", took.as_secs_f64());
            let took = view.words.with("seconds", &[("n", took.into())]);
            (name, view.words.with("steps-in", &[("steps", steps.into()), ("time", took.into())]))
        }
    }
}

/// The line below the picture while it develops: how steps are shown, and what that costs.
pub fn below(view: &View<'_>) -> Option<String> {
    let generation = view.state.generation().filter(|it| it.stage.is_open())?;
    if generation.job.previews == PreviewMode::Off {
        return Some(view.words.t("previews-off"));
    }
    generation.newest()?;
    let percent = (generation.preview_share * 100.0).round() as i64;
    let mode = mode_name(view, generation.preview_mode);
    Some(match generation.preview_mode {
        PreviewMode::Full => view.words.with("previews-full", &[("percent", percent.into())]),
        _ => match &generation.preview_note {
            None | Some(Note::FitError { .. }) => view.words.with("previews-mode", &[("mode", mode.into())]),
            Some(note) => view.words.say(&note.sentence()),
        },
    })
}

/// The picture in words, for screen readers.
pub fn alt(view: &View<'_>) -> String {
    let (begin, end) = above(view, usize::MAX);
    let prompt = match &view.state.shown {
        Shown::Nothing => return view.words.t("welcome"),
        Shown::Tray => {
            return view.words.with("tray-alt", &[("what", begin.into()), ("hint", end.into())]);
        }
        Shown::Sheet(id) => {
            let sheet = view.state.sheets.get(*id);
            sheet.and_then(|sheet| sheet.cells.first()).map(|cell| cell.settings.prompt.clone())
        }
        Shown::Record(path) => view.state.library.record(path).map(|record| record.prompt().to_owned()),
        Shown::Generation { job, .. } => {
            view.state.queue.generation(*job).map(|it| it.job.settings.prompt.clone())
        }
    };
    format!("{begin}: {}", prompt.unwrap_or_default())
}

/// A size in memory or on disk, as people read it.
pub fn bytes(bytes: u64) -> String {
    match bytes {
        bytes if bytes >= 100_000_000 => format!("{:.1} GB", bytes as f64 / 1e9),
        0 => "0 MB".to_owned(),
        bytes => format!("{:.0} MB", (bytes as f64 / 1e6).max(1.0)),
    }
}

/// The size of a file, to the digits that tell files apart.
pub fn file_size(bytes: u64) -> String {
    match bytes {
        100_000_000_000.. => format!("{:.0} GB", bytes as f64 / 1e9),
        10_000_000_000.. => format!("{:.1} GB", bytes as f64 / 1e9),
        1_000_000_000.. => format!("{:.2} GB", bytes as f64 / 1e9),
        10_000_000.. => format!("{:.0} MB", bytes as f64 / 1e6),
        1_000_000.. => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.0} kB", (bytes as f64 / 1e3).ceil()),
    }
}

/// A number without needless digits.
pub fn trimmed(number: f64) -> String {
    let text = format!("{number:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::trimmed;

    #[test]
    fn numbers_lose_needless_digits() {
        assert_eq!(trimmed(4.50), "4.5");
        assert_eq!(trimmed(3.0), "3");
        assert_eq!(trimmed(10.0), "10");
    }
}
