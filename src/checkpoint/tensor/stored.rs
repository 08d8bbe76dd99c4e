//! Where a tensor lies in the files, and how it is read from there.
//!
//! Invariant: every range was checked against its file when the checkpoint was opened.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

use bytemuck::{AnyBitPattern, NoUninit, Zeroable};

use crate::ops;
use crate::ops::cpu::{Element, GROUP, Group, Groups, zeros};
use crate::ops::host::{HostData, HostTensor, StoredNumbers, TensorRows};

use super::blocks::Blocks;
use super::element::ElementType;
use super::model_file::ModelFile;
use crate::checkpoint::error::Problem;

/// Stored tensors by name.
pub(crate) type Tensors = BTreeMap<String, StoredTensor>;

/// A tensor as the files store it.
#[derive(Clone, Debug)]
pub(crate) struct StoredTensor {
    pub(crate) shape: Vec<usize>,
    pub(crate) element: ElementType,
    /// Usually one; several lie one after another along the first dimension.
    pub(crate) pieces: Vec<Piece>,
    /// The factor of its elements: one, or one a row.
    pub(crate) scale: Option<Box<StoredTensor>>,
}

/// A run of bytes in one file.
#[derive(Clone, Debug)]
pub(crate) struct Piece {
    /// Index among the checkpoint's files.
    pub(crate) file: usize,
    /// The bytes from the first element to the last.
    pub(crate) bytes: Range<usize>,
    /// Strides in elements where they are not row-major.
    pub(crate) strides: Option<Vec<usize>>,
}

impl StoredTensor {
    /// Elements that it has.
    pub(crate) fn count(&self) -> usize {
        self.shape.iter().product()
    }

    /// Bytes that its elements take, without gaps.
    pub(crate) fn size(&self) -> u64 {
        match self.element.bytes_of(self.count()) {
            Some(bytes) => bytes as u64,
            None => self.pieces.iter().map(|piece| piece.bytes.len() as u64).sum(),
        }
    }

    /// The first rows of a tensor that has more of them than `shape`, and is otherwise of it.
    pub(crate) fn first_rows(&self, shape: &[usize]) -> Option<Self> {
        let ([found, row @ ..], [wanted, expected @ ..]) = (self.shape.as_slice(), shape) else {
            return None;
        };
        let [piece] = self.pieces.as_slice() else { return None };
        if row != expected || found <= wanted {
            return None;
        }
        let mut piece = piece.clone();
        if piece.strides.is_none() {
            let count: usize = shape.iter().product();
            piece.bytes.end = piece.bytes.start + self.element.bytes_of(count)?;
        }
        Some(Self { shape: shape.to_vec(), pieces: vec![piece], ..self.clone() })
    }

