//! GGUF: every number of its head.
#![no_main]

safelight_fuzz::target!(safelight_fuzz::mutate::Format::Gguf);
