//! `Wanted`: what waits until the host has the pixels that it needs.

use crate::app::command::Act;
use crate::app::services::Animation;
use crate::app::sheets::SheetId;
use crate::message::JobId;

/// What waits until the host has the pixels that it needs.
#[derive(Clone, Copy, Debug)]
pub enum Wanted {
    /// Saving or copying a step.
    Step { job: JobId, step: usize, act: Act },
    /// An animation of all steps.
    Animation { job: JobId, animation: Animation },
    /// A sheet, one of whose pictures is asked for.
    Sheet { sheet: SheetId, job: JobId },
}

impl Wanted {
    /// The job whose pixels are asked for.
    pub(super) fn job(self) -> JobId {
        match self {
            Self::Step { job, .. } | Self::Animation { job, .. } | Self::Sheet { job, .. } => job,
        }
    }
}
