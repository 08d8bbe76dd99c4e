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
    /// TAESD, where its file is at hand.
    Tiny,
    /// A linear map fitted to the decoder.
    Fast,
    /// Steps are counted, not shown.
    Off,
}
