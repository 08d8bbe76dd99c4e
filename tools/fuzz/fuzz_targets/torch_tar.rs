//! torch's tar of its first versions.
#![no_main]

safelight_fuzz::target!(safelight_fuzz::mutate::Format::TorchTar);
