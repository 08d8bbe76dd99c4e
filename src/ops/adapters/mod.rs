//! Adapters: changes of layers' weights that come and go while a model is open (LoRA and its kin).
//!
//! Every layer that is built from named weights has a [`Slot`] by its path; [`Adapters::set`] puts changes into
//! slots, and each layer takes them up with its next product. A product of low rank runs beside the layer's
//! own weights, so its strength is a number; what cannot be one rewrites the layer's weights, which are read and
//! packed again where the rewrites are others than before.
//!
//! Invariant: a layer whose slot is empty computes what it computed before any change, bit for bit.

mod adapted;
mod side;
#[cfg(test)]
mod tests;

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Result;
use super::host::HostTensor;

pub(super) use adapted::{Adapted, Share};
pub(super) use side::down_and_up;
use side::rewritten;

/// A product of low rank beside a layer: y += strength · up·(down·x).
#[derive(Clone, Debug, PartialEq)]
pub struct LowRank {
    /// (rank, in), or (rank, in, k, k) beside a convolution.
    pub down: HostTensor<'static>,
    /// (out, rank).
    pub up: HostTensor<'static>,
}

/// A change of a weight that is no product of low rank.
pub trait Rewrite: Any + fmt::Debug + Send + Sync {
    /// Changes `weight`, row-major of `shape`.
    ///
    /// # Errors
    /// If what it needs can no longer be read.
    fn rewrite(&self, weight: &mut [f32], shape: &[usize]) -> Result<()>;

    /// Whether `other` changes a weight in the same way; a layer is then not read again.
    fn is_same(&self, other: &(dyn Rewrite + 'static)) -> bool;
}

/// What is changed of one layer.
#[derive(Clone, Debug, Default)]
pub struct Change {
    /// Products beside the layer, each with its strength.
    pub low_rank: Vec<(Arc<LowRank>, f32)>,
    /// Changes of its weight, in this order.
    pub rewrites: Vec<Arc<dyn Rewrite>>,
}

/// The slots of a model's layers by their paths, and what fills them.
#[derive(Debug, Default)]
pub struct Adapters {
    slots: Mutex<BTreeMap<String, Arc<Slot>>>,
}

/// Where one layer looks for its change.
#[derive(Debug)]
pub(super) struct Slot {
    /// The weight's.
    shape: Vec<usize>,
    /// Changes with the content; 0 as long as there never was any.
    generation: AtomicU64,
    change: Mutex<Option<Arc<Change>>>,
}

impl Adapters {
    fn slots(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Slot>>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The slot of the layer at `path`, whose weight has this shape; a layer that is built again has the same.
    pub(super) fn slot(&self, path: &str, shape: &[usize]) -> Arc<Slot> {
        let mut slots = self.slots();
        let new = || Arc::new(Slot { shape: shape.to_vec(), generation: 0.into(), change: Mutex::default() });
        slots.entry(path.to_owned()).or_insert_with(new).clone()
    }

    /// The layers that can be changed, with the shapes of their weights.
    pub fn layers(&self) -> BTreeMap<String, Vec<usize>> {
        self.slots().iter().map(|(path, slot)| (path.clone(), slot.shape.clone())).collect()
    }

    /// Puts these changes in place of all former ones; layers that are not named are as they were read.
    pub fn set(&self, mut changes: BTreeMap<String, Change>) {
        for (path, slot) in &*self.slots() {
            slot.fill(changes.remove(path).map(Arc::new));
        }
    }
}

impl Slot {
    fn content(&self) -> MutexGuard<'_, Option<Arc<Change>>> {
        self.change.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fill(&self, change: Option<Arc<Change>>) {
        let mut content = self.content();
        if content.is_none() && change.is_none() {
            return;
        }
        *content = change;
        self.generation.fetch_add(1, Ordering::Release);
    }

    fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// What is changed, and which content that is.
    fn change(&self) -> (u64, Option<Arc<Change>>) {
        let content = self.content();
        (self.generation(), content.clone())
    }

    /// Whether anything is changed.
    pub(super) fn is_filled(&self) -> bool {
        self.generation() > 0 && self.content().is_some()
    }
}
