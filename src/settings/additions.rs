//! `Loras` and `Embeddings`: files that are laid over a model for a run, by path or by name.
//!
//! As texts they are one item after another with a bar between, which no usual file name has.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Between the items of a list.
const BETWEEN: &str = " | ";

/// A LoRA in a strength.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LoraUse {
    /// Its file or folder, or its file's name without the ending.
    pub name: String,
    /// How much of it is added; 1 is as it was trained.
    pub strength: f64,
    /// The same for the text encoder, where it differs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub texts: Option<f64>,
}

/// The LoRAs of a run, in order.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Loras(pub Vec<LoraUse>);

/// The embeddings that a run brings along, beside those of the folders.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Embeddings(pub Vec<String>);

/// Why a text is no list of LoRAs.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a LoRA with a strength, such as ink.safetensors:0.8, found {0:?}")]
pub struct LoraError(String);

/// A file's name without folders and ending.
pub fn short_name(name: &str) -> &str {
    let file = name.rsplit(['/', '\\']).next().unwrap_or(name);
    let ends = ["safetensors", "sft", "ckpt", "pt", "pth", "bin", "gguf"];
    match file.rsplit_once('.') {
        Some((stem, ending)) if ends.iter().any(|known| ending.eq_ignore_ascii_case(known)) => stem,
        _ => file,
    }
}

impl LoraUse {
    /// A LoRA in the strength that it was trained for.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), strength: 1.0, texts: None }
    }

    /// As A1111 writes it in a prompt.
    pub fn tag(&self) -> String {
        let (name, strength) = (short_name(&self.name), self.strength);
        match self.texts {
            Some(texts) => format!("<lora:{name}:{texts}:{strength}>"),
            None => format!("<lora:{name}:{strength}>"),
        }
    }

    /// The strength for the text encoder.
    pub fn of_texts(&self) -> f64 {
        self.texts.unwrap_or(self.strength)
    }
}

impl Loras {
    /// Without the folders that they lie in, which are nobody else's affair.
    #[must_use]
    pub fn by_name(&self) -> Self {
        let short = |item: &LoraUse| LoraUse { name: short_name(&item.name).to_owned(), ..item.clone() };
        Self(self.0.iter().map(short).collect())
    }
}

impl Embeddings {
    /// Without the folders that they lie in.
    #[must_use]
    pub fn by_name(&self) -> Self {
        Self(self.0.iter().map(|name| short_name(name).to_owned()).collect())
    }
}

impl fmt::Display for LoraUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.name, self.strength)?;
        self.texts.map_or(Ok(()), |texts| write!(f, ":{texts}"))
    }
}

impl FromStr for LoraUse {
    type Err = LoraError;

    fn from_str(text: &str) -> Result<Self, LoraError> {
        let text = text.trim();
        let number = |text: &str| text.parse::<f64>().ok().filter(|number| number.is_finite());
        let split = |text: &str| {
            let (before, last) = text.rsplit_once(':')?;
            Some((before.to_owned(), number(last)?))
        };
        let (name, numbers) = match split(text) {
            None => (text.to_owned(), (1.0, None)),
            Some((before, last)) => match split(&before) {
                None => (before, (last, None)),
                Some((name, strength)) => (name, (strength, Some(last))),
            },
        };
        if name.is_empty() {
            return Err(LoraError(text.to_owned()));
        }
        Ok(Self { name, strength: numbers.0, texts: numbers.1 })
    }
}

impl fmt::Display for Loras {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.iter().map(LoraUse::to_string).collect::<Vec<_>>().join(BETWEEN))
    }
}

impl FromStr for Loras {
    type Err = LoraError;

    fn from_str(text: &str) -> Result<Self, LoraError> {
        let items = text.split(BETWEEN.trim()).map(str::trim).filter(|item| !item.is_empty());
        items.map(str::parse).collect::<Result<_, _>>().map(Self)
    }
}

impl fmt::Display for Embeddings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(BETWEEN))
    }
}

impl From<&str> for Embeddings {
    fn from(text: &str) -> Self {
        let items = text.split(BETWEEN.trim()).map(str::trim).filter(|item| !item.is_empty());
        Self(items.map(str::to_owned).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_loras_is_read_as_it_is_written() {
        let text = "/a b/ink.safetensors:0.8 | lcm:1 | both:0.5:0.25";
        let loras: Loras = text.parse().unwrap();
        assert_eq!(loras.to_string(), text);
        assert_eq!(loras.0[2], LoraUse { name: "both".into(), strength: 0.5, texts: Some(0.25) });
        assert_eq!("plain".parse::<LoraUse>().unwrap(), LoraUse::new("plain"));
        assert_eq!("C:\\x.pt".parse::<LoraUse>().unwrap(), LoraUse::new("C:\\x.pt"));
        assert_eq!("".parse::<Loras>().unwrap(), Loras::default());
        assert!(":0.5".parse::<LoraUse>().is_err() && "a:nan".parse::<LoraUse>().unwrap().name == "a:nan");
        let told: Vec<String> = loras.by_name().0.iter().map(LoraUse::tag).collect();
        assert_eq!(told, ["<lora:ink:0.8>", "<lora:lcm:1>", "<lora:both:0.25:0.5>"]);
    }

    #[test]
    fn json_is_a_plain_list() {
        let loras: Loras = "ink:0.8".parse().unwrap();
        assert_eq!(serde_json::to_string(&loras).unwrap(), r#"[{"name":"ink","strength":0.8}]"#);
        let embeddings = Embeddings::from("a.pt | /b/c.bin");
        assert_eq!(serde_json::to_string(&embeddings.by_name()).unwrap(), r#"["a","c"]"#);
    }
}
