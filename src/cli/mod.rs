//! The command line: one file a command. Below it, the same engine as the window's.
//!
//! stdout carries results only (saved paths, reports, or JSON lines); everything else goes to stderr.

mod arguments;
mod bench;
#[cfg(feature = "gpu")]
mod cards;
mod compute;
mod develop;
mod failure;
mod flags;
mod generate;
#[cfg(feature = "gpu")]
mod gpu;
mod inspect;
mod inspect_picture;
mod interrupt;
mod lens;
mod library;
mod like;
mod models;
mod negatives;
mod output;
mod phrases;
mod progress;
mod record;
mod source;
mod upscale;
mod verify;

use std::process::ExitCode;

use clap::Parser as _;

use crate::journal;
use arguments::{Arguments, Command, Opening};
pub use failure::Failure;

#[cfg(feature = "window")]
use crate::engine::EngineOptions;

/// Reads the arguments, runs the command, prints what failed.
pub fn main() -> ExitCode {
    journal::listen();
    let arguments = Arguments::parse();
    let json = match &arguments.command {
        Some(Command::Generate(generate)) => generate.json,
        Some(Command::Negatives(negatives)) => negatives.is_json(),
        Some(Command::Models(models)) => models.is_json(),
        Some(Command::Upscale(upscale)) => upscale.json,
        _ => false,
    };
    #[cfg(feature = "gpu")]
    if let Some(file) = crate::places::Places::of_user().cards {
        // Whoever opens a card takes the kernels that were the fastest on it.
        crate::gpu::remember(crate::gpu::Measurements::read(&file));
        crate::gpu::keep_pipelines_in(Some(file.with_file_name("pipelines")));
    }
    let outcome = match arguments.command {
        None => window(&arguments.opening),
        Some(Command::Generate(arguments)) => generate::run(&arguments),
        Some(Command::Negatives(arguments)) => negatives::run(&arguments),
        Some(Command::Models(arguments)) => models::run(&arguments),
        Some(Command::Upscale(arguments)) => upscale::run(&arguments),
        Some(Command::Inspect(arguments)) => inspect::run(&arguments),
        Some(Command::Verify(arguments)) => verify::run(&arguments),
        Some(Command::Bench(arguments)) => bench::run(&arguments),
        #[cfg(feature = "gpu")]
        Some(Command::Gpu(arguments)) => gpu::run(&arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.print(json);
            ExitCode::from(failure.code())
        }
    }
}

#[cfg(feature = "window")]
fn window(opening: &Opening) -> Result<(), Failure> {
    let model = opening.model.path.is_some().then(|| opening.model.source()).transpose()?;
    let options = EngineOptions { device: opening.compute.options_of_window(), ..EngineOptions::default() };
    crate::app::open(model, options).map_err(Failure::Ours)
}

#[cfg(not(feature = "window"))]
fn window(_: &Opening) -> Result<(), Failure> {
    Err(Failure::Ours("this build has no window; use `safelight generate PROMPT`".to_owned()))
}
