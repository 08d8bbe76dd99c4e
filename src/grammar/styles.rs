//! Styles: texts that are kept to go around prompts, or behind them (mirrors `apply_styles_to_prompt` of A1111's
//! `styles.py`).

/// Where in a style's text the prompt goes.
const PROMPT: &str = "{prompt}";

/// A kept text for each of the two prompts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Style {
    /// What people call it.
    pub name: String,
    /// For the prompt; it takes the place of `{prompt}`, else goes behind it.
    pub prompt: String,
    /// The same for the negative prompt.
    pub negative: String,
}

/// A prompt and a negative prompt with a style.
pub fn styled([prompt, negative]: [&str; 2], style: &Style) -> [String; 2] {
    [merged(prompt, &style.prompt), merged(negative, &style.negative)]
}

fn merged(prompt: &str, style: &str) -> String {
    if style.contains(PROMPT) {
        return style.replace(PROMPT, prompt);
    }
    match (prompt.trim(), style.trim()) {
        (_, "") => prompt.to_owned(),
        ("", style) => style.to_owned(),
        (prompt, style) => format!("{prompt}, {style}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_style_goes_around_or_behind() {
        for (prompt, style, expected) in [
            ("a fox", "ink", "a fox, ink"),
            (" a fox ", " ink ", "a fox, ink"),
            ("a fox", "a print of {prompt}, old", "a print of a fox, old"),
            ("a fox", "", "a fox"),
            ("", "ink", "ink"),
            ("", "{prompt}, ink", ", ink"),
            ("a", "{prompt} and {prompt}", "a and a"),
        ] {
            assert_eq!(merged(prompt, style), expected, "{prompt:?} {style:?}");
        }
        let style = Style { name: "x".into(), prompt: "ink".into(), negative: "{prompt}, blur".into() };
        assert_eq!(styled(["a", "b"], &style), ["a, ink", "b, blur"]);
    }
}
