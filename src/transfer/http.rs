//! `Http`: GET requests, with redirects followed by hand.
//!
//! Trap: the hub tells a file's hash and size in the answer that redirects, and the server that is redirected
//! to must not see the token; so each answer on the way is read, and the token goes to one server alone.

use std::io::{ErrorKind, Read};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use ureq::Agent;
use ureq::http::{HeaderMap, Response, StatusCode};
use ureq::tls::{RootCerts, TlsConfig};

use super::address::{file_of, file_of_disposition, is_secret, join, origin, same_origin, shown};
use super::error::TransferError;
use super::pace::{Pace, Tried};

/// Redirects on the way to a file.
const MOST_REDIRECTS: usize = 10;
/// How long a connection may take, and how long it may be silent.
const CONNECT: Duration = Duration::from_secs(20);
const SILENCE: Duration = Duration::from_secs(30);
/// The longest answer that is read as text.
const TEXT_MAX: u64 = 32 << 20;

/// A client; cheap to clone.
#[derive(Clone)]
pub struct Http {
    agent: Agent,
    /// A server, and what proves to it who asks.
    token: Option<(String, String)>,
}

/// What a server tells of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Remote {
    /// Its length in bytes.
    pub bytes: Option<u64>,
    /// Its SHA-256, where the hub's tag is one.
    pub sha256: Option<String>,
    /// The server's tag of this state of the file.
    pub tag: Option<String>,
    /// What proves that later bytes are of the same state: a strong tag as the last server writes it, or the
    /// time of its last change.
    pub validator: Option<String>,
    /// The hub's commit that the file is of.
    pub commit: Option<String>,
    /// Its name.
    pub name: Option<String>,
}

/// An answer whose body is still to come.
pub(super) struct Answer {
    pub(super) remote: Remote,
    /// Where the body begins in the file.
    pub(super) start: u64,
    pub(super) body: Box<dyn Read + Send>,
}

/// What one request got.
pub(super) enum Got {
    Answer(Answer),
    /// The server has nothing from there on.
    NothingThere,
    /// Wait so long, if it says so, and ask again.
    Later(TransferError, Option<Duration>),
}

impl Http {
    /// A client that shows `token` to the server of `endpoint` alone.
    pub fn new(endpoint: &str, token: Option<&str>) -> Self {
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::PlatformVerifier)
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .build();
        let config = Agent::config_builder()
            .tls_config(tls)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .accept_encoding("identity")
            .user_agent(concat!("safelight/", env!("CARGO_PKG_VERSION")))
            .timeout_resolve(Some(CONNECT))
            .timeout_connect(Some(CONNECT))
            .timeout_recv_response(Some(SILENCE))
            .timeout_per_read(Some(SILENCE))
            .build();
        let token = token.map(|token| (origin(endpoint).to_owned(), token.to_owned()));
        Self { agent: config.into(), token }
    }

    /// The text at an address.
    ///
    /// # Errors
    /// If there is none, or it is very long, or the connection fails for good, or `go_on` breaks.
    pub fn text(
        &self,
        address: &str,
        pace: Pace,
        go_on: &mut dyn FnMut() -> ControlFlow<()>,
    ) -> Result<String, TransferError> {
        pace.again(go_on, || {
            let answer = match self.get(address, None)? {
                Got::Answer(answer) => answer,
                Got::Later(error, asked) => return Ok(Tried::Later(error, asked)),
                Got::NothingThere => return Err(TransferError::Missing { address: shown(address) }),
            };
            let other = |found: &str| TransferError::OtherFile { found: found.to_owned() };
            let mut text = String::new();
            match answer.body.take(TEXT_MAX + 1).read_to_string(&mut text) {
                Ok(_) if text.len() as u64 > TEXT_MAX => Err(other("a text of more than 32 MB")),
                Ok(_) => Ok(Tried::Done(text)),
                Err(error) if error.kind() == ErrorKind::InvalidData => Err(other("bytes that are no text")),
                Err(error) => {
                    let cause = error.to_string();
                    Ok(Tried::Later(TransferError::Connection { host: host(address), cause }, None))
                }
            }
        })
    }

    /// Asks for a file, or for what of it lies from `start` on.
    pub(super) fn get(&self, address: &str, range: Option<Range<'_>>) -> Result<Got, TransferError> {
        let mut at = address.to_owned();
        let mut remote = Remote::default();
        for _ in 0..MOST_REDIRECTS {
            let response = match self.ask(&at, range.as_ref()) {
                Ok(response) => response,
                Err(error) => return Ok(Got::Later(failed(&at, &error), None)),
            };
            remote.note(response.headers(), &at);
            let status = response.status();
            let location = response.headers().get("location").and_then(|value| value.to_str().ok());
            match (status.is_redirection(), location) {
                (true, Some(location)) => {
                    let next = join(&at, location);
                    if is_secret(&at) && !is_secret(&next) {
                        let found = "one that leaves the secured connection";
                        return Err(TransferError::Redirect { address: shown(address), found });
                    }
                    at = next;
                }
                _ => return answered(address, &at, response, remote),
            }
        }
        Err(TransferError::Redirect { address: shown(address), found: "one that leads in circles" })
    }

    fn ask(&self, address: &str, range: Option<&Range<'_>>) -> Result<Response<ureq::Body>, ureq::Error> {
        let mut request = self.agent.get(address);
        if let Some((server, token)) = &self.token
            && same_origin(server, address)
        {
            request = request.header("Authorization", format!("Bearer {token}"));
        }
        if let Some(range) = range {
            request = request.header("Range", range.header());
            if let Range::From(_, Some(validator)) = range {
                request = request.header("If-Range", *validator);
            }
        }
        request.call()
    }
}

