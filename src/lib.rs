//! Safelight: words to a picture that develops before your eyes.
//!
//! Stable Diffusion v1 (CompVis' latent diffusion) in one native program: a window on egui, plain
//! messages, a thread with the model, and each step's predicted picture streaming back. The names are
//! the reference's, from the YAML config to the variable: `apply_model`, `e_t`, `pred_x0`, `context`.
//!
//! # Where is the thing that does X?
//!
//! From what a user sees down to arithmetic; a module names only modules below it.
//!
//! | module | what | begin reading at |
//! | --- | --- | --- |
//! | [`cli`] | `safelight generate`, `inspect`, `verify`, `bench`: one file a command | [`cli::main`] |
//! | `app` | the window; the only place that names egui | `app/mod.rs` |
//! | [`bench`](mod@bench) | how long each part of a model takes, and how much memory | |
//! | [`verify`] | recorded runs of the reference, computed again and compared | [`verify::compute`] |
//! | [`engine`] | opens models, turns a text and settings into a picture | [`engine::generate`] |
//! | [`engine::lens`] | where words and guidance act, while somebody looks | [`engine::lens::Lens`] |
//! | [`model`] | the networks, one file a CompVis module | [`model::instantiate_from_config`] |
//! | `starter`, [`trace`] | the model inside the binary; the numbers of a run as a file | |
//! | [`library`] | the folders of models, what lies in them, how to get more | [`library::scan`] |
//! | [`transfer`] | one file from a server, however often the connection breaks | [`transfer::fetch`] |
//! | [`gallery`], [`preferences`] | the folder of pictures as records; what is kept between starts | |
//! | [`places`] | which folders and files the program keeps; `SAFELIGHT_HOME` | [`places::Places`] |
//! | [`checkpoint`] | safetensors, torch and diffusers files to named tensors | [`checkpoint::Checkpoint`] |
//! | [`message`] | what the window and the engine's thread say to each other | [`message::Request`] |
//! | [`picture`] | pixels, how they were made, and the files that hold both | [`picture::Frame`], [`picture::Made`] |
//! | [`settings`] | what decides a picture; each setting described once | [`settings::Setting::TABLE`] |
//! | [`grammar`] | a prompt in A1111's grammar or taken literally: weights, schedules, tags | [`grammar::read()`] |
//! | [`tray`] | the picture that a run begins from: masks, placements, what is laid over | [`tray::Source`] |
//! | [`sampler`] | schedules, noise, update rules; knows no network | [`sampler::run`] |
//! | [`config`] | YAML to checked parameters; an unknown key is named | [`config::Params`] |
//! | [`ops`] | tensors and what is computed with them, on CPU and GPU | [`ops::Tensor`] |
//! | `gpu` | graphics cards: which there are, a device of one, work on its way to it | `gpu/mod.rs` |
//! | [`note`], [`told`] | what a user may want to know, as data; how it becomes words | [`note::Note`] |
//! | [`files`], [`hashes`], [`process`], [`journal`] | whole or no files; hashes that are kept; the process's memory; the listener of `log` | |
//! | [`resize`] | one map at another size | |
//!
//! # One generation, from words to a file
//!
//! 1. A front end fills in [`settings::Settings`]: `cli` from arguments, the window from its controls.
//!    The window hands them over as [`message::Request::Generate`] by [`engine::EngineHandle`], which
//!    never waits; `cli` calls the same functions in its own thread.
//! 2. [`engine::open_model`] has opened the model before: [`checkpoint::Checkpoint::open`] looks at the
//!    first bytes of a file and reads its header, [`engine::find_config`] finds or guesses the config, and
//!    [`model::instantiate_from_config`] builds the [`model::LatentDiffusion`] that it describes. Each
//!    network asks [`ops::Weights`] for its tensors by their CompVis names; a missing one, or one of
//!    another shape, is an error that names it.
//! 3. [`engine::generate::plan`] checks the settings against the model and lays out the steps:
//!    [`sampler::RunSchedule`] holds the timesteps or noise levels that the reference would use.
//! 4. [`model::LatentDiffusion::get_learned_conditioning`] asks the text encoders:
//!    [`model::tokenizer::Tokenizer::encode`] splits the texts into ids, and
//!    [`model::FrozenCLIPEmbedder`] makes the context (1, 77, 768) of the prompt and of the negative
//!    prompt.
//! 5. [`engine::generate::start`] draws x_T (1, 4, h/f, w/f; f is 8 in v1) from
//!    [`sampler::noise::Noise`], torch's generator bit for bit, and puts it into a [`sampler::RunState`]:
//!    a plain value that can be kept and continued later.
//! 6. [`sampler::run`] steps backwards through the schedule. Each step asks a [`sampler::Denoiser`] for
//!    e_t without and with the prompt, in one call of a doubled batch.
//! 7. That denoiser is [`engine::ConditionedModel`]: it sends x to the device and calls
//!    [`model::LatentDiffusion::apply_model`], which runs the [`model::UNetModel`].
//! 8. The update rule makes x_prev and `pred_x0`; both go to the step's callback in a
//!    [`sampler::StepReport`]. The callback shows the step, may steer the guidance of the steps to come,
//!    and may end the run.
//! 9. [`engine::generate::decode`] brings a latent back to pixels by
//!    [`model::LatentDiffusion::decode_first_stage`]: for a preview of `pred_x0`, and for the last latent.
//! 10. [`picture::write_to`] writes the [`picture::Frame`] with its [`picture::Made`] in two text chunks of a
//!     PNG: to a temporary file first, then under a name that nobody has.
//!
//! # What is not there
//!
//! - Nothing but `app` names egui and eframe; `gpu`, the kernels on it and `app` name wgpu. Nothing but
//!   [`ops`] names candle.
//! - [`sampler`] names no network; [`model`] names no sampling loop, no file, no thread.
//! - [`checkpoint`] names no network: it meets [`model`] in [`ops::host::TensorSource`] alone. Names of
//!   tensors are translated there and nowhere else; the networks speak CompVis.
//! - [`picture`] and [`message`] name neither candle nor egui: both sides of the program meet there.
//! - No lock is shared between the window and the engine: bounded channels, and an atomic stop flag for each
//!   request. Locks within the engine (a device's [`ops::cpu::StopSlot`] among them) never reach the window.
//! - Nothing in a model file is executed, and nothing that it says is used before it is checked.
//! - No input ends the program: there is no `unwrap` and no `panic!` outside tests, and every heavy
//!   operation reads the [`ops::StopFlag`].
//! - No noise is drawn on a GPU: a seed is one picture on every device.
//!
//! `tests/it/tidy.rs` holds the layers and the absences that can be read off the source.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

#[cfg(feature = "window")]
pub mod app;
pub mod bench;
pub mod checkpoint;
pub mod cli;
pub mod config;
pub mod engine;
pub mod files;
pub mod gallery;
#[cfg(feature = "gpu")]
pub mod gpu;
pub mod grammar;
pub mod hashes;
pub mod journal;
pub mod library;
pub mod message;
pub mod model;
pub mod negative;
pub mod note;
pub mod ops;
pub mod picture;
pub mod places;
pub mod preferences;
pub mod process;
pub mod resize;
pub mod sampler;
pub mod settings;
#[cfg(feature = "starter")]
pub mod starter;
pub mod told;
pub mod trace;
pub mod transfer;
pub mod tray;
pub mod verify;
