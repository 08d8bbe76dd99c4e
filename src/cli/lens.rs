//! `generate --lens WORD` and `--guidance-out`: where a word and guidance acted in all steps together, over the
//! picture.

use std::path::{Path, PathBuf};
use std::rc::Rc;

use clap::Args;

use crate::engine::generate::Plan;
use crate::engine::lens::{Lens, Seen, of_words};
use crate::engine::prompts::Passes;
use crate::model::tokenizer::Word;
use crate::picture::{self, Format, Frame, heat_over};
use crate::told::quoted;
use crate::trace::Trace;

use super::Failure;
use super::output::{check_writable, folder_of, make_folder};

/// The flags of the lens.
#[derive(Clone, Debug, Default, Args)]
pub struct LensFlags {
    /// A word of the prompt, or several in a row; where it acted is written to --lens-out.
    #[arg(long, value_name = "WORD", requires = "lens_out")]
    pub lens: Option<String>,
    /// The file (PNG, JPEG or WebP by its ending) for the picture with the word's heatmap over it, all steps together.
    #[arg(long, value_name = "FILE", requires = "lens")]
    pub lens_out: Option<PathBuf>,
    /// The file for the picture with a heatmap of where guidance acted, |e_cond − e_uncond|, all steps together.
    #[arg(long, value_name = "FILE")]
    pub guidance_out: Option<PathBuf>,
}

impl LensFlags {
    /// Checks before the run that the files can be written.
    ///
    /// # Errors
    /// If one cannot.
    pub fn check(&self) -> Result<(), Failure> {
        for path in self.lens_out.iter().chain(&self.guidance_out) {
            Format::of(path)?;
            check_writable(folder_of(path))?;
        }
        Ok(())
    }

    fn is_asked_for(&self) -> bool {
        self.lens.is_some() || self.guidance_out.is_some()
    }
}

/// What the lens has gathered of one run.
pub struct Looking {
    flags: LensFlags,
    lens: Rc<Lens>,
    passes: Passes,
    words: Vec<Word>,
    prompt: String,
    /// The words that were asked for, as one.
    asked: Option<Word>,
    /// The sum over steps.
    sum: Seen,
    steps: usize,
    /// Whether the second pass has begun.
    second: bool,
}

impl Looking {
    /// A lens on a run of `prompt`, if one was asked for. Its words are those that the prompt begins with.
    ///
    /// # Errors
    /// If the prompt has no such word.
    pub fn begin(flags: &LensFlags, plan: &Plan, prompt: &str) -> Result<Option<Self>, Failure> {
        if !flags.is_asked_for() {
            return Ok(None);
        }
        let passes = plan.passes();
        let words = passes.words_of_step(0).to_vec();
        let asked = flags.lens.as_ref().map(|asked| {
            in_a_row(&words, prompt, asked).ok_or_else(|| {
                let there: Vec<&str> =
                    words.iter().filter_map(|word| prompt.get(word.text.clone())).collect();
                Failure::Input(format!(
                    "expected a word of the prompt for --lens, found \"{}\"; it has: {}",
                    quoted(asked),
                    there.join(", ")
                ))
            })
        });
        Ok(Some(Self {
            flags: flags.clone(),
            lens: Rc::new(Lens::on()),
            passes,
            words,
            prompt: prompt.to_owned(),
            asked: asked.transpose()?,
            sum: Seen::default(),
            steps: 0,
            second: false,
        }))
    }

    /// The lens that the run is under.
    pub fn lens(&self) -> Rc<Lens> {
        self.lens.clone()
    }

