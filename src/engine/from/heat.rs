//! `spread`: the maps of a step over all of the picture of which its run works on a part.

use crate::message::{Heat, StepHeat, WordHeat};
use crate::tray::Overlay;

/// A step's maps over the picture that the overlay is of; nothing acts outside of the part.
pub(in crate::engine) fn spread(heat: StepHeat, overlay: &Overlay) -> StepHeat {
    let from = heat.size;
    let wide = |map: &Heat| {
        let (levels, _) = overlay.spread(&map.levels, from);
        Heat { levels: levels.into(), ..*map }
    };
    let words = heat.words.iter().map(|word| WordHeat { word: word.word.clone(), heat: wide(&word.heat) });
    let empty = vec![0; from[0] * from[1]];
    let size = overlay.spread(&empty, from).1;
    StepHeat { size, words: words.collect(), guidance: heat.guidance.as_ref().map(wide), ..heat }
}
