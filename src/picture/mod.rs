//! Pictures: pixels, how they were made, and the files that hold both.
//!
//! Names neither candle nor egui: both sides of the program meet here.

mod frame;
mod made;

pub use frame::Frame;
pub use made::Made;
