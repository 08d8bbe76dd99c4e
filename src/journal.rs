//! The journal: the listener of `log`. It writes records to stderr and keeps the last of them for the
//! report of a crash.
//!
//! `SAFELIGHT_LOG` is a level (`off`, `error`, `warn`, `info`, `debug`, `trace`); without it warnings are
//! written. Below `debug` only the program's own records count: the libraries of window systems and
//! drivers are talkative.

use std::collections::VecDeque;
use std::io::Write as _;
use std::panic::PanicHookInfo;
use std::sync::{Mutex, PoisonError};

use log::{LevelFilter, Log, Metadata, Record};

/// The program's version; a release build adds the commit.
pub const VERSION: &str = env!("SAFELIGHT_VERSION");

/// The variable that names a level.
const VARIABLE: &str = "SAFELIGHT_LOG";
/// Lines that a report of a crash ends with.
const KEPT: usize = 20;

static LAST: Mutex<VecDeque<String>> = Mutex::new(VecDeque::new());

struct Journal;

/// Starts listening to `log` and to panics. An unknown level is reported, and warnings are written.
pub fn listen() {
    let asked = std::env::var(VARIABLE).unwrap_or_default();
    let (level, known) = level_of(&asked);
    if log::set_logger(&Journal).is_ok() {
        log::set_max_level(level);
    }
    if !known {
        log::warn!("expected off, error, warn, info, debug or trace in {VARIABLE}, found {asked:?}");
    }
    let print = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        keep(panicked(panic));
        print(panic);
    }));
}

/// What a report of a crash ends with: the version, the system and the journal's last lines, oldest first.
pub fn tail() -> String {
    let system = format!("Safelight {VERSION}, {} {}", std::env::consts::OS, std::env::consts::ARCH);
    let lines = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    std::iter::once(&system).chain(lines.iter()).map(String::as_str).collect::<Vec<_>>().join("\n")
}

fn keep(line: String) {
    let mut lines = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    if lines.len() == KEPT {
        lines.pop_front();
    }
    lines.push_back(line);
}

/// Which thread panicked and where.
fn panicked(panic: &PanicHookInfo<'_>) -> String {
    let thread = std::thread::current();
    let place = panic.location().map(|place| format!(" at {}:{}", place.file(), place.line()));
    let text = panic.payload_as_str().unwrap_or("no text");
    let (thread, place) = (thread.name().unwrap_or("a thread"), place.unwrap_or_default());
    format!("panic: {thread}{place}: {text}")
}

/// The level that `asked` names, and whether it names one; nothing asks for warnings.
fn level_of(asked: &str) -> (LevelFilter, bool) {
    match asked.trim().parse() {
        Ok(level) => (level, true),
        Err(_) => (LevelFilter::Warn, asked.trim().is_empty()),
    }
}

impl Log for Journal {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
            && (log::max_level() >= LevelFilter::Debug || metadata.target().starts_with("safelight"))
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            let line = format!("{}: {}", record.level().as_str().to_lowercase(), record.args());
            writeln!(std::io::stderr(), "safelight: {line}").ok();
            keep(line);
        }
    }

    fn flush(&self) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_read_and_an_unknown_one_is_noticed() {
        assert_eq!(level_of(""), (LevelFilter::Warn, true));
        assert_eq!(level_of("Debug"), (LevelFilter::Debug, true));
        assert_eq!(level_of("off"), (LevelFilter::Off, true));
        assert_eq!(level_of("loud"), (LevelFilter::Warn, false));
    }

    #[test]
    fn a_report_ends_with_the_version_and_the_last_lines() {
        for number in 0..KEPT + 5 {
            keep(format!("warn: line {number}."));
        }
        let report = tail();
        assert!(report.starts_with(&format!("Safelight {VERSION}, ")), "{report}");
        assert!(!report.contains("line 4.") && report.ends_with("line 24."), "{report}");
    }
}
