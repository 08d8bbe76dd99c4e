//! `Embedding`: a table of rows looked up by number.

use super::{Error, Result, Tensor, Weights};
use crate::ops::{candle, native};

/// A table with its weights.
#[derive(Debug)]
pub struct Embedding {
    rows: usize,
    table: Table,
}

#[derive(Debug)]
enum Table {
    Fast(native::Embedding),
    Stock(candle::Embedding),
}

impl Embedding {
    /// Reads `weight` (rows, width).
    ///
    /// # Errors
    /// If it is missing or of another shape.
    pub fn new(weights: &Weights, rows: usize, width: usize) -> Result<Self> {
        let table = if weights.device().is_fast() {
            Table::Fast(native::Embedding::new(weights, rows, width)?)
        } else {
            Table::Stock(candle::Embedding::new(weights, rows, width)?)
        };
        Ok(Self { rows, table })
    }

    /// The rows of `ids`, as tokens (b, n, width) for `shape` [b, n].
    ///
    /// # Errors
    /// If an id is not in the table.
    pub fn forward(&self, ids: &[i64], shape: [usize; 2]) -> Result<Tensor> {
        let ids = self.numbers(ids)?;
        match &self.table {
            Table::Fast(table) => table.forward(&ids, &shape).map(Tensor::Fast),
            Table::Stock(table) => table.forward(&ids, &shape).map(Tensor::Stock),
        }
    }

    /// The rows of `ids`, (ids, width).
    ///
    /// # Errors
    /// If an id is not in the table.
    pub fn rows(&self, ids: &[i64]) -> Result<Tensor> {
        let ids = self.numbers(ids)?;
        match &self.table {
            Table::Fast(table) => table.forward(&ids, &[ids.len()]).map(Tensor::Fast),
            Table::Stock(table) => table.forward(&ids, &[ids.len()]).map(Tensor::Stock),
        }
    }

    /// The whole table as tokens (1, rows, width): position embeddings.
    ///
    /// # Errors
    /// If the device fails.
    pub fn all(&self) -> Result<Tensor> {
        let every: Vec<i64> = (0..self.rows as i64).collect();
        self.forward(&every, [1, self.rows])
    }

    fn numbers(&self, ids: &[i64]) -> Result<Vec<u32>> {
        ids.iter()
            .map(|&id| u32::try_from(id).ok().filter(|&id| (id as usize) < self.rows))
            .collect::<Option<_>>()
            .ok_or_else(|| {
                Error::Shape(format!("expected numbers from 0 to {}, found {ids:?}", self.rows - 1))
            })
    }
}
