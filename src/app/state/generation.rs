//! A generation: one job as it forms, every step's preview kept.
//!
//! Invariant: `steps` is as long as the schedule once the job started; a step that has not come
//! yet has no picture. Steps keep their order whatever the order in which previews arrive.

use std::path::PathBuf;
use std::time::Duration;

use crate::app::picture::Picture;
use crate::app::sheets::SheetId;
use crate::message::{Job, Preview, Step, TokenCount};
use crate::negative::{Record, RunIs};
use crate::note::Note;
use crate::picture::{Frame, Made};
use crate::sampler::GuidanceCurve;
use crate::settings::PreviewMode;

/// One step of a generation.
#[derive(Clone, Debug, PartialEq)]
pub struct StepView {
    /// Its timestep t.
    pub timestep: usize,
    /// The guidance it used, once it is done.
    pub guidance: Option<f64>,
    /// How long it took, once it is done.
    pub took: Option<Duration>,
    /// Its preview, while the window keeps it.
    pub picture: Option<Picture>,
    /// How its preview was decoded.
    pub mode: PreviewMode,
    /// Whether a full decode was asked for.
    pub decoding: bool,
}

/// How far a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The next one: handed to the inference thread, which has not begun, or waiting for a model.
    Asked,
    /// The inference thread takes its steps.
    Running,
    /// Asked to pause after this step.
    Pausing,
    /// Waits between two steps until it is resumed or stopped.
    Paused,
    /// Asked to stop.
    Stopping,
    /// Its picture is made.
    Finished,
    /// Stopped by the user.
    Stopped,
    /// Ended by an error.
    Failed,
}

impl Stage {
    /// Whether the job is still with the inference thread.
    pub fn is_open(self) -> bool {
        !matches!(self, Self::Finished | Self::Stopped | Self::Failed)
    }
}

/// Where the frames of a generation's steps are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Strip {
    /// As they arrived during the run, less those that were dropped.
    #[default]
    AsMade,
    /// They were dropped and are being made again.
    Asked,
    /// They were made again.
    Again,
    /// They cannot be made again now.
    Lost,
}

/// One job as it forms.
#[derive(Clone, Debug, PartialEq)]
pub struct Generation {
    /// What was asked for.
    pub job: Job,
    /// Where its steps' frames are.
    pub strip: Strip,
    /// When it was last begun or looked at, by the queue's clock.
    pub used: u64,
    /// How far the job is.
    pub stage: Stage,
    /// All steps, in the order run.
    pub steps: Vec<StepView>,
    /// Steps that are done.
    pub done: usize,
    /// The guidance that the next step will use.
    pub guidance: f64,
    /// What the schedule or the model made of the request.
    pub notes: Vec<Note>,
    /// The prompt's tokens.
    pub tokens: Option<TokenCount>,
    /// The share of time that previews cost.
    pub preview_share: f32,
    /// How the last preview was decoded.
    pub preview_mode: PreviewMode,
    /// How guidance goes over its steps, where it is not constant.
    pub curve: GuidanceCurve,
    /// An optional note on the last preview's quality, e.g. the fit's error.
    pub preview_note: Option<Note>,
    /// The finished picture.
    pub result: Option<Picture>,
    /// How it was made.
    pub made: Option<Box<Made>>,
    /// From start to finish.
    pub took: Option<Duration>,
    /// Its file, once it is on the disk.
    pub saved: Option<PathBuf>,
    /// Whether it could not be saved.
    pub unsaved: bool,
    /// Whether it was handed to the inference thread.
    pub sent: bool,
    /// Its negative, where it has one.
    pub negative: Option<String>,
    /// Whether it is a kept run that was opened again.
    pub reopened: bool,
    /// The sheet that it forms in, and how many steps it takes there.
    pub sheet: Option<(SheetId, usize)>,
}

impl Generation {
    /// A job that has just been handed over.
    pub fn new(job: Job) -> Self {
        Self {
            guidance: job.settings.guidance,
            curve: job.settings.guidance_curve.clone(),
            job,
            strip: Strip::AsMade,
            used: 0,
            stage: Stage::Asked,
            steps: Vec::new(),
            done: 0,
            notes: Vec::new(),
            tokens: None,
            preview_share: 0.0,
            preview_mode: PreviewMode::Full,
            preview_note: None,
            result: None,
            made: None,
            took: None,
            saved: None,
            unsaved: false,
            sent: false,
            negative: None,
            reopened: false,
            sheet: None,
        }
    }

