//! Comments: what stands behind a `#`, up to the end of its line.

use super::excerpt::Excerpt;

/// The text without its comments. A line that is nothing but one goes with its end.
pub fn without_comments(prompt: &Excerpt) -> Excerpt {
    let (mut kept, mut at) = (Excerpt::default(), 0);
    for line in prompt.as_str().split_inclusive('\n') {
        let end = at + line.len();
        match line.find('#') {
            None => kept.push(prompt, at..end),
            Some(0) => {}
            Some(comment) => {
                kept.push(prompt, at..at + comment);
                kept.push(prompt, end - usize::from(line.ends_with('\n'))..end);
            }
        }
        at = end;
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
            assert_eq!(without_comments(&Excerpt::whole(text)).as_str(), kept, "{text:?}");
        }
    }
}
