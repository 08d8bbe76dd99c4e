//! Dialogs for files: made on the caller's thread, waited for on a thread of their own.
//!
//! Trap: on Linux a dialog needs a desktop portal or zenity; without either it reports at once that
//! nothing was chosen, as if the user had canceled. Nobody cancels that fast.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::Sender;
use rfd::{AsyncFileDialog, FileHandle};

use crate::app::i18n::Words;
use crate::app::services::outcome::{Content, DialogOutcome};
use crate::app::services::{Animation, Answer, Task};
use crate::engine::MODEL_ENDINGS;
use crate::picture::Format;
use crate::told::Sentence;

/// No user cancels a dialog within this time.
const NOBODY: Duration = Duration::from_millis(300);

/// Opens dialogs, one at a time.
pub(super) struct Dialogs {
    outcomes: Sender<DialogOutcome>,
    open: Arc<AtomicBool>,
}

/// What a dialog is for. The sentence is shown where the system has no dialog.
enum Purpose {
    /// To write; without a dialog into the pictures' folder, under a free name.
    Save { content: Content, ending: &'static str, beside: PathBuf, sentence: Sentence },
    /// To open a model or a picture.
    Open { sentence: Sentence },
    /// To choose a picture to work from.
    Photo,
    /// To choose a mask of a picture of this size.
    Mask([usize; 2]),
    /// To choose the pictures' folder.
    Folder { sentence: Sentence },
    /// To choose a folder of models.
    Models,
}

impl Purpose {
    /// What follows from the chosen path.
    fn chosen(self, chosen: PathBuf) -> DialogOutcome {
        match self {
            Self::Save { content, ending, .. } => {
                let path = with_ending(chosen.clone(), ending);
                // The dialog did not ask about a name that it has not seen.
                let force = path == chosen;
                DialogOutcome::Write { content, path, force, sentence: None }
            }
            Self::Open { .. } => DialogOutcome::Examine(chosen),
            Self::Photo => DialogOutcome::Photo(chosen),
            Self::Mask(size) => DialogOutcome::Mask { path: chosen, size },
            Self::Folder { .. } => DialogOutcome::Tell(Answer::Folder(chosen)),
            Self::Models => DialogOutcome::AddModels(chosen),
        }
    }

    /// What follows where the system has no dialog.
    fn missing(self) -> DialogOutcome {
        match self {
            Self::Save { content, beside, sentence, .. } => {
                DialogOutcome::Write { content, path: beside, force: false, sentence: Some(sentence) }
            }
            Self::Open { sentence } | Self::Folder { sentence } => {
                DialogOutcome::Tell(Answer::failed(sentence, ""))
            }
            Self::Photo | Self::Mask(_) => DialogOutcome::Tell(Answer::failed("no-dialog-open", "")),
            Self::Models => DialogOutcome::Tell(Answer::failed("no-dialog-models", "")),
        }
    }
}

/// Clears the flag, however its thread ends.
struct Opened(Arc<AtomicBool>);

impl Drop for Opened {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

impl Dialogs {
    pub(super) fn new(outcomes: Sender<DialogOutcome>) -> Self {
        Self { outcomes, open: Arc::default() }
    }

