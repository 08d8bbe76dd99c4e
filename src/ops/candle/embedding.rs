//! Look-ups of a table's rows.

use candle_core::Tensor;

use crate::ops::Result;
use crate::ops::backend::{EmbeddingOps, TensorOps as _};
use crate::ops::candle::Candle;
use crate::ops::host::HostTensor;

impl EmbeddingOps for Candle {
    /// The table (rows, width).
    type Embedding = Tensor;

    fn pack_embedding(&self, table: HostTensor<'_>) -> Result<Tensor> {
        self.upload(&table.shape, &table.to_f32())
    }

    fn look_up(&self, table: &Tensor, ids: &[u32], shape: &[usize]) -> Result<Tensor> {
        let select = || {
            let width = table.dim(1)?;
            let full: Vec<usize> = shape.iter().copied().chain([width]).collect();
            table.index_select(&Tensor::new(ids, &self.device)?, 0)?.reshape(full)
        };
        self.explain("a look-up", select())
    }
}
