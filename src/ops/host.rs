//! Tensors at rest, in host memory or a file: how a checkpoint hands weights to the backends.
//!
//! Invariant: a tensor has as many elements as its shape says; nothing here computes.

use std::borrow::Cow;
use std::ops::Range;

use half::{bf16, f16};

use super::cpu::{Element, GROUP, Group, Groups, WeightRows, WeightSlice, zeros};
use super::{Error, Result};

/// A tensor's elements in host memory, row-major, borrowed where they are part of the program.
#[derive(Clone, Debug, PartialEq)]
pub struct HostTensor<'a> {
    /// Dimensions, outermost first; empty for a scalar.
    pub shape: Vec<usize>,
    /// The elements in the type in which they are stored.
    pub data: HostData<'a>,
}

/// The element types that checkpoints use.
#[derive(Clone, Debug, PartialEq)]
pub enum HostData<'a> {
    /// Single precision.
    F32(Cow<'a, [f32]>),
    /// Half precision.
    F16(Cow<'a, [f16]>),
    /// bfloat16, the upper half of an f32.
    Bf16(Cow<'a, [bf16]>),
    /// 64-bit floats (some schedules are stored so).
    F64(Cow<'a, [f64]>),
    /// 64-bit integers (position ids, step counters); narrower integers are widened.
    I64(Cow<'a, [i64]>),
}

impl HostData<'_> {
    /// The elements of `range`, which exists.
    fn part(self, range: Range<usize>) -> Self {
        fn cut<T: Clone>(numbers: Cow<'_, [T]>, range: Range<usize>) -> Cow<'_, [T]> {
            match numbers {
                Cow::Borrowed(numbers) => Cow::Borrowed(&numbers[range]),
                Cow::Owned(numbers) => Cow::Owned(numbers[range].to_vec()),
            }
        }
        match self {
            Self::F32(numbers) => Self::F32(cut(numbers, range)),
            Self::F16(numbers) => Self::F16(cut(numbers, range)),
            Self::Bf16(numbers) => Self::Bf16(cut(numbers, range)),
            Self::F64(numbers) => Self::F64(cut(numbers, range)),
            Self::I64(numbers) => Self::I64(cut(numbers, range)),
        }
    }
}

impl HostTensor<'_> {
    /// The elements as f32, copied only where they are stored otherwise.
    pub fn to_f32(&self) -> Cow<'_, [f32]> {
        match &self.data {
            HostData::F32(values) => Cow::Borrowed(values),
            HostData::F16(values) => values.iter().map(|v| v.to_f32()).collect(),
            HostData::Bf16(values) => values.iter().map(|v| v.to_f32()).collect(),
            HostData::F64(values) => values.iter().map(|v| *v as f32).collect(),
            HostData::I64(values) => values.iter().map(|v| *v as f32).collect(),
        }
    }

    /// The number of elements.
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

/// Elements that stay in their file until a backend packs them, piece by piece.
pub trait StoredNumbers: Send + Sync {
    /// The number of elements.
    fn count(&self) -> usize;

    /// The type in which they are stored.
    fn element(&self) -> Element;

    /// The groups that they are stored in; their type is then the one that they are read in one by one.
    fn groups(&self) -> Option<Groups> {
        None
    }

    /// Fills `to` with the groups from element `first` on, a multiple of a group's; called as
    /// [`StoredNumbers::read`], and only where there are groups.
    ///
    /// # Errors
    /// If they can no longer be read, or there are none.
    fn read_groups(&self, _first: usize, _to: &mut [Group]) -> Result<()> {
        Err(Error::Weights("expected numbers in groups, found none".to_owned()))
    }

    /// Fills `to` with the bytes of the elements from element `first` on, little-endian; called from
    /// several threads.
    ///
    /// # Errors
    /// If they can no longer be read.
    fn read(&self, first: usize, to: &mut [u8]) -> Result<()>;
}

/// The rows of a tensor that is to be packed.
pub enum TensorRows<'a> {
    /// Elements in the host's memory.
    Here(HostTensor<'a>),
    /// Elements that are read from their file a piece at a time.
    Stored(Box<dyn StoredNumbers + 'a>),
}

impl<'a> TensorRows<'a> {
    /// The rows of a tensor in memory, upcast to f32 from types that are not packed as they are.
    pub fn here(tensor: HostTensor<'a>) -> Self {
        if matches!(tensor.data, HostData::F64(_) | HostData::I64(_)) {
            let data = HostData::F32(tensor.to_f32().into_owned().into());
            return Self::Here(HostTensor { shape: tensor.shape, data });
        }
        Self::Here(tensor)
    }

    /// The elements of `range` alone, as one row of them.
    ///
    /// # Errors
    /// If there are not so many.
    pub fn part(self, range: Range<usize>) -> Result<Self> {
        let count = match &self {
            Self::Here(tensor) => tensor.len(),
            Self::Stored(stored) => stored.count(),
        };
        if range.start > range.end || range.end > count {
            return Err(Error::Weights(format!("expected the elements {range:?}, found {count}")));
        }
        Ok(match self {
            Self::Here(tensor) => {
                let shape = vec![range.len()];
                Self::Here(HostTensor { shape, data: tensor.data.part(range) })
            }
            Self::Stored(stored) => Self::Stored(Box::new(StoredPart { stored, range })),
        })
    }

    /// All elements as f32, copied only where they are stored otherwise.
    ///
    /// # Errors
    /// If they can no longer be read, or the system refuses memory for them.
    pub fn to_f32(&self) -> Result<Cow<'_, [f32]>> {
        let stored = match self {
            Self::Here(tensor) => return Ok(tensor.to_f32()),
            Self::Stored(stored) => stored,
        };
        let mut values = zeros(stored.count())?;
        let size = stored.element().size();
        let mut bytes = vec![0; PIECE * size];
        for (piece, values) in values.chunks_mut(PIECE).enumerate() {
            let bytes = &mut bytes[..values.len() * size];
            stored.read(piece * PIECE, bytes)?;
            let elements = values.iter_mut().zip(bytes.chunks_exact(size));
            elements.for_each(|(value, bytes)| *value = upcast(stored.element(), bytes));
        }
        Ok(Cow::Owned(values))
    }
}

/// Some of the elements of others.
struct StoredPart<'a> {
    stored: Box<dyn StoredNumbers + 'a>,
    range: Range<usize>,
}

impl StoredNumbers for StoredPart<'_> {
    fn count(&self) -> usize {
        self.range.len()
    }

    fn element(&self) -> Element {
        self.stored.element()
    }

    fn groups(&self) -> Option<Groups> {
        self.stored.groups().filter(|_| self.range.start.is_multiple_of(GROUP))
    }

    fn read_groups(&self, first: usize, to: &mut [Group]) -> Result<()> {
        self.stored.read_groups(self.range.start + first, to)
    }

    fn read(&self, first: usize, to: &mut [u8]) -> Result<()> {
        self.stored.read(self.range.start + first, to)
    }
}

/// Elements read at once by [`TensorRows::to_f32`].
const PIECE: usize = 1 << 16;

/// The element that little-endian `bytes` of its size hold.
fn upcast(element: Element, bytes: &[u8]) -> f32 {
    match (element, bytes) {
        (Element::F16, &[a, b]) => f16::from_le_bytes([a, b]).to_f32(),
        (Element::Bf16, &[a, b]) => bf16::from_le_bytes([a, b]).to_f32(),
        (Element::F32, &[a, b, c, d]) => f32::from_le_bytes([a, b, c, d]),
        _ => f32::NAN,
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

    fn groups(&self) -> Option<Groups> {
        match self {
            Self::Here(_) => None,
            Self::Stored(stored) => stored.groups(),
        }
    }

    fn read_groups(&self, first: usize, to: &mut [Group]) -> Result<()> {
        match self {
            Self::Here(_) => Err(Error::Weights("a tensor in memory was packed as groups".to_owned())),
            Self::Stored(stored) => stored.read_groups(first, to),
        }
    }
}

/// A set of named tensors: a checkpoint file, a folder, or weights drawn from their names.
pub trait TensorSource: Send + Sync {
    /// The shape of a tensor, or `None` if the source has no such name.
    ///
    /// `expected` is what the network asks for; a source that can make any tensor returns it.
    fn shape(&self, name: &str, expected: &[usize]) -> Option<Vec<usize>>;

    /// Reads one tensor, whose `shape` [`TensorSource::shape`] returned.
    ///
    /// # Errors
    /// One sentence if the name is missing, its bytes are damaged or of an unsupported type, or they
    /// can no longer be read.
    fn read(&self, name: &str, shape: &[usize]) -> Result<HostTensor<'_>>;

    /// The same tensor, to be packed. A source on a drive leaves it there, so that a large matrix is
    /// never copied; others need no more than this.
    ///
    /// # Errors
    /// As [`TensorSource::read`].
    fn rows(&self, name: &str, shape: &[usize]) -> Result<TensorRows<'_>> {
        self.read(name, shape).map(TensorRows::here)
    }

    /// Every stored name, sorted; empty for a source that makes tensors as they are asked for.
    fn names(&self) -> Vec<String>;
}