    /// Opens the dialog of a task, unless one is open already.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub(super) fn open(
        &self,
        task: Task,
        words: &Words,
        format: Format,
        folder: &Path,
    ) -> std::io::Result<()> {
        let said = |key: &'static str| Sentence::with(key, "what", folder.display().to_string());
        let dialog = AsyncFileDialog::new();
        let save = |content: Content, name: &str, ending: &'static str| {
            let beside = folder.join(format!("{name}.{ending}"));
            Purpose::Save { content, ending, beside, sentence: said("no-dialog-save") }
        };
        match task {
            Task::SaveAs { frame, made, name } => {
                let ending = format.ending();
                let purpose = save(Content::Picture { frame, made }, &name, ending);
                let dialog = save_filters(dialog, format).set_file_name(format!("{name}.{ending}"));
                self.wait(dialog.save_file(), purpose)
            }
            Task::Export { frames, made, animation, name } => {
                let (kind, ending) = match animation {
                    Animation::Gif => ("GIF", "gif"),
                    Animation::Apng => ("APNG", "png"),
                    Animation::Strip => ("PNG", "png"),
                };
                let content = match animation {
                    Animation::Strip => Content::Strip { frames, made },
                    Animation::Gif | Animation::Apng => Content::Animation { frames, made },
                };
                let purpose = save(content, &name, ending);
                let dialog = dialog.add_filter(kind, &[ending]).set_file_name(format!("{name}.{ending}"));
                self.wait(dialog.save_file(), purpose)
            }
            Task::PickFolder => {
                self.wait(dialog.pick_folder(), Purpose::Folder { sentence: said("no-dialog-folder") })
            }
            Task::PickModelsFolder => self.wait(dialog.pick_folder(), Purpose::Models),
            Task::PickPicture | Task::PickPhoto | Task::PickMask(_) => {
                let dialog = dialog.add_filter(words.t("filter-pictures"), &["png", "jpg", "jpeg", "webp"]);
                let purpose = match task {
                    Task::PickPhoto => Purpose::Photo,
                    Task::PickMask(size) => Purpose::Mask(size),
                    _ => Purpose::Open { sentence: "no-dialog-open".into() },
                };
                self.wait(dialog.pick_file(), purpose)
            }
            _ => {
                let endings = [&MODEL_ENDINGS[..], &["json"]].concat();
                let dialog = dialog.add_filter(words.t("filter-models"), &endings);
                self.wait(dialog.pick_file(), Purpose::Open { sentence: "no-dialog-open".into() })
            }
        }
    }

    fn wait<F>(&self, dialog: F, purpose: Purpose) -> std::io::Result<()>
    where
        F: Future<Output = Option<FileHandle>> + Send + 'static,
    {
        if self.open.swap(true, Ordering::AcqRel) {
            return Ok(());
        }
        let (outcomes, opened) = (self.outcomes.clone(), Opened(self.open.clone()));
        std::thread::Builder::new().name("dialog".to_owned()).spawn(move || {
            let began = Instant::now();
            let chosen = pollster::block_on(dialog);
            drop(opened);
            let outcome = match chosen {
                Some(file) => purpose.chosen(file.path().to_owned()),
                None if began.elapsed() < NOBODY && cfg!(target_os = "linux") => purpose.missing(),
                None => return,
            };
            // At the end nobody listens.
            outcomes.send(outcome).ok();
        })?;
        Ok(())
    }
}

/// The usual kind first, for that is the one a dialog offers.
fn save_filters(mut dialog: AsyncFileDialog, first: Format) -> AsyncFileDialog {
    let mut kinds = [Format::Png, Format::Jpeg, Format::Webp];
    kinds.sort_by_key(|kind| *kind != first);
    for kind in kinds {
        let endings: &[&str] = if kind == Format::Jpeg { &["jpg", "jpeg"] } else { &[kind.ending()] };
        dialog = dialog.add_filter(kind.name(), endings);
    }
    dialog
}

/// A path with an ending, added if the user left it out.
fn with_ending(path: PathBuf, ending: &str) -> PathBuf {
    if path.extension().is_some() { path } else { path.with_extension(ending) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::Frame;

    fn save() -> Purpose {
        let frame = Frame { width: 1, height: 1, rgb: vec![0; 3].into() };
        let content = Content::Picture { frame, made: None };
        Purpose::Save {
            content,
            ending: "png",
            beside: "p/fox.png".into(),
            sentence: "no-dialog-save".into(),
        }
    }

    #[test]
    fn a_name_that_the_dialog_saw_is_replaced_and_a_completed_one_is_not() {
        for (chosen, expected, expected_force) in
            [("a/fox.webp", "a/fox.webp", true), ("a/fox", "a/fox.png", false)]
        {
            let DialogOutcome::Write { path, force, sentence: None, .. } = save().chosen(chosen.into())
            else {
                panic!("not written");
            };
            assert_eq!((path.to_str(), force), (Some(expected), expected_force));
        }
    }

    #[test]
    fn without_a_dialog_things_are_saved_beside_the_pictures_and_that_is_told() {
        let DialogOutcome::Write { path, force: false, sentence: Some(sentence), .. } = save().missing()
        else {
            panic!("not written");
        };
        assert_eq!((path.to_str(), sentence.key), (Some("p/fox.png"), "no-dialog-save"));
        let told = Purpose::Folder { sentence: "no-dialog-folder".into() }.missing();
        assert!(
            matches!(told, DialogOutcome::Tell(Answer::Failed(report)) if report.sentence.key == "no-dialog-folder")
        );
    }
}
