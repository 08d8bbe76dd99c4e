//! Services: files, dialogs, the clipboard and the clock, as messages to whoever provides them.
//!
//! Nothing here blocks: the window asks for a [`Task`] and finds [`Answer`]s later. A test holds
//! an in-memory [`Services`] and plays the world.

mod channels;
pub mod desktop;
mod dialog;
mod examine;
mod footprint;
pub mod models;
mod negatives;
mod outcome;
pub mod photos;
mod phrases;
pub mod process;
mod thumbnails;
mod unsaved;
mod worker;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use crate::app::services::models::{ModelsNews, OfModels};
use crate::app::services::photos::{Developed, Wanted};
use crate::engine::ModelPart;
use crate::gallery::Record;
use crate::grammar::Style;
use crate::message::{JobId, ModelSource, Report};
use crate::negative;
use crate::note::Note;
use crate::phrasebook::Phrases;
use crate::picture::{Frame, Made, MadeBy};
use crate::places::Places;
use crate::preferences::Memory;
use crate::settings::{Beginning, PartialSettings, Settings};
use crate::told::Sentence;
use crate::tray::Mask;

/// Wakes the window; may be called from any thread, after a message was sent.
pub type Waker = Arc<dyn Fn() + Send + Sync>;

/// The format of an exported generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Animation {
    /// 256 colors, shown everywhere.
    Gif,
    /// All colors.
    Apng,
    /// All steps side by side in one picture.
    Strip,
}

/// What is asked about kept runs. A list of them follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeptRuns {
    /// List them.
    List,
    /// Delete one for good.
    Delete(String),
    /// Keep one whatever the budget says, or let it give way again.
    Pin {
        /// Its id.
        id: String,
        /// Whether it is kept.
        pinned: bool,
    },
    /// Keep so many bytes of them, the oldest giving way.
    Budget(u64),
}

/// What is asked of the phrasebook. All that is in it follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OfPhrasebook {
    /// Keep a style, in place of one of that name.
    Save(Style),
    /// Forget a style.
    Delete(String),
}

/// What the window requests.
#[derive(Clone, Debug, PartialEq)]
pub enum Task {
    /// Something about styles.
    Phrasebook(OfPhrasebook),
    /// Something about the kept runs.
    Negatives(KeptRuns),
    /// Something about the library of models.
    Models(OfModels),
    /// List the pictures of a folder (none: the usual one), and keep listing what is added.
    List {
        /// The folder.
        folder: Option<PathBuf>,
    },
    /// Make a thumbnail of a kept picture.
    Thumbnail(PathBuf),
    /// Read a kept picture in full.
    Read(PathBuf),
    /// Keep a finished picture.
    Keep {
        /// The job that made it.
        job: JobId,
        /// Its pixels.
        frame: Frame,
        /// How it was made.
        made: Box<Made>,
    },
    /// Try again to keep the pictures that could not be kept.
    SaveAgain,
    /// Note the running and waiting jobs, in order, for the next start should this one crash.
    UnderWay(Vec<Settings>),
    /// Ask where, then save there.
    SaveAs {
        /// The pixels.
        frame: Frame,
        /// How they were made, where known.
        made: Option<Box<Made>>,
        /// A name to offer, without ending.
        name: String,
    },
    /// Ask where, then save the frames as an animation.
    Export {
        /// All frames, the finished picture last.
        frames: Vec<Frame>,
        /// How they were made, where known.
        made: Option<Box<Made>>,
        /// The format.
        animation: Animation,
        /// A name to offer, without ending.
        name: String,
    },
    /// Examine a dropped file: a picture with settings, or a model.
    Examine(PathBuf),
    /// Find out what the files on the clipboard are, if there are any, as if they were dropped.
    Paste {
        /// A bare picture that was found there: it goes on the tray where there is no file.
        picture: Option<Arc<egui::ColorImage>>,
    },
    /// Read a picture for the tray.
    Photo(Wanted),
    /// Read a mask for the picture on the tray.
    Mask {
        /// The file.
        path: PathBuf,
        /// The picture's width and height.
        size: [usize; 2],
    },
    /// Move a picture to the trash, after a while in which it can be restored.
    Trash(PathBuf),
    /// Restore the picture that was deleted last.
    Untrash,
    /// Show a file in its folder, or the nearest folder above it that is there.
    Reveal(PathBuf),
    /// Show the pictures' folder.
    OpenFolder,
    /// Ask for a model file.
    PickModel,
    /// Ask for a picture.
    PickPicture,
    /// Ask for a picture to work from.
    PickPhoto,
    /// Ask for a mask of a picture of this width and height.
    PickMask([usize; 2]),
    /// Ask for the pictures' folder.
    PickFolder,
    /// Ask for a folder of models.
    PickModelsFolder,
    /// Use another language in dialogs.
    Speak(crate::app::i18n::Language),
    /// Look for changes of the pictures' folder now and then, or not, while the user looks elsewhere.
    Watch(bool),
    /// Remember for the next start.
    Remember(Box<Memory>),
}

