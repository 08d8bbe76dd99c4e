//! Pictures: pixels, how they were made, and the files that hold both.
//!
//! Names neither candle nor egui: both sides of the program meet here. Writing: [`save_new`],
//! [`write_to`], [`animation`]. Reading: [`open`](open::open) for pixels, [`read`] for settings,
//! from our own files and from those of other programs.

pub mod animation;
mod atomic;
mod chunks;
mod error;
mod exif_block;
mod format;
mod former;
mod frame;
mod made;
pub mod open;
mod parameters;
mod partial;
pub mod read;
mod save;
mod words;

pub use atomic::write_atomically;
pub use chunks::{TEXT_LIMIT, png_head};
pub use error::PictureError;
pub use exif_block::{Held, held};
pub use format::{Format, encode};
pub use former::{MadeBy, at_present_size};
pub use frame::Frame;
pub use made::Made;
pub use parameters::a1111_text;
pub use partial::{Field, PartialSettings};
pub use save::{save_new, write_to};
pub use words::stem;

#[cfg(test)]
pub(crate) use parameters::tests::made as made_for_tests;
