//! File names from prompts: short, readable, and safe on every file system.

/// The longest run of words in a name, in bytes.
const MOST_BYTES: usize = 60;

/// A file's name without its ending: the prompt's first words and the seed, `a-red-apple-42`.
///
/// Letters and digits of any script stay; all else becomes one hyphen. Windows' reserved names (`con`, `nul`,
/// …) cannot result, since the seed follows.
pub fn stem(prompt: &str, seed: u64) -> String {
    let mut words = String::new();
    for word in prompt.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
        let word = word.to_lowercase();
        let gap = usize::from(!words.is_empty());
        if words.len() + gap + word.len() > MOST_BYTES {
            if words.is_empty() {
                words.push_str(&word[..word.floor_char_boundary(MOST_BYTES)]);
            }
            break;
        }
        if gap > 0 {
            words.push('-');
        }
        words.push_str(&word);
    }
    if words.is_empty() {
        words.push_str("picture");
    }
    format!("{words}-{seed}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_readable_and_safe() {
        assert_eq!(stem("A red apple, on a blue background", 42), "a-red-apple-on-a-blue-background-42");
        assert_eq!(stem("  ../../etc/passwd\0 C:\\x|?*", 1), "etc-passwd-c-x-1");
        assert_eq!(stem("日本の城 🏯", 7), "日本の城-7");
        assert_eq!(stem("", 0), "picture-0");
        assert_eq!(stem("…!?", u64::MAX), "picture-18446744073709551615");
        assert_eq!(stem("CON", 3), "con-3");
    }

    #[test]
    fn names_are_bounded() {
        for prompt in ["word ".repeat(400), "ß".repeat(4_000), "城".repeat(4_000), "İ".repeat(300)] {
            let stem = stem(&prompt, u64::MAX);
            assert!(stem.len() <= MOST_BYTES + 21, "{stem}");
            assert!(stem.len() > 40);
        }
    }
}
