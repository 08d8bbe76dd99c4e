//! `Recent`: answers to the last questions, each with its question, for as long as they hold.
//!
//! Trap: whoever changes what the answers follow from forgets them; nothing here can know.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Answers that are kept, at most: a prompt and its negative in both passes of a run.
const MOST: usize = 4;

/// Answers to the last questions, the latest first.
#[derive(Debug)]
pub(super) struct Recent<Q, A>(Mutex<Vec<(Q, A)>>);

impl<Q, A> Default for Recent<Q, A> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<Q: PartialEq, A: Clone> Recent<Q, A> {
    /// The answer to a question: a kept one, or what `find` gives.
    ///
    /// # Errors
    /// As `find`; nothing is kept then.
    pub(super) fn answer<E>(&self, question: Q, find: impl FnOnce(&Q) -> Result<A, E>) -> Result<A, E> {
        let entry = match self.take(&question) {
            Some(entry) => entry,
            None => {
                let answer = find(&question)?;
                (question, answer)
            }
        };
        let answer = entry.1.clone();
        let mut kept = self.lock();
        kept.insert(0, entry);
        kept.truncate(MOST);
        Ok(answer)
    }

    fn take(&self, question: &Q) -> Option<(Q, A)> {
        let mut kept = self.lock();
        let place = kept.iter().position(|(known, _)| known == question)?;
        Some(kept.remove(place))
    }

    /// Forgets all of them.
    pub(super) fn forget(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(Q, A)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_questions_are_asked_once_until_all_is_forgotten() {
        let (recent, mut asked) = (Recent::default(), Vec::new());
        let mut ask = |question: usize| {
            recent.answer(question, |question| {
                asked.push(*question);
                Ok::<_, ()>(10 * question)
            })
        };
        for question in [1, 2, 1, 3, 4, 5, 1, 2] {
            assert_eq!(ask(question), Ok(10 * question));
        }
        assert_eq!(asked, [1, 2, 3, 4, 5, 2]);
        recent.forget();
        assert_eq!(recent.answer(1, |_| Err("gone")), Err("gone"));
        assert_eq!(recent.answer(1, |_| Ok::<_, ()>(7)), Ok(7));
    }
}
