//! The kernels: their shaders, how each reads and writes what is bound, and their variants.
//!
//! Trap: activations of one arena share buffers, and a buffer has one use in a dispatch, so shaders
//! declare them `read_write` even where they only read them; weights have buffers of their own.

use super::compose::{compose, with_constants};
use crate::gpu::Program;

/// The type that numbers are stored in; sums are f32 always.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Storage {
    /// 32 bits.
    F32,
    /// 16 bits.
    F16,
}

impl Storage {
    fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
        }
    }

    /// Bytes of four numbers.
    pub(super) fn quad_bytes(self) -> u64 {
        match self {
            Self::F32 => 16,
            Self::F16 => 8,
        }
    }
}

/// A shader.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Kernel {
    Product,
    ProductMatrices,
    GroupNormStatistics,
    GroupNormApply,
    GroupNormWhole,
    LayerNorm,
    Attention,
    Each,
    Copy,
    Resize,
    Cast,
    Finite,
    Peak,
    Picture,
    Shrink,
}

impl Kernel {
    /// The file's name, and its storage bindings in order: `w` for activations, `r` for weights. The
    /// parameters follow them.
    pub(super) fn describe(self) -> (&'static str, &'static str) {
        match self {
            Self::Product => ("product", "wwrrwwwr"),
            Self::ProductMatrices => ("product_matrices", "wwrrwwwr"),
            Self::GroupNormStatistics => ("group_norm_statistics", "www"),
            Self::GroupNormApply => ("group_norm_apply", "wwwrrw"),
            Self::GroupNormWhole => ("group_norm_whole", "wwrrw"),
            Self::LayerNorm => ("layer_norm", "wrw"),
            Self::Attention => ("attention", "wwwww"),
            Self::Each => ("each", "wwww"),
            Self::Copy => ("copy", "ww"),
            Self::Resize => ("resize", "ww"),
            Self::Cast => ("cast", "ww"),
            Self::Finite => ("finite", "ww"),
            Self::Peak => ("peak", "w"),
            Self::Picture => ("picture", "ww"),
            Self::Shrink => ("shrink", "ww"),
        }
    }
}

/// A kernel with the types and constants that it is compiled for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Variant {
    pub kernel: Kernel,
    pub storage: Storage,
    pub weights: Storage,
    pub constants: Vec<(&'static str, String)>,
}

impl Variant {
    /// A kernel without weights or constants of its own.
    pub(super) fn plain(kernel: Kernel, storage: Storage) -> Self {
        Self { kernel, storage, weights: Storage::F32, constants: Vec::new() }
    }
}

impl Program for Variant {
    fn name(&self) -> &'static str {
        self.kernel.describe().0
    }

    fn access(&self) -> &'static str {
        self.kernel.describe().1
    }

    fn text(&self) -> Result<String, String> {
        let text_of = |name: &str| FILES.iter().find(|file| file.0 == name).map(|file| file.1);
        let text = compose(self.name(), text_of, self.storage.name(), self.weights.name())
            .map_err(|file| format!("{file}.wgsl is missing"))?;
        Ok(with_constants(&text, &self.constants))
    }
}

macro_rules! files {
    ($($name:literal)+) => {
        /// Every shader file by its name.
        const FILES: &[(&str, &str)] = &[$(($name, include_str!(concat!("shaders/", $name, ".wgsl")))),+];
    };
}

files! {
    "activation" "attention" "cast" "copy" "each" "finite" "group_norm_apply" "group_norm_statistics" "group_norm_whole"
    "layer_norm" "matrices" "peak" "picture" "product" "product_matrices" "product_parts" "resize" "shrink" "storage_f16" "storage_f32" "weights_f16" "weights_f32"
}
