//! Ids of negatives: the moment in UTC, so that their order is that of their beginnings, and two letters of chance.

use std::hash::{BuildHasher as _, RandomState};
use std::time::SystemTime;

use jiff::Timestamp;

/// An id that nobody has: `20261127-101530-123-7f`.
pub fn new_id() -> String {
    // The standard library's hash keys are the system's random numbers.
    let chance = RandomState::new().hash_one(SystemTime::now()) & 0xff;
    format!("{}-{chance:02x}", Timestamp::now().strftime("%Y%m%d-%H%M%S-%3f"))
}

/// Whether a text can be an id: nothing that a path could take for a folder.
pub(super) fn is_id(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_in_the_order_of_their_time() {
        let first = new_id();
        std::thread::sleep(std::time::Duration::from_millis(2));
        let second = new_id();
        assert!(first < second && is_id(&first), "{first} {second}");
        assert_eq!(first.len(), "20261127-101530-123-7f".len());
        assert!(!is_id("../a") && !is_id("") && !is_id("a.b"));
    }
}
