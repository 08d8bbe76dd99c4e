//! The window without a display: the tests play the inference thread and the world outside.

mod additions;
mod generation;
mod layout;
mod lens;
mod library;
mod looks;
mod lost;
mod models;
mod models_get;
mod negatives;
mod prompts;
mod sheets;
mod sizes;
mod stage;
mod tray;
mod trouble;
mod values;
mod words;
