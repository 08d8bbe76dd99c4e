//! Texts to what a run is conditioned on, in A1111's order: alternatives, schedules, weights, chunks.
//!
//! Invariant: a short prompt without anything of the grammar is encoded as the reference does, with its negative
//! prompt in one batch.

use std::sync::Arc;

use super::{Prompts, Strand, Stretch, Timeline};
use crate::engine::generate_error::{GenerateError, Part, check_finite};
use crate::grammar::{self, Excerpt, Prompt, Steps};
use crate::message::TokenCount;
use crate::model::tokenizer::Word;
use crate::model::{
    Conditioning, ConditioningKey, Emphasis, LatentDiffusion, Piece, TextEmbedding, Weighting,
};
use crate::note::{Note, TextKind};
use crate::ops::{self, Tensor};
use crate::settings::{self, PromptGrammar, Settings};
use crate::told::quoted;

/// Encodes the texts of a pass of a run; `beside` goes into every conditioning.
///
/// # Errors
/// If a text cannot be split, a number is not finite, or stopped.
pub(in crate::engine) fn encode(
    model: &LatentDiffusion,
    settings: &Settings,
    steps: Steps,
    beside: &[Tensor],
) -> Result<Prompts, GenerateError> {
    let calls_per_step = settings.sampler.row().calls_per_step;
    let calls = |steps: usize| steps * calls_per_step;
    let steps = Steps { steps: calls(steps.steps), before: steps.before.map(calls) };
    let encoding = Encoding { model, settings, beside, steps };
    let prompt = grammar::read(settings.grammar, &settings.prompt);
    let negative = grammar::read(settings.grammar, &settings.negative_prompt);
    let is_literal = settings.grammar == PromptGrammar::Literal;
    let (strands, unconditional) = match encoding.as_plain(&prompt, &negative)? {
        Some([prompt, negative]) => encoding.plain(prompt, negative)?,
        None if is_literal => encoding.plain(&prompt.text, &negative.text)?,
        None => {
            let strand = |alternative: grammar::Alternative| {
                let timeline = encoding.timeline(&alternative.text)?;
                Ok(Strand { weight: alternative.weight, timeline })
            };
            let strands = grammar::alternatives(&prompt.text).into_iter().map(strand);
            (strands.collect::<Result<_, GenerateError>>()?, encoding.timeline(&negative.text)?)
        }
    };
    Ok(Prompts { strands, unconditional: Some(unconditional), calls_per_step })
}

/// The tokens of a prompt: of its longest part where it has several.
///
/// # Errors
/// If the model takes no text, or cannot split it.
pub(in crate::engine) fn count(
    model: &LatentDiffusion,
    grammar: PromptGrammar,
    text: &str,
) -> ops::Result<TokenCount> {
    let read = grammar::read(grammar, text);
    if grammar == PromptGrammar::Literal {
        let tokens = model.tokenize(read.text.as_str())?;
        return Ok(TokenCount {
            used: tokens.needed,
            max: tokens.ids.len(),
            dropped_from: tokens.dropped_from,
            chunks: 1,
            starts: Vec::new(),
        });
    }
    let (mut most, mut starts) = ([0, 1], Vec::new());
    for alternative in grammar::alternatives(&read.text) {
        for segment in grammar::schedule(&alternative.text, Steps { steps: 1, before: None }) {
            let parts = grammar::attention(&segment.text);
            let laid = model.count(&parts_of(&parts))?;
            if [laid.tokens, laid.chunks] > most {
                most = [laid.tokens, laid.chunks];
                let place = |(piece, at): &(usize, usize)| parts[*piece].text.place(*at);
                starts = laid.starts.iter().map(place).collect();
            }
        }
    }
    let [tokens, chunks] = most;
    // Start and end of each chunk are tokens too.
    let max = model.tokenize("")?.ids.len() * chunks;
    Ok(TokenCount { used: tokens + 2 * chunks, max, dropped_from: None, chunks, starts })
}

/// What is said of texts that do not fit.
pub(in crate::engine) fn dropped(model: &LatentDiffusion, settings: &Settings) -> ops::Result<Vec<Note>> {
    let mut notes = Vec::new();
    if settings.grammar == PromptGrammar::Literal {
        for (kind, text) in
            [(TextKind::Prompt, &settings.prompt), (TextKind::Negative, &settings.negative_prompt)]
        {
            let found = model.tokenize(text)?;
            let (needed, fit) = (found.needed, found.ids.len());
            notes.extend(found.dropped_from.map(|from| Note::TokensDropped {
                text: kind,
                needed,
                fit,
                dropped: quoted(&text[from..]),
            }));
        }
    }
    Ok(notes)
}

/// A text's pieces as the encoder takes them.
fn pieces(text: &Excerpt) -> Vec<Piece> {
    parts_of(&grammar::attention(text))
}

fn parts_of(parts: &[grammar::Part]) -> Vec<Piece> {
    let piece = |part: &grammar::Part| match part.is_break() {
        true => Piece::Break,
        false => Piece::Text { text: part.text.as_str().to_owned(), weight: part.weight as f32 },
    };
    parts.iter().map(piece).collect()
}

