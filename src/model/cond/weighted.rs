//! Texts of weighted pieces to contexts of as many chunks as they need (mirrors `TextConditionalModel.forward` of
//! A1111's `sd_hijack_clip.py`).
//!
//! Invariant: a short text without weights is encoded as the reference does it, number by number.

use super::chunks::{Chunks, Piece, PieceWord};
use super::text_embedding::TextEmbedding;
use super::text_encoder::TextEncoder;
use super::weighting::{ChunkOfTexts, Emphasis, Weighting, share_without};
use crate::ops::{Device, Result, Tensor};

/// What an encoder made of some texts.
#[derive(Clone, Debug)]
pub struct WeightedTexts {
    /// The context (b, 77·k, d), and what is pooled.
    pub embedding: TextEmbedding,
    /// The tokens of each text, as A1111 counts them.
    pub counts: Vec<usize>,
    /// Chunks that each has of its own; those of fewer are filled up with empty ones.
    pub chunks: Vec<usize>,
    /// The words of each.
    pub words: Vec<Vec<PieceWord>>,
}

impl TextEncoder {
    /// Encodes texts, each of which stands `times` in a schedule.
    ///
    /// # Errors
    /// If a text cannot be split, the weights cannot be read again, or stopped.
    pub(super) fn weighted(
        &self,
        texts: &[&[Piece]],
        times: &[usize],
        weighting: Weighting,
        device: &Device,
    ) -> Result<WeightedTexts> {
        let laid = texts.iter().map(|pieces| self.chunks(pieces)).collect::<Result<Vec<Chunks>>>()?;
        let embedding = match weighting.emphasis {
            Emphasis::FromEmpty => self.mixed(texts, &laid, weighting, device)?,
            _ => self.embedded(&laid, times, weighting, device)?,
        };
        let words = laid.iter().zip(texts).map(|(laid, pieces)| {
            let texts: Vec<&str> = pieces.iter().map(Piece::text).collect();
            laid.words(&texts)
        });
        Ok(WeightedTexts {
            embedding,
            counts: laid.iter().map(Chunks::count).collect(),
            chunks: laid.iter().map(|laid| laid.chunks.len()).collect(),
            words: words.collect(),
        })
    }

    /// The contexts of texts in chunks.
    fn embedded(
        &self,
        laid: &[Chunks],
        times: &[usize],
        weighting: Weighting,
        device: &Device,
    ) -> Result<TextEmbedding> {
        let most = laid.iter().map(|laid| laid.chunks.len()).max().unwrap_or(1);
        let is_plain = laid.iter().all(Chunks::is_plain);
        let mut chunks = Vec::with_capacity(most);
        let mut pooled = None;
        for chunk in 0..most {
            let ids: Vec<Vec<u32>> = laid.iter().map(|laid| laid.ids(chunk)).collect();
            let encoded = self.encode(&ids, weighting.clip_skip)?.brought_to(device)?;
            if is_plain && most == 1 {
                return Ok(encoded);
            }
            pooled = pooled.or(encoded.pooled);
            chunks.push(self.by_weights(&encoded.context, laid, chunk, times, weighting)?);
        }
        // Chunks of a text lie one after another: (b, 77·k, d).
        let [texts, n, d] = chunks[0].1;
        let mut values = Vec::with_capacity(texts * most * n * d);
        for text in 0..texts {
            chunks.iter().for_each(|(states, _)| values.extend_from_slice(&states[text * n * d..][..n * d]));
        }
        Ok(TextEmbedding { context: Tensor::from_f32(device, &[texts, most * n, d], &values)?, pooled })
    }

    /// A chunk's states under the weights of its tokens, and their shape.
    fn by_weights(
        &self,
        context: &Tensor,
        laid: &[Chunks],
        chunk: usize,
        times: &[usize],
        weighting: Weighting,
    ) -> Result<(Vec<f32>, [usize; 3])> {
        let shape @ [_, n, d] = context.token_shape()?;
        let mut values = context.to_f32()?;
        if laid.iter().all(|laid| laid.weights(chunk, n).iter().all(|weight| *weight == 1.0)) {
            return Ok((values, shape));
        }
        let mut texts = ChunkOfTexts {
            states: values.chunks_exact_mut(n * d).collect(),
            weights: laid.iter().map(|laid| laid.weights(chunk, n)).collect(),
            times,
        };
        match weighting.emphasis {
            Emphasis::Mean => texts.multiply_to_mean(),
            Emphasis::Plain => texts.multiply(),
            Emphasis::FromEmpty => {
                let empty = self.encode(&[Vec::new()], weighting.clip_skip)?.context.to_f32()?;
                texts.move_from(&empty);
            }
        }
        Ok((values, shape))
    }

    /// compel's: each text beside itself without each of its pieces that weigh less than 1.
    fn mixed(
        &self,
        texts: &[&[Piece]],
        laid: &[Chunks],
        weighting: Weighting,
        device: &Device,
    ) -> Result<TextEmbedding> {
        let most = laid.iter().map(|laid| laid.chunks.len()).max().unwrap_or(1);
        let mut contexts = Vec::with_capacity(texts.len());
        let mut pooled = Vec::new();
        for (pieces, laid) in texts.iter().zip(laid) {
            let mut versions = vec![laid.clone().filled_to(most)];
            let mut shares = vec![1.0];
            for (piece, weight) in pieces.iter().enumerate().filter_map(|(at, it)| Some((at, it.weight()?))) {
                if weight < 1.0 {
                    let without = [&pieces[..piece], &pieces[piece + 1..]].concat();
                    versions.push(self.chunks(&without)?.filled_to(most));
                    shares.push(share_without(weight));
                }
            }
            let all: f32 = shares.iter().sum();
            let times = vec![1; versions.len()];
            let embedded = self.embedded(&versions, &times, weighting, device)?;
            let [_, n, d] = embedded.context.token_shape()?;
            let mut mixed = vec![0.0; n * d];
            for (states, share) in embedded.context.to_f32()?.chunks_exact(n * d).zip(&shares) {
                mixed.iter_mut().zip(states).for_each(|(sum, value)| *sum += value * (share / all));
            }
            contexts.push(if shares.len() == 1 {
                embedded.context.batch_item(0)?
            } else {
                Tensor::from_f32(device, &[1, n, d], &mixed)?
            });
            pooled.extend(embedded.pooled.map(|pooled| pooled.batch_item(0)).transpose()?);
        }
        let joined = |tensors: &[Tensor]| Tensor::concatenate_batch(&tensors.iter().collect::<Vec<_>>());
        let pooled = if pooled.is_empty() { None } else { Some(joined(&pooled)?) };
        Ok(TextEmbedding { context: joined(&contexts)?, pooled })
    }
}
