//! One integration binary: `mod` lines only, sorted.

mod checkpoint;
