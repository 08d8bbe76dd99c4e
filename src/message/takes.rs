//! `Takes`: what a model takes beside words and noise.

/// What a model takes beside words and noise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Takes {
    /// Nothing.
    #[default]
    Nothing,
    /// A picture with a part of it masked: it repaints that part (9 channels).
    MaskedPicture,
    /// A picture, which it changes as the words say (8 channels, InstructPix2Pix).
    Picture,
    /// A map of depths (5 channels).
    Depth,
}

impl Takes {
    /// The strength in which such a model works on a picture where none is chosen: one that sees the picture beside
    /// begins from noise alone.
    pub fn strength(self) -> f64 {
        match self {
            Self::MaskedPicture | Self::Picture => 1.0,
            Self::Nothing | Self::Depth => crate::settings::STRENGTH,
        }
    }
}
