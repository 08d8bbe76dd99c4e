//! The negatives' thread: it lists the kept runs, pins and deletes them. There may be thousands of files, so it is
//! apart from the thread that saves pictures.

use crossbeam_channel::Sender;

use crate::app::services::channels::Out;
use crate::app::services::{Answer, KeptRuns};
use crate::message::Report;
use crate::negative::{NegativeError, Records, Store};

/// Requests that may wait; lists beyond them are asked for again anyway.
const WAITING_MAX: usize = 64;

/// The way to the thread.
pub(super) struct NegativesThread(Option<Sender<KeptRuns>>);

impl NegativesThread {
    /// A thread for `store`; none without a store.
    pub(super) fn new(store: Option<Store>, out: Out) -> Self {
        let Some(store) = store else { return Self(None) };
        let (sender, receiver) = crossbeam_channel::bounded(WAITING_MAX);
        let thread = std::thread::Builder::new().name("negatives".to_owned()).spawn(move || {
            let mut records = Records::default();
            while let Ok(asked) = receiver.recv() {
                // Lists that were asked for meanwhile would be the same.
                let mut asked = vec![asked];
                asked.extend(receiver.try_iter());
                for asked in asked {
                    if let Err(error) = carry_out(&store, &asked) {
                        out.send(Answer::Failed(report(&error)));
                    }
                }
                out.send(Answer::Negatives(records.list(&store)));
            }
        });
        Self(thread.map_err(|error| log::warn!("negatives are not listed: {error}")).ok().map(|_| sender))
    }

    /// Asks for something. A list follows.
    pub(super) fn ask(&self, asked: KeptRuns) {
        if let Some(sender) = &self.0
            && let Err(error) = sender.try_send(asked)
        {
            log::warn!("negatives: {error}");
        }
    }
}

fn carry_out(store: &Store, asked: &KeptRuns) -> Result<(), NegativeError> {
    match asked {
        KeptRuns::List => Ok(()),
        KeptRuns::Delete(id) => store.delete(id),
        KeptRuns::Pin { id, pinned } => store.pin(id, *pinned),
        KeptRuns::Budget(bytes) => {
            store.set_budget(*bytes);
            store.prune(*bytes);
            Ok(())
        }
    }
}

fn report(error: &NegativeError) -> Report {
    Report::new("error-negative", error.to_string())
}