/// Which bytes are asked for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Range<'a> {
    /// The first one, to learn of the file.
    First,
    /// All from here on, if the file is still in this state.
    From(u64, Option<&'a str>),
}

impl Range<'_> {
    fn header(self) -> String {
        match self {
            Self::First => "bytes=0-0".to_owned(),
            Self::From(start, _) => format!("bytes={start}-"),
        }
    }
}

impl Remote {
    /// Takes what an answer on the way tells; what the hub says of a linked file stands above what the server
    /// says that it is linked to.
    fn note(&mut self, headers: &HeaderMap, address: &str) {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
        let tag =
            |name: &str| text(name).map(|tag| tag.trim_start_matches("W/").trim_matches('"').to_owned());
        let is_last = !headers.contains_key("location");
        // Only the hub's tags are hashes; another server's may look like one.
        let linked = tag("x-linked-etag");
        let of_hub = linked.is_some() || headers.contains_key("x-repo-commit");
        if self.tag.is_none() {
            self.tag = linked.or_else(|| tag("etag").filter(|_| is_last));
            let hash = self.tag.as_ref().filter(|tag| of_hub && is_sha256(tag));
            self.sha256 = hash.map(|tag| tag.to_ascii_lowercase());
        }
        if is_last {
            let strong = text("etag").filter(|tag| tag.len() > 2 && !tag.starts_with("W/"));
            self.validator = strong.or_else(|| text("last-modified")).map(str::to_owned);
        }
        self.bytes = self.bytes.or_else(|| text("x-linked-size")?.parse().ok());
        if let Some(commit) = text("x-repo-commit").filter(|commit| commit.len() <= 64) {
            self.commit = Some(commit.to_owned());
        }
        let named = text("content-disposition").and_then(file_of_disposition);
        self.name = named.or_else(|| self.name.take()).or_else(|| file_of(address));
    }
}

