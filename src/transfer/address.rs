//! Addresses: which are one, where a redirect leads, and whose host is the same.

/// The longest name of a file that an address gives.
const NAME_MAX: usize = 200;

/// Whether a text is the address of something on a server.
pub fn is_address(text: &str) -> bool {
    let lower = text.get(..8).unwrap_or(text).to_ascii_lowercase();
    lower.starts_with("https://") || lower.starts_with("http://")
}

/// Scheme, host and port: `https://a.b:8080` of `https://a.b:8080/c?d`.
pub(super) fn origin(address: &str) -> &str {
    let start = address.find("://").map_or(0, |at| at + 3);
    let end = address[start..].find(['/', '?', '#']).map_or(address.len(), |at| start + at);
    &address[..end]
}

/// Whether two addresses are of one server and one way to it.
pub(super) fn same_origin(a: &str, b: &str) -> bool {
    origin(a).eq_ignore_ascii_case(origin(b))
}

/// Whether the way to a server is secret.
pub(super) fn is_secret(address: &str) -> bool {
    address.get(..8).is_some_and(|start| start.eq_ignore_ascii_case("https://"))
}

/// An address as it may be shown: without what follows its path, which may be a secret, and without a name.
pub fn shown(address: &str) -> String {
    let start = address.find("://").map_or(0, |at| at + 3);
    let plain = address[start..].split(['?', '#']).next().unwrap_or_default();
    let (server, path) = plain.split_at(plain.find('/').unwrap_or(plain.len()));
    let server = server.rsplit('@').next().unwrap_or(server);
    format!("{}{server}{path}", &address[..start])
}

/// Where a redirect from `address` to `location` leads.
pub(super) fn join(address: &str, location: &str) -> String {
    if is_address(location) {
        return location.to_owned();
    }
    let origin = origin(address);
    if let Some(rest) = location.strip_prefix("//") {
        let scheme = origin.split("://").next().unwrap_or("https");
        return format!("{scheme}://{rest}");
    }
    if location.starts_with('/') {
        return format!("{origin}{location}");
    }
    let path = address[origin.len()..].split(['?', '#']).next().unwrap_or_default();
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    format!("{origin}{folder}/{location}")
}

/// A file's name as an address or a server gives it, if it can be one here: nothing that leads elsewhere.
pub fn file_of(text: &str) -> Option<String> {
    let last = text.split(['?', '#']).next()?.rsplit(['/', '\\']).next()?;
    let name: String =
        decoded(last).chars().filter(|c| !c.is_control() && !r#"/\:*?"<>|"#.contains(*c)).collect();
    let name = name.trim().trim_start_matches('.').to_owned();
    (!name.is_empty() && name.len() <= NAME_MAX).then_some(name)
}

/// `%20` → a space; what is no text stays as it is.
pub fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let digits = (*byte == b'%').then(|| text.get(at + 1..at + 3)).flatten();
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(value) => {
                plain.push(value);
                at += 3;
            }
            None => {
                plain.push(*byte);
                at += 1;
            }
        }
    }
    String::from_utf8(plain).unwrap_or_else(|_| text.to_owned())
}

/// The file name in `Content-Disposition`.
pub(super) fn file_of_disposition(header: &str) -> Option<String> {
    let mut plain = None;
    for part in header.split(';').skip(1) {
        let (key, value) = part.split_once('=')?;
        let value = value.trim().trim_matches('"');
        match key.trim().to_ascii_lowercase().as_str() {
            "filename*" => return file_of(value.rsplit("''").next()?),
            "filename" => plain = Some(value),
            _ => {}
        }
    }
    file_of(plain?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirect_leads_where_it_says() {
        let from = "https://hub.co:8080/a/b?x=/y";
        for (location, expected) in [
            ("http://other/c", "http://other/c"),
            ("//other/c", "https://other/c"),
            ("/c?d", "https://hub.co:8080/c?d"),
            ("c", "https://hub.co:8080/a/c"),
        ] {
            assert_eq!(join(from, location), expected);
        }
        assert_eq!(join("http://h", "c"), "http://h/c");
        assert!(same_origin("https://A.b/c", "https://a.B?d"));
        for other in ["https://a.b:1/c", "http://a.b/c", "https://a.b.evil/c"] {
            assert!(!same_origin("https://a.b/c", other), "{other}");
        }
    }

    #[test]
    fn what_is_shown_holds_no_secret() {
        for (address, expected) in [
            ("https://h:8/a/b?token=secret#x", "https://h:8/a/b"),
            ("https://me:secret@h/a@b", "https://h/a@b"),
            ("http://h?secret", "http://h"),
            ("no address", "no address"),
        ] {
            assert_eq!(shown(address), expected);
        }
    }

    #[test]
    fn a_name_never_leads_elsewhere() {
        for (text, expected) in [
            ("https://h/a/b%20c.safetensors?x=1", Some("b c.safetensors")),
            ("https://h/%2e%2e%2f%2e%2e%2fetc%2Fpasswd", Some("etcpasswd")),
            ("..\\..\\x.ckpt", Some("x.ckpt")),
            (".hidden", Some("hidden")),
            ("https://h/a/", None),
            ("..", None),
        ] {
            assert_eq!(file_of(text).as_deref(), expected, "{text}");
        }
        assert_eq!(file_of(&"x".repeat(300)), None);
        for (header, expected) in [
            ("attachment; filename=\"a b.ckpt\"", "a b.ckpt"),
            ("attachment; filename=x.pt; filename*=UTF-8''m%C3%BC.pt", "mü.pt"),
            ("inline; filename=\"../../e.sft\"", "e.sft"),
        ] {
            assert_eq!(file_of_disposition(header).as_deref(), Some(expected), "{header}");
        }
        assert_eq!(file_of_disposition("attachment"), None);
    }
}
