//! Getting a model: from the list that the program ships, a repository of the hub, or any address.
//!
//! [`plan()`] finds out what would be fetched, where it would lie and under which license, and fetches nothing;
//! [`carry_out`] does it. Invariant: nothing shows as a model before it is whole and its headers are read.

mod catalog;
mod hub_cache;
mod license;
mod listing;
mod origins;
mod plan;
mod run;
mod wanted;

pub use catalog::{Offer, offers};
pub use license::License;
pub use plan::{GetError, Getting, Place, Plan, Planned, plan};
pub use run::{Got, carry_out, free_bytes, give_up};
pub use wanted::{Wanted, WantedError};
