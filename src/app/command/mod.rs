//! Commands: everything that the user can do, as data.
//!
//! Drawing only pushes commands; `acts` carries them out.

pub mod models;
pub mod phrases;
pub mod table;
pub mod tray;

use std::path::PathBuf;
use std::sync::Arc;

use crate::app::command::models::OfModels;
use crate::app::command::phrases::OfPhrases;
use crate::app::command::tray::OfTray;
use crate::app::i18n::Language;
use crate::app::sheets::SheetId;
use crate::app::sheets::ask::SheetDraft;
use crate::message::{Compute, JobId, ModelSource};
use crate::sampler::GuidanceCurve;
use crate::settings::{PartialSettings, PreviewMode};

/// A named act without particulars.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Make a picture, or put it in the queue.
    Develop,
    /// End the running picture and hold the queue, or close what is open.
    Stop,
    /// End the running picture and take all others out of the queue.
    StopAll,
    /// Take all waiting pictures out of the queue.
    ClearQueue,
    /// Release a queue that is on hold.
    ContinueQueue,
    /// Pause or resume.
    Pause,
    /// Show all acts.
    Palette,
    /// Show the settings.
    Settings,
    /// Choose a model file.
    OpenModel,
    /// Show the library of models.
    Models,
    /// Show where models can be downloaded from.
    GetModel,
    /// Show the folders of the library.
    ModelsFolders,
    /// Choose another folder of models.
    AddModelsFolder,
    /// Go on with paused downloads.
    GoOnDownloads,
    /// Open what was downloaded last, or lay it over the model.
    UseGot,
    /// Choose a picture and use its settings.
    OpenPicture,
    /// Choose a picture to begin from.
    PickPhoto,
    /// Begin from the picture that is shown.
    WorkFrom,
    /// Show the picture that the next run begins from.
    ShowTray,
    /// Begin from no picture.
    ClearTray,
    /// Paint over the picture with a brush.
    Brush,
    /// Take away what was painted, or paint again.
    Eraser,
    /// Paint what a line encloses.
    Lasso,
    /// Make the brush smaller.
    SmallerBrush,
    /// Make the brush larger.
    LargerBrush,
    /// Paint all of the picture.
    FillMask,
    /// Take away all that was painted.
    ClearMask,
    /// Paint what is not painted, and nothing else.
    InvertMask,
    /// Choose a picture that is the mask.
    PickMask,
    /// Paint what is transparent in the picture.
    MaskHoles,
    /// Leave no room around the picture.
    ClearRoom,
    /// Save what is shown under another name.
    SaveAs,
    /// Put what is shown on the clipboard.
    Copy,
    /// Show its file in the folder.
    Reveal,
    /// Use its settings.
    UseSettings,
    /// Compare it with another.
    Compare,
    /// Move it to the trash.
    Delete,
    /// Undo what was done last: a stroke on the tray, or a deletion.
    Undo,
    /// Do again what was undone last.
    Redo,
    /// Restore what was deleted last.
    UndoDelete,
    /// Delete again what was restored last.
    RedoDelete,
    /// Try again to save the pictures that could not be saved.
    SaveAgain,
    /// Choose the folder where pictures are kept.
    PickFolder,
    /// Make the pictures again that were cut short when the program ended.
    DevelopAgain,
    /// Write a prompt of things that the model knows.
    Surprise,
    /// Draw another seed.
    NewSeed,
    /// Keep the seed, or not.
    LockSeed,
    /// Show or hide the gallery.
    Gallery,
    /// Show or hide the controls.
    Controls,
    /// Show or hide the rarer controls.
    More,
    /// Show or hide guidance over the steps.
    Curve,
    /// Show where words and guidance act, or not.
    Lens,
    /// Show or hide the negative prompt.
    Negative,
    /// Play the generation.
    Play,
    /// Save the generation as a GIF.
    ExportGif,
    /// Save the generation as an animated PNG.
    ExportApng,
    /// Decode the chosen step with the full decoder.
    DecodeStep,
    /// Decode all steps with the full decoder.
    DecodeAll,
    /// Save all steps side by side as one picture.
    ExportStrip,
    /// Let the next picture begin at the chosen step.
    Branch,
    /// Let the next picture begin anew.
    EndBranch,
    /// Go on with a run that was stopped.
    GoOn,
    /// Compare a branch with what it came from.
    CompareParent,
    /// Show the kept runs.
    Negatives,
    /// Ask for several pictures side by side.
    Sheet,
    /// Show the last sheet, or the one that the picture came from.
    ShowSheet,
    /// Pick all pictures of the sheet, or none.
    PickAll,
    /// Develop the picked pictures of the sheet to their end.
    DevelopPicked,
    /// Save the sheet as one picture.
    SaveSheet,
    /// Delete the negative of the picture that was deleted last.
    DeleteNegative,
    /// Keep the style again that was deleted last.
    RestoreStyle,
    /// Show the step before.
    PreviousStep,
    /// Show the step after.
    NextStep,
    /// Show the whole picture.
    ZoomFit,
    /// Enlarge the picture on the canvas by half.
    ZoomIn,
    /// Shrink the picture on the canvas by a third.
    ZoomOut,
    /// Write the prompt.
    FocusPrompt,
    /// Search the gallery.
    FocusSearch,
    /// Show the pictures' folder.
    OpenFolder,
    /// Start the inference thread again.
    Restart,
    /// Close the window.
    Quit,
}

