//! `Watch`: looks at what each stage of a decoder makes, where it is computed in a type of a small range.

use crate::ops::{Result, Tensor};

/// Whether stages are looked at, and the first that made numbers beyond the range.
#[derive(Debug, Default)]
pub struct Watch {
    on: bool,
    broken: Option<String>,
}

impl Watch {
    /// One that looks.
    pub fn on() -> Self {
        Self { on: true, broken: None }
    }

    /// One that lets everything pass.
    pub fn off() -> Self {
        Self::default()
    }

    /// The stage that made numbers beyond the range, by its name in the weights.
    pub fn broken(&self) -> Option<&str> {
        self.broken.as_deref()
    }

    /// Whether all numbers of a stage are finite; a false one ends the work.
    ///
    /// # Errors
    /// If the device fails, or stopped.
    pub(super) fn passes(&mut self, stage: &str, made: &[&Tensor]) -> Result<bool> {
        if !self.on {
            return Ok(true);
        }
        for part in made {
            if !part.is_finite()? {
                self.broken = Some(stage.to_owned());
                return Ok(false);
            }
        }
        Ok(true)
    }
}
