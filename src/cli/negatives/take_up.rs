//! `negatives resume` and `negatives branch`: runs that go on.
//!
//! Trap: a run that is resumed is recorded into its own file, so nobody else may record into it meanwhile.

use std::path::Path;
use std::time::Instant;

use super::{Branch, TakeUp, WithModel};
use crate::cli::arguments::PreviewDecoder;
use crate::cli::develop::{Run, Showing, develop};
use crate::cli::lens::LensFlags;
use crate::cli::library::model_folders;
use crate::cli::output::Output;
use crate::cli::phrases::PhraseFlags;
use crate::cli::progress::Progress;
use crate::cli::{Failure, interrupt};
use crate::engine::negative::{self, ResumeError, Resumed};
use crate::engine::{Busyness, OpenModel, Opening, open_model};
use crate::message::ModelSource;
use crate::negative::{Negative, Recorder, Store};
use crate::ops::{Device, DeviceOptions, Dtype, StopFlag};
use crate::places::Places;

/// Goes on with a run.
pub(super) fn resume(store: &Store, arguments: &TakeUp) -> Result<(), Failure> {
    let prepared = Prepared::new(arguments)?;
    let id = store.find(&arguments.id)?;
    let whole = store.open(&id)?;
    let model = prepared.with.open(&whole, &prepared.stop, &prepared.busyness)?;
    let (recorder, negative) = match whole.steps_done() == whole.steps() {
        // All steps are done; only the picture is made again.
        true => (None, whole),
        false => {
            let (recorder, negative) = Recorder::again(store, &id)?;
            (Some(recorder), negative)
        }
    };
    let resumed = negative::resume(&model, &negative, Some(store))?;
    prepared.note_elsewhere(&negative, &model);
    prepared.develop(&model, resumed, recorder)
}

/// Begins a run at a step of another.
pub(super) fn branch(store: &Store, arguments: &Branch) -> Result<(), Failure> {
    let prepared = Prepared::new(&arguments.take_up)?;
    let parent = store.open(&store.find(&arguments.take_up.id)?)?;
    let model = prepared.with.open(&parent, &prepared.stop, &prepared.busyness)?;
    let changes = PhraseFlags::default().changes(&parent.head.settings, &arguments.changes.0)?;
    let resumed = negative::branch(&model, &parent, arguments.at, &changes, Some(store))?;
    prepared.note_elsewhere(&parent, &model);
    let mut head = negative::head(&model, &resumed.settings, &resumed.plan, resumed.state.x.shape);
    head.parent.clone_from(&resumed.parent);
    let recorder = negative::record(store, &head, &resumed.plan, &resumed.state)?;
    let recorder = recorder.map_err(|note| prepared.progress.say(&format!("note: {note}"))).ok();
    prepared.develop(&model, resumed, recorder)
}

/// What is ready before a model is read.
struct Prepared<'a> {
    arguments: &'a TakeUp,
    with: &'a WithModel,
    began: Instant,
    stop: StopFlag,
    output: Output,
    busyness: Busyness,
    progress: Progress,
}

impl<'a> Prepared<'a> {
    fn new(arguments: &'a TakeUp) -> Result<Self, Failure> {
        let stop = StopFlag::default();
        interrupt::raise_on_ctrl_c(stop.clone());
        Ok(Self {
            arguments,
            with: &arguments.with,
            began: Instant::now(),
            stop,
            output: arguments.saving.output()?,
            busyness: Busyness::default(),
            progress: Progress::start(),
        })
    }

    fn note_elsewhere(&self, negative: &Negative, model: &OpenModel) {
        if let Some(note) = negative::elsewhere(negative, model) {
            self.progress.say(&format!("note: {note}"));
        }
    }

    fn develop(self, model: &OpenModel, resumed: Resumed, recorder: Option<Recorder>) -> Result<(), Failure> {
        let showing = Showing {
            json: self.arguments.json.json,
            previews: None::<&Path>,
            preview_mode: PreviewDecoder::Full,
            trace: None,
            lens: &LensFlags::default(),
            compute: &self.with.compute,
            output: &self.output,
            stop: &self.stop,
            busyness: &self.busyness,
        };
        let busy = self.busyness.begin();
        let until = self.arguments.until.map(|until| until as usize);
        let run = Run { resumed, recorder, until, began: self.began, busy, progress: self.progress };
        develop(model, run, &showing)
    }
}

impl WithModel {
    /// Opens the model of a negative, in its number type where no other is named, and checks that it is the same.
    ///
    /// # Errors
    /// If it cannot be opened, or is another one.
    pub(super) fn open(
        &self,
        negative: &Negative,
        stop: &StopFlag,
        busyness: &Busyness,
    ) -> Result<OpenModel, Failure> {
        let source = match &self.model {
            Some(path) => ModelSource::file(path),
            None => negative::source_of(&negative.head.model),
        };
        let usual = [Dtype::F32, Dtype::F16, Dtype::Bf16]
            .into_iter()
            .find(|dtype| dtype.name() == negative.head.dtype);
        let options = match source {
            ModelSource::Path { .. } => self.compute.options_with_cards(),
            ModelSource::Starter => self.compute.options(),
        };
        let dtype = self.compute.dtype.map(Into::into).or(usual).unwrap_or(options.dtype);
        let (device, _) = Device::open(DeviceOptions { dtype, ..options }, stop.clone())?;
        let places = Places::of_user();
        let opening = Opening {
            cache: places.previews.as_deref(),
            folders: model_folders(),
            busyness: busyness.clone(),
            ..Opening::on(&device)
        };
        let model = open_model(&source, opening)?;
        negative::check_model(negative, &model.hash.wait(stop))?;
        Ok(model)
    }
}

impl From<ResumeError> for Failure {
    fn from(error: ResumeError) -> Self {
        match error {
            ResumeError::Negative(error) => error.into(),
            ResumeError::Generate(error) => error.into(),
            other => Self::Input(other.to_string()),
        }
    }
}
