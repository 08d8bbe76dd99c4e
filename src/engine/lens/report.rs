//! From tokens to words, and to what the front end is told.

use crate::engine::lens::Seen;
use crate::message::{Heat, JobId, StepHeat, WordHeat};
use crate::model::tokenizer::Word;

/// A map (h, w) for each word: the mean of its tokens'.
pub fn of_words(seen: &Seen, words: &[Word]) -> Vec<Vec<f32>> {
    let positions = seen.size[0] * seen.size[1];
    let of = |word: &Word| {
        let mut mean = vec![0.0; positions];
        let maps = word.tokens.clone().filter_map(|token| seen.tokens.chunks(positions.max(1)).nth(token));
        for map in maps {
            mean.iter_mut().zip(map).for_each(|(sum, value)| *sum += value / word.tokens.len() as f32);
        }
        mean
    };
    words.iter().map(of).collect()
}

/// What was seen of a step, as the front end is told it.
pub fn step_heat(seen: &Seen, words: &[Word], prompt: &str, job: JobId, step: usize) -> StepHeat {
    let told = words.iter().zip(of_words(seen, words)).filter(|_| !seen.tokens.is_empty());
    StepHeat {
        job,
        step,
        size: [seen.size[1], seen.size[0]],
        words: told
            .map(|(word, map)| WordHeat {
                word: prompt.get(word.text.clone()).unwrap_or_default().to_owned(),
                heat: Heat::of(&map),
            })
            .collect(),
        guidance: (!seen.guidance.is_empty()).then(|| Heat::of(&seen.guidance)),
        took: seen.took,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_of_one_word_are_joined_by_their_mean() {
        let seen =
            Seen { size: [1, 2], tokens: vec![9.0, 9.0, 0.1, 0.3, 0.3, 0.7, 0.2, 0.2], ..Seen::default() };
        let words = [Word { text: 0..2, tokens: 1..3 }, Word { text: 3..6, tokens: 3..4 }];
        let found = of_words(&seen, &words);
        assert!(found[0].iter().zip([0.2, 0.5]).all(|(a, b)| (a - b).abs() < 1e-6));
        assert_eq!(found[1], [0.2, 0.2]);
        let told = step_heat(&seen, &words, "ab cde", JobId(1), 4);
        assert_eq!((told.size, told.guidance.is_some()), ([2, 1], false));
        let names: Vec<&str> = told.words.iter().map(|word| word.word.as_str()).collect();
        assert_eq!(names, ["ab", "cde"]);
        let nothing = Seen { size: [1, 2], ..Seen::default() };
        assert!(step_heat(&nothing, &words, "ab cde", JobId(1), 4).words.is_empty());
    }
}