    /// A kept run, as far as it came.
    pub fn reopened(job: Job, record: &Record) -> Self {
        let summary = &record.summary;
        let mut generation = Self::new(job);
        generation.start(&record.timesteps, TokenCount::default(), Vec::new());
        generation.tokens = None;
        generation.done = summary.steps_done;
        generation.stage = if summary.state == RunIs::Finished { Stage::Finished } else { Stage::Stopped };
        for (view, guidance) in generation.steps.iter_mut().zip(&record.guidance_of_steps) {
            view.guidance = Some(*guidance);
        }
        let (settings, guidance) = (&record.settings, &record.guidance_of_steps);
        let made = Made::new(settings, summary.steps, guidance, &summary.model, &record.model_hash);
        generation.made = Some(Box::new(made));
        generation.negative = Some(summary.id.clone());
        generation.sent = true;
        generation.reopened = true;
        generation
    }

    /// Whether its run can go on: it came to no picture, and its negative is kept.
    pub fn can_go_on(&self) -> bool {
        matches!(self.stage, Stage::Stopped | Stage::Failed) && self.negative.is_some() && self.done > 0
    }

    /// Whether another run can begin at one of its steps.
    pub fn can_branch(&self) -> bool {
        !self.stage.is_open() && self.negative.is_some() && self.done > 0
    }

    /// Starts it: the schedule is known.
    pub fn start(&mut self, timesteps: &[usize], tokens: TokenCount, notes: Vec<Note>) {
        self.stage = Stage::Running;
        self.tokens = Some(tokens);
        self.notes = notes;
        self.steps = timesteps
            .iter()
            .map(|&timestep| StepView {
                timestep,
                guidance: None,
                took: None,
                picture: None,
                mode: PreviewMode::Full,
                decoding: false,
            })
            .collect();
    }

    /// Notes a step that is done.
    pub fn step(&mut self, step: &Step) {
        self.done = self.done.max(step.step + 1);
        self.guidance = self.curve.at(self.done, self.steps.len()).unwrap_or(self.guidance);
        if let Some(view) = self.steps.get_mut(step.step) {
            view.guidance = Some(step.guidance);
            view.took = Some(step.took);
        }
    }

    /// Takes in a step's preview.
    pub fn preview(&mut self, preview: Preview) {
        self.preview_share = preview.share;
        self.preview_mode = preview.mode;
        self.preview_note = preview.note;
        if let Some(view) = self.steps.get_mut(preview.step) {
            view.picture = Some(Picture::of(preview.image));
            view.mode = preview.mode;
        }
    }

    /// The newest step that has a picture.
    pub fn newest(&self) -> Option<usize> {
        self.steps.iter().rposition(|step| step.picture.is_some())
    }

    /// Whether a step can be shown: it was made and its preview is here. The last step of a finished
    /// picture is the picture itself.
    pub fn can_show(&self, step: usize) -> bool {
        self.steps.get(step).is_some_and(|it| it.picture.is_some()) || self.is_result(step)
    }

    /// Whether a step is the last one of a finished picture.
    pub fn is_result(&self, step: usize) -> bool {
        self.result.is_some() && step + 1 == self.steps.len()
    }

    /// The next step after `step` that can be shown.
    pub fn after(&self, step: usize) -> Option<usize> {
        (step + 1..self.steps.len()).find(|&step| self.can_show(step))
    }

    /// The next step before `step` that can be shown.
    pub fn before(&self, step: usize) -> Option<usize> {
        (0..step.min(self.steps.len())).rev().find(|&step| self.can_show(step))
    }

    /// The step nearest to `step` that can be shown.
    pub fn nearest(&self, step: usize) -> Option<usize> {
        (0..self.steps.len()).filter(|&it| self.can_show(it)).min_by_key(|it| it.abs_diff(step))
    }

