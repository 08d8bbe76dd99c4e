//! How a picture was made, beside its pixels: written into files, and read back from anybody's.

mod chunks;
pub(super) mod exif;
mod former;
mod made;
pub(super) mod parameters;
mod partial;
pub mod read;

pub use chunks::{TEXT_LIMIT, png_head};
pub use exif::{Held, held};
pub use former::{MadeBy, at_present_size};
pub use made::Made;
pub use parameters::a1111_text;
pub use partial::{Field, PartialSettings};
