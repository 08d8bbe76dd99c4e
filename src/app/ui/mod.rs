//! What the window draws: each file one part, as functions of the state that return commands.

pub(in crate::app) mod canvas;
pub(in crate::app) mod controls;
pub(in crate::app) mod filmstrip;
pub(in crate::app) mod foot;
pub(in crate::app) mod gallery;
pub(in crate::app) mod model;
pub(in crate::app) mod more;
pub(in crate::app) mod palette;
pub(in crate::app) mod prompt;
pub(in crate::app) mod queue;
pub(in crate::app) mod settings;
pub(in crate::app) mod toasts;
pub(in crate::app) mod undo;
pub(in crate::app) mod view;
pub(in crate::app) mod welcome;
pub(in crate::app) mod window;
