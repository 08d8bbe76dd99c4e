//! CLIP ViT-L/14's tokenizer, built from its list of merges.
//!
//! The vocabulary follows from the merges: 256 bytes, the same as word ends, one token a merge, start
//! and end. Only the merges are kept, therefore; a test holds the outcome against OpenAI's `vocab.json`.

use tokenizers::models::bpe::{BPE, Merges, Vocab};
use tokenizers::normalizers::{Lowercase, NFC, Replace, Sequence};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::sequence::Sequence as Splits;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::{AddedToken, SplitDelimiterBehavior};

use crate::model::cond::tokenizer::{END, START, TokenizerError};

/// OpenAI's merges, the most frequent first, after one line of heading.
const MERGES: &str = include_str!("../../../../assets/tokenizer/merges.txt");
/// Marks a token that ends a word.
const WORD_END: &str = "</w>";
/// What a word is.
const WORDS: &str =
    r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+";

/// Builds the tokenizer; takes some tens of milliseconds.
pub(super) fn build() -> Result<tokenizers::Tokenizer, TokenizerError> {
    let unfit = |error: tokenizers::Error| TokenizerError::Unfit(error.to_string());
    let (vocab, merges) = vocabulary();
    let model = BPE::builder()
        .vocab_and_merges(vocab, merges)
        .end_of_word_suffix(WORD_END.to_owned())
        .unk_token(END.to_owned())
        .build()
        .map_err(unfit)?;
    let spaces = Replace::new(tokenizers::normalizers::replace::ReplacePattern::Regex(r"\s+".into()), " ");
    let normalizer = Sequence::new(vec![NFC.into(), spaces.map_err(unfit)?.into(), Lowercase.into()]);
    let split = Split::new(SplitPattern::Regex(WORDS.into()), SplitDelimiterBehavior::Removed, true);
    // The byte level's own splitting is on, as in the reference: it takes apart a `<|ENDOFTEXT|>`
    // that lower case has made look like the special token.
    let splits = Splits::new(vec![split.map_err(unfit)?.into(), ByteLevel::new(false, true, true).into()]);

    let mut tokenizer = tokenizers::Tokenizer::new(model);
    tokenizer.with_normalizer(Some(normalizer)).map_err(unfit)?;
    tokenizer.with_pre_tokenizer(Some(splits));
    let special = [AddedToken::from(START, true), AddedToken::from(END, true)];
    tokenizer.add_special_tokens(special).map_err(unfit)?;
    Ok(tokenizer)
}

/// All tokens with their ids, and the merges.
fn vocabulary() -> (Vocab, Merges) {
    let merges: Merges = MERGES
        .lines()
        .skip(1)
        .filter_map(|line| line.split_once(' '))
        .map(|(a, b)| (a.to_owned(), b.to_owned()))
        .collect();
    let bytes = byte_letters();
    let vocab = bytes
        .iter()
        .map(char::to_string)
        .chain(bytes.iter().map(|letter| format!("{letter}{WORD_END}")))
        .chain(merges.iter().map(|(a, b)| format!("{a}{b}")))
        .chain([START.to_owned(), END.to_owned()])
        .zip(0..)
        .collect();
    (vocab, merges)
}

/// The letters that stand for the 256 bytes, in the order of their ids: bytes that print as
/// themselves first, then the others as letters from U+0100 on.
fn byte_letters() -> Vec<char> {
    let printed = ('!'..='~').chain('¡'..='¬').chain('®'..='ÿ');
    let others = 256 - printed.clone().count() as u32;
    printed.chain((256..256 + others).filter_map(char::from_u32)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SHA-256 of the tokens in OpenAI's `vocab.json`, a line each, in the order of their ids from 0.
    const PUBLISHED: &str = "e30e57b6f1e47616982ef898d8922be24e535b4fa3d0110477b3a6f02ebbae7d";

    #[test]
    fn the_vocabulary_is_openais() {
        use sha2::Digest as _;
        let (vocab, _) = vocabulary();
        let mut tokens: Vec<(u32, String)> = vocab.into_iter().map(|(token, id)| (id, token)).collect();
        tokens.sort_unstable();
        assert!(tokens.iter().map(|(id, _)| *id).eq(0..49_408));
        let lines: String = tokens.iter().map(|(_, token)| format!("{token}\n")).collect();
        let digest = sha2::Sha256::digest(lines.as_bytes());
        let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, PUBLISHED);
    }
}
