//! The transfer of one file from a server: the only place that speaks a network protocol.
//!
//! [`fetch()`] asks for the file from where its half-written copy ends, so a pause, a dropped connection and a
//! restart of the program cost nothing. Invariant: what is half-written has a name of its own that ends in
//! `.part` and is no model's; the file takes its name when its length and its hash are right.

mod address;
mod error;
mod fetch;
mod http;
mod pace;
mod part;
mod speed;

pub use address::{decoded, file_of, is_address, shown};
pub use error::TransferError;
pub use fetch::{Fetch, Source, fetch, probe};
pub use http::{Http, Remote};
pub use pace::Pace;
pub use part::Part;
pub use speed::{Meter, Progress};
