//! The process's peak memory, from the system.
//!
//! Trap: it counts pages of mapped files too, and only Linux lets it be reset.

/// Starts a new peak at the memory that is held now.
pub fn reset() {
    std::fs::write("/proc/self/clear_refs", "5").ok();
}

/// The most memory the process has had since [`reset`], in bytes; `None` where the system does not
/// tell.
pub fn bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    high_water(&status)
}

/// `VmHWM` of a status file; it is in units of 1,024 bytes.
fn high_water(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_is_found() {
        assert_eq!(high_water("VmPeak:\t 9 kB\nVmHWM:\t  2048 kB\nVmRSS:\t1 kB\n"), Some(2 << 20));
        assert_eq!(high_water("VmHWM:\n"), None);
        assert_eq!(high_water(""), None);
    }
}
