//! The place that the kernels have in the program.

#[path = "../../../src/ops/cpu/mod.rs"]
pub mod cpu;
