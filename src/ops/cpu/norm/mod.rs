//! Norms: GroupNorm over feature maps, LayerNorm over tokens.

pub(in crate::ops::cpu) mod group_norm;
pub(in crate::ops::cpu) mod layer_norm;
