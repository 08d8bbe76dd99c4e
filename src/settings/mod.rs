//! What a user chooses for a picture, apart from the model: each setting is described once, in `table`.
//!
//! [`Settings`], [`PartialSettings`] and [`Setting`] are generated from that table, and whoever handles
//! every setting reads [`Setting::TABLE`]: the command line's flags, pictures' metadata, the checks
//! before a run, what differs between two pictures, the window's rarer controls.
//!
//! Trap: the fields' order and names are those of the JSON in pictures and in what is remembered.

mod acts;
mod additions;
mod beginning;
mod choices;
#[macro_use]
mod describe;
mod guidance_kind;
mod handling;
mod hires;
mod partial;
mod preview;
mod prompting;
mod row;
mod table;
mod tile;
mod treatment;
mod value;
mod variation;

pub use additions::{Embeddings, LoraError, LoraUse, Loras, short_name};
pub use beginning::{Beginning, KeptStep, Named};
pub use choices::{Choice, Label};
pub use guidance_kind::GuidanceKind;
pub use handling::{Begins, Control, Handling};
pub use hires::{Enlarged, Hires, HiresError};
pub use preview::PreviewMode;
pub use prompting::{Emphasis, PromptGrammar};
pub use row::{A1111, Compound, Flag, Kind, Row, Slider};
pub use table::{PartialSettings, SIDE_MAX, STEPS_MAX, Setting, Settings};
pub use tile::Tile;
pub use treatment::{BLUR_MOST, Fill, IMAGE_GUIDANCE_MOST, Margins, NoSuchName, Resize, STRENGTH, Treatment};
pub use value::Value;
pub use variation::{Variation, VariationError};
