//! `unsafe` stands where it must and nowhere else: a list of the files that may hold it.
//!
//! Trap: a kernel that needs none is better than one that is listed; a stale entry is refused.

use std::fs;

use super::source::Source;
use super::{files, program, refuse, root};

/// Files that may hold `unsafe`, and why. Safe arithmetic, epilogues, norms of tokens and maps over numbers
/// are not among them.
const LISTED: &[(&str, &str)] = &[
    ("gpu/heap.rs", "asks Vulkan for heaps"),
    ("gpu/trust.rs", "a driver's compiled pipelines from a file, and wgpu's experiments"),
    ("ops/cpu/attention/keys_values.rs", "transposes into packed groups"),
    ("ops/cpu/attention/mod.rs", "tiles over scratch and scattered results"),
    ("ops/cpu/attention/online_softmax.rs", "rows of scratch"),
    ("ops/cpu/context.rs", "hands each piece of a slice out once"),
    ("ops/cpu/conv/gather.rs", "tiles over scratch and scattered results"),
    ("ops/cpu/conv/scatter.rs", "tables of taps"),
    ("ops/cpu/conv/stripe.rs", "scattered writes of scratch"),
    ("ops/cpu/conv/winograd.rs", "claims of scratch and results"),
    ("ops/cpu/gemm/epilogue.rs", "reads and writes of checked slices in the hottest loop"),
    ("ops/cpu/gemm/matrix.rs", "reads of packed panels"),
    ("ops/cpu/gemm/mod.rs", "tiles over scratch and scattered results"),
    ("ops/cpu/gemm/pack.rs", "claims of panels"),
    ("ops/cpu/gemm/weight_rows.rs", "a vector load of half floats"),
    ("ops/cpu/isa/avx2.rs", "intrinsics"),
    ("ops/cpu/isa/avx512.rs", "intrinsics"),
    ("ops/cpu/isa/micro_kernel.rs", "register tiles over packed blocks"),
    ("ops/cpu/isa/mod.rs", "the doors into functions with target features"),
    ("ops/cpu/isa/portable.rs", "the pointers of the trait"),
    ("ops/cpu/isa/prefetch.rs", "intrinsics"),
    ("ops/cpu/isa/simd.rs", "vectors read and written through pointers"),
    ("ops/cpu/isa/tile.rs", "the type of a tile function"),
    ("ops/cpu/isa/transpose.rs", "squares of a buffer"),
    ("ops/cpu/memory/arena.rs", "buffers are pieces of shared segments"),
    ("ops/cpu/memory/block.rs", "owns memory"),
    ("ops/cpu/memory/mapping.rs", "system calls"),
    ("ops/cpu/memory/refusal.rs", "a global allocator"),
    ("ops/cpu/memory/shared.rs", "parts of a slice for several threads"),
    ("ops/cpu/norm/group_norm.rs", "streamed writes, a norm in place"),
    ("ops/cpu/pool/gate.rs", "a cell with a protocol"),
    ("ops/cpu/pool/mod.rs", "a section on the caller's stack"),
    ("sampler/noise/normal.rs", "a function with target features"),
];

/// The same of tests and benchmarks.
const TESTS: &[(&str, &str)] = &[("tests/it/cli/wrong_input.rs", "sends a signal")];

/// Whether the word stands in code.
fn holds(source: &Source) -> bool {
    let is_word = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    source.code.match_indices("unsafe").any(|(at, word)| {
        let bytes = source.code.as_bytes();
        let before = at.checked_sub(1).and_then(|at| bytes.get(at));
        !is_word(before) && !is_word(bytes.get(at + word.len()))
    })
}

/// Files that hold it and are not listed, and listed ones that do not.
fn faults(listed: &[(&str, &str)], sources: &[Source]) -> Vec<String> {
    let known = |name: &str| listed.iter().any(|(file, reason)| *file == name && !reason.is_empty());
    let holding: Vec<&str> =
        sources.iter().filter(|source| holds(source)).map(|it| it.name.as_str()).collect();
    let strangers = holding.iter().filter(|name| !known(name)).map(|name| format!("{name} holds unsafe"));
    let stale = listed.iter().filter(|(file, _)| !holding.contains(file));
    strangers.chain(stale.map(|(file, _)| format!("{file} holds no unsafe any more"))).collect()
}

#[test]
fn unsafe_stands_in_listed_files_alone() {
    refuse(&faults(LISTED, &program()));
}

#[test]
fn tests_benchmarks_and_the_build_hold_none_but_the_listed() {
    let folders = ["tests", "benches", "examples"].map(|folder| root().join(folder));
    let paths = folders.iter().flat_map(|folder| files(folder, &["rs"])).chain([root().join("build.rs")]);
    let sources: Vec<Source> = paths
        .map(|path| {
            let name = path.strip_prefix(root()).unwrap().to_string_lossy().replace('\\', "/");
            Source::new(&name, &fs::read_to_string(&path).unwrap())
        })
        .collect();
    refuse(&faults(TESTS, &sources));
}

#[test]
fn a_file_that_is_not_listed_and_a_stale_entry_are_seen() {
    let source = |name: &str, text: &str| Source::new(name, text);
    let sources = [
        source("a.rs", "fn f() { unsafe { g() } }"),
        source("b.rs", "// unsafe\n#![expect(unsafe_code)]\nfn f() { say(\"unsafe\") }"),
        source("c.rs", "unsafe impl Send for A {}"),
    ];
    assert_eq!(faults(&[("a.rs", "why"), ("c.rs", "why")], &sources), Vec::<String>::new());
    assert_eq!(faults(&[("a.rs", "why"), ("c.rs", "")], &sources), ["c.rs holds unsafe"]);
    assert_eq!(
        faults(&[("a.rs", "why"), ("b.rs", "why")], &sources),
        ["c.rs holds unsafe", "b.rs holds no unsafe any more"]
    );
}
