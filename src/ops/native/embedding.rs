//! Look-ups: rows of a table in the file's own type, upcast as they are read.

use half::f16;

use crate::ops::Result;
use crate::ops::backend::EmbeddingOps;
use crate::ops::host::{HostData, HostTensor};
use crate::ops::native::{Native, Tensor};

/// A table with its weights.
#[derive(Debug)]
pub struct Embedding {
    table: Rows,
    width: usize,
}

#[derive(Debug)]
enum Rows {
    F16(Vec<f16>),
    F32(Vec<f32>),
}

impl EmbeddingOps for Native {
    type Embedding = Embedding;

    fn pack_embedding(&self, table: HostTensor<'_>) -> Result<Embedding> {
        let width = table.shape.last().copied().unwrap_or(0);
        let table = match table.data {
            HostData::F16(values) => Rows::F16(values.into_owned()),
            HostData::F32(values) => Rows::F32(values.into_owned()),
            _ => Rows::F32(table.to_f32().into_owned()),
        };
        Ok(Embedding { table, width })
    }

    fn look_up(&self, embedding: &Embedding, ids: &[u32], shape: &[usize]) -> Result<Tensor> {
        let width = embedding.width;
        let full: Vec<usize> = shape.iter().copied().chain([width]).collect();
        self.make(&full, |to| {
            for (to, &id) in to.chunks_exact_mut(width.max(1)).zip(ids) {
                let row = id as usize * width..(id as usize + 1) * width;
                match &embedding.table {
                    Rows::F16(table) => {
                        to.iter_mut().zip(&table[row]).for_each(|(to, from)| *to = from.to_f32())
                    }
                    Rows::F32(table) => to.copy_from_slice(&table[row]),
                }
            }
            Ok(())
        })
    }
}
