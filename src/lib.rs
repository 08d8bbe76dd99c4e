//! Safelight: words to a picture that develops before your eyes.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

#[cfg(feature = "window")]
pub mod app;
pub mod checkpoint;
pub mod config;
pub mod engine;
pub mod message;
pub mod model;
pub mod ops;
pub mod picture;
pub mod sampler;
pub mod trace;
pub mod verify;
