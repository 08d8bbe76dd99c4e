//! `mutations COUNT SEED FILE…`: damages each file COUNT times and reads it. Says for each how long the slowest took
//! and the most memory beyond what stood before; ends with 1 if one panics, takes over 10 s, or more than four times
//! its file and 64 MB.

use std::alloc::{GlobalAlloc, Layout, System};
use std::io::Read as _;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use safelight_fuzz::mutate::{Format, Rng, mutate};
use safelight_fuzz::{layers, read_bytes};
use safetensors::SafeTensors;

const TIME_MAX: Duration = Duration::from_secs(10);
const BEYOND: usize = 64 << 20;

static NOW: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

struct Counted;

fn grown(bytes: usize) {
    let now = NOW.fetch_add(bytes, Ordering::Relaxed) + bytes;
    MOST.fetch_max(now, Ordering::Relaxed);
}

// SAFETY: every call is the system's; beside it numbers are counted.
unsafe impl GlobalAlloc for Counted {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        grown(layout.size());
        // SAFETY: the caller's promise, passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promise, passed on.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        grown(layout.size());
        // SAFETY: the caller's promise, passed on.
        unsafe { System.alloc_zeroed(layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counted = Counted;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let mut number = || arguments.next().and_then(|text| text.parse::<u64>().ok());
    let (Some(count), Some(seed)) = (number(), number()) else {
        eprintln!("expected COUNT SEED FILE…");
        return ExitCode::from(2);
    };
    layers();
    let mut failed = false;
    for path in arguments {
        let Some(files) = files(&path) else {
            eprintln!("{path}: cannot be read");
            return ExitCode::from(2);
        };
        for (name, bytes) in files {
            let Some(format) = Format::of(&bytes) else {
                eprintln!("{name}: no format that is damaged here");
                return ExitCode::from(2);
            };
            failed |= !holds(&name, format, &bytes, count, seed);
        }
    }
    ExitCode::from(u8::from(failed))
}

/// A file's name and bytes, or those of the model files that a packed record of cases holds.
fn files(path: &str) -> Option<Vec<(String, Vec<u8>)>> {
    let bytes = std::fs::read(path).ok()?;
    if !path.ends_with(".gz") {
        return Some(vec![(path.to_owned(), bytes)]);
    }
    let mut unpacked = Vec::new();
    flate2::read::GzDecoder::new(bytes.as_slice()).read_to_end(&mut unpacked).ok()?;
    let record = SafeTensors::deserialize(&unpacked).ok()?;
    let mut files: Vec<(String, Vec<u8>)> = Vec::new();
    for (name, tensor) in record.iter() {
        if Format::of(tensor.data()).is_some() && name.contains('.') {
            files.push((format!("{path}/{name}"), tensor.data().to_vec()));
        }
    }
    files.sort();
    Some(files)
}

/// Damages a file so many times and reads it; whether every reading ended well.
fn holds(path: &str, format: Format, bytes: &[u8], count: u64, seed: u64) -> bool {
    let mut holds = true;
    let (mut slowest, mut most) = ((Duration::ZERO, 0), (0, 0));
    for turn in 0..count {
        let damaged = mutate(format, bytes, &mut Rng::new(seed ^ turn.wrapping_mul(0x9e37_79b9)));
        let limit = 4 * damaged.len() + BEYOND;
        let before = NOW.load(Ordering::Relaxed);
        MOST.store(before, Ordering::Relaxed);
        let began = Instant::now();
        let ended = std::panic::catch_unwind(|| read_bytes(&damaged));
        let (took, used) = (began.elapsed(), MOST.load(Ordering::Relaxed).saturating_sub(before));
        slowest = slowest.max((took, turn));
        most = most.max((used, turn));
        if ended.is_err() || took > TIME_MAX || used > limit {
            println!("{path}, turn {turn}: panicked {}, {took:?}, {used} bytes of {limit}", ended.is_err());
            holds = false;
        }
    }
    println!(
        "{path} ({format:?}, {} bytes): {count} read; slowest {:?} (turn {}), most memory {} bytes (turn {})",
        bytes.len(),
        slowest.0,
        slowest.1,
        most.0,
        most.1
    );
    holds
}
