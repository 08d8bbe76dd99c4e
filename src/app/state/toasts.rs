//! Cards: what the window tells a person, until it is read or its time is over.

use crate::app::command::Act;
use crate::app::i18n::Words;
use crate::message::Report;
use crate::told::Sentence;

/// Cards at a time; the oldest notice makes room.
const CARDS_MAX: usize = 4;
/// Seconds for which a notice stands.
pub const NOTICE_SECONDS: f64 = 6.0;
/// Seconds for which a deletion can be undone, and is offered to be.
const UNDO_SECONDS: f64 = 10.0;

/// A sentence that is not in words yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// The string of that name.
    Key(&'static str),
    /// The string of that name with `{ $what }` filled in.
    With(&'static str, String),
    /// The string of that name with several values filled in.
    Values(&'static str, Vec<(&'static str, String)>),
    /// The string of that name with the number `{ $n }` and `{ $what }` filled in.
    Counted(&'static str, usize, String),
    /// A sentence and the string of that name.
    Then(Box<Self>, &'static str),
}

impl Said {
    /// In words.
    pub fn text(&self, words: &Words) -> String {
        match self {
            Self::Key(key) => words.t(key),
            Self::With(key, what) => words.with(key, &[("what", what.as_str().into())]),
            Self::Values(key, values) => {
                let values: Vec<_> =
                    values.iter().map(|(name, value)| (*name, value.as_str().into())).collect();
                words.with(key, &values)
            }
            Self::Counted(key, n, what) => {
                words.with(key, &[("n", (*n).into()), ("what", what.as_str().into())])
            }
            Self::Then(said, key) => format!("{} {}", said.text(words), words.t(key)),
        }
    }
}

impl From<Sentence> for Said {
    fn from(Sentence { key, values }: Sentence) -> Self {
        Self::Values(key, values)
    }
}

/// How much a card matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// Goes away by itself.
    Notice,
    /// Stays until it is put away.
    Error,
}

/// One card.
#[derive(Clone, Debug, PartialEq)]
pub struct Card {
    /// Its name.
    pub id: u64,
    /// How much it matters.
    pub weight: Weight,
    /// What it says.
    pub said: Said,
    /// More, for those who want it; may be empty.
    pub details: String,
    /// What can be done about it.
    pub act: Option<Act>,
    /// When it was first drawn, in the window's seconds.
    pub seen: Option<f64>,
}

impl Card {
    /// What can be done about it, the first best.
    pub fn acts(&self) -> impl Iterator<Item = Act> {
        let elsewhere = (self.act == Some(Act::SaveAgain)).then_some(Act::PickFolder);
        elsewhere.into_iter().chain(self.act)
    }
}

/// All cards, the newest last.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cards {
    next: u64,
    /// The cards.
    pub list: Vec<Card>,
}

impl Cards {
    /// Tells something in passing.
    pub fn notice(&mut self, said: Said, act: Option<Act>) {
        self.push(Weight::Notice, said, String::new(), act);
    }

    /// Tells what failed.
    pub fn error(&mut self, report: Report, act: Option<Act>) {
        self.trouble(report.sentence.into(), report.details, act);
    }

    /// Tells of trouble that is no error's own sentence.
    pub fn trouble(&mut self, said: Said, details: String, act: Option<Act>) {
        self.push(Weight::Error, said, details, act);
    }

    fn push(&mut self, weight: Weight, said: Said, details: String, act: Option<Act>) {
        self.list.retain(|card| card.said != said);
        self.next += 1;
        self.list.push(Card { id: self.next, weight, said, details, act, seen: None });
        if self.list.len() > CARDS_MAX {
            let oldest = self.list.iter().position(|card| card.weight == Weight::Notice).unwrap_or(0);
            self.list.remove(oldest);
        }
    }

    /// Puts a card away.
    pub fn dismiss(&mut self, id: u64) {
        self.list.retain(|card| card.id != id);
    }

    /// Puts away the cards that offer an act, once it was done.
    pub fn settle(&mut self, act: Act) {
        self.list.retain(|card| card.act != Some(act));
    }

    /// Puts away notices whose time is over; seconds until the next one's is come back.
    pub fn age(&mut self, now: f64) -> Option<f64> {
        for card in &mut self.list {
            card.seen.get_or_insert(now);
        }
        let left = |card: &Card| {
            let stands = match card.act {
                Some(Act::UndoDelete) => UNDO_SECONDS,
                // Told once, so until it is put away.
                Some(Act::DevelopAgain) => f64::INFINITY,
                _ => NOTICE_SECONDS,
            };
            card.seen.map_or(stands, |seen| seen + stands - now)
        };
        self.list.retain(|card| card.weight == Weight::Error || left(card) > 0.0);
        let notices = self.list.iter().filter(|card| card.weight == Weight::Notice);
        notices.map(left).filter(|seconds| seconds.is_finite()).min_by(f64::total_cmp)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notices_pass_and_errors_stay() {
        let mut cards = Cards::default();
        cards.notice(Said::Key("saved"), None);
        cards.error(Report::new("engine-gone", ""), None);
        assert_eq!(cards.age(10.0), Some(NOTICE_SECONDS));
        assert_eq!(cards.age(10.0 + NOTICE_SECONDS), None);
        assert_eq!(cards.list.len(), 1);
        assert_eq!(cards.list[0].weight, Weight::Error);
    }

    #[test]
    fn the_same_sentence_is_told_once_and_the_pile_is_small() {
        let mut cards = Cards::default();
        for i in 0..9 {
            cards.notice(Said::With("saved-as", format!("{}", i % 7)), None);
        }
        assert_eq!(cards.list.len(), CARDS_MAX);
        cards.settle(Act::Restart);
        assert_eq!(cards.list.len(), CARDS_MAX);
    }
}
