//! `NegativeNote`: what is odd about a run's negative, or about a run that goes on from one.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::told::Told;

/// What is odd about a negative.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum NegativeNote {
    /// The run is not recorded (any further).
    NotKept {
        /// What the system says.
        cause: String,
    },
    /// The disk is slower than the steps, so predicted pictures are left out.
    Behind,
    /// The run goes on on another device, or in another number type, than it began.
    OtherDevice {
        /// Where it began.
        then: String,
        /// Where it goes on.
        now: String,
    },
}

impl fmt::Display for NegativeNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotKept { cause } => {
                write!(f, "the run's negative cannot be written ({cause}); it cannot be resumed from here on")
            }
            Self::Behind => f.write_str(
                "the disk is slower than the steps; the negative keeps what resuming needs, and no previews",
            ),
            Self::OtherDevice { then, now } => {
                write!(
                    f,
                    "the run began on {then} and goes on on {now}; the picture may differ in its last bits"
                )
            }
        }
    }
}

impl Told for NegativeNote {
    fn key(&self) -> &'static str {
        match self {
            Self::NotKept { .. } => "note-negative-not-kept",
            Self::Behind => "note-negative-behind",
            Self::OtherDevice { .. } => "note-negative-other-device",
        }
    }

    fn values(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::NotKept { cause } => vec![("cause", cause.clone())],
            Self::Behind => Vec::new(),
            Self::OtherDevice { then, now } => vec![("then", then.clone()), ("now", now.clone())],
        }
    }
}
