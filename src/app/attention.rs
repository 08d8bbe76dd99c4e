//! Whether the user looks at the window, and how a user who does not learns that long work has ended.

use egui::{Context, UserAttentionType, ViewportCommand, ViewportId};

use crate::app::i18n::Message;
use crate::app::services::Task;
use crate::app::{Safelight, TITLE};

/// What depends on the window's focus.
#[derive(Debug, Default)]
pub(super) struct Attention {
    /// Whether the user looks elsewhere.
    elsewhere: bool,
    /// Whether the window's title says what happened meanwhile.
    titled: bool,
}

impl Safelight {
    /// Follows the window's focus: what is done only while the user looks, and the title.
    pub(super) fn watch_focus(&mut self, ctx: &Context) {
        let focused = ctx.input(|input| input.viewport().focused).unwrap_or(true);
        if focused != self.attention.elsewhere {
            return;
        }
        self.attention.elsewhere = !focused;
        self.services.ask(Task::Watch(focused));
        if focused && std::mem::take(&mut self.attention.titled) {
            ctx.send_viewport_cmd(ViewportCommand::Title(TITLE.to_owned()));
        }
    }

    /// Notifies a user who looks elsewhere that the work has ended: requests attention from the task bar and
    /// puts what happened into the title.
    pub(super) fn notify(&mut self, ctx: &Context, said: &Message) {
        let focused = ctx.input(|input| input.viewport().focused).unwrap_or(true);
        if focused || self.state.is_busy() {
            return;
        }
        let attention = ViewportCommand::RequestUserAttention(UserAttentionType::Informational);
        ctx.send_viewport_cmd_to(ViewportId::ROOT, attention);
        let title = format!("{} – {TITLE}", said.text(&self.words));
        ctx.send_viewport_cmd_to(ViewportId::ROOT, ViewportCommand::Title(title));
        self.attention.titled = true;
    }
}
