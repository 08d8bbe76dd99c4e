//! Events of the inference thread, applied to the state.

use std::time::Duration;

use crate::app::command::Act;
use crate::app::i18n::Message;
use crate::app::picture::Picture;
use crate::app::services::Task;
use crate::app::state::generation::{Stage, Strip};
use crate::app::state::{Consequence, State};
use crate::message::{Compute, DeviceInfo, Event, JobId, Preview, Report, Request};
use crate::picture::{Frame, Made};
use crate::settings::PreviewMode;
use crate::told::Told as _;

/// A user who waits for less than this has not turned to something else.
const LONG: Duration = Duration::from_secs(5);

impl State {
    /// Applies an event of the inference thread.
    pub fn apply(&mut self, event: Event) -> Vec<Consequence> {
        match event {
            Event::Loading { part, share } => {
                self.model.loading = Some((part, share));
                Vec::new()
            }
            Event::Opened(info) => self.opened(info),
            Event::Hashed { hash } => {
                if let Some(info) = &mut self.model.info {
                    info.hash = Some(hash);
                }
                self.settle_size();
                Vec::new()
            }
            Event::OpenFailed { source, report, former_is_open } => {
                self.open_failed(source, report, former_is_open)
            }
            Event::Tokens { text, count } => {
                self.draft.take_count(text, count);
                Vec::new()
            }
            Event::Decoded { job, step, frame } => self.decoded(job, step, frame),
            Event::Strip { job, from, frames, mode, whole } => {
                self.strip_came(job, from, frames, mode);
                if whole {
                    self.strip_is_whole(job);
                }
                Vec::new()
            }
            Event::StripFailed { job, other_model } => {
                self.strip_failed(job, other_model);
                Vec::new()
            }
            Event::Recorded { .. } => vec![Self::list_negatives()],
            Event::Proof { negative, frame } => {
                self.negatives.keep_proof(&negative, frame);
                Vec::new()
            }
            Event::Heat(heat) => {
                self.lens.come(*heat);
                Vec::new()
            }
            Event::HeatFailed { job, step, report } => {
                self.heat_failed(job, step, &report);
                Vec::new()
            }
            Event::Cards { devices } => {
                self.compute.offers = devices;
                Vec::new()
            }
            Event::Taesd { path, acts } => {
                self.taesd_chosen(&path, acts);
                Vec::new()
            }
            Event::TakenOver { job, device, compute, note } => {
                self.taken_over(device, compute);
                let said = Message::from(note.sentence());
                self.toasts.notice(said.clone(), None);
                log::info!("job {}: {note}", job.0);
                vec![Consequence::Announce(said)]
            }
            Event::Died { report } => self.died(report),
            of_a_job => self.apply_to_job(of_a_job),
        }
    }

    fn apply_to_job(&mut self, event: Event) -> Vec<Consequence> {
        match event {
            Event::Started { job, timesteps, tokens, notes, negative, first_step } => {
                let Some(running) = self.queue.running_as(job) else { return Vec::new() };
                running.start(&timesteps, tokens, notes);
                (running.negative, running.done) = (negative, first_step);
                let mut follow = vec![Consequence::Announce(Message::Key("announce-started"))];
                if first_step > 0 {
                    // The steps that were done before.
                    running.strip = Strip::Asked;
                    follow.push(Consequence::Send(Box::new(Request::Strip { job, mode: PreviewMode::Fast })));
                }
                follow
            }
            Event::Noted { job, notes } => {
                if let Some(running) = self.queue.running_as(job) {
                    running.notes.extend(notes);
                }
                Vec::new()
            }
            Event::Stepped(step) => {
                if let Some(running) = self.queue.running_as(step.job) {
                    running.step(&step);
                }
                Vec::new()
            }
            Event::Paused { job } => self.set_stage(job, Stage::Paused),
            Event::Resumed { job } => self.set_stage(job, Stage::Running),
            Event::Finished { job, frame, made, took } => self.finished(job, frame, made, took),
            Event::Stopped { job, steps_done, made, .. } => self.has_stopped(job, steps_done, made),
            Event::Failed { job, report } => self.failed(job, report),
            _ => Vec::new(),
        }
    }