struct Encoding<'a> {
    model: &'a LatentDiffusion,
    settings: &'a Settings,
    beside: &'a [Tensor],
    /// Calls that the pass counts, and those of the pass before it.
    steps: Steps,
}

impl Encoding<'_> {
    fn weighting(&self) -> Weighting {
        let emphasis = match self.settings.emphasis {
            settings::Emphasis::A1111 => Emphasis::Mean,
            settings::Emphasis::NoNorm => Emphasis::Plain,
            settings::Emphasis::Compel => Emphasis::FromEmpty,
        };
        Weighting { emphasis, clip_skip: self.settings.clip_skip }
    }

    /// The one text of each, where nothing of the grammar is in them and both fit one chunk.
    fn as_plain<'t>(
        &self,
        prompt: &'t Prompt,
        negative: &'t Prompt,
    ) -> Result<Option<[&'t Excerpt; 2]>, GenerateError> {
        let fits = |text: &Excerpt| {
            let chunks = self.model.count(&pieces(text))?.chunks;
            let alternatives = grammar::alternatives(text);
            let alone = |one: &grammar::Alternative| one.weight == 1.0 && one.text == *text;
            let segments = grammar::schedule(text, self.steps);
            let parts = grammar::attention(text);
            let same = |part: &grammar::Part| part.weight == 1.0 && part.text.as_str() == text.as_str();
            let is_one = alternatives.iter().all(alone) && segments.len() == 1 && segments[0].text == *text;
            Ok::<_, GenerateError>(chunks == 1 && is_one && parts.len() == 1 && same(&parts[0]))
        };
        let is_plain = self.settings.clip_skip == 1
            && self.settings.grammar != PromptGrammar::Literal
            && fits(&prompt.text)?
            && fits(&negative.text)?;
        Ok(is_plain.then_some([&prompt.text, &negative.text]))
    }

    /// Two texts in one batch, each in one chunk.
    fn plain(&self, prompt: &Excerpt, negative: &Excerpt) -> Result<(Vec<Strand>, Timeline), GenerateError> {
        let both = self.model.recall_learned_conditioning(&[prompt.as_str(), negative.as_str()])?;
        self.check(&both)?;
        let mut words = self.model.words(prompt.as_str())?;
        words.iter_mut().for_each(|word| word.text = prompt.range(word.text.clone()));
        let timeline = Timeline::of(self.conditioning(&both, 0)?, words.into());
        let negative = Timeline::of(self.conditioning(&both, 1)?, Arc::default());
        Ok((vec![Strand { weight: 1.0, timeline }], negative))
    }

    /// A text over the calls of the run. All its stretches are encoded together, each text once.
    fn timeline(&self, text: &Excerpt) -> Result<Timeline, GenerateError> {
        let segments = grammar::schedule(text, self.steps);
        let mut distinct: Vec<Vec<grammar::Part>> = Vec::new();
        let (mut times, mut which) = (Vec::new(), Vec::new());
        for segment in &segments {
            let parts = grammar::attention(&segment.text);
            let known = distinct.iter().position(|other| *other == parts);
            let index = known.unwrap_or(distinct.len());
            if known.is_none() {
                distinct.push(parts);
                times.push(0);
            }
            times[index] += 1;
            which.push(index);
        }
        let pieces: Vec<Vec<Piece>> = distinct.iter().map(|parts| parts_of(parts)).collect();
        let texts: Vec<&[Piece]> = pieces.iter().map(Vec::as_slice).collect();
        let found = self.model.recall_weighted_conditioning(&texts, &times, self.weighting())?;
        self.check(&found.embedding)?;
        let words: Vec<Arc<[Word]>> = distinct
            .iter()
            .zip(found.words)
            .map(|(parts, words)| {
                let word = |found: crate::model::PieceWord| {
                    let text = parts[found.piece].text.range(found.word.text.clone());
                    Word { text, tokens: found.word.tokens }
                };
                words.into_iter().map(word).collect()
            })
            .collect();
        let conditionings = (0..distinct.len())
            .map(|index| self.conditioning(&found.embedding, index))
            .collect::<Result<Vec<_>, _>>()?;
        let stretches = segments.iter().zip(which).map(|(segment, index)| Stretch {
            until: segment.until,
            conditioning: conditionings[index].clone(),
            words: words[index].clone(),
        });
        Ok(Timeline(stretches.collect()))
    }

    fn conditioning(&self, texts: &TextEmbedding, index: usize) -> Result<Conditioning, GenerateError> {
        let texts = Conditioning::from_texts(texts.batch_item(index)?, ConditioningKey::Crossattn);
        Ok(Conditioning { c_concat: self.beside.to_vec(), ..texts })
    }

    fn check(&self, texts: &TextEmbedding) -> Result<(), GenerateError> {
        texts.tensors().try_for_each(|tensor| check_finite(self.model, Part::TextEncoder, &tensor.to_f32()?))
    }
}
