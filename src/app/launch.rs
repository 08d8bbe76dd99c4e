//! The whole program behind the window: what is remembered, the inference thread, the desktop.

use std::path::PathBuf;

use crate::app::i18n::Words;
use crate::app::services::Services;
use crate::app::services::desktop::{Desktop, Setup};
use crate::app::services::process::OfProcess;
use crate::app::start::language_of;
use crate::app::state::ComputeState;
use crate::app::{again, run};
use crate::engine::{EngineOptions, cards, compute_of, device_offers, is_offered, spawn, with_compute};
use crate::gallery::system_trash;
use crate::library::{self, Hub};
use crate::message::ModelSource;
use crate::negative::{BUDGET, Store};
use crate::places::Places;
use crate::preferences::{Call, Instance, Keeper, RememberedModel, Session, call};

/// Opens the window and returns when it is closed.
///
/// `model` is what the command line named, none being the last one used; `options` says where
/// to compute, and its folders are filled in.
///
/// # Errors
/// One sentence for the user, where there is no display or no usable graphics adapter.
pub fn open(model: Option<ModelSource>, options: EngineOptions) -> Result<(), String> {
    let places = Places::of_user();
    let (instance, beside) = match first_or_call(&places, model.as_ref()) {
        Place::First(instance) => (Some(instance), false),
        Place::Unknown => (None, false),
        Place::Beside => (None, true),
        Place::Called => return Ok(()),
    };
    let (mut keeper, memory, note) = Keeper::open(places.memory.clone());
    match std::env::current_exe() {
        Ok(program) => cards::prepare(&program, places.cards.as_deref()),
        Err(error) => log::info!("drivers are asked without a child: {error}"),
    }
    // The command line takes precedence over what was remembered.
    let remembered = memory.compute.as_ref().filter(|compute| is_offered(compute));
    let device = match remembered.filter(|_| options.device == Default::default()) {
        Some(compute) => with_compute(options.device, compute),
        None => options.device,
    };
    // A card that was lost is not trusted again before the next start.
    let device = if again::goes_on() { cards::without(device) } else { device };
    let device = cards::with_card(device, places.cards.as_deref());
    let compute = ComputeState::new(device_offers(device), compute_of(device));
    let (save_format, words) = (memory.save_format, Words::new(language_of(&memory)));
    if beside {
        // Only the first window remembers; two would overwrite each other's file.
        keeper = Keeper::open(None).0;
    }
    let process = OfProcess { beside, ..OfProcess::open(places.sessions.as_deref(), instance) };
    let budget = memory.negatives_budget.unwrap_or(BUDGET);
    let negatives = places.negatives.as_ref().map(|folder| Store::new(folder, budget));
    let added: Vec<PathBuf> = memory.models_folders.iter().map(PathBuf::from).collect();
    let hub = Hub::of_user();
    let folders = library::folders(&places, &added, &hub);
    let options = EngineOptions {
        device,
        cache_folder: places.previews.clone(),
        data_folder: places.data.clone(),
        model_folders: folders.into_iter().map(|folder| folder.path).collect(),
        session_folder: process.session.as_ref().map(Session::steps),
        negatives: negatives.clone(),
        taesd: memory.taesd.as_ref().map(PathBuf::from),
        cards_file: places.cards.clone(),
    };
    let services = move |waker| -> std::io::Result<Box<dyn Services>> {
        let trash = system_trash();
        Ok(Box::new(Desktop::new(Setup {
            places,
            keeper,
            note,
            save_format,
            trash,
            negatives,
            hub,
            process,
            words,
            waker,
        })?))
    };
    run::run(move |wake| spawn(options.clone(), wake), services, memory, model, compute)
}

/// How this start relates to the windows that are open.
enum Place {
    /// It is the first with its data folder.
    First(Instance),
    /// Whether another is open cannot be known.
    Unknown,
    /// Another is open and does not answer.
    Beside,
    /// Another window came to the front instead.
    Called,
}

fn first_or_call(places: &Places, model: Option<&ModelSource>) -> Place {
    let Some(data) = &places.data else { return Place::Unknown };
    match Instance::claim(data) {
        Ok(Some(first)) => Place::First(first),
        Ok(None) => {
            let model = model.and_then(RememberedModel::of);
            if call(data, &Call { model }) { Place::Called } else { Place::Beside }
        }
        Err(error) => {
            log::info!("whether another window is open is not known: {error}");
            Place::Unknown
        }
    }
}
