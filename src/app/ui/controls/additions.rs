//! LoRAs with a slider each, and embeddings: what is laid over the model for the next picture.

use egui::{Align, Layout, Ui};

use crate::app::theme::icons;
use crate::app::theme::slider;
use crate::app::theme::widgets::{self, IconButton};
use crate::app::theme::{self};
use crate::app::ui::view::View;
use crate::settings::{PartialSettings, Slider, short_name};

/// Strengths that people use, those that take away among them; more can be typed.
const STRENGTH: Slider = Slider { least: -1.0, most: 2.0, typed_most: 4.0, step: 0.05, decimals: 2 };

/// Letters of a LoRA's name beside its number, and of an embedding's in its line.
const NAME_LETTERS: usize = 20;
const WORD_LETTERS: usize = 14;

/// A name without what has no room.
fn shown(name: &str, letters: usize) -> String {
    match name.char_indices().nth(letters) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name.to_owned(),
    }
}

/// Whether there is anything to show.
pub fn has_any(view: &View<'_>) -> bool {
    let settings = &view.state.draft.settings;
    !settings.loras.0.is_empty() || !settings.embeddings.0.is_empty()
}

/// A heading, and a row for each.
pub fn additions_ui(ui: &mut Ui, view: &mut View<'_>) {
    let tokens = theme::tokens(ui);
    ui.label(widgets::body(view.words.t("loras"), tokens.text)).on_hover_text(view.words.t("loras-tip"));
    ui.add_space(4.0);
    let (mut loras, mut embeddings) =
        (view.state.draft.settings.loras.clone(), view.state.draft.settings.embeddings.clone());
    let mut removed = None;
    let mut changed = false;
    for (place, lora) in loras.0.iter_mut().enumerate() {
        let name = shown(short_name(&lora.name), NAME_LETTERS);
        ui.push_id(("lora", place), |ui| {
            ui.horizontal(|ui| {
                ui.with_layout(Layout::right_to_left(Align::Min), |ui| {
                    if remove_ui(ui, view, short_name(&lora.name)) {
                        removed = Some(place);
                    }
                    ui.vertical(|ui| {
                        let tip = lora.name.clone();
                        if slider::slider(ui, &name, &tip, &mut lora.strength, STRENGTH, false).changed() {
                            lora.texts = None;
                            changed = true;
                        }
                    });
                });
            });
        });
        ui.add_space(6.0);
    }
    if let Some(place) = removed {
        loras.0.remove(place);
    }
    if changed || removed.is_some() {
        view.set(PartialSettings { loras: Some(loras), ..Default::default() });
    }
    let mut forgotten = None;
    for (place, path) in embeddings.0.iter().enumerate() {
        let name = short_name(path);
        ui.push_id(("embedding", place), |ui| {
            ui.horizontal(|ui| {
                let said = view.words.with("embedding-named", &[("name", shown(name, WORD_LETTERS).into())]);
                ui.label(widgets::small(said, tokens.subdued)).on_hover_text(path);
                ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                    if remove_ui(ui, view, name) {
                        forgotten = Some(place);
                    }
                });
            });
        });
    }
    if let Some(place) = forgotten {
        embeddings.0.remove(place);
        view.set(PartialSettings { embeddings: Some(embeddings), ..Default::default() });
    }
}

/// The button that takes one off; returns whether it was clicked.
fn remove_ui(ui: &mut Ui, view: &View<'_>, name: &str) -> bool {
    let label = view.words.with("addition-remove", &[("name", name.into())]);
    IconButton::new(icons::CLOSE, &label).in_row().tip(label.clone()).show(ui).clicked()
}
