//! `Adapted`: a layer's packed weights as its slot wants them, and what runs beside them.
//!
//! Invariant: packed weights exist once. They are freed before those that replace them are read; if reading
//! fails, the next product tries again.

use std::sync::{Arc, Mutex, PoisonError};

use super::{Change, Rewrite, Slot};
use crate::ops::Result;

/// Packed weights of type `P`, beside which something of type `S` may run.
#[derive(Debug)]
pub(in crate::ops) struct Adapted<P, S> {
    /// None for a layer without a name.
    slot: Option<Arc<Slot>>,
    state: Mutex<State<P, S>>,
}

#[derive(Debug)]
struct State<P, S> {
    /// The slot's content that this follows.
    generation: u64,
    packed: Option<Arc<P>>,
    /// What the weights were packed after.
    rewrites: Vec<Arc<dyn Rewrite>>,
    side: Option<Arc<S>>,
}

/// Weights, and what runs beside them.
pub(in crate::ops) type Current<P, S> = (Arc<P>, Option<Arc<S>>);

impl<P, S> Adapted<P, S> {
    /// Weights as they were read.
    pub(in crate::ops) fn new(packed: P, slot: Option<Arc<Slot>>) -> Self {
        let state = State { generation: 0, packed: Some(Arc::new(packed)), rewrites: Vec::new(), side: None };
        Self { slot, state: Mutex::new(state) }
    }

    /// What the slot wants now. `read` packs the weights after some rewrites, `beside` what runs beside them.
    pub(in crate::ops) fn current(
        &self,
        read: impl FnOnce(&[Arc<dyn Rewrite>]) -> Result<P>,
        beside: impl FnOnce(&Change) -> Result<S>,
    ) -> Result<Current<P, S>> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted = self.slot.as_ref().map_or(0, |slot| slot.generation());
        if wanted != state.generation
            && let Some(slot) = &self.slot
        {
            let (generation, change) = slot.change();
            state.side = None;
            let rewrites = change.as_ref().map_or(&[][..], |change| &change.rewrites);
            // A reading that failed left nothing.
            if state.packed.is_none() || !are_same(&state.rewrites, rewrites) {
                (state.packed, state.rewrites) = (None, Vec::new());
                state.packed = Some(Arc::new(read(rewrites)?));
                state.rewrites = rewrites.to_vec();
            }
            if let Some(change) = change.filter(|change| !change.low_rank.is_empty()) {
                state.side = Some(Arc::new(beside(&change)?));
            }
            state.generation = generation;
        }
        let packed =
            state.packed.clone().ok_or_else(|| crate::ops::Error::Shape("a layer without weights".into()))?;
        Ok((packed, state.side.clone()))
    }
}

/// Whether two lists change a weight in the same way.
fn are_same(a: &[Arc<dyn Rewrite>], b: &[Arc<dyn Rewrite>]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.is_same(&**b))
}
