//! The search for pictures by their words, the only one there is: the window asks it too.

use std::sync::Arc;

use super::Record;

/// Places in `records` of those whose prompt or file name holds every word of the query, in any order
/// and in upper or lower case; a query without words finds all.
pub fn search(records: &[Arc<Record>], query: &str) -> Vec<usize> {
    let query = query.to_lowercase();
    let words: Vec<&str> = query.split_whitespace().collect();
    (0..records.len()).filter(|&at| records[at].holds(&words)).collect()
}
