//! The program: arguments in, exit code out.
//!
//! Exit codes: 0 done; 1 a fault of the program, or `verify` found a difference; 2 the user's input;
//! 130 Ctrl-C.

use std::process::ExitCode;

use safelight::ops::cpu::LastResort;

#[global_allocator]
static ALLOCATOR: LastResort = LastResort;

fn main() -> ExitCode {
    safelight::cli::main()
}
