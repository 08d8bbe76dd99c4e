//! An open model with what a run lays over it: LoRAs, embeddings, and how its prompts are read.

use std::sync::Arc;

use super::additions::{Adapted, suiting};
use super::from::{self, Ground};
use super::generate::{self, GenerateError, Plan};
use super::open::OpenModel;
use crate::grammar::read;
use crate::message::ModelSource;
use crate::negative::Store;
use crate::note::{AdditionNote, Note};
use crate::settings::{PartialSettings, Settings, short_name};
use crate::tray::Source;

impl OpenModel {
    /// Checks settings, lays over the model what they name, encodes the texts and lays out the steps.
    ///
    /// # Errors
    /// As [`generate::plan`], and if a file cannot be read or does not go with the model.
    pub fn plan(&self, settings: &Settings) -> Result<Plan, GenerateError> {
        self.plan_on(settings, None)
    }

    /// Reads the picture that a run of these settings begins from, places and encodes it.
    ///
    /// # Errors
    /// If it cannot be read, or does not go with the model.
    pub fn ground(
        &self,
        settings: &Settings,
        source: &Source,
        store: Option<&Store>,
    ) -> Result<Ground, GenerateError> {
        generate::check_settings(&self.networks, settings)?;
        self.additions.wrap(&self.networks, settings.tile);
        from::lay(self, settings, source, store)
    }

    /// The same ground for a run of these settings: its masked part filled for their seed.
    pub fn seeded(&self, ground: &Ground, settings: &Settings) -> Arc<Ground> {
        let (fresh, _) = generate::fresh(&self.networks, settings);
        Arc::new(ground.clone().filled(&fresh))
    }

    /// [`OpenModel::plan`] of a run that begins from a picture.
    ///
    /// # Errors
    /// As [`OpenModel::plan`].
    pub fn plan_on(&self, settings: &Settings, ground: Option<Arc<Ground>>) -> Result<Plan, GenerateError> {
        generate::check_settings(&self.networks, settings)?;
        let Adapted { laid, upscaler, added, notes, .. } = self.adapt(settings)?;
        let mut plan = generate::plan_on(&self.networks, settings, ground)?;
        plan.notes.extend(notes);
        (plan.laid, plan.upscaler, plan.added) = (laid, upscaler, added);
        plan.check_enlarged(settings)?;
        // A LoRA that the prompt names leaves the settings to the user.
        let suits = self.suiting(settings).filter(|(suits, _)| suits.put_over(settings) != *settings);
        plan.notes.extend(suits.map(|(_, note)| note));
        Ok(plan)
    }

    /// Lays over the model what the settings and the prompt name, and nothing else.
    ///
    /// # Errors
    /// If a file cannot be read or does not go with the model.
    fn adapt(&self, settings: &Settings) -> Result<Adapted, GenerateError> {
        let path = match &self.info.source {
            ModelSource::Starter => None,
            ModelSource::Path { path, .. } => Some(path.as_path()),
        };
        Ok(self.additions.adapt(&self.networks, path, settings)?)
    }

    /// Lays the LoRAs of a plan over the model, and no others.
    pub fn lay(&self, plan: &Plan) {
        self.additions.lay(&self.networks, &plan.laid);
    }

    /// Does `work`, which may lay other LoRAs over the model, between two steps of a run that has its own.
    pub fn apart<R>(&self, work: impl FnOnce() -> R) -> R {
        let laid = self.additions.laid();
        let done = work();
        self.additions.lay(&self.networks, &laid);
        done
    }

    /// What suits the LoRAs of these settings: those for few steps bring sampler, steps and guidance.
    pub fn suiting(&self, settings: &Settings) -> Option<(PartialSettings, Note)> {
        let prompt = read(settings.grammar, &settings.prompt);
        let uses = settings.loras.0.iter().chain(&prompt.loras);
        let found = uses
            .filter(|used| used.strength != 0.0)
            .find_map(|used| Some((short_name(&used.name).to_owned(), suiting(&used.name)?.1)));
        let (name, suits) = found?;
        let sampler = suits.sampler.map_or("", |sampler| sampler.row().name).to_owned();
        let (steps, guidance) = (suits.steps.unwrap_or_default(), suits.guidance.unwrap_or_default());
        Some((suits, Note::Addition(AdditionNote::Suits { name, sampler, steps, guidance })))
    }
}
