//! The clerk: the real [`Services`]. It keeps the gallery and the memory, and has a thread that
//! reads and writes files; each dialog waits on a thread of its own.
//!
//! Trap: dialogs must be made on the main thread (macOS insists) and never waited for there.

mod errands;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};

use crate::app::run::Waker;
use crate::app::services::{Animation, Answer, Record, Services, Task};
use crate::app::words::Words;
use crate::gallery::{self, Gallery, News, Setup};
use crate::message::Report;
use crate::remember::Keeper;

use errands::Errand;

/// Errands that may wait; one comes of each thing a person does.
const ERRANDS_MAX: usize = 1024;
/// Answers that may wait; more wait with the thread.
const ANSWERS_MAX: usize = 1024;

/// Whoever provides the world.
pub struct Clerk {
    gallery: Gallery,
    keeper: Keeper,
    errands: Sender<Errand>,
    answers: Receiver<Answer>,
    answer: Sender<Answer>,
    waker: Waker,
    offset: i64,
    /// Answers that are known at once.
    ready: Vec<Answer>,
    /// The language of dialogs.
    words: Words,
}

impl Clerk {
    /// Starts the thread and opens the gallery.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub fn new(keeper: Keeper, note: Option<String>, words: Words, waker: Waker) -> std::io::Result<Self> {
        let (errands, to_do) = bounded::<Errand>(ERRANDS_MAX);
        let (answer, answers) = bounded(ANSWERS_MAX);
        let (out, wake) = (answer.clone(), waker.clone());
        std::thread::Builder::new().name("clerk".to_owned()).spawn(move || {
            for errand in to_do {
                let told = errand.run();
                if told.is_some_and(|told| out.send(told).is_err()) {
                    return;
                }
                wake();
            }
        })?;
        let ready = note.map(|note| failed(note, String::new())).into_iter().collect();
        let offset = i64::from(jiff::Zoned::now().offset().seconds());
        let gallery = open_gallery(gallery::pictures_folder(), &waker);
        Ok(Self { gallery, keeper, errands, answers, answer, waker, offset, ready, words })
    }

    fn send(&mut self, errand: Errand) {
        if self.errands.try_send(errand).is_err() {
            self.ready.push(failed(self.words.t("clerk-behind"), String::new()));
        }
    }

    /// Waits for a dialog on a thread of its own, then does what follows.
    fn dialog<F>(&mut self, dialog: F, then: impl FnOnce(PathBuf) -> Option<Answer> + Send + 'static)
    where
        F: Future<Output = Option<rfd::FileHandle>> + Send + 'static,
    {
        let (answer, waker) = (self.answer.clone(), self.waker.clone());
        let waits = std::thread::Builder::new().name("dialog".to_owned()).spawn(move || {
            let Some(file) = pollster::block_on(dialog) else { return };
            if let Some(told) = then(file.path().to_owned())
                && answer.send(told).is_ok()
            {
                waker();
            }
        });
        if let Err(error) = waits {
            self.ready.push(failed(self.words.t("no-dialog"), error.to_string()));
        }
    }

    fn list(&mut self, folder: Option<PathBuf>) {
        let folder = folder.unwrap_or_else(gallery::pictures_folder);
        if folder != self.gallery.folder() {
            let before = std::mem::replace(&mut self.gallery, open_gallery(folder, &self.waker));
            // The old one may have something to take to the trash, and waits for it.
            std::thread::Builder::new().name("gallery ends".to_owned()).spawn(move || drop(before)).ok();
        }
    }

    fn save_as(&mut self, frame: crate::picture::Frame, made: Option<Box<crate::picture::Made>>, name: &str) {
        let dialog = rfd::AsyncFileDialog::new()
            .set_file_name(format!("{name}.png"))
            .add_filter("PNG", &["png"])
            .add_filter("JPEG", &["jpg", "jpeg"])
            .add_filter("WebP", &["webp"])
            .save_file();
        self.dialog(dialog, move |path| Errand::Write { path: with_ending(path, "png"), frame, made }.run());
    }

    fn export(&mut self, task: Task) {
        let Task::Export { frames, made, animation, name } = task else { return };
        let (title, ending) = match animation {
            Animation::Gif => ("GIF", "gif"),
            Animation::Apng => ("APNG", "png"),
        };
        let dialog = rfd::AsyncFileDialog::new()
            .set_file_name(format!("{name}.{ending}"))
            .add_filter(title, &[ending])
            .save_file();
        self.dialog(dialog, move |path| {
            Errand::Animate { path: with_ending(path, ending), frames, made }.run()
        });
    }

    fn pick(&mut self, task: &Task) {
        let dialog = rfd::AsyncFileDialog::new();
        match task {
            Task::PickModel => {
                let endings = ["safetensors", "ckpt", "pt", "pth", "json"];
                let dialog = dialog.add_filter(self.words.t("filter-models"), &endings).pick_file();
                self.dialog(dialog, |path| Some(Answer::Model(model_of(path))));
            }
            Task::PickPicture => {
                let endings = ["png", "jpg", "jpeg", "webp"];
                let dialog = dialog.add_filter(self.words.t("filter-pictures"), &endings).pick_file();
                self.dialog(dialog, |path| Errand::Examine(path).run());
            }
            _ => self.dialog(dialog.pick_folder(), |path| Some(Answer::Folder(path))),
        }
    }

    fn trash(&mut self, path: PathBuf) {
        if self.gallery.delete(&path, Instant::now()) {
            self.ready.push(Answer::Trashed(path));
        }
    }
}

