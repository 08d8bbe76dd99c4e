//! Flags of `generate` for what people keep to write prompts with, and prompts written out by their seeds.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::grammar::dynamic::{DynamicError, Lists, Template, write_out};
use crate::grammar::styled;
use crate::phrasebook::{PhraseError, find, read_lists, read_styles};
use crate::places::Places;
use crate::settings::{PartialSettings, PromptGrammar, Settings};

use super::Failure;

/// Where a prompt's words come from beside the command line.
#[derive(Clone, Debug, Default, Args)]
pub struct PhraseFlags {
    /// Styles to put around the prompts, by their names in styles.csv, one after the other.
    #[arg(long, value_delimiter = ',', value_name = "NAME,…")]
    pub styles: Vec<String>,
    /// The folder of lists for __name__ in prompts: each .txt file is one, a line an entry [default: the user's].
    #[arg(long, value_name = "FOLDER")]
    pub wildcards: Option<PathBuf>,
}

impl PhraseFlags {
    /// Puts the styles around the prompts of settings, and reads the lists that these name.
    ///
    /// # Errors
    /// If prompts are taken literally, a style is missing, or a folder was named that is not there.
    pub fn prepare(&self, settings: &mut Settings) -> Result<Lists, Failure> {
        let typed = [("--styles", !self.styles.is_empty()), ("--wildcards", self.wildcards.is_some())];
        if settings.grammar == PromptGrammar::Literal
            && let Some((flag, _)) = typed.into_iter().find(|(_, typed)| *typed)
        {
            return Err(Failure::Input(format!(
                "{flag} does nothing where prompts are taken literally; add --grammar a1111 or leave it out"
            )));
        }
        let places = Places::of_user();
        if !self.styles.is_empty() {
            let path = places.styles.as_deref().ok_or(PhraseError::NoPlace)?;
            self.apply_styles(settings, path)?;
        }
        let named = self.wildcards.as_deref().or(places.wildcards.as_deref());
        if let Some(folder) = self.wildcards.as_deref().filter(|folder| !folder.is_dir()) {
            let folder = folder.display();
            return Err(Failure::Input(format!(
                "expected a folder of lists at {folder}, found none; correct --wildcards or leave it out"
            )));
        }
        let is_plain = |text: &String| Template::read(text).is_plain();
        let plain = is_plain(&settings.prompt) && is_plain(&settings.negative_prompt);
        Ok(named.filter(|_| !plain).map(read_lists).unwrap_or_default())
    }

    fn apply_styles(&self, settings: &mut Settings, path: &Path) -> Result<(), PhraseError> {
        let styles = read_styles(path)?;
        for name in self.styles.iter().map(|name| name.trim()).filter(|name| !name.is_empty()) {
            let style = find(&styles, name, path)?;
            [settings.prompt, settings.negative_prompt] =
                styled([&settings.prompt, &settings.negative_prompt], style);
            // What a picture's prompt was written out of is not what this one is.
            (settings.template, settings.negative_template) = Default::default();
        }
        Ok(())
    }

    /// What is changed of a run's settings, with the prompts that were typed written out by its seed.
    ///
    /// # Errors
    /// If a prompt names a list that is not there, or one without an end.
    pub fn changes(&self, of: &Settings, typed: &PartialSettings) -> Result<PartialSettings, Failure> {
        let mut settings = typed.put_over(of);
        let lists = self.prepare(&mut settings)?;
        let mut changes = typed.clone();
        if typed.prompt.is_some() {
            let Settings { prompt, template, .. } =
                write_out(&Settings { negative_prompt: String::new(), ..settings.clone() }, &lists)?;
            (changes.prompt, changes.template) = (Some(prompt), Some(template));
        }
        if typed.negative_prompt.is_some() {
            let Settings { negative_prompt, negative_template, .. } =
                write_out(&Settings { prompt: String::new(), ..settings }, &lists)?;
            (changes.negative_prompt, changes.negative_template) =
                (Some(negative_prompt), Some(negative_template));
        }
        Ok(changes)
    }
}

impl From<DynamicError> for Failure {
    fn from(error: DynamicError) -> Self {
        Self::Input(error.to_string())
    }
}

impl From<PhraseError> for Failure {
    fn from(error: PhraseError) -> Self {
        Self::Input(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_branch_writes_out_what_was_typed_alone() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("pet.txt"), "cat\n").unwrap();
        let flags = PhraseFlags { wildcards: Some(folder.path().into()), ..PhraseFlags::default() };
        let of = Settings {
            prompt: "a {fox|fox}".into(),
            negative_prompt: "__gone__".into(),
            ..Settings::default()
        };
        let typed = PartialSettings { prompt: Some("a __pet__".into()), ..PartialSettings::default() };
        let changes = flags.changes(&of, &typed).unwrap();
        assert_eq!(
            (changes.prompt.as_deref(), changes.template.as_deref()),
            (Some("a cat"), Some("a __pet__"))
        );
        assert_eq!((&changes.negative_prompt, &changes.negative_template), (&None, &None));
        assert_eq!(flags.changes(&of, &PartialSettings::default()).unwrap(), PartialSettings::default());
        let literal = Settings { grammar: PromptGrammar::Literal, ..of };
        assert!(matches!(flags.changes(&literal, &typed), Err(Failure::Input(_))));
        let bare = PhraseFlags::default().changes(&literal, &typed).unwrap();
        assert_eq!(bare.prompt.as_deref(), Some("a __pet__"));
    }
}
