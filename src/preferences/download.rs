//! `RememberedDownload`: a model that was being downloaded, so that the next start can go on.
//!
//! Trap: an address may carry a secret; such a one is not remembered, and goes on when it is typed again.

use serde::{Deserialize, Serialize};

/// Words in an address that stand before a secret.
const SECRETS: [&str; 7] = ["token", "key", "secret", "password", "auth", "signature", "sig="];

/// A download as it is remembered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RememberedDownload {
    /// What was asked for, as it was typed.
    pub what: String,
    /// The model's name.
    pub name: String,
    /// Where what is half-written lies.
    #[serde(default)]
    pub under_way: Vec<String>,
    /// Bytes that were here.
    #[serde(default)]
    pub done: u64,
    /// Bytes of all its files, where that was told.
    #[serde(default)]
    pub total: Option<u64>,
}

impl RememberedDownload {
    /// Whether what was asked for may be written down.
    pub fn may_be_kept(what: &str) -> bool {
        let lower = what.to_lowercase();
        let (path, query) = lower.split_once('?').unwrap_or((&lower, ""));
        let server =
            path.split_once("://").map_or("", |(_, rest)| rest.split('/').next().unwrap_or_default());
        !server.contains('@') && !SECRETS.iter().any(|word| query.contains(word))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_secret_is_written_down() {
        for kept in ["taesd", "o/n@main", "https://h/a@b/token", "https://h/m?type=Model&format=SafeTensor"] {
            assert!(RememberedDownload::may_be_kept(kept), "{kept}");
        }
        for secret in [
            "https://h/m?Token=1",
            "https://me:pass@h/m",
            "https://h/m?x=1&X-Amz-Signature=2",
            "http://h/m?api_key=3",
        ] {
            assert!(!RememberedDownload::may_be_kept(secret), "{secret}");
        }
    }
}
