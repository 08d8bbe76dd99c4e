//! `TextEmbedding`: what a model's text encoders make of a batch of texts.

use crate::ops::{Device, Error, Result, Tensor};

/// What the UNet is conditioned with for each of b texts.
#[derive(Clone, Debug)]
pub struct TextEmbedding {
    /// The context of cross-attention (b, n, d).
    pub context: Tensor,
    /// The pooled output (b, d) of the encoders that give one; the UNet takes it as its vector.
    pub pooled: Option<Tensor>,
}

impl TextEmbedding {
    /// What several encoders made of the same texts: contexts of the same n side by side along d, and so the
    /// pooled outputs of those that gave one. What one encoder made stays as it is.
    ///
    /// # Errors
    /// If there is none, or the contexts have not the same positions.
    pub(super) fn joined(parts: Vec<Self>) -> Result<Self> {
        let (contexts, pooled): (Vec<_>, Vec<_>) =
            parts.into_iter().map(|part| (part.context, part.pooled)).unzip();
        let pooled: Vec<Tensor> = pooled.into_iter().flatten().collect();
        let pooled = match pooled.as_slice() {
            [] => None,
            [one] => Some(one.clone()),
            many => Some(Tensor::concatenate_channels(&many.iter().collect::<Vec<_>>())?),
        };
        Ok(Self { context: joined_contexts(&contexts)?, pooled })
    }

    /// The same on another device.
    ///
    /// # Errors
    /// If the device fails.
    pub(super) fn brought_to(&self, device: &Device) -> Result<Self> {
        let pooled = self.pooled.as_ref().map(|pooled| pooled.brought_to(device)).transpose()?;
        Ok(Self { context: self.context.brought_to(device)?, pooled })
    }

    /// That of one of the texts, with a batch of 1.
    ///
    /// # Errors
    /// If there are not so many.
    pub fn batch_item(&self, index: usize) -> Result<Self> {
        let pooled = self.pooled.as_ref().map(|pooled| pooled.batch_item(index)).transpose()?;
        Ok(Self { context: self.context.batch_item(index)?, pooled })
    }

    /// As many copies one after another as make a batch of `batch`.
    ///
    /// # Errors
    /// If `batch` is no multiple of b.
    pub fn repeated_to(&self, batch: usize) -> Result<Self> {
        let pooled = self.pooled.as_ref().map(|pooled| pooled.repeated_to(batch)).transpose()?;
        Ok(Self { context: self.context.repeated_to(batch)?, pooled })
    }

    /// The context and what is pooled.
    pub fn tensors(&self) -> impl Iterator<Item = &Tensor> {
        std::iter::once(&self.context).chain(&self.pooled)
    }
}

/// Contexts (b, n, d) side by side along d.
fn joined_contexts(contexts: &[Tensor]) -> Result<Tensor> {
    if let [one] = contexts {
        return Ok(one.clone());
    }
    // Channels of tokens lie as those of a map of one column do.
    let columns = contexts.iter().map(|context| {
        let [_, n, _] = context.token_shape()?;
        context.to_map(n, 1)
    });
    let columns = columns.collect::<Result<Vec<_>>>()?;
    if columns.is_empty() {
        return Err(Error::NoText);
    }
    Tensor::concatenate_channels(&columns.iter().collect::<Vec<_>>())?.to_tokens()
}
