//! The tray: what a run begins from. A picture with the part that is repainted, placed into the size of a run and
//! back, as plain pixels.
//!
//! Invariant: outside the mask the pixels of the original come back as they were, bit for bit; so they are never taken
//! from a decoder or from a picture that was resized. Polarity is the programs' of today: 255 repaints, 0 keeps (the
//! reference's latent masks are the other way round).

mod blur;
mod brush;
mod composite;
mod fill;
mod mask;
mod outpaint;
mod overlay;
mod painting;
mod photo;
mod placement;
mod source;
mod tiling;

pub use brush::{Brush, RADII, Touch};
pub use composite::{composite, with_matched_edges};
pub use fill::fill;
pub use mask::{Mask, MaskError};
pub use outpaint::extended;
pub use overlay::Overlay;
pub use painting::{Painting, TILE};
pub use photo::Photo;
pub use placement::{Placement, Rect, resized};
pub use source::{MaskFrom, PictureFrom, Source};
pub use tiling::{with_margins, without_margins, wrapped};
