//! The draft's prompts as they are written out for one picture, and what those of a picture were written out of.
//!
//! Invariant: a prompt that came from a picture and was not changed is not written out again, whatever has become of
//! the lists; the picture would be another.

use crate::app::state::draft::{Draft, Text};
use crate::grammar::Excerpt;
use crate::grammar::dynamic::{self, DynamicError, Lists, Which};
use crate::settings::{PromptGrammar, Settings};

/// Prompts of a picture, each with what it was written out of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Restored {
    prompt: [String; 2],
    negative: [String; 2],
}

impl Restored {
    /// What a text was written out of, if it is one of a picture's.
    fn template(&self, which: Text, text: &str) -> Option<&str> {
        let [written, template] = if which == Text::Prompt { &self.prompt } else { &self.negative };
        (written == text && !template.is_empty()).then_some(template)
    }
}

impl Draft {
    /// Keeps what the settings' prompts were written out of apart from them.
    pub(super) fn take_templates(&mut self) {
        let settings = &mut self.settings;
        let taken = |text: &String, template: &mut String| [text.clone(), std::mem::take(template)];
        let restored = Restored {
            prompt: taken(&settings.prompt, &mut settings.template),
            negative: taken(&settings.negative_prompt, &mut settings.negative_template),
        };
        let any = !restored.prompt[1].is_empty() || !restored.negative[1].is_empty();
        self.restored = any.then_some(restored);
    }

    fn template_of(&self, which: Text, settings: &Settings) -> Option<&str> {
        let text = match which {
            Text::Prompt => &settings.prompt,
            Text::Negative => &settings.negative_prompt,
        };
        self.restored.as_ref()?.template(which, text)
    }

    /// What the prompts in the fields were written out of, while they stand as they were found.
    pub fn templates(&self) -> [Option<&str>; 2] {
        [Text::Prompt, Text::Negative].map(|which| self.template_of(which, &self.settings))
    }

    /// Puts what the prompts were written out of in their place.
    pub fn use_templates(&mut self) {
        let [prompt, negative] = self.templates().map(|template| template.map(str::to_owned));
        if let Some(prompt) = prompt {
            self.settings.prompt = prompt;
        }
        if let Some(negative) = negative {
            self.settings.negative_prompt = negative;
        }
        self.restored = None;
        self.touched = true;
    }

    /// The settings with what their prompts were written out of, as they are remembered.
    pub fn remembered(&self) -> Settings {
        let [template, negative_template] =
            self.templates().map(|template| template.unwrap_or_default().to_owned());
        Settings { template, negative_template, ..self.settings.clone() }
    }

    /// One of the texts as the next picture has it.
    ///
    /// # Errors
    /// If it names a list that is not there, or one without an end.
    pub fn written(&self, which: Text, lists: &Lists) -> Result<Excerpt, DynamicError> {
        let (settings, text) = (&self.settings, self.text(which));
        if settings.grammar == PromptGrammar::Literal || self.template_of(which, settings).is_some() {
            return Ok(Excerpt::whole(text));
        }
        let which = if which == Text::Prompt { Which::Prompt } else { Which::Negative };
        dynamic::expand(text, which, settings.seed, lists)
    }

    /// The same, or as it stands where it cannot be written out.
    pub fn counted(&self, which: Text, lists: &Lists) -> Excerpt {
        self.written(which, lists).unwrap_or_else(|_| Excerpt::whole(self.text(which)))
    }

    /// Settings of one picture with their prompts written out by its seed.
    ///
    /// # Errors
    /// If a prompt names a list that is not there, or one without an end.
    pub fn write_out(&self, settings: &Settings, lists: &Lists) -> Result<Settings, DynamicError> {
        let [template, negative_template] = [Text::Prompt, Text::Negative]
            .map(|which| self.template_of(which, settings).unwrap_or_default().to_owned());
        dynamic::write_out(&Settings { template, negative_template, ..settings.clone() }, lists)
    }

    /// Byte offsets in a text where its chunks after the first begin, if it was counted.
    pub fn chunks_from(&self, which: Text, lists: &Lists) -> Vec<usize> {
        let Some((counted, count)) = self.count_of(which) else { return Vec::new() };
        if count.starts.is_empty() {
            return Vec::new();
        }
        let written = self.counted(which, lists);
        if written.as_str() != counted {
            return Vec::new();
        }
        count.starts.iter().map(|start| written.place(*start)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::state::draft::first_settings;
    use crate::message::TokenCount;

    fn lists() -> Lists {
        let mut lists = Lists::new("/w");
        lists.add("pet", "cat");
        lists
    }

    fn draft(prompt: &str) -> Draft {
        let grammar = PromptGrammar::A1111;
        Draft::new(Settings { prompt: prompt.into(), grammar, ..first_settings() })
    }

    #[test]
    fn a_picture_is_written_out_and_keeps_what_it_was_written_out_of() {
        let mut draft = draft("a __pet__");
        let made = draft.write_out(&draft.settings, &lists()).unwrap();
        assert_eq!((made.prompt.as_str(), made.template.as_str()), ("a cat", "a __pet__"));
        assert!(draft.write_out(&draft.settings, &Lists::default()).is_err());
        // Restored, it repeats without any list.
        draft.adopt(made.clone());
        assert_eq!(draft.templates(), [Some("a __pet__"), None]);
        assert_eq!(draft.settings.template, "");
        assert_eq!(draft.write_out(&draft.settings, &Lists::default()).unwrap(), made);
        assert_eq!(draft.remembered(), made);
        draft.settings.prompt.push('!');
        assert_eq!(draft.templates(), [None, None]);
        draft.adopt(made);
        draft.use_templates();
        assert_eq!((draft.settings.prompt.as_str(), draft.templates()), ("a __pet__", [None, None]));
    }

    #[test]
    fn what_is_taken_literally_stays() {
        let mut draft = draft("a __pet__ {b|c}");
        draft.settings.grammar = PromptGrammar::Literal;
        let made = draft.write_out(&draft.settings, &Lists::default()).unwrap();
        assert_eq!((made.prompt.as_str(), made.template.as_str()), ("a __pet__ {b|c}", ""));
        assert_eq!(draft.written(Text::Prompt, &Lists::default()).unwrap().as_str(), "a __pet__ {b|c}");
    }

    #[test]
    fn chunks_begin_where_their_words_were_written() {
        let mut draft = draft("__pet__ dog");
        let count = TokenCount { used: 80, max: 154, dropped_from: None, chunks: 2, starts: vec![4] };
        draft.tokens = Some(("cat dog".into(), count));
        assert_eq!(draft.chunks_from(Text::Prompt, &lists()), [8]);
        assert_eq!(draft.chunks_from(Text::Prompt, &Lists::default()), [] as [usize; 0]);
    }
}
