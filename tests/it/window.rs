//! The window without a display: the tests play the inference thread over the channels.

mod looks;
mod stage;