    /// Takes in a step, if the prompt has the words then that it began with; with a trace every token's map of it is
    /// recorded.
    pub fn step(&mut self, step: usize, trace: Option<&mut Trace>) {
        let Some(seen) = self.lens.take() else { return };
        if self.passes.words_of_step(step) != self.words {
            return;
        }
        // Of two passes the second, which makes the picture.
        let is_second = self.steps > 0 && self.sum.size != seen.size;
        if is_second {
            (self.sum, self.steps, self.second) = (Seen::default(), 0, true);
        }
        self.sum.size = seen.size;
        self.sum.took += seen.took;
        self.steps += 1;
        for (sum, step) in [(&mut self.sum.tokens, &seen.tokens), (&mut self.sum.guidance, &seen.guidance)] {
            sum.resize(sum.len().max(step.len()), 0.0);
            sum.iter_mut().zip(step).for_each(|(sum, value)| *sum += value);
        }
        if let Some(trace) = trace {
            let [h, w] = seen.size;
            let tokens = seen.tokens.len() / (h * w).max(1);
            let name = if self.second { "second_lens_tokens" } else { "lens_tokens" };
            trace.push_maps(name, [tokens, h, w], &seen.tokens);
        }
    }

    /// What the maps cost, in a sentence.
    pub fn cost(&self) -> String {
        let each = self.sum.took.as_secs_f64() * 1e3 / self.steps.max(1) as f64;
        format!("the lens took {each:.1} ms a step")
    }

    /// Writes the heatmaps over the picture, and the maps of all words into the trace.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn save(&self, frame: &Frame, force: bool, trace: Option<&mut Trace>) -> Result<(), Failure> {
        let [h, w] = self.sum.size;
        if let Some(trace) = trace {
            for (i, map) in of_words(&self.sum, &self.words).into_iter().enumerate() {
                let word = self.prompt.get(self.words[i].text.clone()).unwrap_or_default();
                trace.f32(&format!("lens.{i}.{word}"), &[h, w], map);
            }
            trace.f32("lens_guidance", &[self.sum.guidance.len() / w.max(1), w], self.sum.guidance.clone());
        }
        if let (Some(word), Some(path)) = (&self.asked, &self.flags.lens_out) {
            let map = of_words(&self.sum, std::slice::from_ref(word)).remove(0);
            write(path, force, &heat_over(frame, &map, [w, h]))?;
        }
        if let Some(path) = &self.flags.guidance_out {
            if self.sum.guidance.is_empty() {
                return Err(Failure::Input(
                    "expected a run with guidance for --guidance-out, found one whose guidance is 1"
                        .to_owned(),
                ));
            }
            write(path, force, &heat_over(frame, &self.sum.guidance, [w, h]))?;
        }
        Ok(())
    }
}

fn write(path: &Path, force: bool, frame: &Frame) -> Result<(), Failure> {
    make_folder(folder_of(path))?;
    picture::write_to(path, force, frame, None)?;
    Ok(())
}

/// The words in a row that read like `asked`, as one.
fn in_a_row(words: &[Word], prompt: &str, asked: &str) -> Option<Word> {
    let asked = asked.trim().to_lowercase();
    let runs = (0..words.len()).flat_map(|from| (from..words.len()).map(move |to| (from, to)));
    let joined = |(from, to): (usize, usize)| Word {
        text: words[from].text.start..words[to].text.end,
        tokens: words[from].tokens.start..words[to].tokens.end,
    };
    runs.map(joined).find(|run| prompt.get(run.text.clone()).is_some_and(|text| text.to_lowercase() == asked))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_in_a_row_are_found_whatever_their_case() {
        let prompt = "a Teddy bear, red";
        let words = [(0..1, 1..2), (2..7, 2..3), (8..12, 3..5), (14..17, 6..7)]
            .map(|(text, tokens)| Word { text, tokens });
        assert_eq!(in_a_row(&words, prompt, "RED"), Some(words[3].clone()));
        assert_eq!(in_a_row(&words, prompt, "teddy bear"), Some(Word { text: 2..12, tokens: 2..5 }));
        assert_eq!(in_a_row(&words, prompt, "bear red"), None);
        assert_eq!(in_a_row(&words, prompt, ""), None);
    }
}
