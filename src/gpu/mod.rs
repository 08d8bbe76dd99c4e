//! Graphics cards: which there are, a device of one, and work on its way to it. The one module beside the
//! window that names wgpu; it knows no tensors and no networks.
//!
//! The window's device is this module's too: eframe makes it with [`descriptor`], the window offers it by
//! [`offer`], and whoever opens the same card afterwards shares it.
//!
//! | file | what |
//! | --- | --- |
//! | `adapter` | the cards that the system lists, and what is asked of a device |
//! | `probe` | the same list from a process of its own, since a driver may crash in it |
//! | `known` | the cards as they were listed last |
//! | `measured` | how fast each was here |
//! | `shared` | the device that the window draws with |
//! | `work`, `pace` | recording, submissions of at most 8 ms, waiting, reading back |
//! | `memory` | the arena of activations |
//! | `picture` | a picture that stays on the card, from the decoder to the canvas |
//! | `error` | what can go wrong |

mod adapter;
mod error;
mod known;
mod measured;
mod memory;
mod pace;
mod picture;
pub mod probe;
mod shared;
mod work;

pub use adapter::{
    AdapterReport, BACKEND, Backends, allowed, allowed_by, chosen, descriptor, is_there_for_tests, leave,
    list, open,
};
pub use error::CardError;
pub use known::{know, known};
pub use measured::{Measured, Measurements};
pub use memory::{Bound, Bytes, Memory, Piece};
pub use pace::{Pace, SHARE};
pub use picture::CardPicture;
pub use shared::{Card, Trouble, offer, offered};
pub use work::{Context, Counts, Program, Tally};
