//! Toasts: messages to the user, each until it is dismissed or expires.

use crate::app::command::Act;
use crate::app::i18n::Message;
use crate::message::Report;

/// Toasts at a time; the oldest notice makes room.
const TOASTS_MAX: usize = 4;
/// Seconds that a notice stays.
pub const NOTICE_SECONDS: f64 = 6.0;
/// Seconds that a notice offers to undo a deletion.
const UNDO_SECONDS: f64 = 10.0;

/// How much a toast matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Disappears by itself.
    Notice,
    /// Stays until it is dismissed.
    Error,
}

/// A message over the canvas, with an act to answer it.
#[derive(Clone, Debug, PartialEq)]
pub struct Toast {
    /// Its number, unique in a session.
    pub id: u64,
    /// Notice or error.
    pub severity: Severity,
    /// What it says, translated when it is drawn.
    pub message: Message,
    /// Technical details; may be empty.
    pub details: String,
    /// The act that its button does.
    pub act: Option<Act>,
    /// When it was first drawn, in the window's seconds.
    pub seen: Option<f64>,
}

impl Toast {
    /// The acts that its buttons do, the best first.
    pub fn acts(&self) -> impl Iterator<Item = Act> {
        let elsewhere = (self.act == Some(Act::SaveAgain)).then_some(Act::PickFolder);
        elsewhere.into_iter().chain(self.act)
    }
}

/// All toasts, the newest last.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Toasts {
    next: u64,
    /// The toasts, oldest first.
    pub list: Vec<Toast>,
}

impl Toasts {
    /// Shows a notice.
    pub fn notice(&mut self, message: Message, act: Option<Act>) {
        self.push(Severity::Notice, message, String::new(), act);
    }

    /// Shows an error.
    pub fn error(&mut self, report: Report, act: Option<Act>) {
        self.trouble(report.sentence.into(), report.details, act);
    }

    /// Shows an error in a sentence of the window's own.
    pub fn trouble(&mut self, message: Message, details: String, act: Option<Act>) {
        self.push(Severity::Error, message, details, act);
    }

    fn push(&mut self, severity: Severity, message: Message, details: String, act: Option<Act>) {
        self.list.retain(|toast| toast.message != message);
        self.next += 1;
        self.list.push(Toast { id: self.next, severity, message, details, act, seen: None });
        if self.list.len() > TOASTS_MAX {
            let oldest = self.list.iter().position(|toast| toast.severity == Severity::Notice).unwrap_or(0);
            self.list.remove(oldest);
        }
    }

    /// Dismisses a toast.
    pub fn dismiss(&mut self, id: u64) {
        self.list.retain(|toast| toast.id != id);
    }

    /// Dismisses the toasts that offer an act which was done.
    pub fn settle(&mut self, act: Act) {
        self.list.retain(|toast| toast.act != Some(act));
    }

    /// Drops expired notices; returns the seconds until the next one expires.
    pub fn age(&mut self, now: f64) -> Option<f64> {
        for toast in &mut self.list {
            toast.seen.get_or_insert(now);
        }
        let left = |toast: &Toast| {
            let stands = match toast.act {
                Some(Act::UndoDelete) => UNDO_SECONDS,
                // Told once, perhaps to somebody who looks elsewhere: until it is dismissed.
                Some(Act::DevelopAgain | Act::GoOnDownloads | Act::UseGot) => f64::INFINITY,
                _ => NOTICE_SECONDS,
            };
            toast.seen.map_or(stands, |seen| seen + stands - now)
        };
        self.list.retain(|toast| toast.severity == Severity::Error || left(toast) > 0.0);
        let notices = self.list.iter().filter(|toast| toast.severity == Severity::Notice);
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
        assert_eq!(toasts.list[0].severity, Severity::Error);
    }

    #[test]
    fn the_same_sentence_is_told_once_and_the_pile_is_small() {
        let mut toasts = Toasts::default();
        for i in 0..9 {
            toasts.notice(Message::With("saved-as", format!("{}", i % 7)), None);
        }
        assert_eq!(toasts.list.len(), TOASTS_MAX);
        toasts.settle(Act::Restart);
        assert_eq!(toasts.list.len(), TOASTS_MAX);
    }
}