    /// The picture of a step, or of the newest state of things.
    pub fn picture(&self, step: Option<usize>) -> Option<&Picture> {
        match step {
            Some(step) => self.steps.get(step)?.picture.as_ref(),
            None => self.result.as_ref().or_else(|| self.steps.get(self.newest()?)?.picture.as_ref()),
        }
    }

    /// Seconds per step, averaged over the last few.
    pub fn seconds_a_step(&self) -> Option<f64> {
        let took: Vec<f64> = self
            .steps
            .iter()
            .filter_map(|step| step.took)
            .rev()
            .take(5)
            .map(|took| took.as_secs_f64())
            .collect();
        let share = f64::from(self.preview_share).min(0.95);
        (!took.is_empty()).then(|| took.iter().sum::<f64>() / took.len() as f64 / (1.0 - share))
    }

    /// Estimated seconds until the last step ends.
    pub fn seconds_left(&self) -> Option<f64> {
        Some(self.seconds_a_step()? * self.steps.len().saturating_sub(self.done) as f64)
    }

    /// The share that is done, 0 to 1.
    pub fn share(&self) -> f32 {
        let steps = self.sheet.map_or(self.steps.len(), |(_, until)| until.min(self.steps.len()));
        if self.stage == Stage::Finished { 1.0 } else { self.done as f32 / steps.max(1) as f32 }
    }

    /// Takes in frames that were made again by `mode`, from step `from` on. What is better stays.
    pub fn made_again(&mut self, from: usize, frames: Vec<Option<Frame>>, mode: PreviewMode) {
        for (view, frame) in self.steps.iter_mut().skip(from).zip(frames) {
            let is_better = mode == PreviewMode::Fast && view.mode != mode;
            let in_full = mode == PreviewMode::Full && view.mode != mode;
            let stays = |picture: &Picture| {
                (picture.whole().is_some() || picture.is_sharp() && is_better) && !in_full
            };
            if let Some(frame) = frame
                && !view.picture.as_ref().is_some_and(stays)
            {
                view.picture = Some(Picture::new(frame));
                view.mode = mode;
            }
        }
    }

    /// Whether frames of the steps made are gone, but for small copies, and none has been requested again.
    pub fn wants_frames(&self) -> bool {
        let some_are_small =
            || self.steps.iter().filter_map(|step| step.picture.as_ref()).any(|it| !it.is_sharp());
        let gone = self.newest().is_none() || some_are_small();
        self.strip == Strip::AsMade && !self.stage.is_open() && self.done > 0 && gone
    }

    /// Whether the host has every pixel of all steps that have a picture.
    pub fn is_on_host(&self) -> bool {
        self.steps.iter().filter_map(|step| step.picture.as_ref()).all(|picture| picture.whole().is_some())
    }

    /// The best mode of those steps whose pixels the host does not have.
    pub fn mode_on_card(&self) -> PreviewMode {
        let away = |step: &StepView| step.picture.as_ref().is_some_and(|picture| picture.whole().is_none());
        let has = |mode: &PreviewMode| self.steps.iter().any(|step| step.mode == *mode && away(step));
        let better = [PreviewMode::Full, PreviewMode::Half, PreviewMode::Tiny];
        better.into_iter().find(has).unwrap_or(PreviewMode::Fast)
    }

    /// Bytes of its steps' pictures on the graphics card.
    pub fn card_bytes(&self) -> usize {
        self.steps.iter().filter_map(|step| step.picture.as_ref()).map(Picture::card_bytes).sum()
    }

    /// Frees so many bytes of the graphics card, if it has them, the first steps' first and never the
    /// newest's; small copies stay. Returns how many it has freed.
    pub fn leave_card(&mut self, bytes: usize) -> usize {
        let newest = self.newest();
        let mut freed = 0;
        for (i, step) in self.steps.iter_mut().enumerate() {
            if freed < bytes
                && Some(i) != newest
                && let Some(picture) = &mut step.picture
            {
                freed += picture.card_bytes();
                picture.leave_card();
            }
        }
        if freed > 0 && self.strip == Strip::Again {
            self.strip = Strip::AsMade;
        }
        freed
    }

    /// Frees its pictures, except those that exist nowhere else.
    pub fn shed(&mut self) {
        self.steps.iter_mut().for_each(|step| step.picture = None);
        self.strip = Strip::AsMade;
        if self.saved.is_some() {
            self.result = None;
        }
    }

