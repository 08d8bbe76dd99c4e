//! Prompts as people write them: A1111's grammar, read into plain values.
//!
//! The order is A1111's: comments are cut, [`alternatives`] split at `AND`, each is laid out over the steps by
//! [`schedule`], and each text that comes out is weighted by [`attention`]. Trap: nothing here fails. A text that the
//! grammar does not take stands for itself, so a bracket too many never costs a picture.

mod alternatives;
mod attention;
mod comments;
mod schedule;

pub use alternatives::{Alternative, alternatives};
pub use attention::{Part, attention};
pub use comments::without_comments;
pub use schedule::{Segment, Steps, schedule};
