//! The lens in the window: whether somebody looks, at what, and the maps that have come.
//!
//! Invariant: off it holds no maps. Trap: the words are those of the run, and the prompt may have been written anew
//! since, so a word of the prompt is found in the run by its letters and its turn.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::time::Duration;

use crate::app::command::Spot;
use crate::app::state::State;
use crate::app::state::generation::Generation;
use crate::app::state::shown::Shown;
use crate::message::{Heat, JobId, Report, Request, StepHeat};

/// Runs whose maps are kept.
const RUNS_MAX: usize = 8;

/// The lens.
#[derive(Debug, Default)]
pub struct LensState {
    /// Whether somebody looks.
    pub on: bool,
    /// Whether all steps up to the one on the canvas are added up.
    pub together: bool,
    /// What was chosen last.
    pub chosen: Option<Spot>,
    runs: BTreeMap<JobId, Run>,
}

/// The maps of one run.
#[derive(Debug, Default)]
struct Run {
    steps: BTreeMap<usize, StepHeat>,
    /// Steps that were asked for and have not come.
    asked: BTreeSet<usize>,
    /// Whether its steps cannot be looked at.
    refused: bool,
}

/// A map that is to be drawn.
#[derive(Clone, Debug, PartialEq)]
pub struct Map {
    /// Width and height.
    pub size: [usize; 2],
    /// Rows from the top.
    pub values: Vec<f32>,
}

impl LensState {
    /// Takes in the maps of a step.
    pub fn come(&mut self, heat: StepHeat) {
        if !self.on {
            return;
        }
        let run = self.runs.entry(heat.job).or_default();
        run.asked.remove(&heat.step);
        run.steps.insert(heat.step, heat);
        while self.runs.len() > RUNS_MAX {
            self.runs.pop_first();
        }
    }

    /// Notes that a run's steps cannot be looked at.
    pub fn refuse(&mut self, job: JobId) {
        self.runs.entry(job).or_default().refused = true;
    }

    /// Turns it on or off.
    pub fn toggle(&mut self) {
        self.on = !self.on;
        self.runs.clear();
    }

    /// Whether a run's steps cannot be looked at.
    pub fn is_refused(&self, job: JobId) -> bool {
        self.runs.get(&job).is_some_and(|run| run.refused)
    }

    /// The maps of a spot up to a step of a run where all are wanted, else of that step.
    fn heats<'a>(
        &'a self,
        job: JobId,
        step: usize,
        spot: &'a Spot,
    ) -> impl Iterator<Item = (&'a StepHeat, &'a Heat)> {
        let first = if self.together { 0 } else { step };
        let steps = self.runs.get(&job).into_iter().flat_map(move |run| run.steps.range(first..=step));
        steps.filter_map(|(_, heat)| Some((heat, of(heat, spot)?)))
    }

    /// Tells the map of a spot apart from others of it; none where there is no map.
    pub fn key(&self, job: JobId, step: usize, spot: &Spot) -> Option<(JobId, usize, usize)> {
        let count = self.heats(job, step, spot).count();
        (count > 0).then_some((job, step, count))
    }

    /// The map of a spot at a step of a run; added up over the steps before it where all are wanted and there.
    pub fn map(&self, job: JobId, step: usize, spot: &Spot) -> Option<Map> {
        let mut sum = Vec::new();
        let mut size = [0, 0];
        for (heat, map) in self.heats(job, step, spot) {
            sum.resize(map.levels.len(), 0.0);
            sum.iter_mut().zip(map.values()).for_each(|(sum, value)| *sum += value);
            size = heat.size;
        }
        let whole = !sum.is_empty() && size[0] * size[1] == sum.len();
        whole.then_some(Map { size, values: sum })
    }

    /// What the maps of a run cost, the mean over its steps.
    pub fn cost(&self, job: JobId) -> Option<Duration> {
        let run = self.runs.get(&job)?;
        let sum: Duration = run.steps.values().map(|heat| heat.took).sum();
        sum.checked_div(run.steps.len() as u32)
    }

    /// The next step of a finished run whose maps are missing up to `step`; one at a time.
    fn missing(&self, job: JobId, step: usize) -> Option<usize> {
        let first = if self.together { 0 } else { step };
        match self.runs.get(&job) {
            Some(run) if run.refused || !run.asked.is_empty() => None,
            Some(run) => (first..=step).rev().find(|step| !run.steps.contains_key(step)),
            None => Some(step),
        }
    }
}

/// A spot's map in a step.
fn of<'a>(heat: &'a StepHeat, spot: &Spot) -> Option<&'a Heat> {
    match spot {
        Spot::Guidance => heat.guidance.as_ref(),
        Spot::Word { letters, turn } => {
            let same = || heat.words.iter().filter(|word| word.word.to_lowercase() == *letters);
            same().nth(*turn).or_else(|| same().next()).map(|word| &word.heat)
        }
    }
}

/// The words of a text: runs of letters and digits, by their bytes.
fn words(text: &str) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    for (at, c) in text.char_indices().filter(|(_, c)| c.is_alphanumeric()) {
        match found.last_mut().filter(|word| word.end == at) {
            Some(word) => word.end += c.len_utf8(),
            None => found.push(at..at + c.len_utf8()),
        }
    }
    found
}

/// The word of `text` at a byte, or that ends there.
pub fn word_at(text: &str, at: usize) -> Option<Spot> {
    let all = words(text);
    let word = all.iter().find(|word| (word.start..=word.end).contains(&at))?;
    Some(spot(text, &all, word))
}

