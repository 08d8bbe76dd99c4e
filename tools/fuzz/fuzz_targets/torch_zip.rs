//! torch's zip: its directory, and the pickle in it.
#![no_main]

safelight_fuzz::target!(safelight_fuzz::mutate::Format::TorchZip);
