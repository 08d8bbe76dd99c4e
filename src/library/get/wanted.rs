//! `Wanted`: what the user asked for: an offer, a repository of the hub, a file in one, or any address.

use crate::library::hub::Hub;
use crate::told::{Told, quoted};
use crate::transfer::{decoded, is_address};

use super::catalog::offers;

/// The version of a repository that is meant where none is named.
pub const MAIN: &str = "main";
/// Folders of the hub that are no models.
const OTHERS: [&str; 4] = ["datasets", "spaces", "docs", "collections"];

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// A repository of the hub, or one file in it.
    Hub {
        /// `owner/name`.
        repository: String,
        /// A branch, a tag or a commit.
        revision: String,
        /// The file's path in it.
        file: Option<String>,
    },
    /// A file anywhere.
    Address(String),
}

/// Why what was typed names nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WantedError {
    /// It is neither a repository nor an address nor an offer.
    #[error(
        "expected a repository of the Hugging Face hub (owner/name), an address, or one of {}; found \"{found}\"",
        ids()
    )]
    Unknown {
        /// What was typed.
        found: String,
    },
    /// A revision or file that leads out of its repository.
    #[error(
        "expected a revision and a file of the repository {repository}, found \"{found}\"; give them as its page \
         names them"
    )]
    Outside {
        /// The repository.
        repository: String,
        /// The revision or file.
        found: String,
    },
}

fn ids() -> String {
    offers().iter().map(|offer| offer.id.as_str()).collect::<Vec<_>>().join(", ")
}

impl Told for WantedError {
    fn key(&self) -> &'static str {
        match self {
            Self::Unknown { .. } => "error-get-unknown",
            Self::Outside { .. } => "error-get-outside",
        }
    }

    fn values(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Unknown { found } => vec![("found", found.clone())],
            Self::Outside { repository, found } => {
                vec![("repository", repository.clone()), ("found", found.clone())]
            }
        }
    }
}

impl Wanted {
    /// Understands what was typed: the id or name of an offer; `owner/name`, with `@revision` and a file behind
    /// it; the hub's own address of either; any other address. A file and a revision that are named beside it
    /// stand above those in it.
    ///
    /// # Errors
    /// One sentence, if it is none of these.
    pub fn parse(
        text: &str,
        revision: Option<&str>,
        file: Option<&str>,
        hub: &Hub,
    ) -> Result<Self, WantedError> {
        let text = text.trim();
        let found = match of_offer(text).or_else(|| of_hub(text, hub)) {
            Some(found) => found,
            None if is_address(text) => Self::Address(text.to_owned()),
            None => return Err(WantedError::Unknown { found: quoted(text) }),
        };
        let Self::Hub { repository, revision: own, file: own_file } = found else { return Ok(found) };
        let revision = revision.map_or(own, str::to_owned);
        let file = file.map(str::to_owned).or(own_file);
        for path in std::iter::once(&revision).chain(&file) {
            if !is_inside(path) {
                return Err(WantedError::Outside { repository, found: quoted(path) });
            }
        }
        Ok(Self::Hub { repository, revision, file })
    }
}

fn of_offer(text: &str) -> Option<Wanted> {
    let is_meant = |own: &str| own.eq_ignore_ascii_case(text);
    let offer = offers().iter().find(|offer| is_meant(&offer.id) || is_meant(&offer.name))?;
    Some(Wanted::Hub {
        repository: offer.repository.clone(),
        revision: MAIN.to_owned(),
        file: offer.file.clone(),
    })
}