    /// Frames for an animation, the finished picture last; those of another size are left out.
    pub fn frames(&self) -> Vec<Frame> {
        let mut frames: Vec<Frame> = self
            .steps
            .iter()
            .filter_map(|step| step.picture.as_ref())
            .chain(&self.result)
            .filter_map(Picture::whole)
            .cloned()
            .collect();
        let size = frames.last().map(|frame| (frame.width, frame.height));
        frames.retain(|frame| Some((frame.width, frame.height)) == size);
        frames
    }

    /// Bytes of all its pictures.
    pub fn bytes(&self) -> usize {
        self.steps
            .iter()
            .filter_map(|step| step.picture.as_ref())
            .chain(&self.result)
            .map(Picture::bytes)
            .sum()
    }

    /// Drops every second preview, the newest kept: for very long runs of very large pictures.
    pub fn thin(&mut self) {
        let newest = self.newest();
        let mut keep = true;
        for (i, step) in self.steps.iter_mut().enumerate() {
            if step.picture.is_some() {
                if !keep && Some(i) != newest {
                    step.picture = None;
                }
                keep = !keep;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::state::draft::first_settings;
    use crate::message::{JobId, PreviewImage};

    fn frame(level: u8) -> Frame {
        Frame { width: 2, height: 1, rgb: vec![level; 6].into() }
    }

    fn generation(steps: usize) -> Generation {
        let (id, settings) = (JobId(1), first_settings());
        let job = Job { id, settings, previews: PreviewMode::Full, origin: Default::default(), source: None };
        let mut generation = Generation::new(job);
        let timesteps: Vec<usize> = (0..steps).map(|i| 961 - 40 * i).collect();
        generation.start(&timesteps, TokenCount::default(), Vec::new());
        generation
    }

    fn preview(step: usize, level: u8) -> Preview {
        Preview {
            job: JobId(1),
            step,
            image: PreviewImage::Frame(frame(level)),
            mode: PreviewMode::Full,
            took: Duration::from_millis(9),
            share: 0.5,
            note: None,
        }
    }

    #[test]
    fn previews_find_their_step_and_unknown_steps_are_ignored() {
        let mut generation = generation(4);
        generation.preview(preview(2, 7));
        generation.preview(preview(99, 8));
        assert_eq!(generation.newest(), Some(2));
        assert_eq!(generation.picture(None).map(|picture| picture.on_host().rgb[0]), Some(7));
        assert!(generation.picture(Some(1)).is_none());
    }

    #[test]
    fn only_steps_that_were_made_can_be_shown() {
        let mut generation = generation(6);
        for step in [1, 3] {
            generation.preview(preview(step, 7));
        }
        let found: Vec<Option<usize>> = (0..6).map(|step| generation.nearest(step)).collect();
        assert_eq!(found, [1, 1, 1, 3, 3, 3].map(Some));
        assert_eq!((generation.after(1), generation.after(3)), (Some(3), None));
        assert_eq!((generation.before(3), generation.before(1)), (Some(1), None));
        generation.result = Some(Picture::new(frame(9)));
        assert_eq!((generation.after(3), generation.nearest(5)), (Some(5), Some(5)));
    }

    #[test]
    fn time_left_counts_what_previews_cost() {
        let mut generation = generation(4);
        generation.step(&Step {
            job: JobId(1),
            step: 0,
            steps: 4,
            timestep: 961,
            guidance: 3.0,
            took: Duration::from_millis(100),
        });
        generation.preview(preview(0, 1));
        assert!((generation.seconds_a_step().unwrap() - 0.2).abs() < 1e-9);
        assert!((generation.seconds_left().unwrap() - 0.6).abs() < 1e-9);
        assert!((generation.share() - 0.25).abs() < 1e-6);
    }

    #[test]
    fn thinning_keeps_the_newest_and_halves_the_rest() {
        let mut generation = generation(8);
        for step in 0..8 {
            generation.preview(preview(step, 1));
        }
        generation.thin();
        let left: Vec<usize> = (0..8).filter(|&i| generation.steps[i].picture.is_some()).collect();
        assert_eq!(left, [0, 2, 4, 6, 7]);
    }
}
