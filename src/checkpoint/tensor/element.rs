//! `ElementType`: the element types that checkpoints store, and how bytes become elements.
//!
//! Invariant: floats keep their stored width, but 8-bit ones become half floats; integers that fit
//! become i64. Aligned bytes are borrowed, others copied.

use std::borrow::Cow;

use bytemuck::{AnyBitPattern, NoUninit};

use crate::checkpoint::tensor::blocks::Blocks;
use crate::checkpoint::tensor::float8::Float8;
use crate::ops::host::HostData;

/// How a file stores a tensor's elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the names say it: F for floats, I and U for integers, bits after them")]
pub enum ElementType {
    F64,
    F32,
    F16,
    Bf16,
    F8(Float8),
    I64,
    I32,
    I16,
    I8,
    U32,
    U16,
    U8,
    Bool,
    /// Numbers in blocks with scales.
    Blocks(Blocks),
    /// A type that is listed but not read, under the name that safetensors gives it.
    Other(&'static str),
}

impl ElementType {
    /// Bytes of so many elements; `None` for a type that is not read, or a part of a block.
    pub(crate) fn bytes_of(self, count: usize) -> Option<usize> {
        match self {
            Self::Blocks(blocks) if !count.is_multiple_of(blocks.numbers()) => None,
            Self::Blocks(blocks) => (count / blocks.numbers()).checked_mul(blocks.bytes()),
            _ => count.checked_mul(self.size()?),
        }
    }

    /// Bytes an element takes; `None` for a type that is not read or whose elements share bytes.
    pub fn size(self) -> Option<usize> {
        match self {
            Self::F64 | Self::I64 => Some(8),
            Self::F32 | Self::I32 | Self::U32 => Some(4),
            Self::F16 | Self::Bf16 | Self::I16 | Self::U16 => Some(2),
            Self::F8(_) | Self::I8 | Self::U8 | Self::Bool => Some(1),
            Self::Blocks(_) | Self::Other(_) => None,
        }
    }

