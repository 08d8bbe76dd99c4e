//! What can be typed.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::bench::Part;
use crate::checkpoint::Overlays;
use crate::library::Sort;
use crate::message::ModelSource;
use crate::ops::DeviceChoice;
use crate::ops::cpu::Isa;
use crate::sampler::Parameterization;
use crate::settings::PartialSettings;

use super::Failure;
use super::compute::{Compute, DtypeName, KeptName, device_help};
use super::lens::LensFlags;
use super::library::{resolve, resolve_option};
use super::models::Models;
use super::negatives::Negatives;
use super::phrases::PhraseFlags;
use super::source::SourceFlags;
use super::upscale::Upscale;

/// Type words, watch the picture develop, steer it.
#[derive(Debug, Parser)]
#[command(
    version = crate::journal::VERSION,
    about,
    after_help = "Without a command the window opens.",
    args_conflicts_with_subcommands = true
)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Option<Command>,
    #[command(flatten)]
    /// For the window.
    pub opening: Opening,
}

/// What the window opens with.
#[derive(Debug, Args)]
pub struct Opening {
    /// The model to use.
    #[command(flatten)]
    pub model: Model,
    /// Where to compute.
    #[command(flatten)]
    pub compute: Compute,
}

/// The commands of the program, one file of `cli` each.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a picture from words.
    Generate(Box<Generate>),
    /// List the runs that were kept, go on with them, branch them, print any step of them.
    Negatives(Negatives),
    /// List the library of models, add folders to it, get models.
    Models(Models),
    /// Enlarge a picture's file by an upscaler.
    Upscale(Upscale),
    /// Print what a model file or folder is, or how a picture was made.
    Inspect(Inspect),
    /// Recompute recorded runs of the reference and compare.
    Verify(Verify),
    /// Measure how long each part takes, and how much memory.
    Bench(Bench),
    /// List the graphics cards, check that they compute right, and measure how fast.
    #[cfg(feature = "gpu")]
    Gpu(Gpu),
}

/// Arguments of `safelight gpu`.
#[cfg(feature = "gpu")]
#[derive(Debug, Args)]
pub struct Gpu {
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
    /// List the cards and do nothing with them.
    #[arg(long, requires = "json")]
    pub list: bool,
}

/// How `--previews` decodes, as `--preview-mode` spells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PreviewDecoder {
    /// The model's own decoder.
    Full,
    /// The same at half the size, and the picture enlarged.
    Half,
}

/// The arguments of `safelight generate`.
#[derive(Debug, Args)]
pub struct Generate {
    /// What to make.
    #[command(flatten)]
    pub settings: PartialSettings,
    /// The picture that it begins from.
    #[command(flatten)]
    pub source: SourceFlags,
    /// Where words of the prompt come from.
    #[command(flatten)]
    pub phrases: PhraseFlags,
    /// Reuse this picture's settings, but not its model; other options override them.
    #[arg(long, value_name = "PICTURE")]
    pub like: Option<PathBuf>,
    /// Pictures to make, each with the next seed.
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub count: u32,
    #[command(flatten)]
    /// The model to use.
    pub model: Model,
    #[command(flatten)]
    /// Where to compute.
    pub compute: Compute,
    /// The file (PNG, JPEG or WebP by its ending) or folder to save into.
    #[arg(short, long, default_value = ".", value_name = "OUT")]
    pub output: PathBuf,
    /// Replace a file of the same name instead of adding a number.
    #[arg(long)]
    pub force: bool,
    /// Save each step's predicted picture in this folder.
    #[arg(long, value_name = "DIR")]
    pub previews: Option<PathBuf>,
    /// How --previews decodes: half decodes a latent of half the size, in about a quarter of the time.
    #[arg(long, value_name = "MODE", default_value = "full", requires = "previews")]
    pub preview_mode: PreviewDecoder,
    /// Write every number of the run to a safetensors file.
    #[arg(long, value_name = "FILE")]
    pub trace: Option<PathBuf>,
    #[command(flatten)]
    /// Where words and guidance act.
    pub lens: LensFlags,
    /// Stop after so many steps and keep the negative, to go on with `negatives resume`.
    #[arg(long, value_name = "K", conflicts_with = "no_negative", value_parser = clap::value_parser!(u32).range(1..))]
    pub until: Option<u32>,
    /// Keep no negative of the run.
    #[arg(long)]
    pub no_negative: bool,
    /// Print one JSON object a line on stdout: start, step, saved, stopped, error.
    #[arg(long)]
    pub json: bool,
}

/// The flags that name a model.
#[derive(Clone, Debug, Args)]
pub struct Model {
    /// A checkpoint file or diffusers folder, or a model's name in the library [default: the starter inside
    /// the program; in the window, the model opened last].
    #[arg(long = "model", value_name = "PATH")]
    pub path: Option<PathBuf>,
    /// The model's YAML config, if none lies beside it.
    #[arg(long, value_name = "YAML", requires = "path")]
    pub config: Option<PathBuf>,
    /// What the model's network predicts, eps or v, where its file says nothing or something else.
    #[arg(long, value_name = "KIND", requires = "path")]
    pub prediction: Option<Parameterization>,
    #[command(flatten)]
    /// Parts of other files.
    pub parts: Parts,
}

/// Files that stand in for parts of a model.
#[derive(Clone, Debug, Args)]
pub struct Parts {
    /// A VAE's file or folder, in place of the model's own.
    #[arg(long, value_name = "FILE", requires = "path")]
    pub vae: Option<PathBuf>,
    /// A text encoder's file or folder, in place of the model's own.
    #[arg(long, value_name = "FILE", requires = "path")]
    pub text_encoder: Option<PathBuf>,
}

