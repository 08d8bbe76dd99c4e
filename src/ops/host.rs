//! Tensors at rest in host memory: how a checkpoint hands weights to the operations.
//!
//! Invariant: `data.len()` is the product of `shape`; nothing here computes.

use std::borrow::Cow;

use half::{bf16, f16};

use super::cpu::{Element, WeightRows, WeightSlice};
use super::{Error, Result};

/// A tensor's numbers in host memory, row-major, borrowed where they are part of the program.
#[derive(Clone, Debug, PartialEq)]
pub struct HostTensor<'a> {
    /// Dimensions, outermost first; empty for a scalar.
    pub shape: Vec<usize>,
    /// The numbers, as stored.
    pub data: HostData<'a>,
}

/// The element types that checkpoints use.
#[derive(Clone, Debug, PartialEq)]
pub enum HostData<'a> {
    /// 32-bit floats.
    F32(Cow<'a, [f32]>),
    /// IEEE half floats.
    F16(Cow<'a, [f16]>),
    /// Brain floats.
    Bf16(Cow<'a, [bf16]>),
    /// 64-bit floats (some schedules are stored so).
    F64(Cow<'a, [f64]>),
    /// 64-bit integers (position ids, step counters); narrower integers are widened.
    I64(Cow<'a, [i64]>),
}

impl HostTensor<'_> {
    /// The numbers as f32, copied only where they are stored otherwise.
    pub fn to_f32(&self) -> Cow<'_, [f32]> {
        match &self.data {
            HostData::F32(values) => Cow::Borrowed(values),
            HostData::F16(values) => values.iter().map(|v| v.to_f32()).collect(),
            HostData::Bf16(values) => values.iter().map(|v| v.to_f32()).collect(),
            HostData::F64(values) => values.iter().map(|v| *v as f32).collect(),
            HostData::I64(values) => values.iter().map(|v| *v as f32).collect(),
        }
    }

    /// How many numbers there are.
    pub fn len(&self) -> usize {
        match &self.data {
            HostData::F32(v) => v.len(),
            HostData::F16(v) => v.len(),
            HostData::Bf16(v) => v.len(),
            HostData::F64(v) => v.len(),
            HostData::I64(v) => v.len(),
        }
    }

    /// Whether a dimension is zero.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The element type's name as safetensors spells it.
    pub fn dtype(&self) -> &'static str {
        match &self.data {
            HostData::F32(_) => "F32",
            HostData::F16(_) => "F16",
            HostData::Bf16(_) => "BF16",
            HostData::F64(_) => "F64",
            HostData::I64(_) => "I64",
        }
    }
}

/// Numbers that stay where they are stored until a packed matrix takes them, piece by piece.
pub trait StoredNumbers: Send + Sync {
    /// How many there are.
    fn count(&self) -> usize;

    /// Their type.
    fn element(&self) -> Element;

    /// Fills `to` with the bytes of the numbers from number `first` on, little-endian; called from
    /// several threads.
    ///
    /// # Errors
    /// If they can no longer be read.
    fn read(&self, first: usize, to: &mut [u8]) -> Result<()>;
}

/// The rows of a tensor that is to be packed.
pub enum TensorRows<'a> {
    /// In memory.
    Here(HostTensor<'a>),
    /// In a file.
    Stored(Box<dyn StoredNumbers + 'a>),
}

impl<'a> TensorRows<'a> {
    /// Of a tensor in memory, as f32 where kernels do not take its type.
    pub fn here(tensor: HostTensor<'a>) -> Self {
        if matches!(tensor.data, HostData::F64(_) | HostData::I64(_)) {
            let data = HostData::F32(tensor.to_f32().into_owned().into());
            return Self::Here(HostTensor { shape: tensor.shape, data });
        }
        Self::Here(tensor)
    }
}

impl WeightRows for TensorRows<'_> {
    type Error = Error;

    fn count(&self) -> usize {
        match self {
            Self::Here(tensor) => tensor.len(),
            Self::Stored(stored) => stored.count(),
        }
    }

    fn element(&self) -> Element {
        match self {
            Self::Here(tensor) => match tensor.data {
                HostData::F16(_) => Element::F16,
                HostData::Bf16(_) => Element::Bf16,
                _ => Element::F32,
            },
            Self::Stored(stored) => stored.element(),
        }
    }

    fn in_memory(&self) -> Option<WeightSlice<'_>> {
        match self {
            Self::Here(tensor) => match &tensor.data {
                HostData::F16(values) => Some(WeightSlice::F16(values)),
                HostData::Bf16(values) => Some(WeightSlice::Bf16(values)),
                HostData::F32(values) => Some(WeightSlice::F32(values)),
                HostData::F64(_) | HostData::I64(_) => None,
            },
            Self::Stored(_) => None,
        }
    }

    fn read(&self, first: usize, to: &mut [u8]) -> Result<()> {
        match self {
            Self::Here(tensor) => {
                Err(Error::Weights(format!("a tensor of {} was packed as it is", tensor.dtype())))
            }
            Self::Stored(stored) => stored.read(first, to),
        }
    }
}

/// A set of named tensors: a checkpoint file, a folder, or weights drawn from their names.
pub trait TensorSource: Send + Sync {
    /// The shape of a tensor, or `None` if the source has no such name.
    ///
    /// `expected` is what the network wants; a source that can make any tensor answers with it.
    fn shape(&self, name: &str, expected: &[usize]) -> Option<Vec<usize>>;

    /// Reads one tensor. `shape` is what [`TensorSource::shape`] answered.
    ///
    /// # Errors
    /// One sentence if the name is missing, its bytes are damaged or of an unsupported type, or they
    /// can no longer be read.
    fn read(&self, name: &str, shape: &[usize]) -> Result<HostTensor<'_>>;

    /// The same tensor, to be packed. A source on a drive leaves it there, so that no copy of a large
    /// matrix is made; others need no more than this.
    ///
    /// # Errors
    /// As [`TensorSource::read`].
    fn rows(&self, name: &str, shape: &[usize]) -> Result<TensorRows<'_>> {
        self.read(name, shape).map(TensorRows::here)
    }

    /// Every stored name, sorted; empty for a source that makes tensors as they are asked for.
    fn names(&self) -> Vec<String>;
}
