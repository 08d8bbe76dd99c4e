//! Folders that diffusers wrote: one subfolder a component, each with a config and weights.

mod config;
pub(super) mod folder;
mod json;
mod pipelines;
mod unet;

pub use config::diffusers_config;
