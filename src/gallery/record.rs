//! `Record`: one picture file as the gallery knows it, read from its head.

use std::cmp::Ordering;
use std::fs::{File, Metadata};
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::picture::metadata::read::{Recovered, recover, recover_png};
use crate::picture::png_head;

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
        let recovered = recovered.map(trimmed);
        let prompt =
            recovered.as_ref().and_then(|found| found.settings.prompt.as_deref()).unwrap_or_default();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        Some(Self {
            words: format!("{prompt}\n{name}").to_lowercase(),
            path: path.to_owned(),
            modified: metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH),
            bytes: metadata.len(),
            width,
            height,
            recovered,
        })
    }

    /// The prompt; empty if the file tells none.
    pub fn prompt(&self) -> &str {
        let prompt = self.recovered.as_ref().and_then(|found| found.settings.prompt.as_deref());
        prompt.unwrap_or_default()
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
