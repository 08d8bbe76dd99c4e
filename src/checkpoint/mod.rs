//! Checkpoints: files and folders of named tensors. Names no network.
