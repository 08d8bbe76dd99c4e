//! `History`: the prompts of the past, each once, the latest last.

use serde::{Deserialize, Serialize};

/// How many prompts are kept.
const MOST_PROMPTS: usize = 200;
/// The longest prompt that is kept, in bytes.
const LONGEST: usize = 16 << 10;

/// Prompts, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<String>", into = "Vec<String>")]
pub struct History(Vec<String>);

impl History {
    /// Adds a prompt as the latest; one that was there moves up. Empty and overlong ones are not kept.
    pub fn add(&mut self, prompt: &str) {
        let prompt = prompt.trim();
        if prompt.is_empty() || prompt.len() > LONGEST {
            return;
        }
        self.0.retain(|kept| kept != prompt);
        self.0.push(prompt.to_owned());
        let surplus = self.0.len().saturating_sub(MOST_PROMPTS);
        self.0.drain(..surplus);
    }

    /// All prompts, oldest first.
    pub fn prompts(&self) -> &[String] {
        &self.0
    }
}

impl From<Vec<String>> for History {
    fn from(prompts: Vec<String>) -> Self {
        let mut history = Self::default();
        prompts.iter().for_each(|prompt| history.add(prompt));
        history
    }
}

impl From<History> for Vec<String> {
    fn from(history: History) -> Self {
        history.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_prompt_once_the_latest_last_and_bounded() {
        let mut history = History::default();
        for prompt in ["a", "b", " a ", "", "  ", &"x".repeat(LONGEST + 1)] {
            history.add(prompt);
        }
        assert_eq!(history.prompts(), ["b", "a"]);
        for i in 0..500 {
            history.add(&i.to_string());
        }
        assert_eq!(history.prompts().len(), MOST_PROMPTS);
        assert_eq!(history.prompts()[MOST_PROMPTS - 1], "499");
        let read: History = serde_json::from_str(r#"["a", "b", "a", ""]"#).unwrap();
        assert_eq!(read.prompts(), ["b", "a"]);
    }
}
