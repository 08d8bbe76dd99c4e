//! `Backend`: everything that a place to compute provides. Networks never see it: they name
//! [`Tensor`](super::Tensor), [`Linear`](super::Linear) and the other types of [`crate::ops`], which
//! check shapes once for all backends and call it.
//!
//! # Rules that hold for every method
//!
//! - **Shapes** are the reference's: maps (b, c, h, w), tokens (b, n, c). The caller has checked that
//!   they fit each other; a backend relies on that and reports only what it alone can know.
//! - **Layout** is the backend's affair. The reference is NHWC in f32 (a map's pixels and a
//!   sequence's tokens are then the same rows); a backend may choose another order, type or memory.
//!   Only [`TensorOps::upload`] and [`TensorOps::download`] see elements, row-major and in f32.
//! - **Tensors do not change** once made, and a clone shares their memory.
//! - **Work may be submitted** rather than done when a method returns; later methods see its result
//!   all the same. [`TensorOps::download`] and [`DeviceOps::synchronize`] wait for it.
//! - **The stop flag** is read when heavy work is submitted, between the tiles of long work, and when
//!   a tensor is read back. A raised one is [`Error::Stopped`](super::Error::Stopped).
//! - **Weights** come as the file has them ([`TensorRows`]); `pack_*` reads, transforms and uploads
//!   them in the backend's own form, once.
//!
//! # Errors
//! Of every method that returns a `Result`: the stop flag is raised, memory is refused, or the device
//! fails.

use std::fmt::Debug;
use std::ops::Range;

use super::host::{HostTensor, TensorRows};
pub use super::parameters::{Epilogue, Source};
use super::{Activation, Conv2dShape, Dtype, LinearShape, Mask, Moments, Result};

mod device;

pub use device::DeviceOps;

/// A place to compute with all that the networks need: the list of what a backend provides.
pub trait Backend:
    DeviceOps + TensorOps + LinearOps + ConvOps + NormOps + AttentionOps + EmbeddingOps
{
}

/// Tensors: transfer, rearrangement, and operations on each element.
pub trait TensorOps: DeviceOps {
    /// A tensor in the device's memory, freed with its last clone.
    type Tensor: Clone + Debug;

    /// The dimensions, outermost first.
    fn shape<'a>(&self, x: &'a Self::Tensor) -> &'a [usize];

    /// Whether both share the same memory and shape.
    fn is_same(&self, a: &Self::Tensor, b: &Self::Tensor) -> bool;

    /// Uploads `values`, row-major, rounded to the device's dtype.
    ///
    /// # Errors
    /// See the module.
    fn upload(&self, shape: &[usize], values: &[f32]) -> Result<Self::Tensor>;

    /// Waits for `x` and downloads it, row-major.
    ///
    /// # Errors
    /// See the module.
    fn download(&self, x: &Self::Tensor) -> Result<Vec<f32>>;

    /// Waits for `x`; whether every number is finite, and not so large that its type may have cut it off.
    ///
    /// # Errors
    /// See the module.
    fn is_finite(&self, x: &Self::Tensor) -> Result<bool> {
        Ok(self.download(x)?.iter().all(|value| value.is_finite()))
    }

    /// The first item of a map as a picture that stays on the card; `None` where the window does not draw by
    /// this device. The caller has checked the channels.
    ///
    /// # Errors
    /// See the module.
    #[cfg(feature = "gpu")]
    fn draw(&self, _x: &Self::Tensor, _form: &super::PictureForm) -> Result<Option<super::Drawn>> {
        Ok(None)
    }

    /// `x` in another dtype; `None` if tensors of all dtypes are stored alike, so that `x`
    /// stays as it is.
    ///
    /// # Errors
    /// See the module.
    fn cast(&self, x: &Self::Tensor, dtype: Dtype) -> Result<Option<Self::Tensor>>;

    /// a + b, of equal shapes.
    ///
    /// # Errors
    /// See the module.
    fn add(&self, a: &Self::Tensor, b: &Self::Tensor) -> Result<Self::Tensor>;

    /// x · factor.
    ///
    /// # Errors
    /// See the module.
    fn scale(&self, x: &Self::Tensor, factor: f64) -> Result<Self::Tensor>;

    /// x·(1 + scale) + shift of a map, with `scale` and `shift` (b, c).
    ///
    /// # Errors
    /// See the module.
    fn scale_shift_channels(
        &self,
        x: &Self::Tensor,
        scale: &Self::Tensor,
        shift: &Self::Tensor,
    ) -> Result<Self::Tensor>;

    /// activation(x).
    ///
    /// # Errors
    /// See the module.
    fn activate(&self, x: &Self::Tensor, activation: Activation) -> Result<Self::Tensor>;

    /// tanh(x).
    ///
    /// # Errors
    /// See the module.
    fn tanh(&self, x: &Self::Tensor) -> Result<Self::Tensor>;

    /// At least one tensor, of equal other dimensions, one after another along `dimension`, 0 or 1.
    ///
    /// # Errors
    /// See the module.
    fn concatenate(&self, parts: &[&Self::Tensor], dimension: usize) -> Result<Self::Tensor>;

    /// Rows (`axis` 2) or columns (3) of maps (b, c, h, w), at least one, of equal other dimensions, one after
    /// another.
    ///
    /// # Errors
    /// See the module.
    fn stack(&self, parts: &[(&Self::Tensor, Range<usize>)], axis: usize) -> Result<Self::Tensor>;

    /// Item `index` of the batch, as a batch of one.
    ///
    /// # Errors
    /// See the module.
    fn batch_item(&self, x: &Self::Tensor, index: usize) -> Result<Self::Tensor>;

    /// The two halves along dimension 1, which is even.
    ///
    /// # Errors
    /// See the module.
    fn halves(&self, x: &Self::Tensor) -> Result<(Self::Tensor, Self::Tensor)>;

    /// (b, c, h, w) → (b, h·w, c).
    ///
    /// # Errors
    /// See the module.
    fn to_tokens(&self, x: &Self::Tensor) -> Result<Self::Tensor>;

    /// (b, h·w, c) → (b, c, h, w).
    ///
    /// # Errors
    /// See the module.
    fn to_map(&self, x: &Self::Tensor, h: usize, w: usize) -> Result<Self::Tensor>;

    /// (b, c, h, w) → (b, c, 2h, 2w) by nearest neighbors.
    ///
    /// # Errors
    /// See the module.
    fn upsample_nearest(&self, x: &Self::Tensor) -> Result<Self::Tensor>;

    /// (b, c, h, w) → (b, c, ⌊h/2⌋, ⌊w/2⌋), the mean of each 2×2 square.
    ///
    /// # Errors
    /// See the module.
    fn average_pool(&self, x: &Self::Tensor) -> Result<Self::Tensor>;
}

