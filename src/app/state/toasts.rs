//! Toasts: what the window tells the user, until it is read or its time is over.

use crate::app::command::Act;
use crate::app::i18n::Message;
use crate::message::Report;

/// Toasts at a time; the oldest notice makes room.
const CARDS_MAX: usize = 4;
/// Seconds for which a notice stands.
pub const NOTICE_SECONDS: f64 = 6.0;
/// Seconds for which a deletion can be undone, and is offered to be.
const UNDO_SECONDS: f64 = 10.0;

/// How much a toast matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// Goes away by itself.
    Notice,
    /// Stays until it is put away.
    Error,
}

/// One toast.
#[derive(Clone, Debug, PartialEq)]
pub struct Toast {
    /// Its name.
    pub id: u64,
    /// How much it matters.
    pub weight: Weight,
    /// What it says.
    pub said: Message,
    /// More, for those who want it; may be empty.
    pub details: String,
    /// What can be done about it.
    pub act: Option<Act>,
    /// When it was first drawn, in the window's seconds.
    pub seen: Option<f64>,
}

impl Toast {
    /// What can be done about it, the first best.
    pub fn acts(&self) -> impl Iterator<Item = Act> {
        let elsewhere = (self.act == Some(Act::SaveAgain)).then_some(Act::PickFolder);
        elsewhere.into_iter().chain(self.act)
    }
}

/// All toasts, the newest last.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Toasts {
    next: u64,
    /// The toasts.
    pub list: Vec<Toast>,
}

impl Toasts {
    /// Tells something in passing.
    pub fn notice(&mut self, said: Message, act: Option<Act>) {
        self.push(Weight::Notice, said, String::new(), act);
    }

    /// Tells what failed.
    pub fn error(&mut self, report: Report, act: Option<Act>) {
        self.trouble(report.sentence.into(), report.details, act);
    }

    /// Tells of trouble that is no error's own sentence.
    pub fn trouble(&mut self, said: Message, details: String, act: Option<Act>) {
        self.push(Weight::Error, said, details, act);
    }

    fn push(&mut self, weight: Weight, said: Message, details: String, act: Option<Act>) {
        self.list.retain(|toast| toast.said != said);
        self.next += 1;
        self.list.push(Toast { id: self.next, weight, said, details, act, seen: None });
        if self.list.len() > CARDS_MAX {
            let oldest = self.list.iter().position(|toast| toast.weight == Weight::Notice).unwrap_or(0);
            self.list.remove(oldest);
        }
    }

    /// Puts a toast away.
    pub fn dismiss(&mut self, id: u64) {
        self.list.retain(|toast| toast.id != id);
    }

    /// Puts away the toasts that offer an act, once it was done.
    pub fn settle(&mut self, act: Act) {
        self.list.retain(|toast| toast.act != Some(act));
    }

    /// Puts away notices whose time is over; seconds until the next one's is come back.
    pub fn age(&mut self, now: f64) -> Option<f64> {
        for toast in &mut self.list {
            toast.seen.get_or_insert(now);
        }
        let left = |toast: &Toast| {
            let stands = match toast.act {
                Some(Act::UndoDelete) => UNDO_SECONDS,
                // Told once, so until it is put away.
                Some(Act::DevelopAgain) => f64::INFINITY,
                _ => NOTICE_SECONDS,
            };
            toast.seen.map_or(stands, |seen| seen + stands - now)
        };
        self.list.retain(|toast| toast.weight == Weight::Error || left(toast) > 0.0);
        let notices = self.list.iter().filter(|toast| toast.weight == Weight::Notice);
        notices.map(left).filter(|seconds| seconds.is_finite()).min_by(f64::total_cmp)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notices_pass_and_errors_stay() {
        let mut toasts = Toasts::default();
        toasts.notice(Message::Key("saved"), None);
        toasts.error(Report::new("engine-gone", ""), None);
        assert_eq!(toasts.age(10.0), Some(NOTICE_SECONDS));
        assert_eq!(toasts.age(10.0 + NOTICE_SECONDS), None);
        assert_eq!(toasts.list.len(), 1);
        assert_eq!(toasts.list[0].weight, Weight::Error);
    }

    #[test]
    fn the_same_sentence_is_told_once_and_the_pile_is_small() {
        let mut toasts = Toasts::default();
        for i in 0..9 {
            toasts.notice(Message::With("saved-as", format!("{}", i % 7)), None);
        }
        assert_eq!(toasts.list.len(), CARDS_MAX);
        toasts.settle(Act::Restart);
        assert_eq!(toasts.list.len(), CARDS_MAX);
    }
}
