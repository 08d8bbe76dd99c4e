//! `Negative`: a recorded run, read as far as it is whole.
//!
//! Invariant: every step that it counts can be resumed from. Latents are read when they are asked for.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

use super::NegativeError;
use super::document::{Document, LENGTH_BYTES, Place, read_header};
use super::entry::{Ended, Mark, StepEntry};
use super::frames::{self, MAGIC};
use super::head::{
    Begun, CONCAT, CONTEXT, Context, Head, KEPT, MASK, PICTURE, UNCONDITIONAL_CONTEXT, VERSION, X0,
};
use crate::sampler::{History, Latent, Past, RunState};

/// A longer header is damage: one of 1,000 steps has a megabyte.
const HEADER_MAX: u64 = 1 << 28;

/// The value of `format` in a finished negative.
pub(super) const FORMAT: &str = "safelight negative";

/// A recorded run.
#[derive(Debug)]
pub struct Negative {
    path: PathBuf,
    file: File,
    /// All that was asked.
    pub head: Head,
    pub(super) entries: Vec<StepEntry>,
    pub(super) marks: Vec<Mark>,
    pub(super) places: BTreeMap<String, Place>,
    /// Where the last whole frame ends; none for a finished file.
    pub(super) end: Option<u64>,
}

impl Negative {
    /// Opens a negative, finished or not.
    ///
    /// # Errors
    /// If it cannot be read, or is none.
    pub fn open(path: &Path) -> Result<Self, NegativeError> {
        let file = File::open(path).map_err(NegativeError::io(path))?;
        Self::read(file, path)
    }

    /// Reads an open file from its beginning.
    pub(super) fn read(mut file: File, path: &Path) -> Result<Self, NegativeError> {
        let mut first = [0; LENGTH_BYTES];
        file.seek(SeekFrom::Start(0)).map_err(NegativeError::io(path))?;
        file.read_exact(&mut first)
            .map_err(|_| NegativeError::damaged(path, "a file of less than 8 bytes"))?;
        let parts = if is_chain(&first) { chained(&file, path)? } else { whole(&mut file, first, path)? };
        parts.assemble(file, path)
    }

