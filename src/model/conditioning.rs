//! Conditioning: what goes into the UNet beside x and t (mirrors `DiffusionWrapper` of
//! `ldm/models/diffusion/ddpm.py`).

use super::cond::TextEmbedding;
use crate::ops::{Result, Tensor};

/// How a model takes its conditioning (`conditioning_key`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConditioningKey {
    /// Not at all.
    None,
    /// As further channels of x.
    Concat,
    /// As the context of cross-attention.
    Crossattn,
    /// Part as channels of x, part as context.
    Hybrid,
    /// As a class label.
    Adm,
}

impl ConditioningKey {
    /// The name in a config.
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "concat" => Self::Concat,
            "crossattn" => Self::Crossattn,
            "hybrid" => Self::Hybrid,
            "adm" => Self::Adm,
            _ => return None,
        })
    }
}

/// The conditioning of one `apply_model` call: the reference's dictionary of lists. A bare tensor
/// or a list goes in by [`Conditioning::from_tensor`] and [`Conditioning::from_list`].
#[derive(Clone, Debug, Default)]
pub struct Conditioning {
    /// Maps (b, c, h, w) to put behind the channels of x.
    pub c_concat: Vec<Tensor>,
    /// Contexts (b, n, d), joined along n.
    pub c_crossattn: Vec<Tensor>,
    /// Class labels (b).
    pub y: Option<Vec<i64>>,
    /// Vectors (b, adm_in_channels) of the models that add one to the time embedding.
    pub vector: Option<Tensor>,
    /// The guidance (b) of a model that was distilled with it, as `unconditional_guidance_scale` has it.
    pub guidance: Option<Vec<f32>>,
}

impl Conditioning {
    /// A bare tensor: it goes where the model's key says.
    pub fn from_tensor(tensor: Tensor, key: ConditioningKey) -> Self {
        Self::from_list(vec![tensor], key)
    }

    /// A list of tensors: they go where the model's key says.
    pub fn from_list(tensors: Vec<Tensor>, key: ConditioningKey) -> Self {
        match key {
            ConditioningKey::Concat => Self { c_concat: tensors, ..Self::default() },
            _ => Self { c_crossattn: tensors, ..Self::default() },
        }
    }

    /// What text encoders gave: the context goes where the model's key says, what is pooled is the vector.
    pub fn from_texts(texts: TextEmbedding, key: ConditioningKey) -> Self {
        Self { vector: texts.pooled, ..Self::from_tensor(texts.context, key) }
    }

    /// Class labels, one for each item of the batch.
    pub fn from_labels(y: Vec<i64>) -> Self {
        Self { y: Some(y), ..Self::default() }
    }

    /// Whether it reaches the UNet by nothing but cross-attention, so that copies of x stay equal until
    /// then.
    pub fn is_context_alone(&self) -> bool {
        let beside = self.y.is_some() || self.vector.is_some() || self.guidance.is_some();
        self.c_concat.is_empty() && !beside && self.c_crossattn.len() == 1
    }

    /// Whether both can be one batch: their contexts have the same length.
    pub fn goes_with(&self, other: &Self) -> bool {
        let shapes = |it: &Self| it.c_crossattn.iter().map(|it| it.shape().to_vec()).collect::<Vec<_>>();
        shapes(self) == shapes(other)
    }

    /// The same for each of a batch of `batch`; itself if it is one already.
    ///
    /// # Errors
    /// If `batch` is no multiple of its own batch.
    pub fn repeated_to(&self, batch: usize) -> Result<Self> {
        let all = |tensors: &[Tensor]| {
            tensors.iter().map(|tensor| tensor.repeated_to(batch)).collect::<Result<Vec<_>>>()
        };
        Ok(Self {
            c_concat: all(&self.c_concat)?,
            c_crossattn: all(&self.c_crossattn)?,
            y: repeated(&self.y, batch),
            vector: self.vector.as_ref().map(|vector| vector.repeated_to(batch)).transpose()?,
            guidance: repeated(&self.guidance, batch),
        })
    }

    /// Both batches one after the other: the doubled batch of classifier-free guidance, with the
    /// unconditional half first.
    ///
    /// # Errors
    /// If the two are not of one kind.
    pub fn doubled(unconditional: &Self, conditional: &Self) -> Result<Self> {
        let join = |a: &[Tensor], b: &[Tensor]| {
            a.iter().zip(b).map(|(a, b)| Tensor::concatenate_batch(&[a, b])).collect::<Result<Vec<_>>>()
        };
        let both = |a: &Option<Tensor>, b: &Option<Tensor>| match (a, b) {
            (Some(a), Some(b)) => Tensor::concatenate_batch(&[a, b]).map(Some),
            _ => Ok(None),
        };
        Ok(Self {
            c_concat: join(&unconditional.c_concat, &conditional.c_concat)?,
            c_crossattn: join(&unconditional.c_crossattn, &conditional.c_crossattn)?,
            y: chained(&unconditional.y, &conditional.y),
            vector: both(&unconditional.vector, &conditional.vector)?,
            guidance: chained(&unconditional.guidance, &conditional.guidance),
        })
    }
}

/// Numbers of both batches.
fn chained<T: Clone>(a: &Option<Vec<T>>, b: &Option<Vec<T>>) -> Option<Vec<T>> {
    Some([a.as_deref()?, b.as_deref()?].concat())
}

/// Numbers of a batch repeated to one of `batch`.
fn repeated<T: Clone>(numbers: &Option<Vec<T>>, batch: usize) -> Option<Vec<T>> {
    numbers.as_ref().map(|numbers| numbers.iter().cycle().take(batch).cloned().collect())
}
