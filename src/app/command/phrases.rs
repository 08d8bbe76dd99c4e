//! What the user can do with styles, and with what a prompt was written out of, beside the named acts.

/// Something done with the phrasebook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OfPhrases {
    /// Put a style around the prompts.
    Apply(String),
    /// Keep the prompts as a style of this name.
    Save(String),
    /// Forget a style.
    Delete(String),
    /// Put what the prompts were written out of in their place.
    UseTemplate,
    /// Leave them as they are.
    ForgetTemplate,
}
