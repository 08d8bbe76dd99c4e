//! The name of the model inside the program; files and folders are named by `checkpoint`.

/// The name of the model inside the program.
pub const STARTER: &str = "Starter";
