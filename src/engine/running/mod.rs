//! Runs under way: one job, or the jobs of a sheet, each from where it begins to its one end.

pub(super) mod job;
mod origin;
mod refuge;
pub(super) mod sheet;
