//! Verification: recomputes recorded runs of the reference and compares element by element.
//!
//! Invariant: nothing is skipped. A tensor or request key that is not known, a missing tensor, a
//! wrong shape, a NaN: each is a failure with a sentence.

mod bounds;
mod case;
mod compare;
mod compute;
pub mod embedded;
pub mod trajectories;

pub use bounds::{Bounds, Place};
pub use case::{Case, CaseError, CaseRequest};
pub use compare::{Comparison, compare};
pub use compute::{VerifyError, compute};
