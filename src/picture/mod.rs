//! Pictures: pixels, how they were made, and the files that hold both.
//!
//! Names neither candle nor egui: both sides of the program meet here. Writing: [`save_new`],
//! [`write_to`], [`animation`]. Reading: [`open`](open::open) for pixels, [`read`] for settings,
//! from our own files and from those of other programs.

pub mod animation;
mod error;
mod format;
mod frame;
pub mod metadata;
pub mod open;
mod save;
mod words;

pub use error::PictureError;
pub use format::{Format, encode};
pub use frame::Frame;
pub use metadata::{
    Field, Held, Made, MadeBy, PartialSettings, TEXT_LIMIT, a1111_text, at_present_size, held, png_head, read,
};
pub use save::{save_new, write_to};
pub use words::stem;

#[cfg(test)]
pub(crate) use metadata::parameters::tests::made as made_for_tests;
