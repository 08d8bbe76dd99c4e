//! `Part`: what of a model can be measured, and the order in which it is.

/// What can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// From the file to networks that are ready.
    Load,
    /// Texts, steps, decoding.
    Run,
    /// The text encoder, two texts.
    Text,
    /// One guided call of the UNet.
    Unet,
    /// One call of the UNet without guidance.
    Unet1,
    /// The first stage's decoder.
    Decode,
    /// The first stage's encoder.
    Encode,
    /// A step's picture in each of the window's modes.
    Preview,
    /// Another strength of a LoRA, and a call of the UNet at the least size, which takes it up.
    Lora,
    /// From the stop flag to the end of the work.
    Cancel,
}

impl Part {
    /// All of them, in the order they are run.
    pub const ALL: [Self; 10] = [
        Self::Load,
        Self::Run,
        Self::Text,
        Self::Unet,
        Self::Unet1,
        Self::Decode,
        Self::Encode,
        Self::Preview,
        Self::Lora,
        Self::Cancel,
    ];

    /// The name in `--only` and in rows.
    pub fn name(self) -> &'static str {
        match self {
            Self::Load => "load",
            Self::Run => "run",
            Self::Text => "text",
            Self::Unet => "unet",
            Self::Unet1 => "unet1",
            Self::Decode => "decode",
            Self::Encode => "encode",
            Self::Preview => "preview",
            Self::Lora => "lora",
            Self::Cancel => "cancel",
        }
    }
}

impl std::str::FromStr for Part {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|part| part.name() == text).ok_or_else(|| {
            let names: Vec<&str> = Self::ALL.iter().map(|part| part.name()).collect();
            format!("expected parts out of {}, found {text:?}", names.join(", "))
        })
    }
}
