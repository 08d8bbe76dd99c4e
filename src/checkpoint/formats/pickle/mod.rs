//! A reader of pickles, protocols 0 to 5, that runs nothing.
//!
//! A pickle is a program for a stack machine. This one builds plain values and nothing else: a
//! class becomes its name, an instance an inert record, a tensor a note of where its elements lie.
//! A file that asks to call anything that is not known to be harmless is refused by that name.
//!
//! Invariant: work and memory are in proportion to the bytes read; a length in the file reserves
//! nothing before that many bytes have been seen.

mod allowed;
mod machine;
mod opcode;
mod value;

pub(crate) use machine::{read, read_referring};
pub(crate) use value::{Handle, Pickle, Referred, ReferredTensor, Storage, TensorValue, Value};

use crate::checkpoint::error::Problem;

/// Why a pickle cannot be read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum PickleError {
    /// The bytes end in the middle.
    CutOff,
    /// It asks to run this.
    AsksToRun(String),
    /// It contradicts itself, or uses what no checkpoint uses.
    Malformed(String),
}

impl PickleError {
    /// The same as a checkpoint's problem. `found` is the file's length.
    pub(crate) fn problem(self, found: usize) -> Problem {
        match self {
            Self::CutOff => Problem::CutOff { expected: "the list of tensors to go on", found: found as u64 },
            Self::AsksToRun(name) => Problem::AsksToRun(name),
            Self::Malformed(what) => Problem::damaged("torch", what),
        }
    }
}

fn malformed(what: impl Into<String>) -> PickleError {
    PickleError::Malformed(what.into())
}

#[cfg(test)]
mod tests;
