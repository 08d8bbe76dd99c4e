//! Prompts over the calls of a run: what each call of the network is conditioned on.
//!
//! A prompt is one strand, or several that act together (`AND`); each is a timeline of stretches. Trap: calls are
//! counted, not steps: a rule that asks twice a step goes through its stretches twice as fast, as in A1111.

mod encode;

use std::sync::Arc;

use crate::model::tokenizer::Word;
use crate::model::{Conditioning, LatentDiffusion};
use crate::ops::{Result, Tensor};

pub(super) use encode::{count, dropped, encode};

/// What some calls are conditioned on.
#[derive(Clone, Debug)]
pub struct Stretch {
    /// The last call, from 0, that it is for; of the last stretch, it is the number of all.
    pub until: usize,
    /// The conditioning.
    pub conditioning: Conditioning,
    /// The words of the prompt that are in it: their bytes there, and the places of their tokens in the context.
    pub words: Arc<[Word]>,
}

/// Stretches, one after another; at least one.
#[derive(Clone, Debug)]
pub struct Timeline(Vec<Stretch>);

/// A prompt among those that act together.
#[derive(Clone, Debug)]
pub struct Strand {
    /// How much its prediction counts.
    pub weight: f64,
    /// What it is over the run.
    pub timeline: Timeline,
}

/// What the passes of a run are conditioned on.
#[derive(Clone, Debug, Default)]
pub struct Passes {
    /// Of the first, or only one; none for a model without texts.
    pub first: Option<Prompts>,
    /// Of the second, where it is conditioned on something else.
    pub second: Option<Prompts>,
    /// Steps of the first, where there are two.
    pub turn: Option<usize>,
}

impl Passes {
    /// What a step is conditioned on, and its number in its pass.
    pub fn of_step(&self, step: usize) -> Option<(&Prompts, usize)> {
        let (pass, step) = match self.turn {
            Some(turn) if step >= turn => (self.second.as_ref().or(self.first.as_ref()), step - turn),
            _ => (self.first.as_ref(), step),
        };
        Some((pass?, step))
    }

    /// The words of the first strand in a step.
    pub fn words_of_step(&self, step: usize) -> &[Word] {
        self.of_step(step).map_or(&[], |(prompts, step)| prompts.words_of_step(step))
    }
}

/// Which stretch of each a call is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stretches {
    strands: Vec<usize>,
    unconditional: Option<usize>,
}

/// What a run is conditioned on.
#[derive(Clone, Debug)]
pub struct Prompts {
    /// The prompts that act together; at least one.
    pub strands: Vec<Strand>,
    /// The negative prompt; none for a model without guidance.
    pub unconditional: Option<Timeline>,
    /// Calls that a step counts as.
    pub calls_per_step: usize,
}

impl Timeline {
    /// One stretch for all calls.
    pub fn of(conditioning: Conditioning, words: Arc<[Word]>) -> Self {
        Self(vec![Stretch { until: usize::MAX, conditioning, words }])
    }

    /// Which stretch call `call` is in.
    fn index(&self, call: usize) -> usize {
        let found = self.0.iter().position(|stretch| call <= stretch.until);
        found.unwrap_or(self.0.len().saturating_sub(1))
    }

    /// The stretch of call `call`.
    pub fn at(&self, call: usize) -> &Stretch {
        &self.0[self.index(call)]
    }

    fn repeated_to(&self, batch: usize) -> Result<Self> {
        let repeated = |stretch: &Stretch| {
            Ok(Stretch { conditioning: stretch.conditioning.repeated_to(batch)?, ..stretch.clone() })
        };
        self.0.iter().map(repeated).collect::<Result<_>>().map(Self)
    }
}

impl Prompts {
    /// One prompt throughout, and for guidance another.
    pub fn plain(conditional: Conditioning, unconditional: Option<Conditioning>) -> Self {
        let throughout = |conditioning| Timeline::of(conditioning, Arc::default());
        Self {
            strands: vec![Strand { weight: 1.0, timeline: throughout(conditional) }],
            unconditional: unconditional.map(throughout),
            calls_per_step: 1,
        }
    }

    /// Both conditionings, where each is one throughout and there is no other.
    pub fn as_plain(&self) -> Option<[&Conditioning; 2]> {
        match (self.strands.as_slice(), &self.unconditional) {
            ([Strand { timeline: Timeline(one), weight: 1.0 }], Some(Timeline(other))) => {
                match (one.as_slice(), other.as_slice()) {
                    ([one], [other]) => Some([&one.conditioning, &other.conditioning]),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    /// The same, to be changed.
    pub fn as_plain_mut(&mut self) -> Option<[&mut Conditioning; 2]> {
        match (self.strands.as_mut_slice(), &mut self.unconditional) {
            ([Strand { timeline: Timeline(one), weight: 1.0 }], Some(Timeline(other))) => {
                match (one.as_mut_slice(), other.as_mut_slice()) {
                    ([one], [other]) => Some([&mut one.conditioning, &mut other.conditioning]),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    /// What acts first.
    pub fn first(&self) -> &Conditioning {
        &self.strands[0].timeline.at(0).conditioning
    }

    /// Every context of the prompt.
    pub fn contexts(&self) -> impl Iterator<Item = &Tensor> {
        let timelines = self.strands.iter().map(|strand| &strand.timeline).chain(&self.unconditional);
        timelines.flat_map(|timeline| &timeline.0).flat_map(|stretch| &stretch.conditioning.c_crossattn)
    }

    /// The words of the first strand in a step.
    pub fn words_of_step(&self, step: usize) -> &[Word] {
        &self.strands[0].timeline.at(step * self.calls_per_step).words
    }

    /// The same with other channels beside x.
    #[must_use]
    pub fn beside(mut self, c_concat: &[Tensor]) -> Self {
        let timelines = self.strands.iter_mut().map(|strand| &mut strand.timeline);
        let stretches = timelines.chain(&mut self.unconditional).flat_map(|timeline| &mut timeline.0);
        stretches.for_each(|stretch| stretch.conditioning.c_concat = c_concat.to_vec());
        self
    }

    /// The same for each of a batch of `batch`.
    ///
    /// # Errors
    /// If the device fails.
    pub fn repeated_to(&self, batch: usize) -> Result<Self> {
        let strand = |strand: &Strand| {
            Ok(Strand { weight: strand.weight, timeline: strand.timeline.repeated_to(batch)? })
        };
        Ok(Self {
            strands: self.strands.iter().map(strand).collect::<Result<_>>()?,
            unconditional: self.unconditional.as_ref().map(|it| it.repeated_to(batch)).transpose()?,
            calls_per_step: self.calls_per_step,
        })
    }

    /// As the model takes them: one that was distilled with its guidance takes that as a number, and has no other
    /// half.
    pub fn for_model(mut self, model: &LatentDiffusion) -> Self {
        if model.config.unet.time_cond_proj_dim.is_some() {
            self.unconditional = None;
        }
        self
    }

    /// Which stretches call `call` is in.
    pub(super) fn stretches(&self, call: usize) -> Stretches {
        Stretches {
            strands: self.strands.iter().map(|strand| strand.timeline.index(call)).collect(),
            unconditional: self.unconditional.as_ref().map(|timeline| timeline.index(call)),
        }
    }
}
