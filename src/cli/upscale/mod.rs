//! `safelight upscale`: a picture's file enlarged by an upscaler.
//!
//! Invariant: what the picture tells of how it was made goes with it, and the upscaler is added to it.

use std::io::Write as _;
use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use serde_json::json;

use super::compute::Compute;
use super::develop::say_json;
use super::library::model_folders;
use super::output::Output;
use super::progress::Progress;
use super::{Failure, interrupt};
use crate::engine::additions::{Wanted, added, find};
use crate::engine::upscale::{OpenUpscaler, UpscaleError};
use crate::ops::{Device, StopFlag};
use crate::picture;
use crate::picture::metadata::read::carried;

/// The arguments of `safelight upscale`.
#[derive(Debug, Args)]
pub struct Upscale {
    /// The picture: a PNG, JPEG or WebP file.
    pub picture: PathBuf,
    /// The upscaler: a file of the ESRGAN family (.pth or .safetensors), or its name in the library.
    #[arg(long, value_name = "FILE")]
    pub with: String,
    /// The file (PNG, JPEG or WebP by its ending) or folder to save into.
    #[arg(short, long, default_value = ".", value_name = "OUT")]
    pub output: PathBuf,
    /// Replace a file of the same name instead of adding a number.
    #[arg(long)]
    pub force: bool,
    #[command(flatten)]
    /// Where to compute.
    pub compute: Compute,
    /// Print one JSON object a line on stdout: saved, error.
    #[arg(long)]
    pub json: bool,
}

/// Runs `safelight upscale`.
///
/// # Errors
/// With the sentence and the exit code.
pub fn run(arguments: &Upscale) -> Result<(), Failure> {
    let stop = StopFlag::default();
    interrupt::raise_on_ctrl_c(stop.clone());
    let began = Instant::now();
    let output = Output::new(&arguments.output, arguments.force)?;
    let missing = || UpscaleError::Missing { name: arguments.with.clone() };
    let path = find(Wanted::Upscaler, &arguments.with, None, &model_folders()).ok_or_else(missing)?;
    let frame = picture::open::open(&arguments.picture)?;
    let told = carried(&arguments.picture)?;
    let (device, sentence) = Device::open(arguments.compute.options_with_cards(), stop)?;
    let upscaler = OpenUpscaler::open(&path, &device.with_dtype(crate::ops::Dtype::F32))?;
    upscaler.check([frame.width, frame.height])?;
    let progress = Progress::start();
    let (name, scale) = (upscaler.name(), upscaler.scale());
    progress.say(&format!("{name} ({scale} times) on {sentence}"));
    upscaler.report_to(Progress::of_tiles());
    let enlarged = upscaler.enlarge(&frame)?;
    progress.clear();
    let told = told.enlarged(added(&upscaler));
    let stem = arguments.picture.file_stem().unwrap_or_default().to_string_lossy();
    let saved = output.save_carried(&format!("{stem}-{scale}x"), &enlarged, &told)?;
    if arguments.json {
        say_json(&json!({
            "event": "saved", "path": saved.path.display().to_string(), "width": enlarged.width,
            "height": enlarged.height, "upscaler": name, "seconds": began.elapsed().as_secs_f64(),
        }));
    } else {
        writeln!(std::io::stdout(), "{}", saved.path.display()).ok();
    }
    saved.elsewhere.map_or(Ok(()), |failure| Err(failure.but_kept(&saved.path)))
}
