//! Tags in a prompt: `<lora:name:0.8>`, and `<lora:name:texts:unet>` where the strengths differ.
//!
//! Trap: other tags (`<hypernet:…>`) and anything else between angle brackets are words, as they stand.

use super::Prompt;
use super::excerpt::Excerpt;
use crate::settings::LoraUse;

/// The kinds of tags that name a LoRA; the second is an older extension's.
const KINDS: [&str; 2] = ["lora", "lyco"];

/// Takes the tags out of a text.
pub(super) fn take_out(written: &Excerpt) -> Prompt {
    let text = written.as_str();
    let mut prompt = Prompt::default();
    let mut at = 0;
    while let Some(open) = text[at..].find('<').map(|open| at + open) {
        let after = &text[open + 1..];
        let tag = after.find('>').and_then(|close| Some((close, lora(&after[..close])?)));
        match tag {
            Some((close, lora)) => {
                prompt.text.push(written, at..open);
                prompt.loras.push(lora);
                at = open + close + 2;
            }
            None => {
                prompt.text.push(written, at..open + 1);
                at = open + 1;
            }
        }
    }
    prompt.text.push(written, at..text.len());
    prompt
}

/// What stands between angle brackets, if it names a LoRA.
fn lora(inner: &str) -> Option<LoraUse> {
    let (kind, arguments) = inner.split_once(':')?;
    if !KINDS.iter().any(|known| kind.trim().eq_ignore_ascii_case(known)) {
        return None;
    }
    let mut parts = arguments.split(':').map(str::trim);
    let name = parts.next().filter(|name| !name.is_empty())?;
    let (mut texts, mut unet) = (None, None);
    for part in parts {
        match part.split_once('=') {
            Some(("te", number)) => texts = number.parse().ok(),
            Some(("unet", number)) => unet = number.parse().ok(),
            Some(_) => {}
            None if texts.is_none() => texts = Some(part.parse::<f64>().ok()?),
            None if unet.is_none() => unet = Some(part.parse::<f64>().ok()?),
            None => {}
        }
    }
    let texts: f64 = texts.unwrap_or(1.0);
    let strength: f64 = unet.unwrap_or(texts);
    let finite = texts.is_finite() && strength.is_finite();
    finite.then(|| LoraUse { name: name.to_owned(), strength, texts: (texts != strength).then_some(texts) })
}

#[cfg(test)]
mod tests {
    use crate::grammar::read as read_as;
    use crate::settings::PromptGrammar;

    fn read(text: &str) -> (String, Vec<String>) {
        let prompt = read_as(PromptGrammar::A1111, text);
        (prompt.text.as_str().to_owned(), prompt.loras.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn tags_name_loras_and_are_no_words() {
        let tags = |text: &str| read(text).1;
        assert_eq!(read("a fox <lora:ink:0.8>, red"), ("a fox , red".into(), vec!["ink:0.8".into()]));
        assert_eq!(tags("<lora:ink>"), ["ink:1"]);
        assert_eq!(tags("<lora:a b/c:0.5:0.25>"), ["a b/c:0.25:0.5"]);
        assert_eq!(tags("<LORA:x:te=0.5:unet=1>"), ["x:1:0.5"]);
        assert_eq!(tags("<lyco:x:-1><lora:y:.5>"), ["x:-1", "y:0.5"]);
        for text in ["a < b > c", "<hypernet:x:1>", "<lora:>", "<lora:x:much>", "<lora:x", "<3 <lora", "<s1>"]
        {
            assert_eq!(read(text), (text.to_owned(), Vec::new()));
        }
        let literal = read_as(PromptGrammar::Literal, "<lora:x:1> # y");
        assert_eq!(literal.text.as_str(), "<lora:x:1> # y");
    }

    #[test]
    fn places_of_words_are_those_of_the_prompt() {
        let text = "a <lora:x:1>b<lora:y:2> c";
        let prompt = read_as(PromptGrammar::A1111, text).text;
        assert_eq!(prompt.as_str(), "a b c");
        let places: Vec<&str> = [0, 2, 4].map(|at| &text[prompt.place(at)..][..1]).to_vec();
        assert_eq!(places, ["a", "b", "c"]);
    }
}
