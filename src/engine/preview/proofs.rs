//! `Proofs`: a small picture of each run that is listed, by the fast preview of its last step, made one at a time
//! while nobody waits or between two steps. Those asked for last are made first: they are in sight.

use super::Previewer;
use super::kept::Kept;
use super::steps_kept::Wanted;
use crate::engine::open::OpenModel;
use crate::message::Event;
use crate::picture::Frame;
use crate::settings::PreviewMode;

/// Longer side of a proof, in pixels.
const SIDE: usize = 96;

/// Negatives that are to be shown.
#[derive(Debug, Default)]
pub(in crate::engine) struct Proofs(Vec<String>);

impl Proofs {
    /// Asks for a negative's proof.
    pub(in crate::engine) fn ask(&mut self, negative: String) {
        self.0.retain(|asked| *asked != negative);
        self.0.push(negative);
    }

    /// Whether there is something to make.
    pub(in crate::engine) fn is_waiting(&self) -> bool {
        !self.0.is_empty()
    }

    /// Makes the next one; without a frame where the model is another one, or the negative is gone.
    pub(in crate::engine) fn make(
        &mut self,
        kept: &Kept,
        model: &OpenModel,
        previewer: &mut Previewer,
    ) -> Option<Event> {
        let negative = self.0.pop()?;
        let hash = model.hash.if_ready();
        let wanted = Wanted { source: &model.info.source, hash: hash.as_deref() };
        let pred_x0 = kept.last(&negative, wanted).map_err(|error| log::info!("{negative}: {error}")).ok();
        let frame = pred_x0.and_then(|pred_x0| {
            let frame = previewer.frame(&model.networks, &pred_x0, PreviewMode::Fast);
            let frame = frame.map_err(|error| log::info!("{negative}: {error}")).ok();
            let around = |made: Frame| match kept.overlay_of(&negative) {
                Some(overlay) => overlay.shown(&made),
                None => made,
            };
            frame.map(around).and_then(|frame| frame.with_longer_side(SIDE))
        });
        Some(Event::Proof { negative, frame })
    }
}
