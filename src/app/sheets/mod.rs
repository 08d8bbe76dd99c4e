//! Sheets: pictures that form side by side, so that the ones worth it can be picked early.
//!
//! Invariant: a cell is a job with a negative of its own. Picking it develops that negative to its end, or makes the
//! picture in full that it was a draft of.

pub mod ask;
mod id;

pub use id::SheetId;

use crate::message::JobId;
use crate::settings::Settings;

/// Sheets of this session that are known, the latest.
const KNOWN_MAX: usize = 20;

/// One picture of a sheet.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    /// The job that forms in the sheet.
    pub job: JobId,
    /// What its picture in full is made of.
    pub settings: Settings,
    /// Whether it was picked.
    pub picked: bool,
    /// The job that develops it to its end.
    pub developed: Option<JobId>,
}

/// Pictures side by side.
#[derive(Clone, Debug, PartialEq)]
pub struct Sheet {
    /// Its id.
    pub id: SheetId,
    /// Row by row.
    pub cells: Vec<Cell>,
    /// What each column has of its own; empty where only seeds differ.
    pub columns: Vec<String>,
    /// What each row has of its own; empty where there is one axis.
    pub rows: Vec<String>,
    /// Steps that each takes in the sheet.
    pub until: usize,
    /// Whether the cells are drafts of the pictures to be made.
    pub drafts: bool,
}

impl Sheet {
    /// Pictures in a row: as many as there are columns, else about as many as rows.
    pub fn across(&self) -> usize {
        match self.columns.len() {
            0 => (self.cells.len() as f64).sqrt().ceil().max(1.0) as usize,
            columns => columns,
        }
    }

    /// Cells that were picked and are not developed yet.
    pub fn picked(&self) -> usize {
        self.cells.iter().filter(|cell| cell.picked && cell.developed.is_none()).count()
    }
}

/// The sheets of this session.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sheets {
    next: u64,
    /// The latest last.
    pub all: Vec<Sheet>,
}

impl Sheets {
    /// The sheet of this id.
    pub fn get(&self, id: SheetId) -> Option<&Sheet> {
        self.all.iter().find(|sheet| sheet.id == id)
    }

    /// Adds what `make` makes of the next id.
    pub fn add(&mut self, make: impl FnOnce(SheetId) -> Sheet) -> SheetId {
        self.next += 1;
        let id = SheetId(self.next);
        self.all.push(make(id));
        let surplus = self.all.len().saturating_sub(KNOWN_MAX);
        self.all.drain(..surplus);
        id
    }

    /// The sheet that a job forms in, or came from.
    pub fn of_job(&self, job: JobId) -> Option<&Sheet> {
        let has = |cell: &Cell| cell.job == job || cell.developed == Some(job);
        self.all.iter().rev().find(|sheet| sheet.cells.iter().any(has))
    }

    /// The same, to be changed.
    pub fn get_mut(&mut self, id: SheetId) -> Option<&mut Sheet> {
        self.all.iter_mut().find(|sheet| sheet.id == id)
    }
}
