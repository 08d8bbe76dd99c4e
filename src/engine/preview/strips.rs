//! `Strips`: the frames of earlier pictures' steps, made again while nobody waits, a few at a time so that a
//! running job continues between them.

use std::time::{Duration, Instant};

use crate::message::{Event, JobId};
use crate::picture::Frame;
use crate::settings::PreviewMode;

use crate::engine::open::OpenModel;
use crate::engine::preview::Previewer;
use crate::engine::preview::kept::Kept;
use crate::engine::preview::steps_kept::{StepError, StepSource, Wanted};

/// Frames in one event.
const BATCH: usize = 8;

/// Requested strips that are not whole; the next to be made is the last.
#[derive(Debug, Default)]
pub(in crate::engine) struct Strips(Vec<Asked>);

/// A job's strip, how it is decoded, and its next step.
#[derive(Clone, Copy, Debug)]
struct Asked {
    job: JobId,
    mode: PreviewMode,
    from: usize,
}

impl Strips {
    /// Makes a job's strip before all others: the user looks at it.
    pub(in crate::engine) fn ask(&mut self, job: JobId, mode: PreviewMode) {
        self.0.retain(|asked| asked.job != job);
        self.0.push(Asked { job, mode, from: 0 });
    }

    /// Whether there is something to make.
    pub(in crate::engine) fn is_waiting(&self) -> bool {
        !self.0.is_empty()
    }

    /// Makes the next frames for about as long as `budget`, at least one, and reports them.
    pub(in crate::engine) fn make(
        &mut self,
        kept: &Kept,
        model: &OpenModel,
        previewer: &mut Previewer,
        budget: Duration,
    ) -> Option<Event> {
        let Asked { job, mode, from } = self.0.pop()?;
        let (began, steps) = (Instant::now(), kept.steps(job));
        let mut frames = Vec::new();
        while from + frames.len() < steps.max(1) && frames.len() < BATCH {
            let frame = frame((kept, model, previewer), job, from + frames.len(), mode);
            match frame {
                Ok(frame) => frames.push(Some(frame)),
                // Those of a parent that was deleted; the others are there.
                Err(error) if error.downcast_ref() == Some(&StepError::Gone) && steps > 0 => {
                    frames.push(None)
                }
                Err(error) => {
                    log::info!("the strip of job {} is not made again: {error}", job.0);
                    let other_model =
                        matches!(error.downcast_ref::<StepError>(), Some(StepError::OtherModel));
                    return Some(Event::StripFailed { job, other_model });
                }
            }
            if began.elapsed() >= budget {
                break;
            }
        }
        let next = from + frames.len();
        if next < steps {
            self.0.push(Asked { job, mode, from: next });
        }
        Some(Event::Strip { job, from, frames, mode, whole: next >= steps })
    }
}

fn frame(
    (kept, model, previewer): (&Kept, &OpenModel, &mut Previewer),
    job: JobId,
    step: usize,
    mode: PreviewMode,
) -> Result<Frame, Box<dyn std::error::Error>> {
    let hash = model.hash.if_ready();
    let wanted = Wanted { source: &model.info.source, hash: hash.as_deref() };
    let pred_x0 = kept.pred_x0(job, step, wanted)?;
    if mode == PreviewMode::Fast {
        // A piece of an unfinished fit.
        previewer.prepare(&model.networks, None)?;
    }
    let made = previewer.frame(&model.networks, &pred_x0, mode)?;
    Ok(kept.overlay(job).map_or_else(|| made.clone(), |overlay| overlay.shown(&made)))
}