fn of_hub(text: &str, hub: &Hub) -> Option<Wanted> {
    let inside = match is_address(text) {
        true => {
            let hosts =
                [hub.endpoint.as_str(), "https://huggingface.co", "https://hf.co", "http://huggingface.co"];
            let rest = hosts.iter().find_map(|host| text.strip_prefix(host)?.strip_prefix('/'))?;
            rest.split(['?', '#']).next()?
        }
        false => text.strip_prefix("hf://").unwrap_or(text),
    };
    let parts = inside.split('/').filter(|part| !part.is_empty());
    // An address has its own way to write a space or a slash.
    let parts: Vec<String> =
        parts.map(|part| if is_address(text) { decoded(part) } else { part.to_owned() }).collect();
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    let (owner, name, rest) = match parts.as_slice() {
        [owner, name, rest @ ..] if !OTHERS.contains(owner) => (*owner, *name, rest),
        _ => return None,
    };
    let (name, at) = name.split_once('@').map_or((name, None), |(name, at)| (name, Some(at)));
    let is_plain = |part: &str| {
        part.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c)) && !part.starts_with('.')
    };
    if !is_plain(owner) || !is_plain(name) {
        return None;
    }
    let (revision, file) = match rest {
        ["resolve" | "blob" | "raw", revision, file @ ..] => (Some(*revision), file),
        ["tree", revision] => (Some(*revision), &[][..]),
        file => (None, file),
    };
    let revision = at.or(revision).filter(|revision| !revision.is_empty()).unwrap_or(MAIN);
    let file = (!file.is_empty()).then(|| file.join("/"));
    if file.as_deref().is_some_and(|file| !is_inside(file)) {
        return None;
    }
    Some(Wanted::Hub { repository: format!("{owner}/{name}"), revision: revision.to_owned(), file })
}

/// Whether a file's path leads nowhere else.
pub(super) fn is_inside(path: &str) -> bool {
    let parts = path.split('/');
    !path.contains(['\\', ':', '\0']) && parts.into_iter().all(|part| !["", ".", ".."].contains(&part))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hub() -> Hub {
        Hub { endpoint: "http://127.0.0.1:9".to_owned(), ..Hub::default() }
    }

    #[test]
    fn a_repository_is_named_in_many_ways() {
        let wanted = |repository: &str, revision: &str, file: Option<&str>| Wanted::Hub {
            repository: repository.to_owned(),
            revision: revision.to_owned(),
            file: file.map(str::to_owned),
        };
        for (text, expected) in [
            ("o/n", wanted("o/n", "main", None)),
            ("o/n@fp16", wanted("o/n", "fp16", None)),
            ("o/n/a/b.safetensors", wanted("o/n", "main", Some("a/b.safetensors"))),
            ("hf://o/n/b.ckpt", wanted("o/n", "main", Some("b.ckpt"))),
            ("https://huggingface.co/o/n", wanted("o/n", "main", None)),
            ("https://huggingface.co/o/n/tree/v1", wanted("o/n", "v1", None)),
            ("https://hf.co/o/n/blob/main/x.ckpt?download=true", wanted("o/n", "main", Some("x.ckpt"))),
            (
                "http://127.0.0.1:9/o/n/resolve/refs%2fpr%2F1/a%20b.ckpt",
                wanted("o/n", "refs/pr/1", Some("a b.ckpt")),
            ),
            ("taesd", wanted("madebyollin/taesd", "main", Some("diffusion_pytorch_model.safetensors"))),
        ] {
            assert_eq!(Wanted::parse(text, None, None, &hub()), Ok(expected), "{text}");
        }
        let named = Wanted::parse("o/n@a", Some("b"), Some("c.pt"), &hub());
        assert_eq!(named, Ok(wanted("o/n", "b", Some("c.pt"))));
    }

    #[test]
    fn nothing_leads_out_of_the_repository() {
        for (revision, file) in
            [(Some("../../x"), None), (Some(""), None), (None, Some("/any")), (None, Some("a/../../x"))]
        {
            let said = Wanted::parse("o/n", revision, file, &hub()).unwrap_err().to_string();
            assert!(said.contains("of the repository o/n"), "{said}");
        }
        // An address that leads out is none of the hub's.
        let out = "https://huggingface.co/o/n/resolve/main/..%2F..%2Fx.ckpt";
        assert_eq!(Wanted::parse(out, None, None, &hub()), Ok(Wanted::Address(out.to_owned())));
        let out = "https://huggingface.co/o/n/resolve/..%2F../x.ckpt";
        assert!(Wanted::parse(out, None, None, &hub()).is_err());
    }

    #[test]
    fn anything_else_is_an_address_or_refused() {
        for address in
            ["https://civitai.com/api/download/models/1?x=y", "https://huggingface.co/datasets/a/b"]
        {
            assert_eq!(Wanted::parse(address, None, None, &hub()), Ok(Wanted::Address(address.to_owned())));
        }
        for text in ["", "model", "a b/c", "../x", "o/n/../../x", "o/..", "/a"] {
            let said = Wanted::parse(text, None, None, &hub()).unwrap_err().to_string();
            assert!(said.contains("owner/name") && said.contains("sd-1.5"), "{text}: {said}");
        }
    }
}
