//! `PartialSettings`: what could be learnt of a picture's settings; the rest stays as it was.

use crate::sampler::{RngKind, SamplerKind, TimestepSpacing};
use crate::settings::Settings;

/// The most steps a schedule has.
const MOST_STEPS: usize = 1000;
/// The most steps that are believed.
const MOST_STEPS_BELIEVED: u64 = 10_000;
/// The largest guidance that is believed.
const MOST_GUIDANCE: f64 = 1000.0;
/// The longest side that is believed, in pixels.
const LONGEST_SIDE: u64 = 1 << 15;

/// What a picture may tell of how it was made, as a person names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Field {
    /// What it shows.
    Prompt,
    /// What it should not show.
    NegativePrompt,
    /// Steps.
    Steps,
    /// How strongly the words acted.
    Guidance,
    /// The seed.
    Seed,
    /// Width and height.
    Size,
    /// The update rule.
    Sampler,
}

impl Field {
    /// Its name for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Prompt => "prompt",
            Self::NegativePrompt => "negative prompt",
            Self::Steps => "steps",
            Self::Guidance => "guidance",
            Self::Seed => "seed",
            Self::Size => "size",
            Self::Sampler => "sampler",
        }
    }
}

/// Settings with gaps.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct PartialSettings {
    /// What the picture shows.
    pub prompt: Option<String>,
    /// What it should not show; `Some("")` if the file says that there was none.
    pub negative_prompt: Option<String>,
    /// Steps asked for; some programs allow more than a schedule has.
    pub steps: Option<usize>,
    /// `unconditional_guidance_scale`.
    pub guidance: Option<f64>,
    /// Share of fresh noise, 0 to 1.
    pub eta: Option<f64>,
    /// The seed.
    pub seed: Option<u64>,
    /// Pixels across.
    pub width: Option<usize>,
    /// Pixels down.
    pub height: Option<usize>,
    /// The update rule, where it is one of ours.
    pub sampler: Option<SamplerKind>,
    /// How steps were spread.
    pub timesteps: Option<TimestepSpacing>,
    /// Whose noise the seed names.
    pub rng: Option<RngKind>,
    /// Scale of the fresh noise.
    pub temperature: Option<f64>,
}

impl PartialSettings {
    /// `base` with all that is known put over it; steps no more than a schedule has.
    pub fn over(&self, base: &Settings) -> Settings {
        let text = |own: &Option<String>, base: &String| own.clone().unwrap_or_else(|| base.clone());
        Settings {
            prompt: text(&self.prompt, &base.prompt),
            negative_prompt: text(&self.negative_prompt, &base.negative_prompt),
            steps: self.steps.map_or(base.steps, |steps| steps.min(MOST_STEPS)),
            guidance: self.guidance.unwrap_or(base.guidance),
            eta: self.eta.unwrap_or(base.eta),
            seed: self.seed.unwrap_or(base.seed),
            width: self.width.unwrap_or(base.width),
            height: self.height.unwrap_or(base.height),
            sampler: self.sampler.unwrap_or(base.sampler),
            timesteps: self.timesteps.unwrap_or(base.timesteps),
            rng: self.rng.unwrap_or(base.rng),
            temperature: self.temperature.unwrap_or(base.temperature),
        }
    }

    /// What is not known of it.
    pub fn missing(&self) -> Vec<Field> {
        self.fields().filter(|(_, known)| !known).map(|(field, _)| field).collect()
    }

    /// How much is known of what is told by [`Field`].
    pub fn known(&self) -> usize {
        self.fields().filter(|(_, known)| *known).count()
    }

    fn fields(&self) -> impl Iterator<Item = (Field, bool)> {
        [
            (Field::Prompt, self.prompt.is_some()),
            (Field::NegativePrompt, self.negative_prompt.is_some()),
            (Field::Steps, self.steps.is_some()),
            (Field::Guidance, self.guidance.is_some()),
            (Field::Seed, self.seed.is_some()),
            (Field::Size, self.width.is_some() && self.height.is_some()),
            (Field::Sampler, self.sampler.is_some()),
        ]
        .into_iter()
    }

    /// Whether nothing is known that a person would name.
    pub fn is_empty(&self) -> bool {
        self.known() == 0
    }

    /// The same without numbers that no picture can have had.
    #[must_use]
    pub fn believed(mut self) -> Self {
        let whole = |value: Option<usize>, most: u64| value.filter(|&v| v >= 1 && v as u64 <= most);
        let real = |value: Option<f64>, most: f64| value.filter(|v| (0.0..=most).contains(v));
        self.steps = whole(self.steps, MOST_STEPS_BELIEVED);
        self.width = whole(self.width, LONGEST_SIDE);
        self.height = whole(self.height, LONGEST_SIDE);
        self.guidance = real(self.guidance, MOST_GUIDANCE);
        self.eta = real(self.eta, 1.0);
        self.temperature = real(self.temperature, MOST_GUIDANCE);
        self
    }

    /// Takes a sampler's name as other programs spell it; answers whether it is one of ours.
    pub(super) fn set_sampler(&mut self, name: &str) -> bool {
        let name = name.trim().to_lowercase();
        // The plain schedules may stand behind the rule's name.
        let rule = [" uniform", " automatic", " normal", "_uniform", "_normal"]
            .iter()
            .find_map(|schedule| name.strip_suffix(schedule))
            .unwrap_or(&name);
        self.sampler = SamplerKind::from_name(rule);
        if self.sampler.is_some() {
            // These programs lay out the steps of both as the reference does.
            self.timesteps.get_or_insert_default();
        }
        self.sampler.is_some()
    }
}

impl From<Settings> for PartialSettings {
    fn from(settings: Settings) -> Self {
        Self {
            prompt: Some(settings.prompt),
            negative_prompt: Some(settings.negative_prompt),
            steps: Some(settings.steps),
            guidance: Some(settings.guidance),
            eta: Some(settings.eta),
            seed: Some(settings.seed),
            width: Some(settings.width),
            height: Some(settings.height),
            sampler: Some(settings.sampler),
            timesteps: Some(settings.timesteps),
            rng: Some(settings.rng),
            temperature: Some(settings.temperature),
        }
    }
}
