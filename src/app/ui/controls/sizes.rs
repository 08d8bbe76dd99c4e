//! The picture's size, as shapes and as free sides, and how many pictures are made at a time.

use egui::{Align, Layout, Ui};

use crate::app::command::Command;
use crate::app::state::draft::{COUNT_MAX, first_settings};
use crate::app::theme;
use crate::app::theme::icons;
use crate::app::theme::slider;
use crate::app::theme::widgets;
use crate::app::theme::widgets::IconButton;
use crate::app::ui::view::View;
use crate::message::ModelInfo;
use crate::settings::{PartialSettings, Settings, Slider};

/// The largest side that the window offers, in pixels.
const OFFERED_MAX: usize = 2048;
/// What sides of Stable Diffusion v1 are multiples of.
const V1_MULTIPLE: usize = 64;

/// Shapes on offer: name, width and height in parts.
const SHAPES: [(&str, usize, usize); 4] =
    [("1 : 1", 1, 1), ("3 : 2", 3, 2), ("2 : 3", 2, 3), ("16 : 9", 16, 9)];

/// The sizes that are offered for a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Sizes {
    /// The shorter side of the shapes: the model's own.
    own: usize,
    /// The smallest side.
    least: usize,
    /// Every side is a multiple of this.
    multiple: usize,
}

impl Sizes {
    /// A model's; before one is open, those that go with the first settings.
    fn of(info: Option<&ModelInfo>) -> Self {
        let shorter = |settings: &Settings| settings.width.min(settings.height);
        match info {
            Some(info) => Self::new(shorter(&info.defaults), info.trained_side, info.size_multiple),
            None => Self::new(shorter(&first_settings()), shorter(&first_settings()), V1_MULTIPLE),
        }
    }

    fn new(own: usize, trained_side: usize, multiple: usize) -> Self {
        let multiple = multiple.max(1);
        // Below half of what it was trained on, a model no longer draws things.
        let least = (trained_side / 2).max(1).next_multiple_of(multiple);
        Self { own, least, multiple }
    }

    /// The offered side nearest to `side`.
    fn nearest(&self, side: f64) -> usize {
        let most = OFFERED_MAX / self.multiple * self.multiple;
        let multiples = (side / self.multiple as f64).round().max(0.0) as usize;
        multiples.saturating_mul(self.multiple).clamp(self.least, most.max(self.least))
    }
}

/// Sides of a shape whose shorter side is the model's own.
pub fn sides(parts: (usize, usize), own: usize, multiple: usize) -> (usize, usize) {
    let multiple = multiple.max(1);
    let (across, down) = parts;
    let shorter = across.min(down).max(1);
    let side =
        |n: usize| ((own * n) as f64 / shorter as f64 / multiple as f64).round().max(1.0) as usize * multiple;
    (side(across), side(down))
}

/// Draws the shapes on offer, the free sides where they are shown, and the count of pictures.
pub(super) fn sizes_ui(ui: &mut Ui, view: &mut View<'_>, free_size: &mut bool) {
    let tokens = theme::tokens(ui);
    let sizes = Sizes::of(view.state.model.info.as_deref());
    let settings = &view.state.draft.settings;
    let (width, height) = (settings.width, settings.height);
    ui.horizontal(|ui| {
        ui.set_height(20.0);
        ui.label(widgets::body(view.words.t("size"), tokens.text)).on_hover_text(view.words.t("size-tip"));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            ui.label(widgets::small(format!("{width} × {height}"), tokens.subdued));
        });
    });
    ui.add_space(6.0);
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 6.0;
        for (name, across, down) in SHAPES {
            let (w, h) = sides((across, down), sizes.own, sizes.multiple);
            if widgets::chip(ui, name, &format!("{w} × {h}"), (width, height) == (w, h)).clicked() {
                view.set(PartialSettings { width: Some(w), height: Some(h), ..Default::default() });
            }
        }
        if widgets::chip(ui, "…", &view.words.t("free-size"), *free_size).clicked() {
            *free_size = !*free_size;
        }
    });
    if *free_size {
        ui.add_space(8.0);
        free_size_ui(ui, view, sizes);
    }
    ui.add_space(10.0);
    count_ui(ui, view);
}

fn free_size_ui(ui: &mut Ui, view: &mut View<'_>, sizes: Sizes) {
    let scale = Slider {
        least: sizes.least as f64,
        most: OFFERED_MAX as f64,
        typed_most: OFFERED_MAX as f64,
        step: sizes.multiple as f64,
        decimals: 0,
    };
    // A size that came with a picture may be none of these; it stays until it is changed by hand.
    let side = |ui: &mut Ui, name: String, side: usize| {
        let mut number = side as f64;
        let scale = Slider { least: scale.least.min(number), typed_most: scale.most.max(number), ..scale };
        let changed = slider::number(ui, &name, &mut number, scale, 72.0).changed();
        changed.then(|| sizes.nearest(number))
    };
    let settings = &view.state.draft.settings;
    ui.horizontal(|ui| {
        let width = side(ui, view.words.t("width"), settings.width);
        ui.label(widgets::small("×", theme::tokens(ui).subdued));
        let height = side(ui, view.words.t("height"), settings.height);
        if width.is_some() || height.is_some() {
            view.set(PartialSettings { width, height, ..Default::default() });
        }
    });
}

fn count_ui(ui: &mut Ui, view: &mut View<'_>) {
    let tokens = theme::tokens(ui);
    ui.horizontal(|ui| {
        ui.set_height(26.0);
        ui.label(widgets::body(view.words.t("pictures"), tokens.text))
            .on_hover_text(view.words.t("pictures-tip"));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            ui.spacing_mut().item_spacing.x = 4.0;
            let before = view.state.draft.count;
            let mut count = before;
            if stepper(ui, icons::PLUS, &view.words.t("more-pictures"), before < COUNT_MAX) {
                count += 1;
            }
            let scale = Slider {
                least: 1.0,
                most: COUNT_MAX as f64,
                typed_most: COUNT_MAX as f64,
                step: 1.0,
                decimals: 0,
            };
            let mut number = count as f64;
            slider::number(ui, &view.words.t("pictures"), &mut number, scale, 32.0);
            count = (number as usize).clamp(1, COUNT_MAX);
            if stepper(ui, icons::MINUS, &view.words.t("fewer-pictures"), before > 1) {
                count = (before - 1).max(1);
            }
            if count != before {
                view.push(Command::SetCount(count));
            }
        });
    });
}

fn stepper(ui: &mut Ui, icon: icons::Icon, name: &str, enabled: bool) -> bool {
    let response = IconButton::new(icon, name).in_row().boxed().enabled(enabled).show(ui);
    response.clicked()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_keep_the_models_own_side_and_multiple() {
        assert_eq!(sides((1, 1), 512, 64), (512, 512));
        assert_eq!(sides((3, 2), 512, 64), (768, 512));
        assert_eq!(sides((2, 3), 256, 64), (256, 384));
        assert_eq!(sides((16, 9), 512, 64), (896, 512));
    }

    #[test]
    fn the_smallest_size_offered_is_half_the_trainings() {
        let least = |trained_side| Sizes::new(trained_side, trained_side, 64).least;
        assert_eq!([256, 512, 96, 16].map(least), [128, 256, 64, 64]);
        let sizes = Sizes::new(256, 256, 64);
        assert_eq!(
            [64.0, 200.0, 300.0, 1e9, -5.0].map(|side| sizes.nearest(side)),
            [128, 192, 320, 2048, 128]
        );
    }
}
