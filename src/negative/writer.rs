//! `Writer`: appends a run to its file, and makes the finished file of it.
//!
//! Invariants: the file is locked for as long as the writer lives, and it appears in its folder with its head and
//! first state whole. Traps: what failed to be written is not there to be named by later steps; on Windows a lock
//! keeps readers out, so there the file is opened for one writer instead, which says the same.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::HashMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use safetensors::View;
use safetensors::tensor::Dtype;
use serde::Serialize;

use super::NegativeError;
use super::document::{Place, Written, encode};
use super::entry::{Ended, Mark, PastEntry, StepEntry};
use super::frames::{MAGIC, append, framed};
use super::head::{Begun, CONCAT, CONTEXT, Context, Head, KEPT, MASK, PICTURE, UNCONDITIONAL_CONTEXT, X0};
use super::reader::{FORMAT, Negative};
use crate::files::write_atomically_by;
use crate::sampler::{Latent, Past, RunState};

/// How long a lock is waited for: readers hold one while they look whether the run goes on.
const PATIENCE: Duration = Duration::from_millis(500);

/// What is recorded of a step.
#[derive(Clone, Debug)]
pub(super) struct StepRecord {
    pub(super) state: RunState,
    pub(super) timestep: usize,
    pub(super) guidance: f64,
    pub(super) model_calls: usize,
    pub(super) pred_x0: Option<Latent>,
}

impl StepRecord {
    /// The state before the first step.
    pub(super) fn start(state: RunState) -> Self {
        let guidance = state.guidance;
        Self { state, timestep: 0, guidance, model_calls: 0, pred_x0: None }
    }
}

/// The one who appends to a negative.
#[derive(Debug)]
pub(super) struct Writer {
    file: File,
    path: PathBuf,
    /// Where the next frame goes.
    end: u64,
    /// Steps of the whole run.
    steps: usize,
    /// Steps that are recorded.
    done: usize,
    held: Held,
}

/// The exact tensors of the last step, by name.
#[derive(Debug, Default)]
struct Held {
    latents: Vec<(String, Latent)>,
    noise: Option<(String, Vec<u8>)>,
}

impl Writer {
    /// Begins the file of a run in `folder`, which is made if missing.
    ///
    /// # Errors
    /// What the system says; nothing is left then.
    pub(super) fn create(path: &Path, head: &Head, context: &Context, start: RunState) -> io::Result<Self> {
        let folder = path.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder)?;
        let step = start.step;
        let mut begin = MAGIC.to_vec();
        begin.extend(framed(&encode(&contexts(context), "head", json(head)?)?));
        let (payload, held) = encode_step(&Held::default(), &StepRecord::start(start))?;
        begin.extend(framed(&payload));
        let mut new = tempfile::Builder::new().prefix(".").suffix(".part").tempfile_in(folder)?;
        new.write_all(&begin)?;
        let file = exclusive(new.path())?;
        new.persist_noclobber(path).map_err(|refused| refused.error)?;
        let path = path.to_owned();
        Ok(Self { file, path, end: begin.len() as u64, steps: head.steps(), done: step, held })
    }

    /// Goes on with a chain, after its last whole step.
    ///
    /// # Errors
    /// If another process writes it, it is a finished file, or it cannot be written.
    pub(super) fn again(path: &Path) -> Result<(Self, Negative), NegativeError> {
        let io = |cause| NegativeError::Io { path: path.to_owned(), cause };
        let file = exclusive(path).map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock => {
                let id = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
                NegativeError::Busy { id }
            }
            _ => io(error),
        })?;
        let negative = Negative::read(file.try_clone().map_err(io)?, path)?;
        let Some(end) = negative.end else {
            let found = "a finished one, which is not appended to; print or branch it instead";
            return Err(NegativeError::damaged(path, found));
        };
        file.set_len(end).map_err(io)?;
        let (steps, done) = (negative.steps(), negative.steps_done());
        let mut writer = Self { file, path: path.to_owned(), end, steps, done, held: Held::default() };
        writer.mark(&Mark::Resumed).map_err(io)?;
        Ok((writer, negative))
    }

    /// Whether all steps are recorded.
    pub(super) fn is_done(&self) -> bool {
        self.done == self.steps
    }

    /// Records a step.
    ///
    /// # Errors
    /// What the system says; the file is as before.
    pub(super) fn step(&mut self, record: &StepRecord) -> io::Result<()> {
        let step = record.state.step;
        // A step behind one that could not be recorded could not be read.
        if step != self.done + 1 {
            return Err(io::Error::other(format!("step {} is missing", self.done + 1)));
        }
        let (payload, held) = encode_step(&self.held, record)?;
        self.append(&payload)?;
        self.held = held;
        self.done = step;
        Ok(())
    }

    /// Records what happened between two steps.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn mark(&mut self, mark: &Mark) -> io::Result<()> {
        self.append(&encode(&[], "mark", json(mark)?)?)
    }

    fn append(&mut self, payload: &[u8]) -> io::Result<()> {
        self.end = append(&mut self.file, self.end, &framed(payload))?;
        Ok(())
    }

    /// A handle by which another thread brings the file to the disk.
    pub(super) fn handle(&self) -> io::Result<File> {
        self.file.try_clone()
    }

    /// Ends the file: a finished run becomes one safetensors file in its place.
    ///
    /// # Errors
    /// What the system says; the frames stay as they are then, and are as good.
    pub(super) fn end(mut self, ended: Ended) -> io::Result<()> {
        self.mark(&Mark::Ended(ended))?;
        if !self.is_done() {
            return self.file.sync_data();
        }
        let frames = self.file.try_clone()?;
        let negative = Negative::read(self.file.try_clone()?, &self.path).map_err(io::Error::other)?;
        let path = self.path.clone();
        // Other systems refuse to replace a file that is open.
        drop(self);
        // The whole file is brought to the disk before it takes the place of the frames, which need not be then.
        let written = write_atomically_by(&path, true, |file| write_whole(&negative, file.path()));
        if written.is_err() {
            frames.sync_data()?;
        }
        written.map(drop)
    }
}

