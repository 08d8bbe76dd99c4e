//! `Source`: one file of the program as the checks see it.
//!
//! Trap: this knows just enough of Rust for them: comments, the insides of strings and items under
//! `#[cfg(test)]` are blanked, names and braces are counted in what is left.

/// One source file.
pub struct Source {
    /// Its path below `src`, with slashes.
    pub name: String,
    /// Its text without comments, without the insides of strings, without tests; lines stay lines.
    pub code: String,
    /// How many lines it has, tests included.
    pub lines: usize,
    opens_with_doc: bool,
}

impl Source {
    pub fn new(name: &str, text: &str) -> Self {
        let code = without_tests(&blanked(text));
        let lines = text.lines().count();
        Self { name: name.to_owned(), code, lines, opens_with_doc: text.starts_with("//! ") }
    }

    /// Whether its first line says what it is.
    pub fn says_what_it_is(&self) -> bool {
        self.opens_with_doc
    }

    /// The module of the crate that it belongs to: its folder, or itself.
    pub fn module(&self) -> &str {
        self.name.split(['/', '.']).next().unwrap_or_default()
    }

    /// Its module path below the crate; the crate's root is empty.
    pub fn module_path(&self) -> Vec<String> {
        let stem = self.name.trim_end_matches(".rs").trim_end_matches("/mod");
        stem.split('/').filter(|part| !["lib", "main"].contains(part)).map(str::to_owned).collect()
    }

    /// Every path that it names, from `crate` on where it is one of this crate; `use` trees are unfolded.
    pub fn paths(&self) -> Vec<String> {
        let tokens = tokens(&self.code);
        let mut paths = Vec::new();
        let mut at = 0;
        while at < tokens.len() {
            if tokens[at] == "use" {
                at = use_tree(&tokens, at + 1, &[], &mut paths);
            } else if is_name(&tokens[at]) {
                let mut path = vec![tokens[at].clone()];
                while tokens.get(at + 1).is_some_and(|token| token == "::")
                    && tokens.get(at + 2).is_some_and(|token| is_name(token))
                {
                    path.push(tokens[at + 2].clone());
                    at += 2;
                }
                if path.len() > 1 {
                    paths.push(path);
                }
                at += 1;
            } else {
                at += 1;
            }
        }
        paths.iter().map(|path| self.absolute(path).join("::")).collect()
    }

    /// A path from `crate` on, where it begins with `self` or `super`.
    fn absolute(&self, path: &[String]) -> Vec<String> {
        let mut here = vec!["crate".to_owned()];
        here.extend(self.module_path());
        let ups = path.iter().take_while(|part| *part == "super").count();
        let selves = path.iter().take_while(|part| *part == "self").count();
        if ups == 0 && selves == 0 {
            return path.to_vec();
        }
        here.truncate(here.len().saturating_sub(ups).max(1));
        here.extend(path[ups + selves..].iter().cloned());
        here
    }