/// What the lens looks at.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Spot {
    /// A word: its letters, and how many of the same stand before it.
    Word {
        /// In lower case.
        letters: String,
        /// From 0.
        turn: usize,
    },
    /// Where guidance acts.
    Guidance,
}

/// What the user asked for.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// A named act.
    Do(Act),
    /// Show a step of a generation; none is its newest.
    ShowStep {
        /// The job that the generation carries out.
        job: JobId,
        /// The step, from 0.
        step: Option<usize>,
    },
    /// Show a picture of the gallery.
    ShowRecord(PathBuf),
    /// Show a kept run.
    ShowNegative(String),
    /// Do an act on a kept run, which is shown first.
    WithNegative {
        /// The run's negative.
        negative: String,
        /// What is done.
        act: Act,
    },
    /// Delete a kept run for good.
    DeleteKept(String),
    /// Keep a run whatever the budget says, or let it give way again.
    Pin {
        /// The run's negative.
        negative: String,
        /// Whether it is kept.
        pinned: bool,
    },
    /// Keep so many bytes of runs.
    SetBudget(u64),
    /// Ask otherwise for a sheet.
    SetSheet(Box<SheetDraft>),
    /// Make the sheet that was asked for.
    MakeSheet,
    /// Pick a picture of a sheet, or not.
    Pick {
        /// The sheet.
        sheet: SheetId,
        /// The place of the picture, row by row.
        cell: usize,
    },
    /// Compare what is shown with a picture of the gallery.
    CompareWith(PathBuf),
    /// Stop comparing and show one picture again.
    EndCompare,
    /// Move a picture to the trash.
    DeleteRecord(PathBuf),
    /// Take a waiting picture out of the queue.
    Unqueue(JobId),
    /// Move a waiting picture to a place in the queue.
    Requeue {
        /// The waiting job.
        job: JobId,
        /// Its place, from 0.
        to: usize,
    },
    /// Open a model.
    Open(ModelSource),
    /// Do something with the library of models.
    Models(OfModels),
    /// Do something with styles, or with what the prompts were written out of.
    Phrases(OfPhrases),
    /// Do something on the tray.
    Tray(OfTray),
    /// Compute on another device, in another precision or on other threads.
    Compute(Compute),
    /// Change the guidance of the running picture.
    Steer(f64),
    /// Let the guidance of the running picture follow another curve.
    Bend(GuidanceCurve),
    /// Look where this acts.
    LookAt(Spot),
    /// Add up the steps under the lens, or show the one on the canvas alone.
    AddUpSteps(bool),
    /// Make one of the first screen's examples, by its number.
    DevelopExample(usize),
    /// Take over these settings in the draft; those left open stay as they are.
    Set(Box<PartialSettings>),
    /// Set how many pictures are made at a time.
    SetCount(usize),
    /// Choose how previews are decoded.
    SetPreviews(PreviewMode),
    /// Put the next older prompt of the history into the draft.
    RecallOlder,
    /// Put the next newer prompt there; the last one is what was being written.
    RecallNewer,
    /// Show only pictures of the gallery whose prompts hold these words.
    Search(String),
    /// Move the line between two compared pictures to a share of their width, 0 to 1.
    MoveWipe(f32),
    /// Set a panel's width.
    SetPanelWidth {
        /// Its name among the panels.
        panel: &'static str,
        /// Its new width, in points.
        width: f32,
    },
    /// Files dropped on the window.
    Dropped(Vec<PathBuf>),
    /// Look for files on the clipboard; `picture` when a bare picture was found there.
    PasteFiles {
        /// The bare picture.
        picture: Option<Arc<egui::ColorImage>>,
    },
    /// Dismiss a toast.
    Dismiss(u64),
    /// Use another language.
    Speak(Language),
    /// Use another theme.
    Theme(crate::preferences::Theme),
    /// Turn animations off or on.
    ReduceMotion(bool),
    /// Show a file or folder that the program keeps.
    Reveal(PathBuf),
    /// Close the window although work is in progress.
    CloseAnyway,
    /// Close the dialog that is open over the window.
    CloseOverlay,
}

impl Command {
    /// Whether it changes the draft. What was typed before a click belongs to what the click does.
    pub fn is_edit(&self) -> bool {
        matches!(
            self,
            Self::Set(_) | Self::SetCount(_) | Self::SetPreviews(_) | Self::SetSheet(_) | Self::Tray(_)
        )
    }
}
