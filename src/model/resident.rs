//! `Resident`: a part of a model that can be freed and is built again when needed.
//!
//! Invariant: the first one is built when the model is opened, so that weights which do not fit are
//! found then; a later building reads the same weights and can only fail if the source does.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::ops::{Result, Weights};

type Build<T> = Box<dyn Fn() -> Result<T> + Send + Sync>;

/// A part and how it is built.
pub(super) struct Resident<T> {
    built: Mutex<Option<Arc<T>>>,
    build: Build<T>,
}

impl<T> std::fmt::Debug for Resident<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Resident({})", if self.lock().is_some() { "built" } else { "given back" })
    }
}

impl<T> Resident<T> {
    /// A part of weights. Building it again reports no progress and makes room first.
    ///
    /// # Errors
    /// As `build`.
    pub(super) fn of(
        weights: &Weights,
        build: impl Fn(&Weights) -> Result<T> + Send + Sync + 'static,
    ) -> Result<Self> {
        let first = build(weights)?;
        let weights = weights.without_progress();
        Ok(Self::with(first, move || {
            weights.device().trim();
            build(&weights)
        }))
    }

    /// A part that is built when it is first asked for.
    pub(super) fn later(
        weights: &Weights,
        build: impl Fn(&Weights) -> Result<T> + Send + Sync + 'static,
    ) -> Self {
        let weights = weights.without_progress();
        Self { built: Mutex::new(None), build: Box::new(move || build(&weights)) }
    }

    /// A part that is built, and how to build another.
    fn with(first: T, build: impl Fn() -> Result<T> + Send + Sync + 'static) -> Self {
        Self { built: Mutex::new(Some(Arc::new(first))), build: Box::new(build) }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Arc<T>>> {
        self.built.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The part, built again if it was freed.
    ///
    /// # Errors
    /// If the weights can no longer be read, or stopped.
    pub(super) fn get(&self) -> Result<Arc<T>> {
        let mut built = self.lock();
        if let Some(part) = &*built {
            return Ok(part.clone());
        }
        let part = Arc::new((self.build)()?);
        *built = Some(part.clone());
        Ok(part)
    }

    /// Frees the part's memory, as soon as nobody uses it.
    pub(super) fn give_back(&self) {
        self.lock().take();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::ops::Error;

    #[test]
    fn it_is_built_again_after_it_was_given_back() {
        let count = Arc::new(AtomicUsize::new(0));
        let counter = count.clone();
        let part = Resident::with(7, move || Ok(counter.fetch_add(1, Ordering::Relaxed)));
        let held = part.get().unwrap();
        assert_eq!((*held, count.load(Ordering::Relaxed)), (7, 0));
        part.give_back();
        assert_eq!((*part.get().unwrap(), *part.get().unwrap(), *held), (0, 0, 7));
    }

    #[test]
    fn what_cannot_be_built_is_an_error_and_tried_again() {
        let part = Resident::with(7, || Err(Error::Stopped));
        part.give_back();
        assert_eq!((part.get(), part.get()), (Err(Error::Stopped), Err(Error::Stopped)));
    }
}
