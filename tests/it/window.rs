//! The window without a display: the tests play the inference thread and the world outside.

mod develop;
mod layout;
mod looks;
mod shelf;
mod sizes;
mod stage;
mod trouble;
mod words;
