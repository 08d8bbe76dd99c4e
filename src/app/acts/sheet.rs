//! Sheets carried out: made, picked from, developed, and saved as one picture with its labels.

use egui::Context;

use crate::app::Safelight;
use crate::app::acts::wanted::Wanted;
use crate::app::command::Act;
use crate::app::i18n::Message;
use crate::app::services::Task;
use crate::app::sheets::ask::Fault;
use crate::app::sheets::{Sheet, SheetId, ask};
use crate::app::state::Overlay;
use crate::app::state::generation::Stage;
use crate::app::state::shown::Shown;
use crate::app::theme::lettering::Lettering;
use crate::app::ui::difference;
use crate::message::Report;
use crate::picture::Frame;
use crate::settings::Setting;

/// Between the pictures of a saved sheet, in pixels.
const GAP: usize = 8;
/// Around it.
const MARGIN: usize = 16;
const PAPER: [u8; 3] = [255; 3];
const INK: [u8; 3] = [34; 3];

impl Safelight {
    /// Does an act on sheets.
    pub(in crate::app) fn act_on_sheet(&mut self, ctx: &Context, act: Act) {
        match act {
            Act::Sheet => {
                let open = self.state.overlay == Overlay::Sheet;
                self.state.overlay = if open { Overlay::Nothing } else { Overlay::Sheet };
            }
            Act::ShowSheet => self.show_sheet(),
            Act::PickAll => self.pick_all(),
            Act::DevelopPicked => self.develop_picked(ctx),
            Act::SaveSheet => self.save_sheet(ctx),
            _ => {}
        }
    }

    /// The sheet on the canvas.
    fn shown_sheet(&self) -> Option<SheetId> {
        match self.state.shown {
            Shown::Sheet(id) => Some(id),
            _ => None,
        }
    }

    /// Makes the sheet that the dialog asks for.
    pub(in crate::app) fn make_sheet(&mut self, ctx: &Context) {
        self.revive();
        if !self.state.can_develop() {
            self.state.toasts.error(Report::new("error-no-model", ""), Some(Act::OpenModel));
            return;
        }
        let draft = &mut self.state.draft;
        // One seed after the other, as for pictures at a time; the history remembers the prompt.
        let count = std::mem::replace(&mut draft.count, 1);
        let settings = draft.bare_jobs().remove(0);
        draft.count = count;
        let asked = draft.sheet.sheet(&settings).map_err(|fault| self.report_of(&fault));
        match asked.and_then(|asked| self.written_out(asked)) {
            Ok(mut asked) => {
                let [across, down] = asked.axes;
                self.name_values(across, &mut asked.columns);
                self.name_values(down, &mut asked.rows);
                self.state.overlay = Overlay::Nothing;
                let previews = self.state.draft.previews;
                let id = self.state.add_sheet(asked, previews);
                self.show(Shown::Sheet(id));
                self.state.compare = None;
                let follow = self.state.begin_next();
                self.follow(ctx, follow);
            }
            Err(report) => self.state.toasts.error(report, None),
        }
    }

    /// The same with the prompts of each picture written out by its own seed.
    fn written_out(&self, mut asked: ask::Sheet) -> Result<ask::Sheet, Report> {
        let (draft, lists) = (&self.state.draft, &self.state.phrases.lists);
        for cell in &mut asked.cells {
            for settings in [&mut cell.job, &mut cell.settings] {
                *settings = draft.write_out(settings, lists).map_err(|error| Report::of(&error))?;
            }
        }
        Ok(asked)
    }

    /// Puts the setting's name to its values.
    fn name_values(&self, setting: Option<Setting>, values: &mut [String]) {
        let Some(key) = setting.and_then(difference::key) else { return };
        for value in values {
            *value = self.words.with(&key, &[("value", value.as_str().into())]);
        }
    }

    /// What is wrong with an axis, its setting named as the window names it.
    fn report_of(&self, fault: &Fault) -> Report {
        let mut report = Report::of(fault);
        for (name, value) in &mut report.sentence.values {
            if let ("setting", Some(setting)) = (*name, fault.setting()) {
                *value = self.words.t(setting.row().words);
            }
        }
        report
    }

    /// Shows the sheet that the picture on the canvas came from, else the last one.
    fn show_sheet(&mut self) {
        let of_shown = match self.state.shown {
            Shown::Generation { job, .. } => self.state.sheets.of_job(job),
            _ => None,
        };
        match of_shown.or_else(|| self.state.sheets.all.last()).map(|sheet| sheet.id) {
            Some(id) => self.show(Shown::Sheet(id)),
            None => self.state.overlay = Overlay::Sheet,
        }
    }

    /// Picks a cell, or not.
    pub(in crate::app) fn pick(&mut self, id: SheetId, cell: usize) {
        let sheet = self.state.sheets.get_mut(id);
        let Some(cell) = sheet.and_then(|sheet| sheet.cells.get_mut(cell)) else { return };
        match cell.developed {
            // It is being developed, or is: a click shows it, as soon as there is something.
            Some(job) if self.state.queue.generation(job).is_some() => {
                self.show(Shown::Generation { job, step: None });
            }
            Some(_) => {}
            None => cell.picked = !cell.picked,
        }
    }

