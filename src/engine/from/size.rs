//! `suiting_size`: the size of a run from a picture, where none is chosen.

use crate::message::ModelInfo;

/// The shares of the pixels of training between which a picture keeps its size.
const KEPT: [f64; 2] = [0.5, 2.25];

/// The size of a run that goes with a model and a picture (`width`, `height`): the picture's own where the model can
/// draw at that size, else one of its shape with as many pixels as the model was trained on. With `only_masked` the
/// picture's shape says nothing, and the size is the model's.
pub fn suiting_size(info: &ModelInfo, [width, height]: [usize; 2], only_masked: bool) -> [usize; 2] {
    let (side, multiple) = (info.trained_side as f64, info.size_multiple.max(1));
    if only_masked {
        return [info.defaults.width, info.defaults.height];
    }
    let [width, height] = [width, height].map(|side| side.max(1) as f64);
    let share = width * height / (side * side);
    let scale = if (KEPT[0]..=KEPT[1]).contains(&share) { 1.0 } else { share.sqrt().recip() };
    let most = 4.0 * side;
    [width, height].map(|pixels| {
        let pixels = (pixels * scale).clamp(1.0, most);
        ((pixels / multiple as f64).round() as usize).max(1) * multiple
    })
}