/// Linear layers: weights packed once, then applied.
pub trait LinearOps: TensorOps {
    /// A weight in the backend's form, with its bias.
    type Linear: Debug;

    /// Packs `weight` (rows, in) and `bias` (rows), where rows is [`LinearShape::rows`].
    ///
    /// # Errors
    /// See the module; the weight can no longer be read.
    fn pack_linear(
        &self,
        weight: &TensorRows<'_>,
        bias: Option<Vec<f32>>,
        shape: LinearShape,
    ) -> Result<Self::Linear>;

    /// x·Wᵀ with its bias, the gate of a gated layer, and `epilogue`: (…, in) → (…, out) for (b, c)
    /// or (b, n, c). A gated layer has no activation of its own.
    ///
    /// # Errors
    /// See the module.
    fn linear(
        &self,
        layer: &Self::Linear,
        x: &Self::Tensor,
        epilogue: Epilogue<'_, Self::Tensor>,
    ) -> Result<Self::Tensor>;
}

/// Convolutions: weights packed once, then applied.
pub trait ConvOps: TensorOps {
    /// A weight in the backend's form, with its bias.
    type Conv2d: Debug;

    /// Packs `weight` (out, in, k, k) and `bias` (out).
    ///
    /// # Errors
    /// See the module; the backend has no kernel for `shape`; the weight can no longer be read.
    fn pack_conv2d(
        &self,
        weight: &TensorRows<'_>,
        bias: Option<Vec<f32>>,
        shape: Conv2dShape,
    ) -> Result<Self::Conv2d>;

    /// The convolution of `x`, or, if `enlarged`, of `x` at twice its height and width by nearest
    /// neighbors, which need not be written; then `epilogue`.
    ///
    /// # Errors
    /// See the module.
    fn conv2d(
        &self,
        layer: &Self::Conv2d,
        x: Source<'_, Self::Tensor>,
        enlarged: bool,
        epilogue: Epilogue<'_, Self::Tensor>,
    ) -> Result<Self::Tensor>;
}

/// Norms. Statistics are in f32 or wider, whatever the dtype around them.
pub trait NormOps: LinearOps {
    /// Gain and bias of each channel, groups and epsilon.
    type GroupNorm: Debug;
    /// Gain and bias of each channel.
    type LayerNorm: Debug;

    /// Uploads `weight` and `bias` (c), where c is a multiple of `groups`.
    ///
    /// # Errors
    /// See the module.
    fn pack_group_norm(
        &self,
        weight: Vec<f32>,
        bias: Vec<f32>,
        groups: usize,
        epsilon: f64,
    ) -> Result<Self::GroupNorm>;

    /// The map normalized over all positions and a group's channels, then activated.
    ///
    /// # Errors
    /// See the module.
    fn group_norm(
        &self,
        norm: &Self::GroupNorm,
        x: Source<'_, Self::Tensor>,
        activation: Activation,
    ) -> Result<Self::Tensor>;

