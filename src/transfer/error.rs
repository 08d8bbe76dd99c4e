//! `TransferError`: why a file was not fetched, in one sentence.

use std::path::PathBuf;

use crate::told::Told;

/// Why a file was not fetched.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransferError {
    /// The server wants to know who asks.
    #[error(
        "expected a file that anyone may get, found one for which {host} asks who you are (401); log in there, and give \
         your token in HF_TOKEN"
    )]
    Unauthorized {
        /// The server.
        host: String,
    },
    /// The server knows who asks and refuses.
    #[error(
        "expected a file that you may get, found that {host} refuses it (403); accept the model's conditions on its \
         page, and give your token in HF_TOKEN"
    )]
    Forbidden {
        /// The server.
        host: String,
    },
    /// There is no such thing.
    #[error("expected a file at this address, found none (404); check its name: {address}")]
    Missing {
        /// What was asked for.
        address: String,
    },
    /// The server has had enough.
    #[error(
        "expected an answer, found that {host} asks to wait (429); try again later, what is here is kept"
    )]
    Busy {
        /// The server.
        host: String,
    },
    /// Another status.
    #[error(
        "expected the file, found that {host} answers with {status}; try again later, what is here is kept"
    )]
    Status {
        /// The server.
        host: String,
        /// What it answered.
        status: u16,
    },
    /// No connection, or one that broke too often.
    #[error("the connection to {host} fails ({cause}); check it and try again, what is here is kept")]
    Connection {
        /// The server.
        host: String,
        /// What the system or the library says.
        cause: String,
    },
    /// An address that leads in circles, or from a secret way to an open one.
    #[error("expected the way to a file, found {found}; get it from elsewhere: {address}")]
    Redirect {
        /// What was asked for.
        address: String,
        /// What is wrong.
        found: &'static str,
    },
    /// The server sends another file than it announced.
    #[error(
        "expected the file that the server announced, found {found}; nothing of it is kept, try again, or get it from \
         elsewhere"
    )]
    OtherFile {
        /// What does not fit.
        found: String,
    },
    /// The content is not what its hash says.
    #[error(
        "expected a file of SHA-256 {expected}, found {found}; it was damaged on its way and is not kept, try again"
    )]
    Hash {
        /// What the server or the list says.
        expected: String,
        /// What was received.
        found: String,
    },
    /// The disk has no room for the file.
    #[error(
        "expected {needed} free on the disk, found {free}; free some space or choose another folder: {}",
        .folder.display()
    )]
    NoRoom {
        /// What is still to come.
        needed: String,
        /// What there is.
        free: String,
        /// Where it was to go.
        folder: PathBuf,
    },
    /// The disk became full meanwhile.
    #[error(
        "the disk is full; this file is not kept, those of the model that are whole stay, free some space and get it \
         again: {}", .folder.display()
    )]
    DiskFull {
        /// Where it was to go.
        folder: PathBuf,
    },
    /// The disk refuses to be written.
    #[error("expected a folder that can be written, found that it cannot ({cause}); choose another: {}", .folder.display())]
    NotWritable {
        /// The folder.
        folder: PathBuf,
        /// What the system says.
        cause: String,
    },
    /// The system refuses to read what was fetched.
    #[error(
        "expected to read what was fetched, found that it cannot be read ({cause}); it is kept, try again: {}",
        .part.display()
    )]
    Unread {
        /// The file, whole but not yet looked at.
        part: PathBuf,
        /// What the system says.
        cause: String,
    },
    /// Two fetch the same file at once.
    #[error("expected to be alone with this file, found that it is being fetched already; wait for that: {}", .part.display())]
    Twice {
        /// The half-written file.
        part: PathBuf,
    },
    /// The user paused it.
    #[error("paused; what is here is kept, and the same command goes on")]
    Paused,
}

impl Told for TransferError {
    fn key(&self) -> &'static str {
        match self {
            Self::Unauthorized { .. } => "error-get-unauthorized",
            Self::Forbidden { .. } => "error-get-forbidden",
            Self::Missing { .. } => "error-get-missing",
            Self::Busy { .. } => "error-get-busy",
            Self::Status { .. } => "error-get-status",
            Self::Connection { .. } => "error-get-connection",
            Self::Redirect { .. } => "error-get-redirect",
            Self::OtherFile { .. } => "error-get-other-file",
            Self::Hash { .. } => "error-get-hash",
            Self::NoRoom { .. } => "error-get-no-room",
            Self::DiskFull { .. } => "error-get-disk-full",
            Self::NotWritable { .. } => "error-get-not-writable",
            Self::Unread { .. } => "error-unreadable",
            Self::Twice { .. } => "error-get-twice",
            Self::Paused => "error-get-paused",
        }
    }

    fn values(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Unauthorized { host }
            | Self::Forbidden { host }
            | Self::Busy { host }
            | Self::Connection { host, .. } => vec![("host", host.clone())],
            Self::Status { host, status } => vec![("host", host.clone()), ("status", status.to_string())],
            Self::NoRoom { needed, free, .. } => vec![("needed", needed.clone()), ("free", free.clone())],
            Self::Unread { part, .. } => vec![("file", part.display().to_string())],
            _ => Vec::new(),
        }
    }
}

impl TransferError {
    /// Whether the same may succeed a moment later.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            Self::Busy { .. } | Self::Connection { .. } => true,
            Self::Status { status, .. } => *status >= 500 || *status == 408,
            _ => false,
        }
    }
}
