//! The draft: the settings as they stand in the controls, not yet a job.
//!
//! Invariant: the seed in the field is the one that the next picture gets, unless it was used
//! already and is not locked; then [`Draft::jobs`] draws another first.

mod written;

use std::hash::{BuildHasher, Hasher};

use crate::app::sheets::ask::SheetDraft;
use crate::engine;
use crate::grammar::dynamic::{DynamicError, Lists};
use crate::message::{ModelInfo, ModelSource, TokenCount};
use crate::preferences::History;
use crate::sampler::TimestepSpacing;
use crate::settings::{PartialSettings, PreviewMode, Settings};

pub use written::Restored;

/// Pictures at a time, at most.
pub const COUNT_MAX: usize = 64;

/// One of the two texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Text {
    /// What the picture shall show.
    Prompt,
    /// What it shall not show.
    Negative,
}

/// Settings being chosen.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    /// The settings as the controls show them.
    pub settings: Settings,
    /// How steps are shown.
    pub previews: PreviewMode,
    /// Pictures at a time, 1 to [`COUNT_MAX`].
    pub count: usize,
    /// Whether the seed is kept.
    pub seed_locked: bool,
    /// Whether a picture was made with this seed.
    pub seed_used: bool,
    /// Whether the user changed anything, so that a model's own settings must not replace it.
    pub touched: bool,
    /// Prompts used, the newest last.
    pub history: History,
    /// Where in the history the prompt comes from, and what was being written before.
    pub recalled: Option<(usize, String)>,
    /// The last count of the prompt's tokens, and the text counted.
    pub tokens: Option<(String, TokenCount)>,
    /// The same of the negative prompt.
    pub negative_tokens: Option<(String, TokenCount)>,
    /// The text whose count is under way.
    pub counting: Option<(Text, String)>,
    /// The prompts of the last picture whose settings were taken over, with what they were written out of.
    pub restored: Option<Restored>,
    /// The kept run that the next picture branches off from; none begins anew.
    pub branch: Option<BranchPoint>,
    /// What is asked of a sheet.
    pub sheet: SheetDraft,
}

/// A step of a kept run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BranchPoint {
    /// The run's negative.
    pub negative: String,
    /// Steps of it that are shared.
    pub at: usize,
    /// Steps of it in all.
    pub steps: usize,
    /// Its width and height, in pixels.
    pub size: [usize; 2],
}

/// The window's settings until a model brings its own defaults.
pub fn first_settings() -> Settings {
    Settings { seed: 2026, timesteps: TimestepSpacing::Exact, ..engine::first_settings() }
}

/// The settings with η 0 where the sampler takes none.
fn with_its_eta(settings: Settings) -> Settings {
    let eta = if settings.sampler.row().takes_eta() { settings.eta } else { 0.0 };
    Settings { eta, ..settings }
}

impl Draft {
    /// A draft of these settings.
    pub fn new(settings: Settings) -> Self {
        let mut draft = Self {
            settings: with_its_eta(settings),
            previews: PreviewMode::Auto,
            count: 1,
            seed_locked: false,
            seed_used: false,
            touched: false,
            history: History::default(),
            recalled: None,
            tokens: None,
            negative_tokens: None,
            counting: None,
            restored: None,
            branch: None,
            sheet: SheetDraft::default(),
        };
        draft.take_templates();
        draft
    }

    /// Takes over what the user chose; settings that `change` leaves open stay.
    pub fn set(&mut self, change: &PartialSettings) {
        // What the window offers is already cut to the model's own number of timesteps.
        let steps = change.steps.unwrap_or(self.settings.steps);
        if change.grammar.is_some() {
            self.forget_counts();
        }
        self.settings = with_its_eta(Settings { steps, ..change.over(&self.settings) });
        self.touched = true;
        if change.prompt.is_some() {
            self.recalled = None;
        }
        if change.seed.is_some() {
            self.seed_used = false;
        }
    }

    /// Takes over settings as a whole.
    pub fn adopt(&mut self, settings: Settings) {
        self.seed_used = false;
        self.settings = with_its_eta(settings);
        self.recalled = None;
        self.take_templates();
    }

