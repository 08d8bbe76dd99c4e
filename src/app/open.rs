//! The whole program behind the window: what is remembered, the inference thread, the desktop.

use crate::app::desktop::{Desktop, Setup};
use crate::app::services::Services;
use crate::app::state::ComputeState;
use crate::app::words::Words;
use crate::app::{language_of, run};
use crate::engine::{EngineOptions, compute_of, device_offers, is_offered, spawn, with_compute};
use crate::gallery::system_trash;
use crate::message::ModelSource;
use crate::places::Places;
use crate::remember::Keeper;

/// Opens the window and stays until it is closed.
///
/// `model` is what the command line named, none being the model of last time; `options` says where
/// to compute, and its folders are filled in.
///
/// # Errors
/// One sentence for the person, where there is no display or no usable graphics adapter.
pub fn open(model: Option<ModelSource>, options: EngineOptions) -> Result<(), String> {
    let places = Places::of_user();
    let (keeper, memory, note) = Keeper::open(places.memory.clone());
    // What the command line says counts before what was remembered.
    let remembered = memory.compute.as_ref().filter(|compute| is_offered(compute));
    let device = match remembered.filter(|_| options.device == Default::default()) {
        Some(compute) => with_compute(options.device, compute),
        None => options.device,
    };
    let compute = ComputeState::new(device_offers(device), compute_of(device));
    let options =
        EngineOptions { device, cache_folder: places.previews.clone(), data_folder: places.data.clone() };
    let (save_format, words) = (memory.save_format, Words::new(language_of(&memory)));
    let services = move |waker| -> std::io::Result<Box<dyn Services>> {
        let trash = system_trash();
        Ok(Box::new(Desktop::new(Setup { places, keeper, note, save_format, trash, words, waker })?))
    };
    run::run(move |wake| spawn(options.clone(), wake), services, memory, model, compute)
}
