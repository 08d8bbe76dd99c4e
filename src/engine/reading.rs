//! Reading a model for the inference thread: on its device, with its previews, and told as it goes on.

use crate::engine::open::{OpenModel, Opening, STARTER, open_model};
use crate::engine::options::EngineOptions;
use crate::engine::preview::{Previewer, tiny};
use crate::engine::workspace::Workspace;
use crate::message::{Event, ModelSource, Report};
use crate::ops::{Device, DeviceOptions, StopFlag};

/// Opens `source` on `device`, and makes its previews the workspace's.
///
/// # Errors
/// What to tell the user.
pub(super) fn read_model(
    source: &ModelSource,
    device: DeviceOptions,
    options: &EngineOptions,
    workspace: &mut Workspace,
    stop: &StopFlag,
) -> Result<OpenModel, Report> {
    let name = match source {
        ModelSource::Starter => STARTER.to_owned(),
        ModelSource::Path { path, .. } => path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
    };
    workspace.send(Event::Loading { part: name.clone(), share: 0.0 });
    // The starter is done before a card's driver has started.
    let card = device.card.filter(|_| *source != ModelSource::Starter);
    // The device outlives the load, whose stop flag does not.
    let (device, _) = Device::open(DeviceOptions { card, ..device }, StopFlag::default())
        .map_err(|error| Report::of(&error))?;
    let _under = device.under(stop);
    let (events, wake) = (workspace.ends.events.clone(), workspace.wake.clone());
    let opening = Opening {
        progress: Some(workspace.progress(name)),
        cache: options.cache_folder.as_deref(),
        folders: workspace.model_folders.clone(),
        busyness: workspace.busyness.clone(),
        on_hash: Box::new(move |hash| {
            events.send(Event::Hashed { hash: hash.to_owned() }).ok();
            wake();
        }),
        ..Opening::on(&device)
    };
    let mut model = open_model(source, opening).map_err(|error| Report::of(&error))?;
    let data = options.data_folder.as_deref();
    let tiny = tiny::find(&model, workspace.taesd.as_deref(), data).unwrap_or_else(|note| {
        model.info.notes.push(note);
        None
    });
    workspace.previewer = Previewer::new(options.cache_folder.clone(), tiny);
    Ok(model)
}