    /// Reads the elements, as a tensor of `shape` (of equal count).
    pub(crate) fn read(
        &self,
        name: &str,
        files: &[ModelFile],
        shape: &[usize],
    ) -> Result<HostTensor<'static>, Problem> {
        let tensor = self.read_unscaled(name, files, shape)?;
        let Some(scale) = &self.scale else { return Ok(tensor) };
        let scale = scale.read_unscaled(name, files, &scale.shape)?;
        let data = multiply(name, shape, tensor.to_f32(), &scale.to_f32())?;
        Ok(HostTensor { shape: tensor.shape, data })
    }

    fn read_unscaled(
        &self,
        name: &str,
        files: &[ModelFile],
        shape: &[usize],
    ) -> Result<HostTensor<'static>, Problem> {
        if let ElementType::Blocks(blocks) = self.element {
            let numbers = self.read_blocks(blocks, files)?;
            return Ok(HostTensor { shape: shape.to_vec(), data: HostData::F32(numbers.into()) });
        }
        let refused = || Problem::ElementType { name: name.to_owned(), found: self.element.name() };
        let size = self.element.size().ok_or_else(refused)?;
        let data = match self.pieces.as_slice() {
            [piece @ Piece { file, bytes, strides: None }] => match files[*file].in_memory() {
                Some(all) => self.element.numbers(&all[bytes.clone()]),
                None => self.read_piece(&files[*file], piece, self.count())?,
            },
            pieces => {
                // Room for all pieces, whose refusal is an error.
                let mut gathered = zeros(self.count() * size)?;
                gathered.clear();
                for piece in pieces {
                    let bytes = files[piece.file].read(piece.bytes.clone())?;
                    match &piece.strides {
                        None => gathered.extend_from_slice(&bytes),
                        Some(strides) => gather(&bytes, size, &self.shape, strides, &mut gathered),
                    }
                }
                self.element.numbers(&gathered).map(into_owned)
            }
        };
        Ok(HostTensor { shape: shape.to_vec(), data: data.ok_or_else(refused)? })
    }

    /// Widens the blocks of all pieces.
    fn read_blocks(&self, blocks: Blocks, files: &[ModelFile]) -> Result<Vec<f32>, Problem> {
        let mut numbers = zeros::<f32>(self.count())?;
        let mut rest = numbers.as_mut_slice();
        for piece in &self.pieces {
            let bytes = files[piece.file].read(piece.bytes.clone())?;
            let count = bytes.len() / blocks.bytes() * blocks.numbers();
            let (here, after) = rest.split_at_mut(count.min(rest.len()));
            blocks.widen(&bytes, here);
            rest = after;
        }
        Ok(numbers)
    }

    /// Reads a row-major piece straight into memory of its own.
    fn read_piece(
        &self,
        file: &ModelFile,
        piece: &Piece,
        count: usize,
    ) -> Result<Option<HostData<'static>>, Problem> {
        let start = piece.bytes.start;
        Ok(match self.element {
            ElementType::F64 => Some(HostData::F64(numbers_at(file, start, count)?)),
            ElementType::F32 => Some(HostData::F32(numbers_at(file, start, count)?)),
            ElementType::F16 => Some(HostData::F16(numbers_at(file, start, count)?)),
            ElementType::Bf16 => Some(HostData::Bf16(numbers_at(file, start, count)?)),
            ElementType::I64 => Some(HostData::I64(numbers_at(file, start, count)?)),
            _ => self.element.numbers(&file.read(piece.bytes.clone())?).map(into_owned),
        })
    }

    /// The elements for packing: they stay in the file if they lie there unscaled, in one row-major piece
    /// of a type that kernels take.
    pub(crate) fn rows<'a>(
        &self,
        name: &str,
        files: &'a [ModelFile],
        shape: &[usize],
    ) -> Result<TensorRows<'a>, Problem> {
        let element = match self.element {
            ElementType::F16 => Some(Element::F16),
            ElementType::Bf16 => Some(Element::Bf16),
            ElementType::F32 => Some(Element::F32),
            _ => None,
        };
        if let (ElementType::Blocks(blocks), [Piece { file, bytes, .. }]) =
            (self.element, self.pieces.as_slice())
        {
            let stored =
                StoredBlocks { file: &files[*file], start: bytes.start, count: self.count(), blocks };
            return Ok(TensorRows::Stored(Box::new(stored)));
        }
        match (element, self.pieces.as_slice()) {
            (Some(element), [Piece { file, bytes, strides: None }])
                if self.scale.is_none() && files[*file].in_memory().is_none() =>
            {
                let stored = Stored { file: &files[*file], start: bytes.start, count: self.count(), element };
                Ok(TensorRows::Stored(Box::new(stored)))
            }
            _ => self.read(name, files, shape).map(TensorRows::here),
        }
    }
}

fn numbers_at<T>(file: &ModelFile, start: usize, count: usize) -> Result<Cow<'static, [T]>, Problem>
where
    T: AnyBitPattern + NoUninit + Zeroable,
{
    let mut numbers = zeros::<T>(count)?;
    file.read_at(start, bytemuck::cast_slice_mut(&mut numbers))?;
    Ok(numbers.into())
}

/// A tensor's elements, still in their file.
struct Stored<'a> {
    file: &'a ModelFile,
    start: usize,
    count: usize,
    element: Element,
}

impl StoredNumbers for Stored<'_> {
    fn count(&self) -> usize {
        self.count
    }

    fn element(&self) -> Element {
        self.element
    }

    fn read(&self, first: usize, to: &mut [u8]) -> ops::Result<()> {
        let start = self.start + first * self.element.size();
        Ok(self.file.read_at(start, to).map_err(|problem| problem.at(self.file.path()))?)
    }
}

/// A tensor's blocks, still in their file; they are read as f32, or in their groups.
struct StoredBlocks<'a> {
    file: &'a ModelFile,
    start: usize,
    count: usize,
    blocks: Blocks,
}

impl StoredNumbers for StoredBlocks<'_> {
    fn count(&self) -> usize {
        self.count
    }

    fn element(&self) -> Element {
        Element::F32
    }

    fn groups(&self) -> Option<Groups> {
        Some(self.blocks.groups())
    }

    fn read_groups(&self, first: usize, to: &mut [Group]) -> ops::Result<()> {
        let (packed, within) = self.around(first, to.len() * GROUP)?;
        self.blocks.read(&packed, within / GROUP, to);
        Ok(())
    }

    fn read(&self, first: usize, to: &mut [u8]) -> ops::Result<()> {
        let count = to.len() / size_of::<f32>();
        let (packed, within) = self.around(first, count)?;
        let mut wide = vec![0.0f32; packed.len() / self.blocks.bytes() * self.blocks.numbers()];
        self.blocks.widen(&packed, &mut wide);
        to.copy_from_slice(bytemuck::cast_slice(&wide[within..][..count]));
        Ok(())
    }
}

