//! torch's pickles in a row, and counted storages.
#![no_main]

safelight_fuzz::target!(safelight_fuzz::mutate::Format::TorchLegacy);
