//! Styles as the user handles them, and what a picture's prompts were written out of.

use crate::app::Safelight;
use crate::app::command::Act;
use crate::app::command::phrases::OfPhrases;
use crate::app::i18n::Message;
use crate::app::services::{OfPhrasebook, Task};
use crate::grammar::{Style, styled};
use crate::settings::PartialSettings;

impl Safelight {
    pub(in crate::app) fn execute_on_phrases(&mut self, asked: OfPhrases) {
        match asked {
            OfPhrases::Apply(name) => self.apply_style(&name),
            OfPhrases::Save(name) => self.save_style(name),
            OfPhrases::Delete(name) => self.delete_style(&name),
            OfPhrases::UseTemplate => {
                self.state.draft.use_templates();
                self.ui_state.focus = Some(Act::FocusPrompt);
            }
            OfPhrases::ForgetTemplate => self.state.draft.restored = None,
        }
    }

    fn style(&self, name: &str) -> Option<&Style> {
        self.state.phrases.styles.iter().find(|style| style.name == name)
    }

    fn apply_style(&mut self, name: &str) {
        let Some(style) = self.style(name) else { return };
        let settings = &self.state.draft.settings;
        let [prompt, negative] = styled([&settings.prompt, &settings.negative_prompt], style);
        self.state.negative_open |= !negative.is_empty();
        let (prompt, negative_prompt) = (Some(prompt), Some(negative));
        self.state.draft.set(&PartialSettings { prompt, negative_prompt, ..Default::default() });
        self.ui_state.focus = Some(Act::FocusPrompt);
    }

    fn save_style(&mut self, name: String) {
        let settings = &self.state.draft.settings;
        let (prompt, negative) = (settings.prompt.clone(), settings.negative_prompt.clone());
        self.state.toasts.notice(Message::With("style-saved", name.clone()), None);
        self.services.ask(Task::Phrasebook(OfPhrasebook::Save(Style { name, prompt, negative })));
    }

    fn delete_style(&mut self, name: &str) {
        let Some(style) = self.style(name).cloned() else { return };
        self.services.ask(Task::Phrasebook(OfPhrasebook::Delete(style.name.clone())));
        self.state.toasts.settle(Act::RestoreStyle);
        let said = Message::With("style-deleted", style.name.clone());
        self.state.toasts.notice(said, Some(Act::RestoreStyle));
        self.state.deleted_style = Some(style);
    }

    pub(in crate::app) fn restore_style(&mut self) {
        self.state.toasts.settle(Act::RestoreStyle);
        if let Some(style) = self.state.deleted_style.take() {
            self.services.ask(Task::Phrasebook(OfPhrasebook::Save(style)));
        }
    }
}