    fn finished(&mut self, job: JobId, frame: Frame, made: Box<Made>, took: Duration) -> Vec<Consequence> {
        let Some(running) = self.queue.running_as(job) else { return Vec::new() };
        running.stage = Stage::Finished;
        running.done = running.steps.len();
        running.result = Some(Picture::new(frame.clone()));
        running.made = Some(made.clone());
        running.took = Some(took);
        let said = Message::Key("announce-finished");
        let mut follow = vec![Consequence::Announce(said.clone())];
        // A sheet's pictures are saved once they are picked.
        if running.sheet.is_none() {
            follow.insert(0, Consequence::Ask(Task::Keep { job, frame, made }));
        }
        follow.extend(self.begin_next());
        follow.extend((took >= LONG && !self.is_busy()).then_some(Consequence::Notify(said)));
        follow
    }

    fn has_stopped(&mut self, job: JobId, steps_done: usize, made: Box<Made>) -> Vec<Consequence> {
        let Some(running) = self.queue.running_as(job) else { return Vec::new() };
        running.stage = Stage::Stopped;
        running.made = Some(made);
        running.done = steps_done.min(running.steps.len());
        let key = if running.sheet.is_some() { "announce-sheet" } else { "announce-stopped" };
        let mut follow = vec![Consequence::Announce(Message::Key(key))];
        follow.extend(self.begin_next());
        follow
    }

    fn failed(&mut self, job: JobId, report: Report) -> Vec<Consequence> {
        let Some(running) = self.queue.running_as(job) else { return Vec::new() };
        running.stage = Stage::Failed;
        let said = Message::from(report.sentence.clone());
        let mut follow = vec![Consequence::Announce(said.clone())];
        self.toasts.error(report, None);
        follow.extend(self.begin_next());
        // A sheet may fail as a whole, and one word of it is enough.
        follow.extend((!self.is_busy()).then_some(Consequence::Notify(said)));
        follow
    }

    /// Shows what computes in place of a card that was lost. What the user chose is remembered all the same: the
    /// card may work at the next start.
    fn taken_over(&mut self, device: DeviceInfo, compute: Compute) {
        self.model.loading = None;
        if let Some(info) = &mut self.model.info {
            info.device = device;
        }
        self.compute.chosen = compute;
    }

    /// Applies a preview.
    pub fn preview(&mut self, preview: Preview) {
        // The last previews may overtake the end of their job: they still belong to it.
        let Some(generation) = self.queue.generation_mut(preview.job) else { return };
        let fresh = generation.stage != Stage::Failed;
        if fresh {
            generation.preview(preview);
            self.trim();
        }
    }

    fn set_stage(&mut self, job: JobId, stage: Stage) -> Vec<Consequence> {
        if let Some(running) = self.queue.running_as(job) {
            running.stage = stage;
        }
        Vec::new()
    }

    fn decoded(&mut self, job: JobId, step: usize, frame: Result<Frame, Report>) -> Vec<Consequence> {
        let Some(view) = self.queue.generation_mut(job).and_then(|generation| generation.steps.get_mut(step))
        else {
            return Vec::new();
        };
        view.decoding = false;
        match frame {
            Ok(frame) => {
                view.picture = Some(Picture::new(frame));
                view.mode = PreviewMode::Full;
            }
            Err(report) => self.toasts.error(report, None),
        }
        Vec::new()
    }

    /// Notes that the inference thread is gone.
    pub fn died(&mut self, report: Report) -> Vec<Consequence> {
        self.queue.abandon();
        self.model.loading = None;
        self.draft.counting = None;
        let said = Message::from(report.sentence.clone());
        self.toasts.error(report.clone(), Some(Act::Restart));
        self.dead = Some(report);
        vec![Consequence::Announce(said.clone()), Consequence::Notify(said)]
    }
}
