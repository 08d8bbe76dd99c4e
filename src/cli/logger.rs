//! The listener of `log`: warnings of the program go to stderr, more where `SAFELIGHT_LOG` asks for it.
//!
//! `SAFELIGHT_LOG` is a level (`off`, `error`, `warn`, `info`, `debug`, `trace`). Below `debug` only the
//! program's own records are written: the libraries of window systems and drivers are talkative.

use std::io::Write as _;

use log::{LevelFilter, Log, Metadata, Record};

/// The variable that names a level.
const VARIABLE: &str = "SAFELIGHT_LOG";

struct Stderr;

/// Begins to listen. A level that is none is said, and warnings are written.
pub fn listen() {
    let asked = std::env::var(VARIABLE).unwrap_or_default();
    let (level, known) = level_of(&asked);
    if log::set_logger(&Stderr).is_ok() {
        log::set_max_level(level);
    }
    if !known {
        log::warn!("expected off, error, warn, info, debug or trace in {VARIABLE}, found {asked:?}");
    }
}

/// The level that `asked` names, and whether it names one; nothing asks for warnings.
fn level_of(asked: &str) -> (LevelFilter, bool) {
    match asked.trim().parse() {
        Ok(level) => (level, true),
        Err(_) => (LevelFilter::Warn, asked.trim().is_empty()),
    }
}

impl Log for Stderr {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
            && (log::max_level() >= LevelFilter::Debug || metadata.target().starts_with("safelight"))
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            let level = record.level().as_str().to_lowercase();
            writeln!(std::io::stderr(), "safelight: {level}: {}", record.args()).ok();
        }
    }

    fn flush(&self) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_read_and_what_is_none_is_noticed() {
        assert_eq!(level_of(""), (LevelFilter::Warn, true));
        assert_eq!(level_of("Debug"), (LevelFilter::Debug, true));
        assert_eq!(level_of("off"), (LevelFilter::Off, true));
        assert_eq!(level_of("loud"), (LevelFilter::Warn, false));
    }
}