    /// Takes over what suits a model; the seed stays, the prompt if the user wrote it, and the spacing of the steps
    /// unless a model brings one.
    pub fn suit(&mut self, model: &ModelInfo) {
        let timesteps = match (model.defaults.timesteps, self.settings.timesteps) {
            // Models for few steps bring it; it is nobody else's.
            (TimestepSpacing::Uniform, TimestepSpacing::Trailing) => first_settings().timesteps,
            (TimestepSpacing::Uniform, kept) => kept,
            (brought, _) => brought,
        };
        let prompt = std::mem::take(&mut self.settings.prompt);
        let negative_prompt = std::mem::take(&mut self.settings.negative_prompt);
        let seed = self.settings.seed;
        let mut settings = model.defaults.clone();
        settings.seed = seed;
        settings.timesteps = timesteps;
        // The starter's text encoder and UNet are nobody else's.
        if model.source != ModelSource::Starter {
            settings.loras = std::mem::take(&mut self.settings.loras);
            settings.embeddings = std::mem::take(&mut self.settings.embeddings);
        }
        if self.touched || settings.prompt.is_empty() {
            settings.prompt = prompt;
            settings.negative_prompt = negative_prompt;
        }
        let restored = self.restored.take();
        self.adopt(settings);
        self.restored = restored;
    }

    /// Keeps to the steps that a model can run.
    pub fn limit_steps(&mut self, model: &ModelInfo) {
        self.settings.steps = self.settings.steps.clamp(1, model.timesteps.max(1));
    }

    /// Sets the seed, as by hand.
    pub fn set_seed(&mut self, seed: u64) {
        self.settings.seed = seed;
        self.seed_used = false;
    }

    /// Draws another seed.
    pub fn new_seed(&mut self) {
        // The std hasher's keys come from the system's random source.
        let random = std::collections::hash_map::RandomState::new().build_hasher().finish();
        self.set_seed(random & 0xFFFF_FFFF);
    }

    /// The settings of each picture to be made now: one seed after the other, each with its prompts written out.
    ///
    /// # Errors
    /// If a prompt names a list that is not there, or one without an end.
    pub fn jobs(&mut self, lists: &Lists) -> Result<Vec<Settings>, DynamicError> {
        let former = (self.settings.seed, self.seed_used);
        let bare = self.bare_jobs();
        let jobs: Result<Vec<Settings>, DynamicError> =
            bare.iter().map(|settings| self.write_out(settings, lists)).collect();
        if jobs.is_err() {
            (self.settings.seed, self.seed_used) = former;
        }
        jobs
    }

    /// The same with the prompts as they stand in the fields.
    pub fn bare_jobs(&mut self) -> Vec<Settings> {
        if self.seed_used && !self.seed_locked {
            self.new_seed();
        }
        self.seed_used = true;
        self.recalled = None;
        self.history.add(&self.settings.prompt);
        (0..self.count.clamp(1, COUNT_MAX) as u64)
            .map(|i| Settings { seed: self.settings.seed.wrapping_add(i), ..self.settings.clone() })
            .collect()
    }

    /// An older prompt from the history.
    pub fn recall_older(&mut self) {
        let (place, writing) = match self.recalled.take() {
            Some((place, writing)) => (place.checked_sub(1), writing),
            None => (self.history.prompts().len().checked_sub(1), self.settings.prompt.clone()),
        };
        // The newest is often what stands there already.
        let place = match place {
            Some(at) if self.history.prompts().get(at) == Some(&self.settings.prompt) => {
                at.checked_sub(1).or(Some(at))
            }
            other => other,
        };
        let place = place.unwrap_or(0);
        if let Some(prompt) = self.history.prompts().get(place) {
            self.settings.prompt.clone_from(prompt);
            self.recalled = Some((place, writing));
        }
    }

    /// A newer prompt from the history; the last one is what was being written.
    pub fn recall_newer(&mut self) {
        let Some((place, writing)) = self.recalled.take() else { return };
        match self.history.prompts().get(place + 1) {
            Some(prompt) => {
                self.settings.prompt.clone_from(prompt);
                self.recalled = Some((place + 1, writing));
            }
            None => self.settings.prompt = writing,
        }
    }