fn is_sha256(tag: &str) -> bool {
    tag.len() == 64 && tag.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The last answer on the way: the file, or why not.
fn answered(
    address: &str,
    at: &str,
    response: Response<ureq::Body>,
    mut remote: Remote,
) -> Result<Got, TransferError> {
    let headers = response.headers();
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let number = |name: &str| text(name).and_then(|value| value.trim().parse::<u64>().ok());
    let host = || host(at);
    let start = match response.status() {
        StatusCode::OK => {
            remote.bytes = remote.bytes.or_else(|| number("content-length"));
            0
        }
        StatusCode::PARTIAL_CONTENT => {
            let (start, total) = text("content-range").and_then(content_range).ok_or_else(|| {
                TransferError::OtherFile { found: "a piece that does not say where it belongs".to_owned() }
            })?;
            if let (Some(known), Some(total)) = (remote.bytes, total)
                && known != total
            {
                let found = format!("{total} bytes in place of {known}");
                return Err(TransferError::OtherFile { found });
            }
            remote.bytes = remote.bytes.or(total);
            start
        }
        StatusCode::RANGE_NOT_SATISFIABLE => return Ok(Got::NothingThere),
        StatusCode::UNAUTHORIZED => return Err(TransferError::Unauthorized { host: host() }),
        StatusCode::FORBIDDEN => return Err(TransferError::Forbidden { host: host() }),
        StatusCode::NOT_FOUND | StatusCode::GONE => {
            return Err(TransferError::Missing { address: shown(address) });
        }
        StatusCode::TOO_MANY_REQUESTS => {
            let wait = number("retry-after").map(Duration::from_secs);
            return Ok(Got::Later(TransferError::Busy { host: host() }, wait));
        }
        status => {
            let error = TransferError::Status { host: host(), status: status.as_u16() };
            return if error.may_pass() { Ok(Got::Later(error, None)) } else { Err(error) };
        }
    };
    let body = Box::new(response.into_body().into_with_config().limit(u64::MAX).reader());
    Ok(Got::Answer(Answer { remote, start, body }))
}

/// `bytes 5-9/10` → (5, Some(10)).
fn content_range(header: &str) -> Option<(u64, Option<u64>)> {
    let (range, total) = header.trim().strip_prefix("bytes")?.trim().split_once('/')?;
    let (start, _) = range.split_once('-')?;
    Some((start.trim().parse().ok()?, total.trim().parse().ok()))
}

fn failed(address: &str, error: &ureq::Error) -> TransferError {
    let cause = error.to_string().replace(address, &shown(address));
    TransferError::Connection { host: host(address), cause }
}

/// A server's name as people know it.
pub(super) fn host(address: &str) -> String {
    let address = shown(address);
    let origin = origin(&address);
    origin.split("://").last().unwrap_or(origin).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hub_tells_a_linked_files_hash_on_the_way() {
        let headers = |pairs: &[(&'static str, &str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.insert(*name, value.parse().unwrap());
            }
            headers
        };
        let hash = "a".repeat(64);
        let mut remote = Remote::default();
        let linked = format!("\"{}\"", hash.to_uppercase());
        let first = [
            ("location", "https://cdn/x"),
            ("x-linked-etag", linked.as_str()),
            ("x-linked-size", "12"),
            ("x-repo-commit", "0123"),
            ("etag", "\"other\""),
        ];
        remote.note(&headers(&first), "https://hub/r/resolve/main/m.safetensors");
        remote.note(&headers(&[("etag", "\"cdn\"")]), "https://cdn/x?y");
        assert_eq!(remote.sha256.as_deref(), Some(hash.as_str()));
        assert_eq!((remote.bytes, remote.commit.as_deref()), (Some(12), Some("0123")));
        assert_eq!(remote.name.as_deref(), Some("m.safetensors"));
        let mut plain = Remote::default();
        plain.note(&headers(&[("etag", "W/\"abc\"")]), "https://h/a%20b.pt");
        assert_eq!((plain.tag.as_deref(), plain.sha256), (Some("abc"), None));
        assert_eq!(plain.name.as_deref(), Some("a b.pt"));
        // What is linked to has no word in it, and another server's tag is no hash.
        let other = format!("\"{}\"", "b".repeat(64));
        remote.note(&headers(&[("x-linked-etag", other.as_str()), ("x-linked-size", "13")]), "https://cdn/x");
        assert_eq!((remote.sha256.as_deref(), remote.bytes), (Some(hash.as_str()), Some(12)));
        let mut elsewhere = Remote::default();
        elsewhere.note(&headers(&[("etag", other.as_str())]), "https://h/b.pt");
        assert_eq!((elsewhere.sha256, elsewhere.validator), (None, Some(other)));
    }

    #[test]
    fn a_range_says_where_it_belongs() {
        assert_eq!(content_range("bytes 5-9/10"), Some((5, Some(10))));
        assert_eq!(content_range("bytes 5-9/*"), Some((5, None)));
        assert_eq!(content_range("bytes */10"), None);
        assert_eq!(content_range("lines 1-2/3"), None);
    }
}