/// Opens a file for its one writer.
fn exclusive(path: &Path) -> io::Result<File> {
    let began = Instant::now();
    loop {
        match try_exclusive(path) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock && began.elapsed() < PATIENCE => {
                std::thread::sleep(PATIENCE / 50);
            }
            opened => return opened,
        }
    }
}

/// Opens and locks a file.
#[cfg(not(windows))]
fn try_exclusive(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().read(true).write(true).open(path)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(io::ErrorKind::WouldBlock.into()),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Opens a file that others may read and nobody else may write.
#[cfg(windows)]
fn try_exclusive(path: &Path) -> io::Result<File> {
    shared_for_reading(OpenOptions::new().read(true).write(true), path)
}

/// Opens a file so that others may read it meanwhile, and nobody write.
#[cfg(windows)]
fn shared_for_reading(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    use std::os::windows::fs::OpenOptionsExt as _;
    const FILE_SHARE_READ: u32 = 1;
    const FILE_SHARE_DELETE: u32 = 4;
    const ERROR_SHARING_VIOLATION: i32 = 32;
    let opened = options.share_mode(FILE_SHARE_READ | FILE_SHARE_DELETE).open(path);
    opened.map_err(|error| match error.raw_os_error() {
        Some(ERROR_SHARING_VIOLATION) => io::ErrorKind::WouldBlock.into(),
        _ => error,
    })
}

/// Whether somebody writes the file now. Those who ask at the same time do not see each other.
#[cfg(not(windows))]
pub(super) fn is_written(path: &Path) -> bool {
    let asked = File::open(path).map(|file| file.try_lock_shared());
    matches!(asked, Ok(Err(TryLockError::WouldBlock)))
}

/// Whether somebody writes the file now: then it cannot be opened by one who lets nobody write.
#[cfg(windows)]
pub(super) fn is_written(path: &Path) -> bool {
    let asked = shared_for_reading(OpenOptions::new().read(true), path);
    matches!(asked, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
}

fn json(value: &impl Serialize) -> io::Result<String> {
    serde_json::to_string(value).map_err(io::Error::other)
}

fn contexts(context: &Context) -> Vec<Written> {
    let named = [(CONTEXT, &context.context), (UNCONDITIONAL_CONTEXT, &context.unconditional_context)];
    let numbers = named.into_iter().filter_map(|(name, numbers)| Some((name, numbers.as_ref()?)));
    let contexts =
        numbers.map(|(name, (shape, values))| Written::f32(name.to_owned(), shape.clone(), values));
    contexts.chain(context.begun.iter().flat_map(begun)).collect()
}

fn begun(begun: &Begun) -> Vec<Written> {
    let pixels = [(PICTURE, Some(&begun.picture)), (MASK, begun.mask.as_ref())];
    let latents = [(X0, Some(&begun.x0)), (KEPT, begun.kept.as_ref()), (CONCAT, begun.concat.as_ref())];
    let pixels = pixels.into_iter().filter_map(|(name, bytes)| Some((name, bytes?)));
    let latents = latents.into_iter().filter_map(|(name, latent)| Some((name, latent?)));
    let pixels = pixels.map(|(name, bytes)| Written::bytes(name.to_owned(), bytes.clone()));
    pixels.chain(latents.map(|(name, latent)| Written::latent(name.to_owned(), latent))).collect()
}

/// A step's frame, and what it names; `held` is what the step before it names.
fn encode_step(held: &Held, record: &StepRecord) -> io::Result<(Vec<u8>, Held)> {
    let StepRecord { state: RunState { x, step, noise, guidance: next_guidance, curve, history }, .. } =
        record;
    let mut writing =
        Writing { prefix: format!("step.{step:06}"), held, now: Held::default(), tensors: Vec::new() };
    let past = |writing: &mut Writing<'_>, (place, past): (usize, &Past)| PastEntry {
        sigma: past.sigma,
        value: writing.exact(&format!("history.{place}"), &past.value),
    };
    let entry = StepEntry {
        step: *step,
        timestep: record.timestep,
        guidance: record.guidance,
        next_guidance: *next_guidance,
        curve: curve.clone(),
        model_calls: record.model_calls,
        x: writing.exact("x", x),
        noise: writing.noise(serde_json::to_vec(noise).map_err(io::Error::other)?),
        history: history.past.iter().enumerate().map(|numbered| past(&mut writing, numbered)).collect(),
        sample: history.sample.as_ref().map(|sample| writing.exact("sample", sample)),
        pred_x0: record.pred_x0.as_ref().map(|pred_x0| writing.rounded("pred_x0", pred_x0)),
    };
    Ok((encode(&writing.tensors, "step", json(&entry)?)?, writing.now))
}

/// A step while its tensors are gathered.
struct Writing<'a> {
    prefix: String,
    /// What the step before names.
    held: &'a Held,
    /// What this one names.
    now: Held,
    tensors: Vec<Written>,
}

