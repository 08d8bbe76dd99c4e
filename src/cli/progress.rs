//! Progress on stderr: one line that is written over on a terminal, plain lines elsewhere.

use std::io::{IsTerminal as _, Write as _};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Width of the bar, in characters.
const BAR: usize = 24;

/// Shows steps of one picture.
pub struct Progress {
    terminal: bool,
    began: Instant,
    lines_from: Instant,
}

impl Progress {
    /// Starts the clock.
    pub fn start() -> Self {
        let now = Instant::now();
        Self { terminal: std::io::stderr().is_terminal(), began: now, lines_from: now }
    }

    /// A sentence on a line of its own.
    pub fn say(&self, sentence: &str) {
        self.clear();
        writeln!(std::io::stderr(), "{sentence}").ok();
    }

    /// `done` of `steps` are done.
    pub fn step(&mut self, done: usize, steps: usize) {
        self.bar("step", done, steps);
    }

    fn bar(&mut self, what: &str, done: usize, steps: usize) {
        let each = self.began.elapsed() / done.max(1) as u32;
        let left = each * (steps - done) as u32;
        let text = format!("{what} {done} of {steps}, {} a {what}, {} left", short(each), short(left));
        if self.terminal {
            let filled = BAR * done / steps.max(1);
            let bar = format!("{}{}", "█".repeat(filled), "░".repeat(BAR - filled));
            write!(std::io::stderr(), "\r\x1b[K{bar} {text}").ok();
        } else if done == steps || self.lines_from.elapsed() > Duration::from_secs(5) {
            self.lines_from = Instant::now();
            writeln!(std::io::stderr(), "{text}").ok();
        }
    }

    /// What shows the tiles of an upscaler on a bar of their own.
    pub fn of_tiles() -> Box<dyn Fn(usize, usize) + Send> {
        let shown = Mutex::new(Self::start());
        Box::new(move |done, tiles| {
            let mut shown = shown.lock().unwrap_or_else(PoisonError::into_inner);
            shown.bar("tile", done, tiles);
            if done == tiles {
                shown.clear();
                // Where another picture follows.
                *shown = Self::start();
            }
        })
    }

    /// Removes the bar.
    pub fn clear(&self) {
        if self.terminal {
            write!(std::io::stderr(), "\r\x1b[K").ok();
        }
    }
}

/// "0.31 s", "12 s", "3 min 20 s".
fn short(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    match seconds {
        _ if seconds < 10.0 => format!("{seconds:.2} s"),
        _ if seconds < 100.0 => format!("{seconds:.0} s"),
        _ => format!("{} min {} s", time.as_secs() / 60, time.as_secs() % 60),
    }
}
