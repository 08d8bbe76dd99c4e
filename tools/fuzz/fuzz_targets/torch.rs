//! A zip, or pickles in a row: the bytes decide.
#![no_main]

mod read;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| read::read(b"", bytes));
