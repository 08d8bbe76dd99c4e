//! Which instruction set the kernels use, found once at run time, and the door into it.
//!
//! Invariant: a [`Level`] holds a token of its instruction set, and only asking the CPU makes one. So
//! whoever has a level may run code that was compiled for it, and vector arithmetic is safe code.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
pub(in crate::ops::cpu) mod math;
pub(in crate::ops::cpu) mod micro_kernel;
mod portable;
pub(in crate::ops::cpu) mod prefetch;
pub(in crate::ops::cpu) mod simd;
pub(in crate::ops::cpu) mod tile;
pub(in crate::ops::cpu) mod transpose;

#[cfg(target_arch = "x86_64")]
use crate::ops::cpu::isa::avx2::Avx2;
#[cfg(target_arch = "x86_64")]
use crate::ops::cpu::isa::avx512::Avx512;
use crate::ops::cpu::isa::portable::Portable;
use crate::ops::cpu::isa::simd::Simd;

/// The name of an instruction set, which this CPU may lack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isa {
    /// x86-64 with AVX-512 F, BW, VL and DQ.
    Avx512,
    /// x86-64 with AVX2, FMA and F16C.
    Avx2,
    /// Any CPU, in plain Rust.
    Portable,
}

impl Isa {
    /// All of them, best first.
    pub const ALL: [Isa; 3] = [Isa::Avx512, Isa::Avx2, Isa::Portable];

    /// The name, as reports spell it.
    pub fn name(self) -> &'static str {
        match self {
            Isa::Avx512 => "avx512",
            Isa::Avx2 => "avx2",
            Isa::Portable => "portable",
        }
    }
}

/// An instruction set that this CPU has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level(Token);

/// The proof that the CPU has an instruction set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token {
    #[cfg(target_arch = "x86_64")]
    Avx512(Avx512),
    #[cfg(target_arch = "x86_64")]
    Avx2(Avx2),
    Portable(Portable),
}

/// Work that is written once, over any [`Simd`].
pub trait Task {
    /// Does the work. Mark it `#[inline(always)]`, or it is not compiled for the instruction set.
    fn run<S: Simd>(self, s: S);
}

impl Level {
    /// Plain Rust, which runs anywhere.
    pub const PORTABLE: Level = Level(Token::Portable(Portable));

    /// The level of `isa`, if this CPU has it.
    pub fn of(isa: Isa) -> Option<Level> {
        let token = match isa {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => Token::Avx512(Avx512::detect()?),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => Token::Avx2(Avx2::detect()?),
            #[cfg(not(target_arch = "x86_64"))]
            Isa::Avx512 | Isa::Avx2 => return None,
            Isa::Portable => return Some(Level::PORTABLE),
        };
        Some(Level(token))
    }

    /// The best level of this CPU.
    pub fn detect() -> Level {
        Isa::ALL.into_iter().find_map(Level::of).unwrap_or(Level::PORTABLE)
    }

    /// All levels of this CPU, best first.
    pub fn available() -> Vec<Level> {
        Isa::ALL.into_iter().filter_map(Level::of).collect()
    }

    /// Its instruction set.
    pub fn isa(self) -> Isa {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Token::Avx512(_) => Isa::Avx512,
            #[cfg(target_arch = "x86_64")]
            Token::Avx2(_) => Isa::Avx2,
            Token::Portable(_) => Isa::Portable,
        }
    }

    /// Whether the processor multiplies pairs of bf16 numbers in one instruction (AVX512-BF16).
    pub fn has_bf16(self) -> bool {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Token::Avx512(token) => token.has_bf16(),
            #[cfg(target_arch = "x86_64")]
            Token::Avx2(_) => false,
            Token::Portable(_) => false,
        }
    }

    /// The level for products of pairs of bf16 numbers: a CPU that has AVX-512 but not its bf16
    /// instructions takes the next one down.
    pub(super) fn for_pairs(self) -> Level {
        match self.isa() {
            Isa::Avx512 if !self.has_bf16() => Level::of(Isa::Avx2).unwrap_or(Level::PORTABLE),
            _ => self,
        }
    }

    /// The name, as reports spell it.
    pub fn name(self) -> &'static str {
        self.isa().name()
    }

    /// Rows and columns of the level's register tiles.
    pub(super) fn tile_shape(self) -> (usize, usize) {
        fn shape<S: Simd>(_: S) -> (usize, usize) {
            (S::ROWS, 2 * S::LANES)
        }
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Token::Avx512(token) => shape(token),
            #[cfg(target_arch = "x86_64")]
            Token::Avx2(token) => shape(token),
            Token::Portable(token) => shape(token),
        }
    }

    /// Runs work with this level's vectors.
    #[inline]
    #[expect(unsafe_code, reason = "calls into functions with target features")]
    pub fn run(self, task: impl Task) {
        match self.0 {
            // SAFETY: the token says that the CPU has the instructions.
            #[cfg(target_arch = "x86_64")]
            Token::Avx512(token) => unsafe { run_avx512(token, task) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Token::Avx2(token) => unsafe { run_avx2(token, task) },
            Token::Portable(token) => task.run(token),
        }
    }
}

/// The door to AVX-512: what is inlined into it is compiled for it.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx2,fma,f16c")]
fn run_avx512(token: Avx512, task: impl Task) {
    task.run(token);
}

/// The door to AVX2.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,f16c")]
fn run_avx2(token: Avx2, task: impl Task) {
    task.run(token);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_is_what_its_name_says_and_plain_rust_is_always_there() {
        assert_eq!(Level::of(Isa::Portable), Some(Level::PORTABLE));
        let available = Level::available();
        assert_eq!(available.first(), Some(&Level::detect()));
        assert_eq!(available.last(), Some(&Level::PORTABLE));
        for isa in Isa::ALL {
            assert_eq!(Level::of(isa).is_some(), available.iter().any(|level| level.isa() == isa));
            assert!(Level::of(isa).is_none_or(|level| level.isa() == isa && level.name() == isa.name()));
        }
        for level in available {
            assert!(level.for_pairs() == level || level.isa() == Isa::Avx512);
        }
    }

    #[test]
    fn packing_pairs_rounds_alike_on_every_level() {
        struct Pack<'a>(&'a mut [f32; 16]);
        impl Task for Pack<'_> {
            #[inline(always)]
            fn run<S: Simd>(self, s: S) {
                for (i, to) in self.0.chunks_exact_mut(S::LANES).enumerate() {
                    let numbers = |scale: f32| {
                        let mut from = [0.0; 16];
                        let at = |lane: usize| 1.0 + (i * S::LANES + lane) as f32 * scale;
                        from.iter_mut().enumerate().for_each(|(lane, x)| *x = at(lane));
                        from
                    };
                    let pairs = s.pack_pairs(s.read(&numbers(0.001)), s.read(&numbers(-0.37)));
                    s.write(to, pairs);
                }
            }
        }
        let packed: Vec<[u32; 16]> = Level::available()
            .into_iter()
            .map(|level| {
                let mut to = [0.0; 16];
                level.run(Pack(&mut to));
                to.map(f32::to_bits)
            })
            .collect();
        assert!(packed.iter().all(|bits| *bits == packed[0]));
        assert_eq!(packed[0][0], 0x3f80_3f80);
    }
}
