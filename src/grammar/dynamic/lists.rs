//! `Lists`: what wildcards stand for, by name.
//!
//! Names are compared in lower case, with `/` between folders.

use std::collections::BTreeMap;
use std::sync::Arc;

/// A line of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// What it says; it may have choices and wildcards of its own.
    pub text: String,
    /// How often it is chosen, beside the others.
    pub weight: f64,
}

/// Lists by their names.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lists {
    /// Where they lie, as people are told.
    pub folder: String,
    lists: BTreeMap<String, Arc<[Entry]>>,
}

impl Lists {
    /// No list yet, of a folder.
    pub fn new(folder: impl Into<String>) -> Self {
        Self { folder: folder.into(), lists: BTreeMap::new() }
    }

    /// Adds the text of a file: an entry a line, `2::words` for one that is chosen twice as often; lines that begin
    /// with `#` are none.
    pub fn add(&mut self, name: &str, text: &str) {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let entry = |line: &str| {
            let (weight, text) = weight_before(line);
            Entry { text: text.to_owned(), weight }
        };
        self.lists.insert(plain(name), lines.map(entry).collect());
    }

    /// All names, in the alphabet's order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.lists.keys().map(String::as_str)
    }

    /// Whether there is a list of a name, or one that a name with `*` may mean.
    pub fn knows(&self, name: &str) -> bool {
        !self.named(&plain(name)).is_empty()
    }

    /// The lines of a name: of all lists that one with `*` means. None where there is no such list.
    pub fn entries(&self, name: &str) -> Option<Vec<&Entry>> {
        let found = self.named(&plain(name));
        (!found.is_empty()).then(|| found.into_iter().flat_map(|list| list.iter()).collect())
    }

    fn named(&self, name: &str) -> Vec<&Arc<[Entry]>> {
        if !name.contains('*') {
            return self.lists.get(name).into_iter().collect();
        }
        let is_meant = |other: &String| matches(name.as_bytes(), other.as_bytes());
        self.lists.iter().filter(|(other, _)| is_meant(other)).map(|(_, list)| list).collect()
    }
}

/// A name as it is compared.
fn plain(name: &str) -> String {
    name.trim().replace('\\', "/").to_lowercase()
}

/// Whether a pattern means a name: `*` stands for letters of one folder, `**` for any. It is read from its end, one pass
/// over the name for each of its signs, so stars upon stars cost no more than letters.
fn matches(pattern: &[u8], name: &[u8]) -> bool {
    // Whether what was read of the pattern means the name from each place on.
    let mut means: Vec<bool> = (0..=name.len()).map(|at| at == name.len()).collect();
    let mut left = pattern;
    while let [before @ .., sign] = left {
        left = before;
        if *sign == b'*' {
            let any = before.strip_suffix(b"*");
            left = any.unwrap_or(before);
            for at in (0..name.len()).rev() {
                means[at] |= means[at + 1] && (any.is_some() || name[at] != b'/');
            }
        } else {
            for at in 0..name.len() {
                means[at] = name[at] == *sign && means[at + 1];
            }
            means[name.len()] = false;
        }
    }
    means[0]
}

/// The weight before `::`, and what stands behind it; 1 where there is none.
pub(super) fn weight_before(text: &str) -> (f64, &str) {
    let split = text.split_once("::").and_then(|(number, rest)| Some((number_of(number)?, rest)));
    split.unwrap_or((1.0, text))
}

fn number_of(text: &str) -> Option<f64> {
    let digits = text.trim();
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    digits.parse().ok().filter(|number: &f64| is_number && number.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_a_line_an_entry() {
        let mut lists = Lists::new("here");
        lists.add("Animals\\Wild", "# those outside\n\n  red fox \n2::owl\n0.5::a::b\nx::y\n");
        let found = lists.entries("animals/wild").unwrap();
        let found: Vec<(&str, f64)> = found.iter().map(|it| (it.text.as_str(), it.weight)).collect();
        assert_eq!(found, [("red fox", 1.0), ("owl", 2.0), ("a::b", 0.5), ("x::y", 1.0)]);
        assert!(lists.entries("wild").is_none() && lists.knows("ANIMALS/wild"));
    }

    #[test]
    fn stars_stand_for_many_lists() {
        let mut lists = Lists::new("");
        for name in ["a/x", "a/y", "a/b/z", "ax"] {
            lists.add(name, name);
        }
        let count = |name: &str| lists.entries(name).map(|found| found.len());
        assert_eq!(
            (count("a/*"), count("a/**"), count("*"), count("**")),
            (Some(2), Some(3), Some(1), Some(4))
        );
        assert_eq!((count("a/*/z"), count("b*")), (Some(1), None));
        let many = "*".repeat(12) + "q";
        assert_eq!(count(&many), None);
        // Hours, if every star were tried with every other.
        lists.add(&"a".repeat(200), "a");
        assert_eq!(lists.entries(&("*a".repeat(60) + "b")), None);
        assert!(lists.knows(&"*a".repeat(60)));
    }
}
