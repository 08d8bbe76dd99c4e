//! Pictures: pixels, how they were made, and the files that hold both.
//!
//! Names neither candle nor egui: both sides of the program meet here. Writing: [`save_new`],
//! [`write_to`], [`animation`]. Reading: [`open`](open::open) for pixels, [`read`] for settings,
//! from files of this program and of others.

pub mod animation;
mod color_profile;
mod contact_print;
mod encode;
mod error;
mod file_name;
mod format;
mod frame;
mod heat;
pub mod metadata;
pub mod open;
mod save;

pub use contact_print::contact_print;
pub use encode::encode;
pub use error::PictureError;
pub use file_name::stem;
pub use format::Format;
pub use frame::Frame;
pub use heat::{heat_color, heat_over, normalized};
pub use metadata::{
    Added, AddedKind, BranchedFrom, Carried, Held, Made, MadeBy, TEXT_LIMIT, a1111_text, held, png_head, read,
};
pub use save::{save_new, write_carried, write_to};

#[cfg(test)]
pub(crate) use metadata::parameters::tests::made as made_for_tests;