impl Writing<'_> {
    fn name(&self, rest: &str) -> String {
        format!("{}.{rest}", self.prefix)
    }

    /// The name of the tensor that holds `latent`: one that is written already, or a new one.
    fn exact(&mut self, rest: &str, latent: &Latent) -> String {
        let known =
            self.held.latents.iter().chain(&self.now.latents).find(|(_, known)| is_same(known, latent));
        let name = match known {
            Some((name, _)) => name.clone(),
            None => {
                let name = self.name(rest);
                self.tensors.push(Written::latent(name.clone(), latent));
                name
            }
        };
        self.now.latents.push((name.clone(), latent.clone()));
        name
    }

    /// The same of a generator.
    fn noise(&mut self, state: Vec<u8>) -> String {
        let known = self.held.noise.as_ref().filter(|(_, known)| *known == state);
        let name = match known {
            Some((name, _)) => name.clone(),
            None => {
                let name = self.name("noise");
                self.tensors.push(Written::bytes(name.clone(), state.clone()));
                name
            }
        };
        self.now.noise = Some((name.clone(), state));
        name
    }

    fn rounded(&mut self, rest: &str, latent: &Latent) -> String {
        let name = self.name(rest);
        self.tensors.push(Written::rounded(name.clone(), latent));
        name
    }
}

/// Whether two latents are the same bit for bit.
fn is_same(a: &Latent, b: &Latent) -> bool {
    a.shape == b.shape
        && bytemuck::cast_slice::<_, u32>(&a.values) == bytemuck::cast_slice::<_, u32>(&b.values)
}

/// A tensor of the chain as the finished file takes it over.
struct TakenOver<'a> {
    negative: &'a Negative,
    name: &'a str,
    place: &'a Place,
    /// What went wrong, if something did.
    failed: &'a RefCell<Option<NegativeError>>,
}

impl View for TakenOver<'_> {
    fn dtype(&self) -> Dtype {
        self.place.dtype
    }

    fn shape(&self) -> &[usize] {
        &self.place.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        self.negative
            .bytes(self.name)
            .unwrap_or_else(|error| {
                *self.failed.borrow_mut() = Some(error);
                vec![0; self.place.len]
            })
            .into()
    }

    fn data_len(&self) -> usize {
        self.place.len
    }
}

impl Negative {
    /// Writes what the negative holds as one safetensors file; returns the name that was used.
    ///
    /// # Errors
    /// If it cannot be read or written; nothing partial is left.
    pub fn save_whole(&self, path: &Path, force: bool) -> Result<PathBuf, NegativeError> {
        let written = write_atomically_by(path, force, |file| write_whole(self, file.path()));
        written.map_err(|cause| NegativeError::Io { path: path.to_owned(), cause })
    }
}

/// Writes all tensors and entries of a chain as one safetensors file.
fn write_whole(negative: &Negative, path: &Path) -> io::Result<()> {
    let metadata = HashMap::from([
        ("format".to_owned(), FORMAT.to_owned()),
        ("version".to_owned(), negative.head.version.to_string()),
        ("head".to_owned(), json(&negative.head)?),
        ("steps".to_owned(), json(&negative.entries)?),
        ("marks".to_owned(), json(&negative.marks)?),
    ]);
    let failed = RefCell::new(None);
    let views = negative
        .places
        .iter()
        .map(|(name, place)| (name.as_str(), TakenOver { negative, name, place, failed: &failed }));
    safetensors::serialize_to_file(views, Some(metadata), path).map_err(io::Error::other)?;
    failed.into_inner().map_or(Ok(()), |error| Err(io::Error::other(error)))
}
