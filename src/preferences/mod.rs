//! What the program remembers from one run to the next: settings, model, window, habits.
//!
//! [`Memory`] is plain data; [`Keeper`] reads it at the start and writes it in the background, as a
//! whole and at most twice a second. A damaged file is set aside with a note and never stops the
//! program; a damaged *field* costs that field alone, and fields of a later version are kept.
//! [`Session`] is for what a process that ends without order would lose, [`Instance`] the one window that
//! remembers.

mod download;
mod history;
mod instance;
mod keeper;
mod memory;
mod session;

pub use download::RememberedDownload;
pub use history::History;
pub use instance::{Call, Instance, call};
pub use keeper::{Keeper, change_memory, read_memory};
pub use memory::{Memory, RememberedModel, Theme, WindowPlace};
pub use session::{Left, Session};
