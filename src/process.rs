//! The process's memory, as the system tells it.
//!
//! Trap: both figures count pages of mapped files too, and only Linux tells them in a file; elsewhere
//! they are `None`, and the peak cannot be reset.

/// Bytes of resident memory now.
pub fn resident_bytes() -> Option<u64> {
    figure(&status()?, "VmRSS:")
}

/// The most bytes of resident memory since the start of the process, or since [`reset_peak`].
pub fn peak_bytes() -> Option<u64> {
    figure(&status()?, "VmHWM:")
}

/// Starts a new peak at the memory that is held now.
pub fn reset_peak() {
    std::fs::write("/proc/self/clear_refs", "5").ok();
}

fn status() -> Option<String> {
    std::fs::read_to_string("/proc/self/status").ok()
}

/// A figure of a status file, in bytes; the file has it in units of 1,024 bytes.
fn figure(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_is_found() {
        let status = "VmPeak:\t 9 kB\nVmHWM:\t  4096 kB\nVmRSS:\t  2048 kB\nRssAnon:\t1 kB\n";
        assert_eq!(figure(status, "VmHWM:"), Some(4 << 20));
        assert_eq!(figure(status, "VmRSS:"), Some(2 << 20));
        assert_eq!(figure("VmRSS:\n", "VmRSS:"), None);
        assert_eq!(figure("", "VmRSS:"), None);
    }

    #[test]
    fn this_process_holds_something() {
        if cfg!(target_os = "linux") {
            let resident = resident_bytes().unwrap();
            assert!(resident > 1 << 20 && peak_bytes().unwrap() > 1 << 20);
        }
    }
}