    /// The same of a map that nobody needs any more: the result may take its memory.
    ///
    /// # Errors
    /// See the module.
    fn group_norm_owned(
        &self,
        norm: &Self::GroupNorm,
        x: Self::Tensor,
        activation: Activation,
    ) -> Result<Self::Tensor> {
        self.group_norm(norm, Source::One(&x), activation)
    }

    /// What a map of one item has in each group: a part of what its statistics are of.
    ///
    /// # Errors
    /// See the module.
    fn moments(&self, norm: &Self::GroupNorm, x: &Self::Tensor) -> Result<Vec<Moments>>;

    /// A map of one item, of which nobody else needs anything, normalized by the `moments` of a larger map that it is
    /// a part of, then activated.
    ///
    /// # Errors
    /// See the module.
    fn group_norm_by(
        &self,
        norm: &Self::GroupNorm,
        x: Self::Tensor,
        moments: &[Moments],
        activation: Activation,
    ) -> Result<Self::Tensor>;

    /// Uploads `weight` and `bias` (c).
    ///
    /// # Errors
    /// See the module.
    fn pack_layer_norm(&self, weight: Vec<f32>, bias: Vec<f32>) -> Result<Self::LayerNorm>;

    /// Tokens (b, n, c) normalized over c with epsilon 1e-5.
    ///
    /// # Errors
    /// See the module.
    fn layer_norm(&self, norm: &Self::LayerNorm, x: &Self::Tensor) -> Result<Self::Tensor>;

    /// Whether [`NormOps::linear_after`] is faster than a norm and a layer one after the other.
    fn joins_norms(&self) -> bool {
        false
    }

    /// [`LinearOps::linear`] of the normalized tokens, which need not be written.
    ///
    /// # Errors
    /// See the module.
    fn linear_after(
        &self,
        norm: &Self::LayerNorm,
        layer: &Self::Linear,
        x: &Self::Tensor,
        epilogue: Epilogue<'_, Self::Tensor>,
    ) -> Result<Self::Tensor> {
        self.linear(layer, &self.layer_norm(norm, x)?, epilogue)
    }
}

/// Scaled dot-product attention, softmax(q·kᵀ / √d)·v for each head. Heads lie side by side in the
/// last dimension, which is heads·d; every length is at least 1.
pub trait AttentionOps: NormOps {
    /// Keys and values prepared for many queries.
    type KeysValues: Debug;
    /// The layers of queries, keys and values of the same tokens as one, where that is faster.
    type Projections: Debug;

    /// Whether queries, keys and values of `heads` heads are one layer here.
    fn joins_projections(&self, _shape: LinearShape, _heads: usize) -> bool {
        false
    }

    /// Packs the weights (heads·d, in) of queries, keys and values, which have no bias, as one layer; `None`
    /// if the backend takes them one by one.
    ///
    /// # Errors
    /// See the module; the weight can no longer be read.
    fn pack_projections(
        &self,
        _weights: [&TensorRows<'_>; 3],
        _shape: LinearShape,
        _heads: usize,
    ) -> Result<Option<Self::Projections>> {
        Ok(None)
    }

    /// The attention of tokens (b, n, in) to themselves after a norm: (b, n, heads·d). Called only with what
    /// [`AttentionOps::pack_projections`] has made.
    ///
    /// # Errors
    /// See the module.
    fn self_attention(
        &self,
        norm: &Self::LayerNorm,
        projections: &Self::Projections,
        x: &Self::Tensor,
    ) -> Result<Self::Tensor>;

    /// The attention of `q` (b, n, heads·d) to `k` and `v` (b, m, heads·d), of q's shape.
    ///
    /// # Errors
    /// See the module.
    fn attention(
        &self,
        q: &Self::Tensor,
        k: &Self::Tensor,
        v: &Self::Tensor,
        heads: usize,
        mask: Mask<'_>,
    ) -> Result<Self::Tensor>;

    /// Prepares `k` and `v` (b, m, heads·d).
    ///
    /// # Errors
    /// See the module.
    fn pack_keys_values(&self, k: &Self::Tensor, v: &Self::Tensor, heads: usize) -> Result<Self::KeysValues>;

    /// The attention of `q` (b, n, heads·d) to prepared keys, of q's shape.
    ///
    /// # Errors
    /// See the module.
    fn attend(&self, keys: &Self::KeysValues, q: &Self::Tensor) -> Result<Self::Tensor>;
}

/// Tables of rows that are looked up by id.
pub trait EmbeddingOps: TensorOps {
    /// A table in the backend's form.
    type Embedding: Debug;

    /// Takes a table (rows, width).
    ///
    /// # Errors
    /// See the module.
    fn pack_embedding(&self, table: HostTensor<'_>) -> Result<Self::Embedding>;

    /// The rows of `ids`, each less than the table's rows, as a tensor (shape…, width).
    ///
    /// # Errors
    /// See the module.
    fn look_up(&self, table: &Self::Embedding, ids: &[u32], shape: &[usize]) -> Result<Self::Tensor>;
}
