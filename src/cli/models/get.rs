//! `models get`: tells what would be fetched and under which license, then fetches it.

use std::io::{IsTerminal as _, Write as _};
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use serde_json::json;

use super::list::size;
use super::{Get, failure, say};
use crate::cli::develop::say_json;
use crate::cli::library::user_library;
use crate::cli::{Failure, interrupt};
use crate::library::FolderOrigin;
use crate::library::get::{GetError, Getting, Got, License, Plan, Wanted, carry_out, offers, plan};
use crate::ops::StopFlag;
use crate::transfer::{Http, Pace, Progress, TransferError};

/// Progress is printed at most this often.
const PRINT: Duration = Duration::from_millis(500);

/// Gets what is named; lists what is offered where nothing is.
pub(super) fn run(asked: &Get) -> Result<(), Failure> {
    let Some(what) = &asked.what else {
        list(asked.json.json);
        return Ok(());
    };
    let stop = StopFlag::default();
    interrupt::raise_on_ctrl_c(stop.clone());
    let library = user_library()?;
    let hub = &library.hub;
    let wanted = Wanted::parse(what, asked.revision.as_deref(), asked.file.as_deref(), hub);
    let wanted = wanted.map_err(|error| Failure::Input(error.to_string()))?;
    let own = library.folders.iter().find(|folder| folder.origin == FolderOrigin::Own);
    let http = Http::new(&hub.endpoint, hub.token.as_deref());
    let getting = Getting {
        http: &http,
        hub,
        models: own.map(|folder| folder.path.as_path()),
        pace: Pace::default(),
        hashes: library.places.previews.as_deref(),
    };
    let mut go_on = || match stop.is_raised() {
        true => ControlFlow::Break(()),
        false => ControlFlow::Continue(()),
    };
    let plan = plan(&wanted, &getting, &mut go_on).map_err(not_got)?;
    announce(&plan, asked.json.json);
    if asked.dry_run {
        return Ok(());
    }
    let mut printing = Printing { json: asked.json.json, last: None, stop };
    let got = carry_out(&plan, &getting, &mut |progress| printing.tell(progress));
    printing.clear();
    let Got { path, sha256 } = got.map_err(not_got)?;
    // What the library leaves out belongs to it again when it is got again.
    library.show_again(&path).map_err(failure)?;
    if asked.json.json {
        let path = path.display().to_string();
        say_json(&json!({ "event": "saved", "path": path, "sha256": sha256, "name": plan.name }));
    } else {
        say(&path.display().to_string());
    }
    Ok(())
}

fn not_got(error: GetError) -> Failure {
    match error {
        GetError::Transfer(TransferError::Paused) => {
            note(&error.to_string());
            Failure::Interrupted
        }
        _ => Failure::Input(error.to_string()),
    }
}

fn note(line: &str) {
    writeln!(std::io::stderr(), "{line}").ok();
}

/// What is offered by name.
fn list(json: bool) {
    for offer in offers() {
        let license = offer.license();
        if json {
            say_json(&json!({
                "id": offer.id, "name": offer.name, "kind": offer.kind.name(), "repository": offer.repository,
                "file": offer.file, "bytes": offer.megabytes * 1_000_000, "license": license.name(),
                "license_asks": license.to_string(),
            }));
            continue;
        }
        say(&format!(
            "{:<18} {:<28} {:<6} {:>8}  {}",
            offer.id,
            offer.name,
            offer.kind,
            size(offer.megabytes * 1_000_000),
            license.name().unwrap_or("no license named")
        ));
    }
    if !json {
        note(
            "`safelight models get ID` gets one, and tells first what its license asks; OWNER/NAME gets any repository",
        );
    }
}

/// Says what would be fetched and what the license asks.
fn announce(plan: &Plan, json: bool) {
    // Of what is here already nobody was asked, so that none is named says nothing.
    let license = Some(&plan.license).filter(|it| plan.here.is_none() || **it != License::Unnamed);
    if json {
        let here = plan.here.as_ref().map(|path| path.display().to_string());
        let files: Vec<&str> = plan.files.iter().map(|file| file.path.as_str()).collect();
        say_json(&json!({
            "event": "plan", "name": plan.name, "origin": plan.origin, "files": files, "bytes": plan.bytes(),
            "license": plan.license.name(), "license_asks": license.map(ToString::to_string), "here": here,
        }));
        return;
    }
    match (&plan.here, plan.bytes()) {
        (Some(_), _) => note(&format!("{} is here already", plan.name)),
        (None, Some(bytes)) => note(&format!("{} from {}: {}", plan.name, plan.origin, size(bytes))),
        (None, None) => note(&format!("{} from {}", plan.name, plan.origin)),
    }
    if let Some(license) = license {
        note(&format!("license: {license}"));
    }
}

/// Prints progress: a line that changes on a terminal, a line now and then elsewhere.
struct Printing {
    json: bool,
    last: Option<Instant>,
    stop: StopFlag,
}

impl Printing {
    fn tell(&mut self, progress: Progress) -> ControlFlow<()> {
        if self.stop.is_raised() {
            return ControlFlow::Break(());
        }
        let rests = if std::io::stderr().is_terminal() || self.json { PRINT } else { 20 * PRINT };
        if progress.done == 0 || self.last.is_some_and(|last| last.elapsed() < rests) {
            return ControlFlow::Continue(());
        }
        self.last = Some(Instant::now());
        if self.json {
            say_json(&json!({
                "event": "progress", "done": progress.done, "total": progress.total, "speed": progress.speed,
                "seconds_left": progress.seconds_left(),
            }));
        } else if std::io::stderr().is_terminal() {
            write!(std::io::stderr(), "\r\x1b[K{}", line(progress)).ok();
        } else {
            note(&line(progress));
        }
        ControlFlow::Continue(())
    }

    fn clear(&self) {
        if !self.json && self.last.is_some() && std::io::stderr().is_terminal() {
            write!(std::io::stderr(), "\r\x1b[K").ok();
        }
    }
}

fn line(progress: Progress) -> String {
    let of = progress.total.map(|total| format!(" of {}", size(total))).unwrap_or_default();
    let speed = progress.speed.map(|speed| format!(", {}/s", size(speed as u64))).unwrap_or_default();
    let left = progress.seconds_left().map(|seconds| format!(", {} left", time(seconds))).unwrap_or_default();
    format!("{}{of}{speed}{left}", size(progress.done))
}

/// Seconds as people write them.
fn time(seconds: f64) -> String {
    match seconds.round() as u64 {
        seconds @ 0..60 => format!("{seconds} s"),
        seconds @ 60..3600 => format!("{}:{:02} min", seconds / 60, seconds % 60),
        seconds => format!("{}:{:02} h", seconds / 3600, seconds / 60 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_one_line() {
        let progress = Progress { done: 500_000_000, total: Some(2_000_000_000), speed: Some(1.5e7) };
        assert_eq!(line(progress), "500.0 MB of 2.00 GB, 15.0 MB/s, 1:40 min left");
        assert_eq!(line(Progress { done: 7_000, total: None, speed: None }), "7 kB");
        assert_eq!(time(7_322.0), "2:02 h");
    }
}
