//! `PreviewMode`: how each step's predicted picture is decoded. It decides no picture, so it is no setting.

/// How each step's `pred_x0` becomes a picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PreviewMode {
    /// The best decoder that costs under a tenth of a step, or under 100 ms.
    #[default]
    Auto,
    /// The model's own decoder.
    Full,
    /// The model's own decoder on a latent of half the size, and the picture enlarged.
    Half,
    /// TAESD, where its file is at hand.
    Tiny,
    /// A linear map fitted to the decoder.
    Fast,
    /// Steps are counted, not shown.
    Off,
}

impl PreviewMode {
    /// Every mode, as they are offered.
    pub const ALL: [Self; 6] = [Self::Auto, Self::Full, Self::Half, Self::Tiny, Self::Fast, Self::Off];

    /// The key of its name in the window.
    pub fn label(self) -> &'static str {
        match self {
            Self::Auto => "preview-auto",
            Self::Full => "preview-full",
            Self::Half => "preview-half",
            Self::Tiny => "preview-tiny",
            Self::Fast => "preview-fast",
            Self::Off => "preview-off",
        }
    }
}
