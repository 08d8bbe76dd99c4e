//! The memory that the process holds, as the system reports it.

use std::time::{Duration, Instant};

/// The file is read at most this often.
const FRESH: Duration = Duration::from_secs(1);

/// The last answer, and when it came.
#[derive(Debug, Default)]
pub(super) struct Footprint {
    last: Option<(Instant, Option<u64>)>,
}

impl Footprint {
    /// Bytes of resident memory; `None` where the system does not report them (only Linux does so in a file).
    pub(super) fn bytes(&mut self) -> Option<u64> {
        if let Some((_, bytes)) = self.last.filter(|(at, _)| at.elapsed() < FRESH) {
            return bytes;
        }
        let bytes = std::fs::read_to_string("/proc/self/status").ok().and_then(|status| resident(&status));
        self.last = Some((Instant::now(), bytes));
        bytes
    }
}

/// `VmRSS` of a status file; it is in units of 1,024 bytes.
fn resident(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_is_found() {
        assert_eq!(resident("VmHWM:\t 9 kB\nVmRSS:\t  2048 kB\nRssAnon:\t1 kB\n"), Some(2 << 20));
        assert_eq!(resident("VmRSS:\n"), None);
        assert_eq!(resident(""), None);
    }

    #[test]
    fn this_process_holds_something() {
        if cfg!(target_os = "linux") {
            assert!(Footprint::default().bytes().is_some_and(|bytes| bytes > 1 << 20));
        }
    }
}