    /// Its id.
    pub fn id(&self) -> &str {
        &self.head.id
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Steps of the whole run.
    pub fn steps(&self) -> usize {
        self.head.steps()
    }

    /// Steps that are done.
    pub fn steps_done(&self) -> usize {
        self.entries.last().map_or(0, |entry| entry.step)
    }

    /// The first step that this file holds: 0, or where it branched off.
    pub fn first_step(&self) -> usize {
        self.entries.first().map_or(0, |entry| entry.step)
    }

    /// How the run ended, if it did. All steps that are done are an end in themselves.
    pub fn ended(&self) -> Option<Ended> {
        if self.steps_done() == self.steps() {
            return Some(Ended::Finished);
        }
        match self.marks.iter().rev().find(|mark| !matches!(mark, Mark::ModelHash(_))) {
            Some(Mark::Ended(Ended::Stopped)) => Some(Ended::Stopped),
            _ => None,
        }
    }

    /// Whether the run rested when the file was written last.
    pub fn is_paused(&self) -> bool {
        let last = self.marks.iter().rev().find(|mark| matches!(mark, Mark::Paused | Mark::Resumed));
        last == Some(&Mark::Paused)
    }

    /// Whether its process has left it to the next one.
    pub fn is_set_aside(&self) -> bool {
        self.marks.last() == Some(&Mark::SetAside)
    }

    /// Whether some step had another guidance than was asked for, or the next one would have.
    pub fn is_steered(&self) -> bool {
        let (settings, steps) = (&self.head.settings, self.steps());
        self.entries.iter().any(|entry| {
            let [acted, next] =
                [entry.step.saturating_sub(1), entry.step].map(|step| settings.guidance_at(step, steps));
            let differs = entry.guidance != acted || entry.next_guidance != next;
            differs || entry.curve != settings.guidance_curve
        })
    }

    /// The first ten hex digits of the model file's SHA-256; empty if they were never known.
    pub fn model_hash(&self) -> &str {
        let told = self.marks.iter().rev().find_map(|mark| match mark {
            Mark::ModelHash(hash) => Some(hash.as_str()),
            _ => None,
        });
        told.unwrap_or(&self.head.model.hash)
    }

    /// The guidance that acted in each step that is done, those before a branch included.
    pub fn guidance_of_steps(&self) -> Vec<f64> {
        let shared = self.head.parent.iter().flat_map(|parent| parent.guidance_of_steps.iter().copied());
        shared.chain(self.entries.iter().skip(1).map(|entry| entry.guidance)).collect()
    }

    /// How often the steps that are recorded here asked the model.
    pub fn model_calls(&self) -> usize {
        self.entries.iter().map(|entry| entry.model_calls).sum()
    }

    /// The run as it stood when `step` steps were done.
    ///
    /// # Errors
    /// If that step is not there.
    pub fn state(&self, step: usize) -> Result<RunState, NegativeError> {
        let entry = self.entry(step)?;
        let past = entry
            .history
            .iter()
            .map(|past| Ok::<_, NegativeError>(Past { sigma: past.sigma, value: self.latent(&past.value)? }));
        let history = History {
            past: past.collect::<Result<_, _>>()?,
            sample: entry.sample.as_ref().map(|name| self.latent(name)).transpose()?,
        };
        let noise = serde_json::from_slice(&self.bytes(&entry.noise)?).map_err(|error| {
            NegativeError::damaged(&self.path, format!("a generator that is none ({error})"))
        })?;
        let (guidance, curve) = (entry.next_guidance, entry.curve.clone());
        Ok(RunState { x: self.latent(&entry.x)?, step, noise, guidance, curve, history })
    }

    /// The picture that step number `step` (from 1) predicts, rounded to f16; of the last step the latent itself,
    /// and so of none.
    ///
    /// # Errors
    /// If that step, or its picture, is not there.
    pub fn pred_x0(&self, step: usize) -> Result<Latent, NegativeError> {
        let entry = self.entry(step)?;
        if step == self.steps() || step == 0 {
            return self.latent(&entry.x);
        }
        match &entry.pred_x0 {
            Some(name) => self.latent(name),
            None => Err(NegativeError::NoPicture { id: self.head.id.clone(), step }),
        }
    }

    /// What the UNet was conditioned with.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn context(&self) -> Result<Context, NegativeError> {
        let numbers = |name: &str| {
            let Some(place) = self.places.get(name) else { return Ok(None) };
            let values = place.floats(&self.bytes(name)?);
            Ok::<_, NegativeError>(values.map(|values| (place.shape.clone(), values)))
        };
        let unconditional_context = numbers(UNCONDITIONAL_CONTEXT)?;
        Ok(Context { context: numbers(CONTEXT)?, unconditional_context, begun: self.begun()? })
    }

    /// The picture that the run began from; none if it began from noise alone.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn begun(&self) -> Result<Option<Begun>, NegativeError> {
        if !self.places.contains_key(X0) {
            return Ok(None);
        }
        let there = |name: &'static str| self.places.contains_key(name).then_some(name);
        Ok(Some(Begun {
            picture: self.bytes(PICTURE)?,
            mask: there(MASK).map(|name| self.bytes(name)).transpose()?,
            x0: self.latent(X0)?,
            kept: there(KEPT).map(|name| self.latent(name)).transpose()?,
            concat: there(CONCAT).map(|name| self.latent(name)).transpose()?,
        }))
    }

    fn entry(&self, step: usize) -> Result<&StepEntry, NegativeError> {
        let unknown = || NegativeError::Step { id: self.head.id.clone(), step, last: self.steps_done() };
        let place = step.checked_sub(self.first_step()).ok_or_else(unknown)?;
        self.entries.get(place).ok_or_else(unknown)
    }

    fn latent(&self, name: &str) -> Result<Latent, NegativeError> {
        let bytes = self.bytes(name)?;
        let latent = self.places.get(name).and_then(|place| place.latent(&bytes));
        latent.ok_or_else(|| NegativeError::damaged(&self.path, format!("no latent in {name}")))
    }

    /// A tensor's bytes.
    pub(super) fn bytes(&self, name: &str) -> Result<Vec<u8>, NegativeError> {
        let missing = || NegativeError::damaged(&self.path, format!("no tensor {name}"));
        let place = self.places.get(name).ok_or_else(missing)?;
        read_at(&self.file, place).map_err(NegativeError::io(&self.path))
    }
}

/// Whether a file that begins like this is a run under way, or was when its process ended.
pub(super) fn is_chain(first: &[u8; LENGTH_BYTES]) -> bool {
    *first == MAGIC
}

fn read_at(mut file: &File, place: &Place) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; place.len];
    file.seek(SeekFrom::Start(place.at))?;
    file.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// What was found in a file.
