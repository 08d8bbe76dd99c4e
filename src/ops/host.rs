//! Tensors at rest in host memory: how a checkpoint hands weights to the operations.
//!
//! Invariant: `data.len()` is the product of `shape`; nothing here computes.

use std::borrow::Cow;

use half::{bf16, f16};

/// A tensor's numbers in host memory, row-major, possibly borrowed from a mapped file.
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

/// A set of named tensors: a checkpoint file, a folder, or weights drawn from their names.
pub trait TensorSource: Send + Sync {
    /// The shape of a tensor, or `None` if the source has no such name.
    ///
    /// `expected` is what the network wants; a source that can make any tensor answers with it.
    fn shape(&self, name: &str, expected: &[usize]) -> Option<Vec<usize>>;

    /// Reads one tensor. `shape` is what [`TensorSource::shape`] answered.
    ///
    /// # Errors
    /// One sentence if the name is missing, or its bytes are damaged or of an unsupported type.
    fn read(&self, name: &str, shape: &[usize]) -> Result<HostTensor<'_>, String>;

    /// The tensor was copied and will not be read again soon; a mapped file may forget its pages.
    fn release(&self, _name: &str) {}

    /// The same of all tensors. It takes what [`TensorSource::release`] leaves: tensors that are too
    /// small to be released one by one, and the pages that the system maps around those that are read,
    /// tens of megabytes in all.
    fn release_all(&self) {}

    /// Every stored name, sorted; empty for a source that makes tensors as they are asked for.
    fn names(&self) -> Vec<String>;
}
