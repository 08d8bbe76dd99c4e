//! `Activation`: what a norm, a linear layer or a map is bent by.

/// The activation that a norm or a linear layer takes with it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Activation {
    /// None.
    #[default]
    Identity,
    /// x·σ(x), also called swish.
    Silu,
    /// x·σ(1.702x), CLIP's.
    QuickGelu,
    /// x·Φ(x) with the exact error function.
    Gelu,
    /// max(x, 0).
    Relu,
}
