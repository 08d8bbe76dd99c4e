//! How a picture was made, beside its pixels: written into files, and read from those of any program.

mod carried;
mod chunks;
pub(super) mod exif;
mod latin1;
pub(super) mod made;
pub(super) mod parameters;
mod passes;
pub mod read;

pub use carried::Carried;
pub use chunks::{TEXT_LIMIT, png_head};
pub use exif::{Held, held};
pub use made::{Added, AddedKind, BranchedFrom, Made, MadeBy};
pub use parameters::a1111_text;