    fn pick_all(&mut self) {
        let Some(sheet) = self.shown_sheet().and_then(|id| self.state.sheets.get_mut(id)) else { return };
        let open = |cell: &&mut crate::app::sheets::Cell| cell.developed.is_none();
        let all = sheet.cells.iter().all(|cell| cell.picked || cell.developed.is_some());
        sheet.cells.iter_mut().filter(open).for_each(|cell| cell.picked = !all);
    }

    /// Develops what was picked; finished pictures among it are kept.
    fn develop_picked(&mut self, ctx: &Context) {
        let Some(id) = self.shown_sheet() else { return };
        // What forms has to be where it shall go, or its negative would be written by two.
        let forming = |sheet: &Sheet| {
            sheet.cells.iter().any(|cell| {
                self.state.queue.generation(cell.job).is_some_and(|generation| generation.stage.is_open())
            })
        };
        if self.state.sheets.get(id).is_some_and(forming) {
            self.state.toasts.notice(Message::Key("sheet-is-forming"), None);
            return;
        }
        self.revive();
        for job in self.state.develop_picked(id) {
            let Some(generation) = self.state.queue.generation(job) else { continue };
            if let (Stage::Finished, Some(picture), Some(made)) =
                (generation.stage, &generation.result, &generation.made)
                && let Some(frame) = picture.whole().cloned()
            {
                self.services.ask(Task::Keep { job, frame, made: made.clone() });
            }
        }
        let follow = self.state.begin_next();
        self.follow(ctx, follow);
    }

    /// Saves the sheet on the canvas as one picture, once the host has all pixels of it.
    pub(in crate::app) fn save_sheet(&mut self, ctx: &Context) {
        let Some(sheet) = self.shown_sheet().and_then(|id| self.state.sheets.get(id)).cloned() else {
            return;
        };
        let generations = || sheet.cells.iter().filter_map(|cell| self.state.of_cell(cell));
        let away = generations()
            .find(|it| it.picture(None).is_some_and(|picture| picture.whole().is_none()))
            .map(|it| it.job.id);
        if let Some(job) = away {
            let request = self.state.want_pixels(job);
            self.wanted = Some(Wanted::Sheet { sheet: sheet.id, job });
            request.into_iter().for_each(|request| self.send(request));
            return;
        }
        let frames: Vec<Option<Frame>> = sheet
            .cells
            .iter()
            .map(|cell| self.state.of_cell(cell)?.picture(None)?.whole().cloned())
            .collect();
        let Some(frame) = printed(ctx, &sheet, &frames) else { return };
        let prompt = sheet.cells.first().map_or("", |cell| cell.settings.prompt.as_str());
        let seed = sheet.cells.first().map_or(0, |cell| cell.settings.seed);
        let name = format!("{}-sheet", crate::picture::stem(prompt, seed));
        self.services.ask(Task::SaveAs { frame, made: None, name });
    }
}

/// All pictures in rows on white paper, with the labels of columns above and those of rows at the left.
fn printed(ctx: &Context, sheet: &Sheet, frames: &[Option<Frame>]) -> Option<Frame> {
    let widest = |side: fn(&Frame) -> usize| frames.iter().flatten().map(side).max();
    let (width, height) = (widest(|frame| frame.width)?, widest(|frame| frame.height)?);
    let columns = sheet.across();
    let rows = frames.len().div_ceil(columns);
    let size = (height as f32 / 14.0).clamp(13.0, 32.0);
    let letter = |text: &String, most: usize| Lettering::new(ctx, text, size, most as f32);
    let above: Vec<Lettering> = sheet.columns.iter().map(|text| letter(text, width)).collect();
    let beside: Vec<Lettering> = sheet.rows.iter().map(|text| letter(text, 2 * width)).collect();
    let tallest = above.iter().map(|line| line.height).max().map_or(0, |tall| tall + GAP);
    let left = beside.iter().map(|line| line.width).max().map_or(0, |wide| wide + GAP);
    let across = 2 * MARGIN + left + columns * (width + GAP) - GAP;
    let down = 2 * MARGIN + tallest + rows * (height + GAP) - GAP;
    let mut rgb = PAPER.repeat(across * down);
    let place = |column: usize, row: usize| {
        [MARGIN + left + column * (width + GAP), MARGIN + tallest + row * (height + GAP)]
    };
    for (number, frame) in frames.iter().enumerate() {
        let Some(frame) = frame else { continue };
        let [x, y] = place(number % columns, number / columns);
        for (row, line) in frame.rgb.chunks_exact(frame.width * 3).enumerate() {
            let at = ((y + row) * across + x) * 3;
            rgb[at..at + line.len()].copy_from_slice(line);
        }
    }
    for (column, line) in above.iter().enumerate() {
        let [x, _] = place(column, 0);
        line.draw_on(&mut rgb, across, [x + (width.saturating_sub(line.width)) / 2, MARGIN], INK);
    }
    for (row, line) in beside.iter().enumerate() {
        let [_, y] = place(0, row);
        let at = [MARGIN + left - GAP - line.width, y + (height.saturating_sub(line.height)) / 2];
        line.draw_on(&mut rgb, across, at, INK);
    }
    Some(Frame { width: across, height: down, rgb: rgb.into() })
}
