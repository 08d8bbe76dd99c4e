//! What can go wrong on a card, as data.

/// Why a card did not do something.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CardError {
    /// The stop flag was raised.
    #[error("stopped")]
    Stopped,
    /// The card, or the budget, has no memory left.
    #[error("the graphics card has no memory left (it refused {:.1} MB)", *bytes as f64 / 1e6)]
    OutOfMemory {
        /// The bytes asked for.
        bytes: u64,
    },
    /// The driver failed, or the device is gone.
    #[error("{operation}: {cause}")]
    Failed {
        /// What was done.
        operation: &'static str,
        /// The driver's own message.
        cause: String,
    },
    /// A card that is not there, or a driver that gives no device.
    #[error("{0}")]
    Refused(String),
}

impl CardError {
    /// A failure with the first line of the driver's message.
    pub(super) fn failed(operation: &'static str, cause: &str) -> Self {
        Self::Failed { operation, cause: first_line(cause) }
    }
}

/// The first line that says something.
pub(super) fn first_line(text: &str) -> String {
    text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default().to_owned()
}
