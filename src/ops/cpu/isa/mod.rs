//! Which instruction set the kernels use, found once at run time, and the door into it.
//!
//! [`Level::run`] is the only way that generic code reaches a vector unit: it checks that the CPU
//! has the level (a level that it lacks falls back to [`Level::Portable`]).

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
pub(in crate::ops::cpu) mod math;
mod portable;
pub(in crate::ops::cpu) mod simd;
pub(in crate::ops::cpu) mod tile;
pub(in crate::ops::cpu) mod transpose;

#[cfg(target_arch = "x86_64")]
use crate::ops::cpu::isa::avx2::Avx2;
use crate::ops::cpu::isa::avx512::Avx512;
use crate::ops::cpu::isa::portable::Portable;
use crate::ops::cpu::isa::simd::Simd;

/// An instruction set, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// x86-64 with AVX-512 F, BW, VL and DQ.
    Avx512,
    /// x86-64 with AVX2, FMA and F16C.
    Avx2,
    /// Any CPU, in plain Rust.
    Portable,
}

/// Work that is written once, over any [`Simd`].
pub trait Task {
    /// Does the work. Mark it `#[inline(always)]`.
    ///
    /// # Safety
    /// The CPU must have `S`.
    #[expect(unsafe_code, reason = "runs with the caller's instruction set")]
    unsafe fn run<S: Simd>(self);
}

impl Level {
    /// The best level of this CPU.
    pub fn detect() -> Level {
        Level::available()[0]
    }

    /// All levels of this CPU, best first.
    pub fn available() -> Vec<Level> {
        [Level::Avx512, Level::Avx2, Level::Portable].into_iter().filter(|l| l.is_available()).collect()
    }

    /// Whether this CPU has the level.
    pub fn is_available(self) -> bool {
        #[cfg(target_arch = "x86_64")]
        {
            let avx2 = is_x86_feature_detected!("avx2")
                && is_x86_feature_detected!("fma")
                && is_x86_feature_detected!("f16c");
            let avx512 = is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512vl")
                && is_x86_feature_detected!("avx512dq");
            match self {
                Level::Avx512 => avx2 && avx512,
                Level::Avx2 => avx2,
                Level::Portable => true,
            }
        }
        #[cfg(not(target_arch = "x86_64"))]
        {
            self == Level::Portable
        }
    }

    /// Whether products of bf16 numbers are faster than of f32 (AVX512-BF16).
    pub fn has_bf16(self) -> bool {
        #[cfg(target_arch = "x86_64")]
        {
            self == Level::Avx512 && self.is_available() && is_x86_feature_detected!("avx512bf16")
        }
        #[cfg(not(target_arch = "x86_64"))]
        {
            false
        }
    }

    /// The name, as reports spell it.
    pub fn name(self) -> &'static str {
        match self {
            Level::Avx512 => "avx512",
            Level::Avx2 => "avx2",
            Level::Portable => "portable",
        }
    }

    /// Runs work with this level's vectors.
    #[expect(unsafe_code, reason = "calls into functions with target features")]
    pub fn run(self, task: impl Task) {
        #[cfg(target_arch = "x86_64")]
        if self != Level::Portable && self.is_available() {
            // SAFETY: the line above has checked the CPU.
            return unsafe {
                match self {
                    Level::Avx512 => run_avx512(task),
                    _ => run_avx2(task),
                }
            };
        }
        // SAFETY: plain Rust runs anywhere.
        unsafe { task.run::<Portable>() }
    }
}

/// The door to AVX-512.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx2,fma,f16c")]
#[expect(unsafe_code, reason = "a function with target features")]
fn run_avx512(task: impl Task) {
    // SAFETY: the attribute above gives the instructions.
    unsafe { task.run::<Avx512>() }
}

/// The door to AVX2.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,f16c")]
#[expect(unsafe_code, reason = "a function with target features")]
fn run_avx2(task: impl Task) {
    // SAFETY: the attribute above gives the instructions.
    unsafe { task.run::<Avx2>() }
}
