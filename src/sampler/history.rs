//! `History`: what a multi-step rule keeps of former steps.
//!
//! Invariant: a plain value. With x and the generator it is all that a run needs to go on, bit for bit,
//! also by a schedule of other levels: each entry knows its own σ.

use serde::{Deserialize, Serialize};

use super::Latent;

/// What a rule keeps of one former step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Past {
    /// σ of that step's level.
    pub sigma: f64,
    /// A prediction of it: e_t, pred_x0 or a slope, as the rule needs.
    pub value: Latent,
}

/// What a rule keeps of former steps.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct History {
    /// The last predictions, the newest last.
    pub past: Vec<Past>,
    /// x of the step before, where a corrector starts again from it.
    pub sample: Option<Latent>,
}

impl History {
    /// Keeps a prediction, and of the older ones the last, `most` in all.
    pub fn keep(&mut self, sigma: f64, value: Latent, most: usize) {
        self.past.push(Past { sigma, value });
        let over = self.past.len().saturating_sub(most);
        self.past.drain(..over);
    }

    /// The entry `back` steps ago; 1 is the newest.
    pub fn back(&self, back: usize) -> Option<&Past> {
        self.past.len().checked_sub(back).and_then(|place| self.past.get(place))
    }
}
