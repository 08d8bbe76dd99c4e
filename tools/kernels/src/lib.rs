//! The program's kernels, compiled from its own files: as they are for sanitizers and Miri, and under
//! `--cfg loom` the pool's protocol alone, with loom's atomics in place of the processor's.
//!
//! Trap: a kernel that names another part of the program does not compile here. That is as it should be.

#[cfg(not(loom))]
pub mod ops;

#[cfg(all(loom, test))]
#[path = "../../../src/ops/cpu/pool/gate.rs"]
mod gate;
#[cfg(all(loom, test))]
mod protocol;
#[cfg(all(loom, test))]
mod sync;
