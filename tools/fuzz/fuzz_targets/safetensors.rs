//! Safetensors, with one lie in length, JSON or fields.
#![no_main]

safelight_fuzz::target!(safelight_fuzz::mutate::Format::Safetensors);
