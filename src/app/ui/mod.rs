//! What the window draws, one file a part: functions of the state that push commands.

mod act_button;
pub(in crate::app) mod canvas;
mod controls;
pub(in crate::app) mod difference;
mod filmstrip;
mod gallery;
pub(in crate::app) mod gallery_state;
pub(in crate::app) mod input;
pub(in crate::app) mod layout;
pub(in crate::app) mod lens;
pub(in crate::app) mod models;
mod negatives;
mod palette;
mod prompt;
mod settings;
mod sheet_dialog;
mod status;
mod toasts;
mod tray;
pub(in crate::app) mod ui_state;
pub(in crate::app) mod undo;
pub(in crate::app) mod view;
pub(in crate::app) mod window;
