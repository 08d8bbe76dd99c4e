//! Weights at rest, row-major, in memory or where they can be read from: what is packed.
//!
//! Trap: the kernels know nothing of files; a source that reads them says what can go wrong.

use half::{bf16, f16};

use crate::ops::cpu::gemm::groups::{Group, Groups};
use crate::ops::cpu::isa::simd::Simd;
use crate::ops::cpu::stop::KernelError;

/// A type in which weights are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Element {
    /// IEEE half floats.
    F16,
    /// Brain floats.
    Bf16,
    /// 32-bit floats.
    F32,
}

impl Element {
    /// Bytes of a number.
    pub fn size(self) -> usize {
        if self == Self::F32 { 4 } else { 2 }
    }
}

/// Rows of weights, row-major, one row for each output, wherever they lie.
pub trait WeightRows: Sync {
    /// What can go wrong.
    type Error: From<KernelError> + Send;

    /// How many numbers there are.
    fn count(&self) -> usize;

    /// Their type.
    fn element(&self) -> Element;

    /// All of them, if they lie in memory.
    fn in_memory(&self) -> Option<WeightSlice<'_>>;

    /// Fills `to` with the stored bytes of the numbers from number `first` on; called from several
    /// threads, and only for numbers that exist and do not lie in memory.
    ///
    /// # Errors
    /// If they cannot be read.
    fn read(&self, first: usize, to: &mut [u8]) -> Result<(), Self::Error>;

    /// The groups that they are stored in; their type is then the one that they are read in one by one.
    fn groups(&self) -> Option<Groups>;

    /// Fills `to` with the groups from number `first` on, a multiple of a group's; called as
    /// [`WeightRows::read`], and only where there are groups.
    ///
    /// # Errors
    /// If they cannot be read.
    fn read_groups(&self, first: usize, to: &mut [Group]) -> Result<(), Self::Error>;
}

/// Weights in memory.
#[derive(Clone, Copy)]
pub enum WeightSlice<'a> {
    /// IEEE half floats.
    F16(&'a [f16]),
    /// Brain floats.
    Bf16(&'a [bf16]),
    /// 32-bit floats.
    F32(&'a [f32]),
}

impl<'a> WeightSlice<'a> {
    /// `bytes` as numbers; empty if they are misaligned.
    pub(super) fn of_bytes(element: Element, bytes: &'a [u8]) -> Self {
        match element {
            Element::F16 => Self::F16(bytemuck::try_cast_slice(bytes).unwrap_or_default()),
            Element::Bf16 => Self::Bf16(bytemuck::try_cast_slice(bytes).unwrap_or_default()),
            Element::F32 => Self::F32(bytemuck::try_cast_slice(bytes).unwrap_or_default()),
        }
    }

    /// `count` numbers from number `first` on.
    pub(super) fn part(self, first: usize, count: usize) -> Self {
        match self {
            Self::F16(w) => Self::F16(&w[first..first + count]),
            Self::Bf16(w) => Self::Bf16(&w[first..first + count]),
            Self::F32(w) => Self::F32(&w[first..first + count]),
        }
    }

    /// Widens numbers from number `first` on.
    #[inline(always)]
    #[expect(unsafe_code, reason = "a vector load of half floats")]
    pub(super) fn widen<S: Simd>(self, s: S, first: usize, to: &mut [f32]) {
        match self {
            Self::F32(w) => to.copy_from_slice(&w[first..first + to.len()]),
            Self::Bf16(w) => {
                let w = &w[first..first + to.len()];
                for (to, from) in to.iter_mut().zip(w) {
                    *to = f32::from_bits(u32::from(from.to_bits()) << 16);
                }
            }
            Self::F16(w) => {
                let w = &w[first..first + to.len()];
                let (whole, rest) = to.split_at_mut(to.len() / S::LANES * S::LANES);
                for (to, from) in whole.chunks_exact_mut(S::LANES).zip(w.chunks_exact(S::LANES)) {
                    // SAFETY: `from` has a vector's numbers; an f16 is its bits.
                    s.write(to, unsafe { s.load_f16(from.as_ptr().cast()) });
                }
                let done = w.len() - rest.len();
                rest.iter_mut().zip(&w[done..]).for_each(|(to, from)| *to = from.to_f32());
            }
        }
    }
}

impl WeightRows for WeightSlice<'_> {
    type Error = KernelError;

    fn count(&self) -> usize {
        match self {
            Self::F16(w) => w.len(),
            Self::Bf16(w) => w.len(),
            Self::F32(w) => w.len(),
        }
    }

    fn element(&self) -> Element {
        match self {
            Self::F16(_) => Element::F16,
            Self::Bf16(_) => Element::Bf16,
            Self::F32(_) => Element::F32,
        }
    }

    fn in_memory(&self) -> Option<WeightSlice<'_>> {
        Some(*self)
    }

    fn read(&self, _first: usize, _to: &mut [u8]) -> Result<(), KernelError> {
        Ok(())
    }

    fn groups(&self) -> Option<Groups> {
        None
    }

    fn read_groups(&self, _first: usize, _to: &mut [Group]) -> Result<(), KernelError> {
        Ok(())
    }
}
