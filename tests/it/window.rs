//! The window without a display: the tests play the inference thread and the world outside.

mod develop;
mod looks;
mod lost;
mod shelf;
mod sizes;
mod stage;
mod trouble;
mod values;
mod words;
