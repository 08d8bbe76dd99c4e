//! `Key: value` pairs of A1111's family, separated by commas.
//!
//! A value may be a JSON string, which holds commas, colons and newlines; a list or an object of JSON;
//! or plain. Traps: not every program escapes quotes inside quotes, so a quoted value ends at the
//! quote that a next key follows; and `7,5` is one number.

/// The most pairs that are read.
const MOST_PAIRS: usize = 300;
/// The longest key, in bytes.
const LONGEST_KEY: usize = 64;
/// The longest quoted value, in bytes.
const LONGEST_VALUE: usize = 256 << 10;

/// Pairs that stand together, and how many bytes of the text they take.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Pairs {
    pub pairs: Vec<(String, String)>,
    pub length: usize,
}

/// Reads pairs to the end of the line; quoted values may span several lines.
pub(super) fn line(text: &str) -> Pairs {
    let mut found = Pairs::default();
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches([' ', '\t']);
        match key(rest) {
            Some((key, after)) => {
                let (value, after) = value(after.trim_start_matches([' ', '\t']));
                found.pairs.push((key.to_owned(), value));
                rest = after;
            }
            // What holds no colon belongs to no pair.
            None => rest = &rest[end_of_plain(rest)..],
        }
        match rest.strip_prefix(',') {
            Some(after) if found.pairs.len() < MOST_PAIRS => rest = after,
            _ => break,
        }
    }
    found.length = text.len() - rest.len();
    found
}

/// A key and what follows its colon, where a text begins with one.
pub(super) fn key(text: &str) -> Option<(&str, &str)> {
    let bounded = &text[..text.floor_char_boundary(LONGEST_KEY)];
    let (key, _) = bounded.split_once(':')?;
    let plain = key.chars().all(|c| c.is_alphanumeric() || " _-/+.#()&'".contains(c));
    let begins = key.starts_with(|c: char| c.is_alphanumeric() || c == '_');
    (plain && begins).then(|| (key.trim_end(), &text[key.len() + 1..]))
}

/// A value, and what follows it from its comma on.
fn value(text: &str) -> (String, &str) {
    let structured = match text.chars().next() {
        Some('"') => quoted(text),
        Some('[' | '{' | '(') => balanced(text).map(|length| (text[..length].to_owned(), length)),
        _ => None,
    };
    if let Some((value, length)) = structured {
        let rest = &text[length..];
        return (value, &rest[end_of_plain(rest)..]);
    }
    let length = end_of_plain(text);
    (text[..length].trim().to_owned(), &text[length..])
}

/// Where a plain value ends: at a comma or with its line.
fn end_of_plain(text: &str) -> usize {
    let bytes = text.as_bytes();
    let digit = |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_digit);
    let ends = |&(at, byte): &(usize, u8)| {
        // A comma between digits is a decimal one.
        byte == b'\n' || (byte == b',' && !(digit(at.checked_sub(1)) && digit(Some(at + 1))))
    };
    bytes.iter().copied().enumerate().find(ends).map_or(bytes.len(), |(at, _)| at)
}

/// The value in quotes that a text begins with, and its length with them.
fn quoted(text: &str) -> Option<(String, usize)> {
    let bytes = &text.as_bytes()[..text.len().min(LONGEST_VALUE)];
    let mut nearest = None;
    let mut at = 1;
    while let Some(byte) = bytes.get(at) {
        at += 1;
        if *byte == b'\\' {
            at += 1;
        } else if *byte == b'"' {
            let rest = text[at..].trim_start_matches([' ', '\t']);
            let next = rest.strip_prefix(',').map(|next| next.trim_start_matches([' ', '\t', '\n']));
            if rest.is_empty() || rest.starts_with('\n') || next.is_some_and(|next| key(next).is_some()) {
                return Some((unquoted(&text[..at]), at));
            }
            nearest = nearest.or_else(|| next.map(|_| at));
        }
    }
    nearest.map(|at| (unquoted(&text[..at]), at))
}

/// What stands in quotes: a JSON string, or as near as it is to one.
fn unquoted(text: &str) -> String {
    let escaped = text.replace('\n', "\\n");
    serde_json::from_str(&escaped).unwrap_or_else(|_| text[1..text.len() - 1].replace("\\\"", "\""))
}

/// The length of a list or an object; none if it does not end.
fn balanced(text: &str) -> Option<usize> {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for (at, byte) in text.bytes().take(LONGEST_VALUE).enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' | b'(' if !in_string => depth += 1,
            b']' | b'}' | b')' if !in_string => {
                depth -= 1;
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(String, String)> {
        let found = line(text);
        assert!(text.is_char_boundary(found.length));
        found.pairs
    }

    fn pair(key: &str, value: &str) -> (String, String) {
        (key.to_owned(), value.to_owned())
    }

    #[test]
    fn values_of_every_kind() {
        let text = "Steps: 20,CFG scale: 7,5, Size: (512, 640), TI: \"say \\\"x\\\", y: 2\", Wild: \"one\ntwo, Seed: 3\", \
                    Resources: [{\"a\":\"m, v1: ]\",\"b\":0.8}], Nested: \"a \"big, red\" fox\", left, over, Version: v1";
        let expected = [
            pair("Steps", "20"),
            pair("CFG scale", "7,5"),
            pair("Size", "(512, 640)"),
            pair("TI", "say \"x\", y: 2"),
            pair("Wild", "one\ntwo, Seed: 3"),
            pair("Resources", "[{\"a\":\"m, v1: ]\",\"b\":0.8}]"),
            pair("Nested", "a \"big, red\" fox"),
            pair("Version", "v1"),
        ];
        assert_eq!(read(text), expected);
    }

    #[test]
    fn what_does_not_close_is_plain() {
        assert_eq!(read("A: \"one, B: 2"), [pair("A", "\"one"), pair("B", "2")]);
        assert_eq!(read("A: [1, B: 2\nC: 3"), [pair("A", "[1"), pair("B", "2")]);
        assert_eq!(read("A: , B:"), [pair("A", ""), pair("B", "")]);
        for text in ["", ",", ",,,", ":", "\"", "é: \"", "A: \"\\", "A: ]"] {
            read(text);
        }
    }
}
