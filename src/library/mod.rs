//! The library: the user's folders of models, what lies in them, and how a name finds one.
//!
//! Files are told by their headers, never by their folders; what is known of a file is kept by its path, size
//! and time of change, so that a second look costs a listing. Invariant: nothing here changes a user's file.

mod entry;
mod folders;
pub mod get;
mod hub;
mod index;
mod look;
mod names;
mod scan;
mod user;
mod walk;

pub use entry::{Entry, Facts, Refusal, Sort, name_of};
pub use folders::{Folder, FolderOrigin, folders};
pub use hub::Hub;
pub use index::Index;
pub use look::facts;
pub use names::{FindError, find};
pub use scan::{Scan, find_hash, scan};
pub use user::{ListError, UserLibrary, absolute};
pub use walk::{Found, walk};
