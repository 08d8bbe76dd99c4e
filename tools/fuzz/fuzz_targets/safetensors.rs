#![no_main]
//! Reads what libFuzzer makes of the corpus; its changes alternate with those of `mutate`, which keep the rest whole.

use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};
use safelight_fuzz::mutate::{Format, Rng, mutate};

fuzz_target!(|bytes: &[u8]| safelight_fuzz::read_bytes(bytes));

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    if seed % 2 == 0 || size < 16 {
        return fuzzer_mutate(data, size, max_size);
    }
    let changed = mutate(Format::Safetensors, &data[..size], &mut Rng::new(u64::from(seed)));
    let length = changed.len().min(max_size);
    data[..length].copy_from_slice(&changed[..length]);
    length
});
