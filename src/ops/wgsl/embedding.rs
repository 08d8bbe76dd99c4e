//! Look-ups: the table stays with the host, and the rows that are asked for go to the card.
//!
//! A text has 77 rows of a table of 49,408; CLIP's whole table in f32 would be larger than what some
//! devices bind at once.

use super::device::Wgsl;
use super::tensor::Tensor;
use crate::ops::Result;
use crate::ops::backend::{EmbeddingOps, TensorOps as _};
use crate::ops::host::{HostData, HostTensor};

/// A table, in the type of the file.
#[derive(Debug)]
pub struct Embedding {
    table: HostTensor<'static>,
    width: usize,
}

impl EmbeddingOps for Wgsl {
    type Embedding = Embedding;

    fn pack_embedding(&self, table: HostTensor<'_>) -> Result<Embedding> {
        let width = table.shape.last().copied().unwrap_or(0);
        let data = match table.data {
            HostData::F16(values) => HostData::F16(values.into_owned().into()),
            HostData::Bf16(values) => HostData::Bf16(values.into_owned().into()),
            HostData::F32(values) => HostData::F32(values.into_owned().into()),
            _ => HostData::F32(table.to_f32().into_owned().into()),
        };
        Ok(Embedding { table: HostTensor { shape: table.shape, data }, width })
    }

    fn look_up(&self, table: &Embedding, ids: &[u32], shape: &[usize]) -> Result<Tensor> {
        let width = table.width;
        let full: Vec<usize> = shape.iter().copied().chain([width]).collect();
        let place = |id: &u32| *id as usize * width..(*id as usize + 1) * width;
        let values: Vec<f32> = match &table.table.data {
            HostData::F16(rows) => ids.iter().flat_map(|id| &rows[place(id)]).map(|x| x.to_f32()).collect(),
            HostData::Bf16(rows) => ids.iter().flat_map(|id| &rows[place(id)]).map(|x| x.to_f32()).collect(),
            HostData::F32(rows) => ids.iter().flat_map(|id| &rows[place(id)]).copied().collect(),
            HostData::F64(_) | HostData::I64(_) => Vec::new(),
        };
        self.upload(&full, &values)
    }
}
