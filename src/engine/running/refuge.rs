//! The processor takes over from a graphics card that failed: the same model is read there, and the window is told.

use std::rc::Rc;

use crate::engine::compute::{compute_of, on_processor};
use crate::engine::generate::GenerateError;
use crate::engine::open::OpenModel;
use crate::engine::options::EngineOptions;
use crate::engine::reading::read_model;
use crate::engine::workspace::Workspace;
use crate::message::{Event, JobId};
use crate::note::Note;
use crate::ops::StopFlag;

/// The same model on the processor, which goes on with `job` after `done` steps; none where it cannot be read.
pub(in crate::engine) fn refuge(
    workspace: &mut Workspace,
    options: &EngineOptions,
    model: &OpenModel,
    stop: &StopFlag,
    (job, failure, done): (JobId, &GenerateError, usize),
) -> Option<Rc<OpenModel>> {
    log::warn!("the graphics card failed after step {done}: {failure}");
    let device = on_processor(options.device);
    let read = read_model(&model.info.source, device, options, workspace, stop);
    let model = Rc::new(read.map_err(|report| log::warn!("no refuge: {}", report.details)).ok()?);
    workspace.send(Event::TakenOver {
        job,
        device: model.info.device.clone(),
        compute: compute_of(device),
        note: Note::CardLost { cause: failure.to_string(), done },
    });
    Some(model)
}
