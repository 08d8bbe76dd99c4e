//! Sheets begun and developed: what a sheet's request and its picks put into the queue.

use crate::app::sheets::ask::Cell as Asked;
use crate::app::sheets::{Cell, Sheet, SheetId, ask};
use crate::app::state::State;
use crate::app::state::generation::{Generation, Stage};
use crate::app::state::queue::Wanted;
use crate::message::{JobId, Origin};
use crate::settings::PreviewMode;

impl State {
    /// A sheet of what was asked; its jobs go into the queue as one.
    pub fn add_sheet(&mut self, asked: ask::Sheet, previews: PreviewMode) -> SheetId {
        let ask::Sheet { cells, columns, rows, until, drafts, .. } = asked;
        let source = self.source();
        let Self { sheets, queue, .. } = self;
        sheets.add(|id| {
            let settings = cells.iter().map(|cell| cell.job.clone()).collect();
            let jobs = queue.enqueue_sheet((settings, source.as_ref()), previews, (id, until));
            let cell = |(Asked { settings, .. }, job)| Cell { job, settings, picked: false, developed: None };
            let cells = cells.into_iter().zip(jobs).map(cell).collect();
            Sheet { id, cells, columns, rows, until, drafts }
        })
    }

    /// Puts what was picked of a sheet into the queue: runs with a negative go on, the others begin anew. They count
    /// as developed from now on.
    pub fn develop_picked(&mut self, id: SheetId) -> Vec<JobId> {
        let Self { sheets, queue, draft, negatives, .. } = self;
        let Some(sheet) = sheets.get_mut(id) else { return Vec::new() };
        let (mut whole, mut wanted, mut places) = (Vec::new(), Vec::new(), Vec::new());
        for (place, cell) in sheet.cells.iter_mut().enumerate() {
            if !cell.picked || cell.developed.is_some() {
                continue;
            }
            let formed = queue.generation(cell.job).filter(|_| !sheet.drafts);
            if formed.is_some_and(|it| it.stage == Stage::Finished) {
                cell.developed = Some(cell.job);
                whole.push(cell.job);
                continue;
            }
            let is_kept = |negative: &String| !negatives.listed || negatives.record(negative).is_some();
            let negative = formed.and_then(|it| it.negative.clone()).filter(is_kept);
            let origin = negative.map_or(Origin::Anew, |negative| Origin::Resume { negative });
            // What begins anew begins from the same picture.
            let source = queue.generation(cell.job).and_then(|it| it.job.source.clone());
            let source = source.filter(|_| origin == Origin::Anew);
            wanted.push(Wanted { settings: cell.settings.clone(), origin, source });
            places.push(place);
        }
        let jobs = queue.enqueue(wanted, draft.previews);
        for (place, job) in places.into_iter().zip(&jobs) {
            sheet.cells[place].developed = Some(*job);
        }
        whole.into_iter().chain(jobs).collect()
    }

    /// Lets cells of a sheet be picked again whose picture was taken out of the queue, or came to no end.
    pub fn free_cells(&mut self, id: SheetId) {
        let Self { sheets, queue, .. } = self;
        let waits = |job: JobId| queue.waiting.iter().any(|waiting| waiting.job.id == job);
        let comes = |job: JobId| {
            let stage = queue.generation(job).map(|generation| generation.stage);
            stage.is_some_and(|stage| !matches!(stage, Stage::Stopped | Stage::Failed)) || waits(job)
        };
        for cell in sheets.get_mut(id).into_iter().flat_map(|sheet| &mut sheet.cells) {
            cell.developed = cell.developed.filter(|job| comes(*job));
        }
    }

    /// The generation whose picture a cell shows: the one in full, as soon as there is something of it.
    pub fn of_cell(&self, cell: &Cell) -> Option<&Generation> {
        let developed = cell.developed.and_then(|job| self.queue.generation(job));
        developed.filter(|it| it.picture(None).is_some()).or_else(|| self.queue.generation(cell.job))
    }
}
