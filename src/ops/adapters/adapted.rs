//! `Adapted`: a layer's packed weights as its slot wants them, and what runs beside them.
//!
//! Invariant: packed weights exist once. They are freed before those that replace them are read; if reading
//! fails, the next product tries again.

use std::sync::{Arc, Mutex, PoisonError};

use super::{Change, Rewrite, Slot, rewritten};
use crate::ops::host::TensorRows;
use crate::ops::weights::Weights;
use crate::ops::{Error, Result};

/// Packed weights of type `P`, beside which something of type `S` may run.
#[derive(Debug)]
pub(in crate::ops) struct Adapted<P, S> {
    /// None for a layer of numbers that were given: it stays as it is.
    named: Option<Named>,
    state: Mutex<State<P, S>>,
}

/// Which tensors a layer is made of.
#[derive(Clone, Copy, Debug)]
pub(in crate::ops) struct Share {
    /// The weight's name and the bias's.
    pub(in crate::ops) names: [&'static str; 2],
    /// The layer's place among the `parts` equal ones that lie one after another in these tensors.
    pub(in crate::ops) part: usize,
    pub(in crate::ops) parts: usize,
}

impl Share {
    /// Tensors of its own.
    pub(in crate::ops) const WHOLE: Self = Self { names: ["weight", "bias"], part: 0, parts: 1 };

    /// Where the layer has its slot: one of several is told by the weight's name and a number.
    fn slot(self, weights: &Weights, shape: &[usize]) -> Arc<Slot> {
        match self.parts {
            1 => weights.slot(shape),
            _ => weights.pp(self.names[0]).pp(self.part).slot(shape),
        }
    }
}

/// Where a layer's tensors are, and its change.
struct Named {
    weights: Weights,
    share: Share,
    /// The weight's.
    shape: Vec<usize>,
    has_bias: bool,
    slot: Arc<Slot>,
}

impl std::fmt::Debug for Named {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Named").field("shape", &self.shape).finish_non_exhaustive()
    }
}

impl Named {
    /// Reads the weight after some rewrites, and the bias where there is one, and packs them.
    fn read<P>(
        &self,
        rewrites: &[Arc<dyn Rewrite>],
        pack: impl FnOnce(&TensorRows<'_>, Option<Vec<f32>>) -> Result<P>,
    ) -> Result<P> {
        let Share { names: [weight, bias], part, parts } = self.share;
        let (outputs, row) = (self.shape[0], self.shape[1..].iter().product::<usize>());
        let own = part * outputs..(part + 1) * outputs;
        let mut rows = self.weights.rows(weight, &[&[parts * outputs], &self.shape[1..]].concat())?;
        if parts > 1 {
            rows = rows.part(own.start * row..own.end * row)?;
        }
        if !rewrites.is_empty() {
            rows = TensorRows::here(rewritten(&rows, &self.shape, rewrites)?);
        }
        let bias = self.has_bias.then(|| self.weights.get_f32(bias, &[parts * outputs])).transpose()?;
        pack(&rows, bias.map(|bias| if parts > 1 { bias[own].to_vec() } else { bias }))
    }
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
    /// Weights that stay as they are.
    pub(in crate::ops) fn fixed(packed: P) -> Self {
        Self::with(packed, None)
    }

    /// Reads the weight of this shape (out, …), and the bias (out) if it has one.
    ///
    /// # Errors
    /// If they are missing or of another shape, or packing fails.
    pub(in crate::ops) fn read(
        weights: &Weights,
        share: Share,
        shape: Vec<usize>,
        has_bias: bool,
        pack: impl FnOnce(&TensorRows<'_>, Option<Vec<f32>>) -> Result<P>,
    ) -> Result<Self> {
        let slot = share.slot(weights, &shape);
        let mut named = Named { weights: weights.clone(), share, shape, has_bias, slot };
        let packed = named.read(&[], pack)?;
        named.weights = weights.without_progress();
        Ok(Self::with(packed, Some(named)))
    }

    fn with(packed: P, named: Option<Named>) -> Self {
        let state = State { generation: 0, packed: Some(Arc::new(packed)), rewrites: Vec::new(), side: None };
        Self { named, state: Mutex::new(state) }
    }

    /// What the slot wants now. `pack` packs the weights if they are read again, `beside` makes what runs beside them.
    pub(in crate::ops) fn current(
        &self,
        pack: impl FnOnce(&TensorRows<'_>, Option<Vec<f32>>) -> Result<P>,
        beside: impl FnOnce(&Change) -> Result<S>,
    ) -> Result<Current<P, S>> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(named) = &self.named
            && named.slot.generation() != state.generation
        {
            let (generation, change) = named.slot.change();
            state.side = None;
            let rewrites = change.as_ref().map_or(&[][..], |change| &change.rewrites);
            // A reading that failed left nothing.
            if state.packed.is_none() || !are_same(&state.rewrites, rewrites) {
                (state.packed, state.rewrites) = (None, Vec::new());
                state.packed = Some(Arc::new(named.read(rewrites, pack)?));
                state.rewrites = rewrites.to_vec();
            }
            if let Some(change) = change.filter(|change| !change.low_rank.is_empty()) {
                state.side = Some(Arc::new(beside(&change)?));
            }
            state.generation = generation;
        }
        let packed = state.packed.clone().ok_or_else(|| Error::Shape("a layer without weights".into()))?;
        Ok((packed, state.side.clone()))
    }
}

/// Whether two lists change a weight in the same way.
fn are_same(a: &[Arc<dyn Rewrite>], b: &[Arc<dyn Rewrite>]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.is_same(&**b))
}
