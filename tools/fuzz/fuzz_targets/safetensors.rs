//! A header length, JSON, bytes.
#![no_main]

mod read;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| read::read(b"", bytes));