    fn text(&self, which: Text) -> &str {
        match which {
            Text::Prompt => &self.settings.prompt,
            Text::Negative => &self.settings.negative_prompt,
        }
    }

    fn count_of(&self, which: Text) -> Option<&(String, TokenCount)> {
        match which {
            Text::Prompt => self.tokens.as_ref(),
            Text::Negative => self.negative_tokens.as_ref(),
        }
    }

    /// A text, as the next picture has it, that has changed since it was counted; an empty negative prompt needs no
    /// count.
    pub fn uncounted(&self, lists: &Lists) -> Option<(Text, String)> {
        [Text::Prompt, Text::Negative].into_iter().find_map(|which| {
            let text = self.counted(which, lists);
            let needed = which == Text::Prompt || !text.is_empty();
            let stale = self.count_of(which).is_none_or(|(counted, _)| counted != text.as_str());
            (needed && stale).then(|| (which, text.as_str().to_owned()))
        })
    }

    /// Stores a count of the text that was noted with the request.
    pub fn take_count(&mut self, text: String, count: TokenCount) {
        match self.counting.take() {
            Some((Text::Negative, _)) => self.negative_tokens = Some((text, count)),
            _ => self.tokens = Some((text, count)),
        }
    }

    /// Drops the counts: another model has another tokenizer.
    pub fn forget_counts(&mut self) {
        (self.tokens, self.negative_tokens, self.counting) = (None, None, None);
    }

    /// Byte offset from which a text's words do not fit, if it was counted and some do not.
    pub fn dropped_from(&self, which: Text) -> Option<usize> {
        let (counted, count) = self.count_of(which)?;
        let text = self.text(which);
        let offset = count.dropped_from.filter(|_| counted == text)?;
        text.is_char_boundary(offset).then_some(offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sampler::SamplerKind;

    #[test]
    fn a_used_seed_is_replaced_unless_it_is_locked() {
        let mut draft = Draft::new(first_settings());
        draft.count = 3;
        let seeds: Vec<u64> = draft.bare_jobs().iter().map(|settings| settings.seed).collect();
        assert_eq!(seeds, [2026, 2027, 2028]);
        draft.seed_locked = true;
        assert_eq!(draft.bare_jobs()[0].seed, 2026);
        draft.seed_locked = false;
        let next = draft.bare_jobs()[0].seed;
        assert_ne!(next, 2026);
        draft.set_seed(7);
        assert_eq!(draft.bare_jobs()[0].seed, 7);
    }

    #[test]
    fn a_change_leaves_the_rest_and_a_sampler_without_noise_has_no_eta() {
        let mut draft = Draft::new(first_settings());
        draft.set(&PartialSettings { eta: Some(0.5), ..Default::default() });
        let before = draft.settings.clone();
        draft.set(&PartialSettings { steps: Some(1500), ..Default::default() });
        assert_eq!(draft.settings, Settings { steps: 1500, ..before });
        draft.set(&PartialSettings { sampler: Some(SamplerKind::Plms), ..Default::default() });
        assert_eq!((draft.settings.steps, draft.settings.eta), (1500, 0.0));
        draft.adopt(Settings { eta: 1.0, ..draft.settings.clone() });
        assert_eq!(draft.settings.eta, 0.0);
        draft.recalled = Some((0, String::new()));
        draft.set(&PartialSettings { prompt: Some("a fox".into()), ..Default::default() });
        assert!(draft.touched && draft.recalled.is_none());
    }

    #[test]
    fn history_goes_up_and_comes_back_to_what_was_being_written() {
        let mut draft = Draft::new(first_settings());
        for prompt in ["one", "two", "three"] {
            draft.settings.prompt = prompt.to_owned();
            draft.bare_jobs();
        }
        draft.settings.prompt = "half a thought".to_owned();
        draft.recall_older();
        assert_eq!(draft.settings.prompt, "three");
        draft.recall_older();
        draft.recall_older();
        draft.recall_older();
        assert_eq!(draft.settings.prompt, "one");
        draft.recall_newer();
        draft.recall_newer();
        draft.recall_newer();
        assert_eq!(draft.settings.prompt, "half a thought");
    }
}