impl Parts {
    /// As a checkpoint takes them: with paths in place of the library's names.
    ///
    /// # Errors
    /// If a name is none of the library's.
    pub fn overlays(&self) -> Result<Overlays, Failure> {
        Ok(Overlays {
            vae: resolve_option(self.vae.as_ref(), &[Sort::Vae])?,
            text_encoder: resolve_option(self.text_encoder.as_ref(), &[Sort::TextEncoder])?,
        })
    }
}

impl Model {
    /// As the engine names it: with paths in place of the library's names.
    ///
    /// # Errors
    /// If a name is none of the library's.
    pub fn source(&self) -> Result<ModelSource, Failure> {
        let Some(path) = &self.path else { return Ok(ModelSource::Starter) };
        let Overlays { vae, text_encoder } = self.parts.overlays()?;
        let path = resolve(path, &[Sort::Model])?;
        let (config, prediction) = (self.config.clone(), self.prediction);
        Ok(ModelSource::Path { path, config, vae, text_encoder, prediction })
    }
}

/// The arguments of `safelight inspect`.
#[derive(Debug, Args)]
pub struct Inspect {
    /// The model's file or folder, or a picture.
    pub path: PathBuf,
    /// Print one JSON object: of a picture settings, made_by, model, model_hash and not_read; of a model what it is
    /// and how it fits its config.
    #[arg(long)]
    pub json: bool,
    /// The model's YAML config, if none lies beside it.
    #[arg(long, value_name = "YAML")]
    pub config: Option<PathBuf>,
    #[command(flatten)]
    /// Parts of other files.
    pub parts: Parts,
}

/// The arguments of `safelight verify`.
#[derive(Debug, Args)]
pub struct Verify {
    /// Case folders [default: those inside the program].
    pub cases: Vec<PathBuf>,
    /// Check the samplers against a file of recorded trajectories instead.
    #[arg(long, value_name = "FILE", conflicts_with = "cases")]
    pub samplers: Option<PathBuf>,
    #[command(flatten)]
    /// Where to compute.
    pub compute: Compute,
}

/// Models of drawn weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SynthesisName {
    /// The shape of Stable Diffusion v1.
    Sd15,
    /// The shape of the starter.
    Starter,
}

/// Names of instruction sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SimdName {
    /// AVX-512: vectors of 512 bits.
    Avx512,
    /// AVX2: vectors of 256 bits.
    Avx2,
    /// Plain Rust, on any processor.
    Portable,
}

impl From<SimdName> for Isa {
    fn from(name: SimdName) -> Self {
        match name {
            SimdName::Avx512 => Self::Avx512,
            SimdName::Avx2 => Self::Avx2,
            SimdName::Portable => Self::Portable,
        }
    }
}

/// The arguments of `safelight bench`.
#[derive(Debug, Args)]
pub struct Bench {
    /// A model with made-up weights [default: sd15, unless --model is given].
    #[arg(long, value_enum, conflicts_with = "path")]
    pub synthetic: Option<SynthesisName>,
    #[command(flatten)]
    /// A model's own weights instead.
    pub model: Model,
    /// Parts to measure: load, run, text, unet, unet1, decode, encode, preview, lora and cancel [default: all].
    #[arg(long, value_delimiter = ',', value_name = "PART,…")]
    pub only: Vec<Part>,
    /// Pixels across and down, such as 512x512 [default: the model's].
    #[arg(long, value_name = "WxH", value_parser = parse_size)]
    pub size: Option<[usize; 2]>,
    /// Lay a made-up LoRA of so many ranks over every layer of attention of UNet and text encoder.
    #[arg(long, value_name = "RANK", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub lora: Option<u16>,
    /// Pictures at once in the parts unet, unet1 and decode.
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=16))]
    pub batch: u8,
    /// How often each part is timed.
    #[arg(long, default_value_t = 3, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub repeat: u16,
    /// Steps of the part `run`.
    #[arg(long, default_value_t = 4, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub steps: u16,
    /// The place to compute.
    #[arg(long, default_value = "cpu", value_name = "DEVICE", help = device_help())]
    pub device: DeviceChoice,
    /// Number type of the UNet.
    #[arg(long, default_value = "f32", value_enum)]
    pub dtype: DtypeName,
    /// Threads to compute with on the CPU [default: all cores].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
    /// How the CPU keeps weights [default: as in the file; made-up ones in f16].
    #[arg(long, value_enum)]
    pub weights: Option<KeptName>,
    /// Instruction set of the kernels [default: the best this CPU has].
    #[arg(long, value_enum)]
    pub simd: Option<SimdName>,
    /// Also list the time of every operation.
    #[arg(long)]
    pub operations: bool,
    /// Print one JSON object a line instead of a table.
    #[arg(long)]
    pub json: bool,
    /// Write the made-up weights to an f16 safetensors file instead of measuring.
    #[arg(long, value_name = "FILE", conflicts_with = "path")]
    pub write: Option<PathBuf>,
}

/// "512x768" → [512, 768].
fn parse_size(text: &str) -> Result<[usize; 2], String> {
    text.split_once('x')
        .and_then(|(width, height)| Some([width.parse().ok()?, height.parse().ok()?]))
        .ok_or_else(|| format!("expected a size such as 512x512, found {text:?}"))
}
