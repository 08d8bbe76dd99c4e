//! Pictures of the former starter, which drew at half the size that the present one does.
//!
//! Trap: both are called "Starter"; only the hash tells them apart.

use crate::message::{ModelInfo, ModelSource};
use crate::note::Note;
use crate::picture::MadeBy;
use crate::settings::PartialSettings;

use super::open::STARTER;

/// The side of the pictures that the former starter was trained on.
const FORMER_SIDE: usize = 128;

/// The settings with the size at which the open starter draws what the former one drew smaller, and a
/// note of it; `None` for the picture of any other model, and while any other is open.
pub fn at_present_size(
    settings: &PartialSettings,
    made_by: &MadeBy,
    open: &ModelInfo,
) -> Option<(PartialSettings, Note)> {
    let own = open.hash.as_ref().filter(|_| open.source == ModelSource::Starter)?;
    let by_former = made_by.name.as_deref() == Some(STARTER) && made_by.hash.as_ref() != Some(own);
    let times = open.trained_side / FORMER_SIDE;
    if !by_former || times < 2 {
        return None;
    }
    let (width, height) = (settings.width?.saturating_mul(times), settings.height?.saturating_mul(times));
    let grown = PartialSettings { width: Some(width), height: Some(height), ..settings.clone() };
    Some((grown.plausible(), Note::FormerStarter { width, height }))
}
