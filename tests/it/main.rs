//! One integration binary: `mod` lines only, sorted.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod backends;
mod checkpoint;
mod cli;
#[cfg(feature = "window")]
mod desktop;
#[cfg(feature = "starter")]
mod engine;
mod formats;
#[cfg(feature = "starter")]
mod from;
mod gallery;
mod lora;
mod noise;
mod picture;
mod pipelines;
mod sampler;
mod samplers;
mod tidy;
mod tile;
mod tokens;
mod transfer;
mod upscalers;
mod verify;
#[cfg(feature = "window")]
mod window;
