//! Tensors in files: where their bytes lie, in what element type, and how they are read.

pub(super) mod blocks;
pub(super) mod element;
pub(super) mod float8;
pub(super) mod model_file;
pub(super) mod scaled;
pub(super) mod stored;
