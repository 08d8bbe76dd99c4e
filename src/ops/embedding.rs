//! `Embedding`: a table whose rows are looked up by id.

use super::backend::EmbeddingOps;
use super::dispatch::{Own, on, own};
use super::{Device, Error, Result, Tensor, Weights};

/// A table with its weights.
#[derive(Debug)]
pub struct Embedding {
    device: Device,
    rows: usize,
    packed: own::Embedding,
}

impl Embedding {
    /// Reads `weight` (rows, width).
    ///
    /// # Errors
    /// If it is missing or of another shape.
    pub fn new(weights: &Weights, rows: usize, width: usize) -> Result<Self> {
        let table = weights.get("weight", &[rows, width])?;
        let device = weights.device().clone();
        let packed = on!(device, backend => backend.pack_embedding(table)?.put());
        Ok(Self { device, rows, packed })
    }

    /// The rows of `ids`, as tokens (b, n, width) for `shape` [b, n].
    ///
    /// # Errors
    /// If an id is not in the table, or `ids` are not b·n.
    pub fn forward(&self, ids: &[i64], shape: [usize; 2]) -> Result<Tensor> {
        self.look_up(ids, &shape)
    }

    /// The rows of `ids`, (ids, width).
    ///
    /// # Errors
    /// If an id is not in the table.
    pub fn rows(&self, ids: &[i64]) -> Result<Tensor> {
        self.look_up(ids, &[ids.len()])
    }

    /// The whole table as tokens (1, rows, width): position embeddings.
    ///
    /// # Errors
    /// If the device fails.
    pub fn all(&self) -> Result<Tensor> {
        let every: Vec<i64> = (0..self.rows as i64).collect();
        self.look_up(&every, &[1, self.rows])
    }

    fn look_up(&self, ids: &[i64], shape: &[usize]) -> Result<Tensor> {
        let checked: Option<Vec<u32>> =
            ids.iter().map(|&id| u32::try_from(id).ok().filter(|&id| (id as usize) < self.rows)).collect();
        let Some(checked) = checked.filter(|ids| ids.len() == shape.iter().product::<usize>()) else {
            return Err(Error::Shape(format!(
                "expected {shape:?} ids from 0 to {}, found {ids:?}",
                self.rows.saturating_sub(1)
            )));
        };
        let device = &self.device;
        on!(device, backend => {
            let table = device.own(device, &self.packed)?;
            Ok(Tensor::made(backend, device, backend.look_up(table, &checked, shape)?))
        })
    }
}
