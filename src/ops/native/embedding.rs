//! Look-ups: rows of a table in the file's own type, widened one by one.

use half::f16;

use crate::ops::host::HostData;
use crate::ops::native::Tensor;
use crate::ops::{Device, Result, Weights};

/// A table with its weights.
#[derive(Debug)]
pub struct Embedding {
    table: Rows,
    width: usize,
    device: Device,
}

#[derive(Debug)]
enum Rows {
    F16(Vec<f16>),
    F32(Vec<f32>),
}

impl Embedding {
    /// Reads `weight` (rows, width).
    ///
    /// # Errors
    /// If it is missing or of another shape.
    pub fn new(weights: &Weights, rows: usize, width: usize) -> Result<Self> {
        let tensor = weights.get("weight", &[rows, width])?;
        let table = match tensor.data {
            HostData::F16(values) => Rows::F16(values.into_owned()),
            HostData::F32(values) => Rows::F32(values.into_owned()),
            _ => Rows::F32(tensor.to_f32().into_owned()),
        };
        Ok(Self { table, width, device: weights.device().clone() })
    }

    /// The rows of `ids`, of shape (shape…, width). The caller has checked the ids.
    ///
    /// # Errors
    /// If the device is another.
    pub fn forward(&self, ids: &[u32], shape: &[usize]) -> Result<Tensor> {
        let full: Vec<usize> = shape.iter().copied().chain([self.width]).collect();
        Tensor::make(&self.device, &full, |_, to| {
            for (to, &id) in to.chunks_exact_mut(self.width).zip(ids) {
                let row = id as usize * self.width..(id as usize + 1) * self.width;
                match &self.table {
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
