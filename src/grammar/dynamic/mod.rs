//! What a prompt leaves to the seed: `{red|blue}`, and `__animal__` from a list.
//!
//! | written | becomes |
//! | --- | --- |
//! | `{a\|b\|c}` | one of them; `{2::a\|b}` takes a twice as often |
//! | `{2$$a\|b\|c}` | two of them, with `, ` between; `{1-3$$ and $$a\|b\|c}` one to three, with ` and ` |
//! | `__animal__` | a line of the list `animal`; `__animals/*__` one of all lists there |
//! | `{2$$__animal__}` | two lines of it |
//!
//! Choices and lists may stand in each other. What no choice is stands for itself: braces without a bar, `__` alone,
//! and all of it behind a backslash or in a comment.
//!
//! Invariants: a text, a seed and the lists give one text, on every machine and in every later version; what a part
//! further on says changes no earlier one.

mod draws;
mod error;
mod expand;
mod lists;
mod template;

pub use error::DynamicError;
pub use expand::{Which, expand, write_out};
pub use lists::{Entry, Lists};
pub use template::{Piece, Template};
