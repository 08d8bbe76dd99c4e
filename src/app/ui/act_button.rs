//! The button of an act: its name, its icon, and what a pointer on it is told.

use egui::Ui;

use crate::app::command::Act;
use crate::app::theme::widgets::{self, Kind};
use crate::app::ui::view::View;

/// Draws the button of an act, which is asked for when it is pressed; `keys` stand beside its name.
pub fn act_button(ui: &mut Ui, view: &mut View<'_>, act: Act, kind: Kind, keys: Option<&str>, height: f32) {
    let (name, tip) = (act.name(view.words), act.tip(view.words, ui.ctx()));
    let button = widgets::sized_button(ui, kind, Some(act.row().icon), &name, keys, height);
    if button.on_hover_text(tip).clicked() {
        view.act(act);
    }
}
