//! `Embedding`: a table of rows looked up by number.

use candle_core as candle;

use super::{Error, Result, Tensor, Weights};

/// A table with its weights.
#[derive(Clone, Debug)]
pub struct Embedding {
    table: Tensor, // (rows, width)
}

impl Embedding {
    /// Reads `weight` (rows, width).
    ///
    /// # Errors
    /// If it is missing or of another shape.
    pub fn new(weights: &Weights, rows: usize, width: usize) -> Result<Self> {
        let table = weights.get("weight", &[rows, width])?;
        Ok(Self { table: Tensor::from_f32(weights.device(), &[rows, width], &table.to_f32())? })
    }

    /// The rows of `ids`, as tokens (b, n, width) for `shape` [b, n].
    ///
    /// # Errors
    /// If an id is not in the table.
    pub fn forward(&self, ids: &[i64], shape: [usize; 2]) -> Result<Tensor> {
        let rows = self.rows(ids)?;
        let width = self.table.shape()[1];
        self.table.wrap("a look-up", rows.inner.reshape((shape[0], shape[1], width)))
    }

    /// The rows of `ids`, (ids, width).
    ///
    /// # Errors
    /// If an id is not in the table.
    pub fn rows(&self, ids: &[i64]) -> Result<Tensor> {
        let rows = self.table.shape()[0];
        let look_up: Vec<u32> = ids
            .iter()
            .map(|&id| u32::try_from(id).ok().filter(|&id| (id as usize) < rows))
            .collect::<Option<_>>()
            .ok_or_else(|| Error::Shape(format!("expected numbers from 0 to {}, found {ids:?}", rows - 1)))?;
        let select = || {
            let ids = candle::Tensor::new(look_up.as_slice(), &self.table.device.candle)?;
            self.table.inner.index_select(&ids, 0)
        };
        self.table.wrap("a look-up", select())
    }

    /// The whole table as tokens (1, rows, width): position embeddings.
    ///
    /// # Errors
    /// If the device fails.
    pub fn all(&self) -> Result<Tensor> {
        self.table.wrap("a look-up", self.table.inner.unsqueeze(0))
    }
}
