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
//! | `known` | the cards as they were listed last, and what is remembered of them |
//! | `measured` | how fast each was here |
//! | `shared` | the device that the window draws with |
//! | `work`, `pace` | recording, submissions of at most 8 ms, waiting, reading back |
//! | `allocator` | memory of the device, and rehearsals that tell how much work needs |
//! | `heap` | how much memory a card has |
//! | `pipelines`, `trust` | kernels as the driver compiled them, kept for the next process |
//! | `memory` | the arena of activations, the count of all that is held, and its budget |
//! | `picture` | a picture that stays on the card, from the decoder to the canvas |
//! | `error` | what can go wrong |

mod adapter;
mod allocator;
mod error;
mod heap;
mod known;
mod measured;
mod memory;
mod pace;
mod picture;
mod pipelines;
pub mod probe;
mod shared;
mod trust;
mod work;

pub use adapter::{
    AdapterReport, BACKEND, Backends, Matrices, allowed, allowed_by, chosen, descriptor, is_there_for_tests,
    leave, list, open,
};
pub use allocator::{Allocator, Need};
pub use error::CardError;
pub use heap::MEMORY;
pub use known::{keep_pipelines_in, know, known, remember, remembered};
pub use measured::{Measured, Measurements, Timed, fastest};
pub use memory::{Bound, Bytes, Memory, Piece, Store};
pub use pace::{Pace, SHARE};
pub use picture::CardPicture;
pub use pipelines::Program;
pub use shared::{Card, Trouble, offer, offered};
pub use work::{Context, Counts, Tally};
