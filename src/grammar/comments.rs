//! Comments: what stands behind a `#`, up to the end of its line.

/// The text without its comments. A line that is nothing but one goes with its end.
pub fn without_comments(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        match line.split_once('#') {
            None => kept.push_str(line),
            Some(("", _)) => (),
            Some((before, comment)) => {
                kept.push_str(before);
                kept.push_str(if comment.ends_with('\n') { "\n" } else { "" });
            }
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_go() {
        for (text, kept) in [
            ("a # b\nc", "a \nc"),
            ("# b\nc", "c"),
            ("a\n# b", "a\n"),
            ("a\n  # b\nc", "a\n  \nc"),
            ("a", "a"),
            ("", ""),
        ] {
            assert_eq!(without_comments(text), kept, "{text:?}");
        }
    }
}
