//! From a picture to a picture: what a run begins from beside noise.
//!
//! [`lay()`] makes a [`Ground`] of a `Source`; the run's plan takes it (`engine/adapt.rs`), `engine/generate.rs` begins
//! from it and holds to it, and what comes out is put back by its overlay. [`ground_of`] finds it again in a negative,
//! [`find`] in what a picture tells.

mod again;
mod concat;
mod error;
mod ground;
mod heat;
mod kept;
mod lay;
mod read;
mod second;
mod size;
mod tiling;

pub use again::find;
#[cfg(feature = "gpu")]
pub(in crate::engine) use concat::zeros;
pub use concat::{takes, without_picture};
pub use error::SourceError;
pub use ground::Ground;
pub(in crate::engine) use heat::spread;
pub use kept::{ground_of, source_of};
pub use lay::lay;
pub use second::{Beside, again as second_again, second_size, toward, turned};
pub use size::suiting_size;