#[derive(Default)]
struct Parts {
    head: Option<Head>,
    entries: Vec<StepEntry>,
    marks: Vec<Mark>,
    places: BTreeMap<String, Place>,
    end: Option<u64>,
}

impl Parts {
    /// The negative of a head and of all steps in a row whose tensors are there.
    fn assemble(self, file: File, path: &Path) -> Result<Negative, NegativeError> {
        let head =
            self.head.ok_or_else(|| NegativeError::damaged(path, "a file without a negative's head"))?;
        let first = self.entries.first().map_or(0, |entry| entry.step);
        let there = |(place, entry): &(usize, StepEntry)| {
            entry.step == first + place && entry.needed().all(|name| self.places.contains_key(name))
        };
        let mut entries: Vec<StepEntry> = Vec::new();
        for (place, mut entry) in self.entries.into_iter().enumerate().take_while(there) {
            debug_assert_eq!(entry.step, first + place);
            entry.pred_x0 = entry.pred_x0.filter(|name| self.places.contains_key(name));
            entries.push(entry);
        }
        if entries.is_empty() {
            return Err(NegativeError::damaged(path, "a negative without its first latent"));
        }
        let Self { marks, places, end, .. } = self;
        Ok(Negative { path: path.to_owned(), file, head, entries, marks, places, end })
    }

    fn put_head(&mut self, text: &str, path: &Path) -> Result<(), NegativeError> {
        let head: Head = parsed(text, path)?;
        if head.version > VERSION {
            let found = format!("one of version {} (this program knows {VERSION})", head.version);
            return Err(NegativeError::damaged(path, found));
        }
        self.head = Some(head);
        Ok(())
    }
}

/// The parts of a run under way.
fn chained(file: &File, path: &Path) -> Result<Parts, NegativeError> {
    let mut parts = Parts::default();
    let mut failed = Ok(());
    let end = frames::scan(file, |payload, begin| {
        if failed.is_ok() {
            failed = put_frame(&mut parts, payload, begin, path);
        }
    });
    parts.end = Some(end.map_err(NegativeError::io(path))?);
    failed.map(|()| parts)
}

fn put_frame(parts: &mut Parts, payload: &[u8], begin: u64, path: &Path) -> Result<(), NegativeError> {
    let damaged = |found: String| NegativeError::damaged(path, found);
    let length = payload.first_chunk().map_or(u64::MAX, |length| u64::from_le_bytes(*length));
    let from = LENGTH_BYTES as u64;
    let header = from.checked_add(length).and_then(|to| payload.get(LENGTH_BYTES..to as usize));
    let header = header.ok_or_else(|| damaged("a frame without a header".to_owned()))?;
    let end = begin + payload.len() as u64;
    let Document { tensors, metadata } = read_header(header, begin + from + length, end).map_err(damaged)?;
    parts.places.extend(tensors);
    for (key, text) in &metadata {
        match key.as_str() {
            "head" => parts.put_head(text, path)?,
            "step" => parts.entries.push(parsed(text, path)?),
            "mark" => parts.marks.push(parsed(text, path)?),
            _ => {}
        }
    }
    Ok(())
}

/// The parts of a finished file, whose `length` of the header is read.
fn whole(file: &mut File, length: [u8; LENGTH_BYTES], path: &Path) -> Result<Parts, NegativeError> {
    let length = u64::from_le_bytes(length);
    let bytes = file.metadata().map_err(NegativeError::io(path))?.len();
    if length > HEADER_MAX || length > bytes {
        return Err(NegativeError::damaged(path, "another kind of file"));
    }
    let mut header = vec![0; length as usize];
    file.read_exact(&mut header).map_err(NegativeError::io(path))?;
    let found = read_header(&header, LENGTH_BYTES as u64 + length, bytes);
    let Document { tensors, metadata } = found.map_err(|found| NegativeError::damaged(path, found))?;
    if metadata.get("format").map(String::as_str) != Some(FORMAT) {
        return Err(NegativeError::damaged(path, "a safetensors file that is no negative"));
    }
    let mut parts = Parts { places: tensors, ..Parts::default() };
    let text = |key: &str| metadata.get(key).map_or("", String::as_str);
    parts.put_head(text("head"), path)?;
    parts.entries = parsed(text("steps"), path)?;
    parts.marks = parsed(text("marks"), path)?;
    Ok(parts)
}

fn parsed<T: DeserializeOwned>(text: &str, path: &Path) -> Result<T, NegativeError> {
    serde_json::from_str(text).map_err(|error| NegativeError::damaged(path, error.to_string()))
}
