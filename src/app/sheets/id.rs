//! `SheetId`: which sheet.

/// Names a sheet for as long as the window is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SheetId(pub u64);