    /// Each function's name and its lines, from `fn` to the closing brace.
    pub fn functions(&self) -> Vec<(String, usize)> {
        let mut found = Vec::new();
        let bytes = self.code.as_bytes();
        for (at, _) in self.code.match_indices("fn ") {
            let starts_word = at == 0 || !is_word(bytes[at - 1]);
            let name: String = self.code[at + 3..].chars().take_while(|c| is_word(*c as u8)).collect();
            if !starts_word || name.is_empty() {
                continue;
            }
            if let Some(end) = body_end(bytes, at) {
                found.push((name, self.code[at..end].matches('\n').count() + 1));
            }
        }
        found
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn is_name(token: &str) -> bool {
    token.bytes().next().is_some_and(|byte| is_word(byte) && !byte.is_ascii_digit())
}

/// Where the body that follows `from` ends; none if a `;` comes first (array types aside).
fn body_end(bytes: &[u8], from: usize) -> Option<usize> {
    let (mut braces, mut inner) = (0_usize, 0_usize);
    for (at, byte) in bytes.iter().enumerate().skip(from) {
        match byte {
            b'(' | b'[' if braces == 0 => inner += 1,
            b')' | b']' if braces == 0 => inner = inner.saturating_sub(1),
            b';' if braces == 0 && inner == 0 => return None,
            b'{' => braces += 1,
            b'}' => {
                braces = braces.saturating_sub(1);
                if braces == 0 {
                    return Some(at + 1);
                }
            }
            _ => {}
        }
    }
    None
}

/// Blanks items under `#[cfg(test)]`: a block to its closing brace, anything else to its `;`.
fn without_tests(code: &str) -> String {
    const MARK: &str = "#[cfg(test)]";
    let mut rest = code.to_owned();
    while let Some(at) = rest.find(MARK) {
        let bytes = rest.as_bytes();
        let block = body_end(bytes, at + MARK.len());
        let line = rest[at..].find(';').map(|offset| at + offset + 1);
        let end = block.or(line).unwrap_or(rest.len());
        let blank: String = rest[at..end].chars().map(|c| if c == '\n' { '\n' } else { ' ' }).collect();
        rest.replace_range(at..end, &blank);
    }
    rest
}

/// Comments and the insides of strings and characters as spaces; lines stay lines, and what is not
/// ASCII becomes a space.
fn blanked(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut code = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let end = skipped(bytes, at);
        if end > at {
            code.extend(bytes[at..end].iter().map(|byte| if *byte == b'\n' { b'\n' } else { b' ' }));
            at = end;
        } else {
            code.push(if bytes[at].is_ascii() { bytes[at] } else { b' ' });
            at += 1;
        }
    }
    String::from_utf8(code).unwrap()
}

/// Where the comment, string or character that begins at `at` ends; `at` itself if none does.
fn skipped(bytes: &[u8], at: usize) -> usize {
    let rest = &bytes[at..];
    let find = |wanted: &[u8], from: usize| {
        let found = rest[from..].windows(wanted.len()).position(|window| window == wanted);
        found.map_or(bytes.len(), |offset| at + from + offset + wanted.len())
    };
    let word_before = at > 0 && is_word(bytes[at - 1]);
    match rest {
        [b'/', b'/', ..] => find(b"\n", 2) - 1,
        [b'/', b'*', ..] => block_comment(bytes, at),
        [b'"', ..] => string(bytes, at + 1),
        [b'r', b'"' | b'#', ..] if !word_before => {
            let hashes = rest[1..].iter().take_while(|byte| **byte == b'#').count();
            if rest.get(1 + hashes) != Some(&b'"') {
                return at;
            }
            find(&[&b"\""[..], &vec![b'#'; hashes]].concat(), 2 + hashes)
        }
        [b'\'', b'\\', ..] => find(b"'", 3),
        [b'\'', ..] => {
            // A lifetime has no closing quote after one character.
            let length = std::str::from_utf8(&rest[1..rest.len().min(5)])
                .map_or_else(|error| error.valid_up_to(), str::len);
            let first = std::str::from_utf8(&rest[1..=length]).ok().and_then(|text| text.chars().next());
            let end = 1 + first.map_or(1, char::len_utf8);
            if rest.get(end) == Some(&b'\'') { at + end + 1 } else { at }
        }
        _ => at,
    }
}

fn block_comment(bytes: &[u8], from: usize) -> usize {
    let (mut depth, mut at) = (0_usize, from);
    while at < bytes.len() {
        match &bytes[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    at
}

fn string(bytes: &[u8], from: usize) -> usize {
    let mut at = from;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// Names, `::`, and every other mark by itself.
fn tokens(code: &str) -> Vec<String> {
    let bytes = code.as_bytes();
    let mut tokens = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let length = match bytes[at] {
            byte if is_word(byte) => bytes[at..].iter().take_while(|byte| is_word(**byte)).count(),
            b':' if bytes.get(at + 1) == Some(&b':') => 2,
            _ => 1,
        };
        if !bytes[at].is_ascii_whitespace() {
            tokens.push(code[at..at + length].to_owned());
        }
        at += length;
    }
    tokens
}

/// Unfolds one branch of a `use` tree that begins at `at`; gives where it ends.
fn use_tree(tokens: &[String], mut at: usize, before: &[String], paths: &mut Vec<Vec<String>>) -> usize {
    let mut path = before.to_vec();
    while let Some(token) = tokens.get(at) {
        match token.as_str() {
            "::" => at += 1,
            "{" => {
                at += 1;
                while tokens.get(at).is_some_and(|token| token != "}") {
                    at = use_tree(tokens, at, &path, paths);
                    if tokens.get(at).is_some_and(|token| token == ",") {
                        at += 1;
                    }
                }
                return at + 1;
            }
            "as" => at += 2,
            "self" if !path.is_empty() => at += 1,
            "*" => at += 1,
            name if is_name(name) => {
                path.push(name.to_owned());
                at += 1;
            }
            _ => break,
        }
    }
    paths.push(path);
    at
}