    /// The name as safetensors spells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::F64 => "F64",
            Self::F32 => "F32",
            Self::F16 => "F16",
            Self::Bf16 => "BF16",
            Self::F8(Float8::E4M3) => "F8_E4M3",
            Self::F8(Float8::E5M2) => "F8_E5M2",
            Self::F8(Float8::E4M3Fnuz) => "F8_E4M3FNUZ",
            Self::F8(Float8::E5M2Fnuz) => "F8_E5M2FNUZ",
            Self::I64 => "I64",
            Self::I32 => "I32",
            Self::I16 => "I16",
            Self::I8 => "I8",
            Self::U32 => "U32",
            Self::U16 => "U16",
            Self::U8 => "U8",
            Self::Bool => "BOOL",
            Self::Blocks(blocks) => blocks.name(),
            Self::Other(name) => name,
        }
    }

    /// The type that a safetensors header calls `name`.
    pub(crate) fn of_safetensors(name: &str) -> Self {
        const READ: [ElementType; 16] = [
            ElementType::F64,
            ElementType::F32,
            ElementType::F16,
            ElementType::Bf16,
            ElementType::F8(Float8::E4M3),
            ElementType::F8(Float8::E5M2),
            ElementType::F8(Float8::E4M3Fnuz),
            ElementType::F8(Float8::E5M2Fnuz),
            ElementType::I64,
            ElementType::I32,
            ElementType::I16,
            ElementType::I8,
            ElementType::U32,
            ElementType::U16,
            ElementType::U8,
            ElementType::Bool,
        ];
        const LISTED: [&str; 6] = ["U64", "C64", "F8_E8M0", "F6_E2M3", "F6_E3M2", "F4"];
        let listed = || LISTED.iter().find(|known| **known == name).copied();
        let read = READ.iter().find(|element| element.name() == name).copied();
        read.unwrap_or_else(|| Self::Other(listed().unwrap_or("an unknown type")))
    }

    /// The type of the storage class `class` in torch's `module`.
    pub(crate) fn of_torch_storage(module: &str, class: &str) -> Option<Self> {
        if !matches!(module, "torch" | "torch.cuda" | "torch.storage") {
            return None;
        }
        Some(match class {
            "DoubleStorage" => Self::F64,
            "FloatStorage" => Self::F32,
            "HalfStorage" => Self::F16,
            "BFloat16Storage" => Self::Bf16,
            "LongStorage" => Self::I64,
            "IntStorage" => Self::I32,
            "ShortStorage" => Self::I16,
            "CharStorage" => Self::I8,
            // Untyped storages count bytes; the tensor names its own type.
            "ByteStorage" | "UntypedStorage" => Self::U8,
            "BoolStorage" => Self::Bool,
            _ => return None,
        })
    }

    /// The type that torch calls `torch.<name>`.
    pub(crate) fn of_torch_dtype(name: &str) -> Option<Self> {
        Some(match name {
            "float64" => Self::F64,
            "float32" => Self::F32,
            "float16" => Self::F16,
            "bfloat16" => Self::Bf16,
            "float8_e4m3fn" => Self::F8(Float8::E4M3),
            "float8_e5m2" => Self::F8(Float8::E5M2),
            "float8_e4m3fnuz" => Self::F8(Float8::E4M3Fnuz),
            "float8_e5m2fnuz" => Self::F8(Float8::E5M2Fnuz),
            "int64" => Self::I64,
            "int32" => Self::I32,
            "int16" => Self::I16,
            "int8" => Self::I8,
            "uint32" => Self::U32,
            "uint16" => Self::U16,
            "uint8" => Self::U8,
            "bool" => Self::Bool,
            _ => return None,
        })
    }

    /// The elements in `bytes`, whose length is a multiple of [`ElementType::size`]; `None` for a
    /// type that is not read.
    pub(crate) fn numbers(self, bytes: &[u8]) -> Option<HostData<'_>> {
        Some(match self {
            Self::F64 => HostData::F64(cast(bytes)),
            Self::F32 => HostData::F32(cast(bytes)),
            Self::F16 => HostData::F16(cast(bytes)),
            Self::Bf16 => HostData::Bf16(cast(bytes)),
            Self::F8(kind) => HostData::F16(kind.widen(bytes).into()),
            Self::I64 => HostData::I64(cast(bytes)),
            Self::I32 => widen::<i32>(bytes),
            Self::I16 => widen::<i16>(bytes),
            Self::I8 => widen::<i8>(bytes),
            Self::U32 => widen::<u32>(bytes),
            Self::U16 => widen::<u16>(bytes),
            Self::U8 => widen::<u8>(bytes),
            Self::Bool => HostData::I64(bytes.iter().map(|byte| i64::from(*byte != 0)).collect()),
            Self::Blocks(_) | Self::Other(_) => return None,
        })
    }
}

/// Borrows aligned bytes as elements, copies others.
fn cast<T: AnyBitPattern + NoUninit>(bytes: &[u8]) -> Cow<'_, [T]> {
    match bytemuck::try_cast_slice(bytes) {
        Ok(numbers) => Cow::Borrowed(numbers),
        Err(_) => Cow::Owned(bytemuck::pod_collect_to_vec(bytes)),
    }
}

fn widen<T: AnyBitPattern + NoUninit + Into<i64>>(bytes: &[u8]) -> HostData<'_> {
    HostData::I64(cast::<T>(bytes).iter().map(|number| (*number).into()).collect())
}

#[cfg(target_endian = "big")]
compile_error!("checkpoints are little-endian and are borrowed as they lie");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn misaligned_bytes_are_copied_and_aligned_ones_borrowed() {
        let numbers = [1.5f32, -2.0, 0.25];
        let aligned: &[u8] = bytemuck::cast_slice(&numbers);
        assert!(
            matches!(ElementType::F32.numbers(aligned), Some(HostData::F32(Cow::Borrowed(n))) if n == numbers)
        );
        let mut shifted = vec![0u64; 3];
        let bytes: &mut [u8] = bytemuck::cast_slice_mut(&mut shifted);
        bytes[1..13].copy_from_slice(aligned);
        assert!(
            matches!(ElementType::F32.numbers(&bytes[1..13]), Some(HostData::F32(Cow::Owned(n))) if n == numbers)
        );
    }

    #[test]
    fn narrow_integers_keep_their_sign() {
        assert_eq!(ElementType::I8.numbers(&[0xff, 1]), Some(HostData::I64(vec![-1, 1].into())));
        assert_eq!(ElementType::U8.numbers(&[0xff, 1]), Some(HostData::I64(vec![255, 1].into())));
        assert_eq!(ElementType::Bool.numbers(&[7, 0]), Some(HostData::I64(vec![1, 0].into())));
    }
}
