//! `fetch`: one file from a server to a folder, however often the connection breaks.

use std::io::Read;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::address::shown;
use super::error::TransferError;
use super::http::{Answer, Got, Http, Range, Remote, host};
use super::pace::{Pace, Tried, sleep};
use super::part::{Part, written};
use super::speed::{Meter, Progress};

/// Bytes that are read at once.
const PIECE: usize = 256 << 10;
/// Progress is told at most this often.
const TELL: Duration = Duration::from_millis(100);
/// What is to stay free on the disk.
const ROOM: u64 = 8 << 20;

/// Where a file comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Its address.
    pub address: String,
    /// What is known of it beforehand; the server's own word is asked for and must agree.
    pub known: Remote,
}

/// How a file is fetched.
pub struct Fetch<'a> {
    /// The client.
    pub http: &'a Http,
    /// How patient it is.
    pub pace: Pace,
    /// Free bytes where a folder lies, where the system tells.
    pub free: &'a dyn Fn(&Path) -> Option<u64>,
    /// Told the progress; ends the transfer if it breaks. What is here is then kept.
    pub tell: &'a mut dyn FnMut(Progress) -> ControlFlow<()>,
    /// Looks at the whole file before it takes its name. [`TransferError::OtherFile`] refuses it for good;
    /// after any other error it stays for the next run.
    pub check: &'a dyn Fn(&Path) -> Result<(), TransferError>,
}

/// What a server tells of a file, without fetching it.
///
/// # Errors
/// If it is not there, or the connection fails for good.
pub fn probe(
    http: &Http,
    address: &str,
    pace: Pace,
    go_on: &mut dyn FnMut() -> ControlFlow<()>,
) -> Result<Remote, TransferError> {
    pace.again(go_on, || {
        Ok(match http.get(address, Some(Range::First))? {
            Got::Answer(answer) => Tried::Done(answer.remote),
            // An empty file has no first byte.
            Got::NothingThere => Tried::Done(Remote { bytes: Some(0), ..Remote::default() }),
            Got::Later(error, asked) => Tried::Later(error, asked),
        })
    })
}

/// Fetches a file to `target`, or to a free name like it; returns where it is and its SHA-256.
///
/// # Errors
/// In one sentence. What is here is kept in the part, unless the file proves to be another or the disk is full.
pub fn fetch(
    source: &Source,
    target: &Path,
    fetch: &mut Fetch<'_>,
) -> Result<(PathBuf, String), TransferError> {
    let mut go_on = || (fetch.tell)(Progress::default());
    let remote = agreed(&source.known, probe(fetch.http, &source.address, fetch.pace, &mut go_on)?)?;
    let folder = target.parent().unwrap_or(Path::new(".")).to_owned();
    let mut part = Part::open(Part::path(target, &source.address, &remote))?;
    if part.done() > 0 && remote.sha256.is_none() && remote.validator.is_none() {
        // Nothing proves that what another run left is of the same state.
        part.clear().map_err(|error| written(&error, &folder))?;
    }
    let begun = part.done() > 0;
    let mut running = Running { source, remote, folder: &folder, fetch, meter: Meter::default(), told: None };
    let outcome = running.run(&mut part);
    let outcome = outcome.and_then(|()| running.finish(&part));
    match outcome {
        Ok(hash) => {
            let path = part.take_name(target).map_err(|error| written(&error, &folder))?;
            Ok((path, hash))
        }
        Err(error) => {
            let is_worthless = matches!(
                error,
                TransferError::OtherFile { .. } | TransferError::Hash { .. } | TransferError::DiskFull { .. }
            );
            // A part without a byte is of no use; one that another run began stays for it.
            if is_worthless || (part.done() == 0 && !begun) {
                part.remove();
            }
            Err(error)
        }
    }
}

/// What is known beforehand and what the server says, if they agree.
fn agreed(known: &Remote, told: Remote) -> Result<Remote, TransferError> {
    let differ = |found: String| Err(TransferError::OtherFile { found });
    match (known.bytes, told.bytes) {
        (Some(known), Some(told)) if known != told => {
            return differ(format!("{told} bytes in place of {known}"));
        }
        _ => {}
    }
    match (&known.sha256, &told.sha256) {
        (Some(known), Some(told)) if known != told => {
            return differ(format!("SHA-256 {told} in place of {known}"));
        }
        _ => {}
    }
    Ok(Remote {
        bytes: told.bytes.or(known.bytes),
        sha256: told.sha256.or_else(|| known.sha256.clone()),
        ..told
    })
}

fn rest(time: Duration, go_on: &mut dyn FnMut() -> ControlFlow<()>) -> Result<(), TransferError> {
    match sleep(time, go_on) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(TransferError::Paused),
    }
}

struct Running<'a, 'f> {
    source: &'a Source,
    remote: Remote,
    folder: &'a Path,
    fetch: &'a mut Fetch<'f>,
    meter: Meter,
    told: Option<Instant>,
}

