//! Noise: the generators that a seed names.