/// What the services return.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// All kept pictures, newest first.
    Gallery(Vec<Arc<Record>>),
    /// A thumbnail.
    Thumbnail {
        /// The file.
        path: PathBuf,
        /// The pixels; none where the file cannot be read.
        frame: Option<Frame>,
    },
    /// A picture in full.
    Read {
        /// The file.
        path: PathBuf,
        /// The pixels.
        frame: Frame,
    },
    /// A finished picture is on the disk.
    Kept {
        /// The job that made it.
        job: JobId,
        /// Its record.
        record: Arc<Record>,
    },
    /// All pictures that could not be saved so far, whenever that changes or was tried again.
    Unsaved {
        /// The jobs of this session whose pictures are not on the disk.
        jobs: Vec<JobId>,
        /// Pictures that are not in their place, those of an earlier session included.
        count: usize,
        /// The reason, if it was just tried.
        report: Option<Report>,
    },
    /// So many pictures that an earlier session could not save are saved now.
    SavedLate(usize),
    /// The jobs of an earlier session that crashed or was killed.
    Interrupted(Vec<Settings>),
    /// All kept runs, the newest first.
    Negatives(Vec<Arc<negative::Record>>),
    /// All lists of words and all styles, whenever they have changed.
    Phrases(Phrases),
    /// Something about the library of models.
    Models(ModelsNews),
    /// Another start of the program hands over to this window: it comes to the front, and opens the model
    /// that was named.
    Called(Option<ModelSource>),
    /// A file was saved where the user chose.
    Saved(PathBuf),
    /// A dropped or chosen picture, and the settings found in it.
    Recovered {
        /// The file.
        path: PathBuf,
        /// The settings that the file tells.
        settings: Box<PartialSettings>,
        /// The sampler's name where this program lacks it.
        foreign_sampler: Option<String>,
        /// The model that made it.
        made_by: MadeBy,
        /// The pixels.
        frame: Frame,
        /// What it was made from.
        began: Began,
    },
    /// A picture for the tray.
    Developed(Box<Developed>),
    /// A mask for the picture on the tray.
    Mask {
        /// At the picture's size.
        mask: Mask,
        /// The file, where it is of that size itself.
        path: Option<PathBuf>,
    },
    /// What is to be told.
    Told(Note),
    /// A dropped or chosen model.
    Model(PathBuf),
    /// A dropped or chosen LoRA.
    Lora(PathBuf),
    /// A dropped or chosen embedding.
    Embedding(PathBuf),
    /// A dropped or chosen file of TAESD, which makes previews.
    Taesd(PathBuf),
    /// A dropped or chosen file that holds one part of a model.
    Part {
        /// The file or folder.
        path: PathBuf,
        /// The part.
        part: ModelPart,
    },
    /// The picture was deleted.
    Trashed(PathBuf),
    /// The picture is restored.
    Untrashed(Arc<Record>),
    /// The pictures' folder was chosen.
    Folder(PathBuf),
    /// A task failed.
    Failed(Report),
}

/// What a picture was made from beside noise.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Began {
    /// Nothing that it tells of.
    #[default]
    FromNoise,
    /// Another picture.
    From(Box<Beginning>),
    /// Another picture that it does not name.
    Unnamed,
}

impl Answer {
    /// A failed task: one sentence, and details behind it.
    fn failed(sentence: impl Into<Sentence>, details: impl Into<String>) -> Self {
        Self::Failed(Report { sentence: sentence.into(), details: details.into() })
    }
}

/// The world outside.
pub trait Services {
    /// Asks for a task. Never blocks.
    fn ask(&mut self, task: Task);
    /// Takes the answers that have come.
    fn answers(&mut self) -> Vec<Answer>;
    /// The present time.
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }
    /// Seconds by which local time is ahead of universal time.
    fn local_offset(&self) -> i64 {
        0
    }
    /// The program's folders and files, where there are any.
    fn places(&self) -> Option<&Places> {
        None
    }
    /// Bytes of memory that the process holds now, where the system reports them.
    fn resident_memory(&mut self) -> Option<u64> {
        None
    }
}