impl Services for Clerk {
    fn ask(&mut self, task: Task) {
        match task {
            Task::List { folder } => self.list(folder),
            Task::Thumbnail(path) => {
                if let Some(record) = self.gallery.find(&path).cloned() {
                    self.gallery.want_thumbnail(&record);
                }
            }
            Task::Read(path) => self.send(Errand::Read(path)),
            Task::Keep { job, frame, made } => {
                let folder = self.gallery.folder().to_owned();
                self.send(Errand::Keep { folder, job, frame, made });
            }
            Task::SaveAs { frame, made, name } => self.save_as(frame, made, &name),
            Task::Export { .. } => self.export(task),
            Task::Examine(path) => self.send(Errand::Examine(path)),
            Task::Trash(path) => self.trash(path),
            Task::Untrash => {
                if let Some(record) = self.gallery.undo_delete() {
                    self.ready.push(Answer::Untrashed(Box::new(record_of(&record))));
                }
            }
            Task::Reveal(path) => self.send(Errand::Reveal(path)),
            Task::OpenFolder => self.send(Errand::OpenFolder(self.gallery.folder().to_owned())),
            Task::PickModel | Task::PickPicture | Task::PickFolder => self.pick(&task),
            Task::Remember(memory) => self.keeper.remember(&memory),
            Task::Speak(language) => self.words = Words::new(language),
        }
    }

    fn answers(&mut self) -> Vec<Answer> {
        let mut answers = std::mem::take(&mut self.ready);
        for answer in self.answers.try_iter() {
            if let Answer::Kept { record, .. } = &answer {
                self.gallery.saved(record.path.clone());
            }
            answers.push(answer);
        }
        for news in self.gallery.poll(Instant::now()) {
            answers.extend(match news {
                News::Changed => {
                    let records = self.gallery.records().iter().map(record_of).collect();
                    self.gallery.is_scanned().then_some(Answer::Gallery(records))
                }
                News::Thumbnail(thumbnail) => {
                    Some(Answer::Thumbnail { path: thumbnail.path, frame: thumbnail.frame })
                }
                News::Trouble(sentence) => Some(failed(sentence, String::new())),
            });
        }
        answers.extend(self.keeper.trouble().map(|sentence| failed(sentence, String::new())));
        answers
    }

    fn due(&self) -> Option<Duration> {
        self.gallery.undoable(Instant::now()).map(|(_, left)| left)
    }

    fn local_offset(&self) -> i64 {
        self.offset
    }
}

fn open_gallery(folder: PathBuf, waker: &Waker) -> Gallery {
    Gallery::open(Setup {
        folder,
        thumbnails: gallery::thumbnails_folder(),
        trash: gallery::system_trash(),
        wake: waker.clone(),
    })
}

fn record_of(record: &Arc<gallery::Record>) -> Record {
    Record {
        path: record.path.clone(),
        prompt: record.prompt().to_owned(),
        settings: record.recovered.as_ref().map(|found| Box::new(found.settings.clone())),
        size: [record.width as usize, record.height as usize],
        modified: record.modified,
    }
}

fn failed(sentence: String, details: String) -> Answer {
    Answer::Failed(Report { sentence, details })
}

/// A name with an ending, where the person left it out.
fn with_ending(path: PathBuf, ending: &str) -> PathBuf {
    if path.extension().is_some() { path } else { path.with_extension(ending) }
}

/// A diffusers folder is named by the index in it.
fn model_of(path: PathBuf) -> PathBuf {
    let is_index = path.file_name().is_some_and(|name| name == "model_index.json");
    if is_index { path.parent().map(Path::to_owned).unwrap_or(path) } else { path }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_get_an_ending_and_an_index_stands_for_its_folder() {
        assert_eq!(with_ending("a/fox".into(), "png"), Path::new("a/fox.png"));
        assert_eq!(with_ending("a/fox.webp".into(), "png"), Path::new("a/fox.webp"));
        assert_eq!(model_of("sd/model_index.json".into()), Path::new("sd"));
        assert_eq!(model_of("sd/v1.safetensors".into()), Path::new("sd/v1.safetensors"));
    }
}
