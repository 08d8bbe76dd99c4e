//! One integration binary: `mod` lines only, sorted.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod checkpoint;
mod noise;
mod picture;
mod tokens;
mod verify;
#[cfg(feature = "window")]
mod window;
