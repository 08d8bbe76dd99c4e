//! Processor time of this process: what a part costs, however busy the machine is.
//!
//! Trap: threads that wait for each other spin, so only with one thread is it the work's own time.

/// Seconds that this process's threads have run so far; `None` where the system does not tell.
pub fn seconds() -> Option<f64> {
    let tasks = std::fs::read_dir("/proc/self/task").ok()?;
    let mut nanoseconds = 0;
    for task in tasks {
        // A thread that ended meanwhile has no file any more.
        if let Ok(text) = std::fs::read_to_string(task.ok()?.path().join("schedstat")) {
            nanoseconds += running(&text)?;
        }
    }
    Some(nanoseconds as f64 / 1e9)
}

/// The first number of a schedstat: nanoseconds on a core.
fn running(schedstat: &str) -> Option<u64> {
    schedstat.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_number_counts() {
        assert_eq!(running("123456 9 8\n"), Some(123_456));
        assert_eq!(running(""), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn time_does_not_run_backward() {
        let before = seconds().unwrap();
        assert!(seconds().unwrap() >= before);
    }
}
