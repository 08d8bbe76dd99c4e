//! Negatives: every run as it was recorded, so that it can be resumed, scrubbed, branched and printed.
//!
//! A negative is one file of a [`Store`]. While its run goes on it is a chain of *frames*, each appended by one
//! write and guarded by a checksum: a file that ends anywhere opens with all steps before that place. Once the
//! run is finished the same tensors are written as one safetensors file in its place, which any reader of that
//! format opens.
//!
//! # The file, versions 1 and 2
//! *Under way*: the 8 bytes of `frames::MAGIC`, then frames: the payload's length (u64), its CRC-32 (u32), the
//! payload, all little-endian. Each payload is a safetensors file of its own, whose `__metadata__` has one entry:
//! `head` (the first frame: all that was asked, see [`Head`]), `step` (one for x_T and one for each step that is
//! done) or `mark` (see [`Mark`]), as JSON.
//! *Finished*: one safetensors file with the tensors of all frames, whose `__metadata__` has `format`
//! ("safelight negative"), `version`, `head`, `steps` (a list) and `mark`s (a list).
//!
//! Tensors are named `step.000000.x` (f32, exact; step 0 is x_T), `.pred_x0` (f16), `.history.0` and so on and
//! `.sample` (f32), `.noise` (the generator as JSON, in u8), `context` and `unconditional_context` (f32). What
//! equals a tensor of an earlier step is not written again; the step's entry names the one that holds it. An entry
//! also has the guidance that acted in its step, that of the next one, and the `curve` that those to come follow where
//! there is one.
//!
//! Version 2 is of runs that began from a picture, and of those with a second pass, whose latents are larger from its
//! first step on. The first have the `beginning` in their head and `source.picture` (a PNG, in u8), `source.mask` (a
//! gray PNG, in u8), `source.x0`, `source.kept` and `source.concat` (f32), as far as the run has them.

mod document;
mod entry;
mod error;
mod frames;
mod head;
mod id;
mod reader;
mod record;
mod recorder;
mod store;
mod writer;

pub use entry::{Ended, Mark};
pub use error::NegativeError;
pub use head::{Begun, Context, Head, ModelUsed, Parent};
pub use id::new_id;
pub use reader::Negative;
pub use record::{Record, Records};
pub use recorder::{Recorder, Trouble};
pub use store::{BUDGET, RunIs, Store, Summary, file_name};
