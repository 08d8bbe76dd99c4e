//! One integration binary: `mod` lines only, sorted.

mod noise;