fn spot(text: &str, all: &[Range<usize>], word: &Range<usize>) -> Spot {
    let letters = text[word.clone()].to_lowercase();
    let before = all.iter().take_while(|other| other.start < word.start);
    let turn = before.filter(|other| text[(*other).clone()].to_lowercase() == letters).count();
    Spot::Word { letters, turn }
}

/// Where a spot's word stands in `text`.
pub fn place_in(text: &str, of: &Spot) -> Option<Range<usize>> {
    let all = words(text);
    all.iter().find(|word| spot(text, &all, word) == *of).cloned()
}

/// The longest word: what is looked at before anything was chosen.
fn longest(text: &str) -> Option<Spot> {
    let all = words(text);
    let longest = all.iter().rev().max_by_key(|word| text[(*word).clone()].chars().count())?;
    Some(spot(text, &all, longest))
}

impl State {
    /// The run that the lens is over, and the step of it that is on the canvas.
    pub fn looked_at(&self) -> Option<(&Generation, usize)> {
        let Shown::Generation { step, .. } = self.shown else { return None };
        let generation = self.generation().filter(|_| self.lens.on && self.compare.is_none())?;
        let newest = generation.done.checked_sub(1);
        Some((generation, self.playing.or(step).or(newest)?))
    }

    /// What is looked at: what was chosen, or the longest word.
    pub fn spot(&self) -> Option<Spot> {
        let (generation, _) = self.looked_at()?;
        self.lens.chosen.clone().or_else(|| longest(&generation.job.settings.prompt))
    }

    /// The request for maps that are missing on the canvas, once the run is over.
    pub fn want_heat(&mut self) -> Option<Request> {
        if self.dead.is_some() || self.model.info.is_none() {
            return None;
        }
        let (generation, step) = self.looked_at()?;
        let job = (!generation.stage.is_open()).then_some(generation.job.id)?;
        let step = self.lens.missing(job, step)?;
        self.lens.runs.entry(job).or_default().asked.insert(step);
        Some(Request::Heat { job, step })
    }

    /// Notes that a step cannot be looked at; the log says why.
    pub(super) fn heat_failed(&mut self, job: JobId, step: usize, report: &Report) {
        log::info!("step {} of job {} cannot be looked at: {}", step + 1, job.0, report.details);
        self.lens.refuse(job);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::WordHeat;

    fn heat(step: usize, level: f32) -> StepHeat {
        let word = |word: &str, value: f32| WordHeat { word: word.to_owned(), heat: Heat::of(&[0.0, value]) };
        StepHeat {
            job: JobId(1),
            step,
            size: [2, 1],
            words: vec![word("A", level), word("fox", 2.0 * level), word("a", 3.0 * level)],
            guidance: Some(Heat::of(&[1.0, level])),
            took: Duration::from_millis(4),
        }
    }

    #[test]
    fn words_are_found_by_their_letters_and_their_turn() {
        let text = "A fox, a Größe a";
        let word = |letters: &str, turn| Some(Spot::Word { letters: letters.to_owned(), turn });
        let find = |part: &str| word_at(text, text.find(part).unwrap());
        assert_eq!(find("A fox"), word("a", 0));
        assert_eq!(find("ox,"), word("fox", 0));
        assert_eq!(word_at(text, 5), word("fox", 0), "behind its last letter");
        assert_eq!(find("a Gr"), word("a", 1));
        assert_eq!(find("öße"), word("größe", 0));
        assert_eq!(word_at("  ", 1), None);
        for at in words(text) {
            assert_eq!(place_in(text, &word_at(text, at.start).unwrap()), Some(at));
        }
        assert_eq!(longest("a red apple"), word("apple", 0));
        assert_eq!(longest(" - "), None);
    }

    #[test]
    fn steps_are_shown_alone_or_added_up() {
        let mut lens = LensState::default();
        lens.come(heat(0, 1.0));
        assert!(lens.runs.is_empty(), "off");
        lens.toggle();
        (0..3).for_each(|step| lens.come(heat(step, 1.0 + step as f32)));
        let fox = Spot::Word { letters: "fox".to_owned(), turn: 0 };
        let values = |lens: &LensState, spot: &Spot| lens.map(JobId(1), 1, spot).map(|map| map.values);
        assert_eq!(values(&lens, &fox), Some(vec![0.0, 4.0]));
        assert_eq!(values(&lens, &Spot::Word { letters: "a".to_owned(), turn: 1 }), Some(vec![0.0, 6.0]));
        assert_eq!(values(&lens, &Spot::Word { letters: "owl".to_owned(), turn: 0 }), None);
        assert_eq!(values(&lens, &Spot::Guidance), Some(vec![1.0, 2.0]));
        lens.together = true;
        assert_eq!(values(&lens, &fox), Some(vec![0.0, 6.0]));
        assert_eq!(lens.cost(JobId(1)), Some(Duration::from_millis(4)));
        lens.toggle();
        assert_eq!(values(&lens, &fox), None);
    }

    #[test]
    fn missing_steps_are_asked_for_one_by_one_the_shown_one_first() {
        let mut lens = LensState { on: true, together: true, ..LensState::default() };
        let ask = |lens: &mut LensState| {
            let step = lens.missing(JobId(1), 2)?;
            lens.runs.entry(JobId(1)).or_default().asked.insert(step);
            Some(step)
        };
        assert_eq!((ask(&mut lens), ask(&mut lens)), (Some(2), None));
        lens.come(heat(2, 1.0));
        assert_eq!(ask(&mut lens), Some(1));
        lens.come(heat(1, 1.0));
        lens.refuse(JobId(1));
        assert_eq!(ask(&mut lens), None);
        assert!(lens.is_refused(JobId(1)));
    }
}
