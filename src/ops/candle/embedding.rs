//! Look-ups by candle.

use candle_core as candle;

use crate::ops::candle::Tensor;
use crate::ops::{Result, Weights};

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

    /// The rows of `ids`, of shape (shape…, width).
    ///
    /// # Errors
    /// If the device fails.
    pub fn forward(&self, ids: &[u32], shape: &[usize]) -> Result<Tensor> {
        let width = self.table.shape()[1];
        let full: Vec<usize> = shape.iter().copied().chain([width]).collect();
        let device = self.table.device.stock()?;
        let select = || {
            let ids = candle::Tensor::new(ids, device)?;
            self.table.inner.index_select(&ids, 0)?.reshape(full)
        };
        self.table.wrap("a look-up", select())
    }
}
