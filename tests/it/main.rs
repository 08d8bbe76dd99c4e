//! One integration binary: `mod` lines only, sorted.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod checkpoint;
#[cfg(feature = "starter")]
mod engine;
mod gallery;
mod noise;
mod picture;
mod tokens;
mod verify;
