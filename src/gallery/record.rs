//! `Record`: one picture file as the gallery knows it, read from its head.

use std::cmp::Ordering;
use std::fs::{File, Metadata};
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::picture::metadata::read::{Recovered, recover, recover_png};
use crate::picture::{Frame, Made, MadeBy, png_head};
use crate::settings::PartialSettings;

/// The most bytes of a prompt that a record keeps; the file has it in full.
const MOST_PROMPT: usize = 8 << 10;

/// A picture file.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// The file.
    pub path: PathBuf,
    /// When it was last changed.
    pub modified: SystemTime,
    /// Its length in bytes.
    pub bytes: u64,
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
    /// How it was made, if it tells. Overlong prompts are cut, and then `made` is left out;
    /// [`recover`] has them whole.
    pub recovered: Option<Recovered>,
    /// What a search looks in: prompt and name in lower case.
    words: String,
}

impl Record {
    /// Reads a file's head; `None` if it is no picture or cannot be read.
    pub(super) fn read(path: &Path, metadata: &Metadata) -> Option<Self> {
        let mut reader = BufReader::new(File::open(path).ok()?);
        let (width, height, recovered) = match png_head(&mut reader).ok()? {
            Some(head) => (head.width, head.height, recover_png(&head)),
            None => {
                let (width, height) = image::ImageReader::open(path)
                    .ok()?
                    .with_guessed_format()
                    .ok()?
                    .into_dimensions()
                    .ok()?;
                (width, height, recover(path).ok()?)
            }
        };
        let modified = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
        Some(Self::new(path.to_owned(), modified, metadata.len(), [width, height], recovered))
    }

    /// The record of a picture that this program has just saved, without reading it again: what
    /// [`Gallery`](super::Gallery) lists once it has seen the file.
    pub fn of_saved(path: PathBuf, frame: &Frame, made: &Made) -> Self {
        let metadata = path.metadata().ok();
        let modified = metadata.as_ref().and_then(|metadata| metadata.modified().ok());
        let modified = modified.unwrap_or_else(SystemTime::now);
        let bytes = metadata.map_or(0, |metadata| metadata.len());
        let size = [frame.width, frame.height].map(|side| u32::try_from(side).unwrap_or(u32::MAX));
        Self::new(path, modified, bytes, size, Some(Recovered::of_made(made)))
    }

    /// A record of what is known; overlong texts are cut. `size` is in pixels, across and down.
    pub fn new(
        path: PathBuf,
        modified: SystemTime,
        bytes: u64,
        [width, height]: [u32; 2],
        recovered: Option<Recovered>,
    ) -> Self {
        let recovered = recovered.map(trimmed);
        let mut record = Self { path, modified, bytes, width, height, recovered, words: String::new() };
        record.words = format!("{}\n{}", record.prompt(), record.name()).to_lowercase();
        record
    }

    /// The prompt; empty if the file tells none.
    pub fn prompt(&self) -> &str {
        self.settings().and_then(|settings| settings.prompt.as_deref()).unwrap_or_default()
    }

    /// The settings that the file tells.
    pub fn settings(&self) -> Option<&PartialSettings> {
        self.recovered.as_ref().map(|found| &found.settings)
    }

    /// The name of the sampler that made it, where this program lacks it.
    pub fn foreign_sampler(&self) -> Option<&str> {
        self.recovered.as_ref().and_then(|found| found.foreign_sampler.as_deref())
    }

    /// The model that made it.
    pub fn made_by(&self) -> MadeBy {
        self.recovered.as_ref().map(Recovered::made_by).unwrap_or_default()
    }

    /// Pixels across and down.
    pub fn size(&self) -> [usize; 2] {
        [self.width as usize, self.height as usize]
    }

    /// The file's name.
    pub fn name(&self) -> std::borrow::Cow<'_, str> {
        self.path.file_name().unwrap_or_default().to_string_lossy()
    }

    /// Whether every word (in lower case) is in the prompt or the name.
    pub(super) fn holds(&self, words: &[&str]) -> bool {
        words.iter().all(|word| self.words.contains(word))
    }

    /// How this record stands to one of that time and path: newer ones come first.
    pub(super) fn order(&self, modified: SystemTime, path: &Path) -> Ordering {
        modified.cmp(&self.modified).then_with(|| self.path.as_path().cmp(path))
    }
}

/// The same with texts of bounded length.
fn trimmed(mut found: Recovered) -> Recovered {
    let settings = &mut found.settings;
    let texts = [
        &mut settings.prompt,
        &mut settings.negative_prompt,
        &mut found.model,
        &mut found.model_hash,
        &mut found.foreign_sampler,
    ];
    let mut cut = false;
    for text in texts.into_iter().flatten() {
        if text.len() > MOST_PROMPT {
            text.truncate(text.floor_char_boundary(MOST_PROMPT));
            text.shrink_to_fit();
            cut = true;
        }
    }
    if cut || found.made.as_ref().is_some_and(|made| made.guidance_of_steps.len() > 1000) {
        found.made = None;
    }
    found
}