impl Running<'_, '_> {
    /// Asks again and again until all is here.
    fn run(&mut self, part: &mut Part) -> Result<(), TransferError> {
        self.check_room(part.done())?;
        let (mut failures, mut best, mut is_refused) = (0, part.done(), false);
        loop {
            if self.remote.bytes.is_some_and(|total| part.done() > total) {
                // Whatever wrote that, it is not this file.
                part.clear().map_err(|error| written(&error, self.folder))?;
            }
            if self.remote.bytes == Some(part.done()) {
                return self.tell(part.done(), true);
            }
            let before = part.done();
            // The hub's hash is checked at the end; behind its redirect each server has tags of its own.
            let same = self.remote.validator.as_deref().filter(|_| self.remote.sha256.is_none());
            let range = (before > 0).then_some(Range::From(before, same));
            let (error, asked) = match self.fetch.http.get(&self.source.address, range)? {
                Got::Answer(answer) => match self.take(answer, part)? {
                    None => return self.tell(part.done(), true),
                    Some(error) => (error, None),
                },
                Got::NothingThere if before == 0 => return Ok(()),
                Got::NothingThere => {
                    part.clear().map_err(|error| written(&error, self.folder))?;
                    let found = "nothing behind what is here already".to_owned();
                    let error = TransferError::OtherFile { found };
                    if is_refused {
                        return Err(error);
                    }
                    is_refused = true;
                    (error, None)
                }
                Got::Later(error, asked) => (error, asked),
            };
            // A server that always begins anew and breaks off brings nothing new.
            failures = if part.done() > best { 1 } else { failures + 1 };
            best = best.max(part.done());
            if failures >= self.fetch.pace.tries {
                return Err(error);
            }
            log::info!("{}: {error}; asking again", shown(&self.source.address));
            self.meter.restart();
            let done = part.done();
            let total = self.remote.bytes;
            let tell = &mut self.fetch.tell;
            rest(self.fetch.pace.wait(failures, asked), &mut || tell(Progress { done, total, speed: None }))?;
        }
    }

    /// Reads an answer to its end. `None` if the file is whole; an error that may pass if it is not.
    fn take(&mut self, mut answer: Answer, part: &mut Part) -> Result<Option<TransferError>, TransferError> {
        self.check_same(&answer.remote)?;
        if answer.start != part.done() {
            if answer.start != 0 {
                let found = "another piece than the one that was asked for".to_owned();
                return Err(TransferError::OtherFile { found });
            }
            // The server sends all of it, whatever was asked for.
            part.clear().map_err(|error| written(&error, self.folder))?;
        }
        let broken = |cause: String| TransferError::Connection { host: host(&self.source.address), cause };
        let mut piece = vec![0; PIECE];
        loop {
            let read = match answer.body.read(&mut piece) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) => return Ok(Some(broken(error.to_string()))),
            };
            if let Some(total) = self.remote.bytes
                && part.done() + read as u64 > total
            {
                let found = format!("more than its {total} bytes");
                return Err(TransferError::OtherFile { found });
            }
            part.add(&piece[..read]).map_err(|error| written(&error, self.folder))?;
            self.tell(part.done(), false)?;
        }
        match self.remote.bytes {
            Some(total) if part.done() < total => Ok(Some(broken("it ended early".to_owned()))),
            _ => Ok(None),
        }
    }

    /// Refuses another version of the file than the one that was begun.
    fn check_same(&self, now: &Remote) -> Result<(), TransferError> {
        let differs = |a: &Option<String>, b: &Option<String>| a.is_some() && b.is_some() && a != b;
        let lengths = self.remote.bytes.is_some() && now.bytes.is_some() && self.remote.bytes != now.bytes;
        let states = self.remote.sha256.is_none() && differs(&self.remote.validator, &now.validator);
        let tags = differs(&self.remote.tag, &now.tag) || differs(&self.remote.sha256, &now.sha256);
        if lengths || states || tags {
            let found = "another version of it".to_owned();
            return Err(TransferError::OtherFile { found });
        }
        Ok(())
    }

    /// Whether the disk has room for what is still to come.
    fn check_room(&self, done: u64) -> Result<(), TransferError> {
        let Some(total) = self.remote.bytes else { return Ok(()) };
        let needed = total.saturating_sub(done);
        let Some(free) = (self.fetch.free)(self.folder) else { return Ok(()) };
        if needed == 0 || free >= needed + ROOM {
            return Ok(());
        }
        let megabytes = |bytes: u64| format!("{:.0} MB", (bytes as f64 / 1e6).ceil());
        Err(TransferError::NoRoom {
            needed: megabytes(needed + ROOM),
            free: megabytes(free),
            folder: self.folder.to_owned(),
        })
    }

    fn tell(&mut self, done: u64, always: bool) -> Result<(), TransferError> {
        let now = Instant::now();
        if !always && self.told.is_some_and(|told| now - told < TELL) {
            return Ok(());
        }
        self.told = Some(now);
        let progress = self.meter.note(now, done, self.remote.bytes);
        match (self.fetch.tell)(progress) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) if always => Ok(()),
            ControlFlow::Break(()) => Err(TransferError::Paused),
        }
    }

    /// Checks the whole file; returns its hash.
    fn finish(&self, part: &Part) -> Result<String, TransferError> {
        let found = part.whole().map_err(|error| written(&error, self.folder))?;
        if let Some(expected) = self.remote.sha256.clone().filter(|expected| *expected != found) {
            return Err(TransferError::Hash { expected, found });
        }
        (self.fetch.check)(part.at())?;
        Ok(found)
    }
}