impl StoredBlocks<'_> {
    /// The whole blocks around some numbers, and where among theirs the first is.
    fn around(&self, first: usize, count: usize) -> ops::Result<(Vec<u8>, usize)> {
        let (numbers, bytes) = (self.blocks.numbers(), self.blocks.bytes());
        let (from, end) = (first / numbers, (first + count).div_ceil(numbers));
        let mut packed = vec![0; (end - from) * bytes];
        let read = self.file.read_at(self.start + from * bytes, &mut packed);
        read.map_err(|problem| problem.at(self.file.path()))?;
        Ok((packed, first - from * numbers))
    }
}

/// The elements of the tensor `name` in its own units: each row times its scale.
///
/// # Errors
/// If there is neither one scale nor one a row.
fn multiply(
    name: &str,
    shape: &[usize],
    numbers: Cow<'_, [f32]>,
    scale: &[f32],
) -> Result<HostData<'static>, Problem> {
    let rows = if scale.len() == 1 { 1 } else { shape.first().copied().unwrap_or(1) };
    if scale.len() != rows {
        return Err(Problem::Unsupported {
            expected: format!("one scale for {name} or one for each of its {rows} rows"),
            found: format!("{} scales", scale.len()),
        });
    }
    let mut numbers = numbers.into_owned();
    let row = (numbers.len() / rows.max(1)).max(1);
    for (row, scale) in numbers.chunks_mut(row).zip(scale) {
        row.iter_mut().for_each(|number| *number *= scale);
    }
    Ok(HostData::F32(numbers.into()))
}

/// Copies a strided tensor's elements in row-major order.
fn gather(bytes: &[u8], size: usize, shape: &[usize], strides: &[usize], out: &mut Vec<u8>) {
    let count: usize = shape.iter().product();
    let mut index = vec![0usize; shape.len()];
    let mut at = 0usize;
    for _ in 0..count {
        out.extend_from_slice(&bytes[at * size..(at + 1) * size]);
        for axis in (0..shape.len()).rev() {
            index[axis] += 1;
            at += strides[axis];
            if index[axis] < shape[axis] {
                break;
            }
            at -= strides[axis] * shape[axis];
            index[axis] = 0;
        }
    }
}

fn into_owned(data: HostData<'_>) -> HostData<'static> {
    match data {
        HostData::F32(v) => HostData::F32(v.into_owned().into()),
        HostData::F16(v) => HostData::F16(v.into_owned().into()),
        HostData::Bf16(v) => HostData::Bf16(v.into_owned().into()),
        HostData::F64(v) => HostData::F64(v.into_owned().into()),
        HostData::I64(v) => HostData::I64(v.into_owned().into()),
    }
}

/// Whether two shapes differ by nothing but trailing ones: a 1×1 convolution and a linear layer.
pub(crate) fn same_but_trailing_ones(a: &[usize], b: &[usize]) -> bool {
    let trimmed = |shape: &[usize]| shape.iter().rposition(|d| *d != 1).map_or(0, |last| last + 1);
    a[..trimmed(a)] == b[..trimmed(b)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transposed_matrix_is_gathered() {
        let bytes = [0, 1, 2, 3, 4, 5];
        let mut out = Vec::new();
        gather(&bytes, 1, &[3, 2], &[1, 3], &mut out);
        assert_eq!(out, [0, 3, 1, 4, 2, 5]);
    }

    #[test]
    fn an_expanded_row_repeats() {
        let mut out = Vec::new();
        gather(&[7, 8], 1, &[2, 2], &[0, 1], &mut out);
        assert_eq!(out, [7, 8, 7, 8]);
    }

    #[test]
    fn the_first_rows_of_a_table_are_its_first_bytes() {
        let piece = |strides| Piece { file: 0, bytes: 10..22, strides };
        let table = |strides| StoredTensor {
            shape: vec![3, 2],
            element: ElementType::F16,
            pieces: vec![piece(strides)],
            scale: None,
        };
        let bytes = |table: Option<StoredTensor>| table.map(|table| table.pieces[0].bytes.clone());
        assert_eq!(bytes(table(None).first_rows(&[2, 2])), Some(10..18));
        // Column by column, the first rows are spread over all bytes.
        assert_eq!(bytes(table(Some(vec![1, 3])).first_rows(&[2, 2])), Some(10..22));
        for other in [&[3, 2][..], &[4, 2], &[2, 3], &[2], &[]] {
            assert_eq!(bytes(table(None).first_rows(other)), None, "{other:?}");
        }
    }

    #[test]
    fn only_trailing_ones_are_forgiven() {
        assert!(same_but_trailing_ones(&[4, 4], &[4, 4, 1, 1]));
        assert!(!same_but_trailing_ones(&[4, 4], &[4, 4, 3, 3]));
        assert!(!same_but_trailing_ones(&[4, 1, 4], &[4, 4]));
        assert!(same_but_trailing_ones(&[], &[1]));
    }
}
