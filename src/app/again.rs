//! The program starts itself again: the window cannot exchange its device, so a lost one ends it, and its
//! successor goes on with what was under way.
//!
//! Trap: what belongs to this process (its session, its claim to be the only one) must be gone before, or the
//! successor is no first one.

use std::process::Command;
use std::time::{Duration, Instant};

use egui::Context;

use crate::app::Safelight;
use crate::app::command::{Act, Command as Asked};
use crate::app::i18n::Message;
use crate::app::services::{Answer, Services, Task};
use crate::message::{Control, Event, Report};

/// The variable by which the program tells its successor that the graphics card was lost.
const LOST: &str = "SAFELIGHT_LOST";

/// How long a job may take to be set aside.
const PATIENCE: Duration = Duration::from_secs(3);

/// Starts the program anew; returns only if that fails, or, on Windows, once the successor runs.
pub(super) type StartAgain = Box<dyn FnMut() -> std::io::Result<()>>;

/// Whether this process goes on for one that lost its graphics card.
pub(super) fn goes_on() -> bool {
    std::env::var_os(LOST).is_some()
}

/// Starts the program again after its card was lost.
pub(super) fn after_loss() -> StartAgain {
    Box::new(|| start_again(&[(LOST, "1"), (super::graphics::PLAIN, "1")]))
}

/// Starts the program again with its arguments and `variables`; returns only if that fails, or, on Windows,
/// once the successor runs.
///
/// # Errors
/// If the system starts none.
pub(super) fn start_again(variables: &[(&str, &str)]) -> std::io::Result<()> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(std::env::args_os().skip(1)).envs(variables.iter().copied());
    successor(command)
}

/// The successor takes this process's place, and its terminal.
#[cfg(unix)]
fn successor(mut command: Command) -> std::io::Result<()> {
    use std::os::unix::process::CommandExt as _;
    Err(command.exec())
}

#[cfg(not(unix))]
fn successor(mut command: Command) -> std::io::Result<()> {
    command.spawn().map(|_| std::process::exit(0))
}

/// The world outside of a window that has ended.
struct Ended;

impl Services for Ended {
    fn ask(&mut self, _: Task) {}

    fn answers(&mut self) -> Vec<Answer> {
        Vec::new()
    }
}

impl Safelight {
    /// Ends in order, with what is under way noted, and starts the program again. A successor that loses its
    /// card too stays: a third would fare no better.
    pub(super) fn card_lost(&mut self, ctx: &Context, details: String) {
        if !self.goes_on {
            self.remember(ctx, true);
            self.note_under_way();
            self.set_aside();
            // All is written when the services are gone, and the session stays for the successor.
            self.services = Box::new(Ended);
            match (self.start_again)() {
                Ok(()) => return,
                Err(error) => log::error!("the program cannot be started again: {error}"),
            }
        }
        self.state.toasts.error(Report::new("graphics-failed", details), None);
    }

    /// Has the running job set aside, for a few seconds at most: what is not is begun again.
    fn set_aside(&mut self) {
        let Some(job) = self.state.queue.running().map(|running| running.job.id) else { return };
        self.control(Control::SetAside { job });
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            let events = self.engine.drain_events(Instant::now() + Duration::from_millis(20));
            let ended = |event: &Event| match event {
                Event::Stopped { job: ended, .. } | Event::Failed { job: ended, .. } => *ended == job,
                Event::Finished { .. } | Event::Died { .. } => true,
                _ => false,
            };
            if events.iter().any(ended) || self.engine.is_gone() {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Goes on with what a predecessor without a card had under way, once it is known.
    pub(super) fn go_on(&mut self, ctx: &Context) {
        if self.goes_on && !self.state.interrupted.is_empty() {
            self.execute(ctx, Asked::Do(Act::DevelopAgain));
        }
    }

    /// Says why the window was gone for a moment.
    pub(super) fn tell_why_again(&mut self) {
        if self.goes_on {
            self.state.toasts.notice(Message::Key("started-again"), None);
        }
    }
}
