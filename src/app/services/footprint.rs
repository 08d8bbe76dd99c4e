//! The memory that the process holds, asked for at most once a second.

use std::time::{Duration, Instant};

use crate::process;

/// The system is asked at most this often.
const FRESH: Duration = Duration::from_secs(1);

/// The last answer, and when it came.
#[derive(Debug, Default)]
pub(super) struct Footprint {
    last: Option<(Instant, Option<u64>)>,
}

impl Footprint {
    /// Bytes of resident memory; `None` where the system does not report them.
    pub(super) fn bytes(&mut self) -> Option<u64> {
        if let Some((_, bytes)) = self.last.filter(|(at, _)| at.elapsed() < FRESH) {
            return bytes;
        }
        let bytes = process::resident_bytes();
        self.last = Some((Instant::now(), bytes));
        bytes
    }
}
