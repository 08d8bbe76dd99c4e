//! GGUF: everything behind the four letters.
#![no_main]

mod read;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| read::read(b"GGUF", bytes));
