//! The seed: a field, a die and a lock.

use egui::{TextEdit, Ui, vec2};

use crate::app::command::Act;
use crate::app::theme::icons;
use crate::app::theme::widgets;
use crate::app::theme::widgets::IconButton;
use crate::app::theme::{self, size};
use crate::app::ui::view::View;
use crate::settings::PartialSettings;

/// The seed's field while it is typed in: the text may be no seed yet.
#[derive(Debug, Default)]
pub(super) struct SeedField {
    /// The text, and the seed of the draft that it goes with.
    typing: Option<(String, u64)>,
}

impl SeedField {
    /// The text to show for the draft's seed: what was typed, unless the seed has changed elsewhere.
    fn text(&self, seed: u64) -> String {
        match &self.typing {
            Some((text, of)) if *of == seed => text.clone(),
            _ => seed.to_string(),
        }
    }

    /// Takes in what the field holds and returns the seed that it names, if it names one.
    fn typed(&mut self, text: &str, seed: u64) -> Option<u64> {
        let digits: String = text.chars().filter(char::is_ascii_digit).collect();
        let typed = digits.parse().ok();
        self.typing = Some((digits, typed.unwrap_or(seed)));
        typed
    }
}

/// Draws the field and its buttons.
pub(super) fn seed_ui(ui: &mut Ui, view: &mut View<'_>, field: &mut SeedField) {
    let tokens = theme::tokens(ui);
    let (name, tip) = (view.words.t("seed"), view.words.t("seed-tip"));
    ui.label(widgets::body(&name, tokens.text)).on_hover_text(tip);
    ui.add_space(6.0);
    ui.horizontal(|ui| {
        let width = ui.available_width() - 2.0 * (size::TARGET + 8.0);
        ui.spacing_mut().interact_size.y = 32.0;
        ui.spacing_mut().button_padding = vec2(11.0, 6.0);
        let seed = view.state.draft.settings.seed;
        let mut text = field.text(seed);
        let edit = TextEdit::singleline(&mut text)
            .id_salt("seed")
            .char_limit(20)
            .desired_width(width)
            .align(egui::Align2::LEFT_CENTER);
        let response = ui.add(edit).accessible_name(&name);
        if response.changed()
            && let Some(typed) = field.typed(&text, seed)
        {
            view.set(PartialSettings { seed: Some(typed), ..Default::default() });
        }
        if response.lost_focus() {
            *field = SeedField::default();
        }
        let (name, tip) = (Act::NewSeed.name(view.words), Act::NewSeed.tip(view.words, ui.ctx()));
        if IconButton::new(icons::DICE, &name).raised().tip(tip).show(ui).clicked() {
            view.act(Act::NewSeed);
        }
        let locked = view.state.draft.seed_locked;
        let icon = if locked { icons::LOCK } else { icons::UNLOCK };
        let (name, tip) = (Act::LockSeed.name(view.words), Act::LockSeed.tip(view.words, ui.ctx()));
        if IconButton::new(icon, &name).on(locked).tip(tip).show(ui).clicked() {
            view.act(Act::LockSeed);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_keeps_its_digits_until_the_seed_changes_elsewhere() {
        let mut field = SeedField::default();
        assert_eq!(field.text(7), "7");
        assert_eq!(field.typed("00 4x2", 7), Some(42));
        assert_eq!(field.text(42), "0042");
        assert_eq!(field.typed("", 42), None);
        assert_eq!(field.text(42), "");
        assert_eq!(field.text(9), "9");
    }
}
