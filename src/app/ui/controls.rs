//! The controls: the model, guidance and steps, seed, size, and below them what is rarer.

use egui::{Align, Layout, Rangef, ScrollArea, TextEdit, Ui, UiBuilder, vec2};

use crate::app::command::{Act, Command};
use crate::app::state::draft::{COUNT_MAX, first_settings};
use crate::app::theme::icons;
use crate::app::theme::slider;
use crate::app::theme::slider::Scale;
use crate::app::theme::widgets;
use crate::app::theme::widgets::IconButton;
use crate::app::theme::{self, size};
use crate::app::ui::view::View;
use crate::app::ui::{foot, model, more, queue};
use crate::message::ModelInfo;
use crate::sampler::TimestepSpacing;
use crate::sampler::steps_run;
use crate::settings::Settings;

/// Guidance, as the slider has it.
pub const GUIDANCE: Scale = Scale { least: 1.0, most: 15.0, typed_most: 30.0, step: 0.1, decimals: 1 };
/// Steps, as the slider has them.
const STEPS: Scale = Scale { least: 1.0, most: 100.0, typed_most: 100.0, step: 1.0, decimals: 0 };
/// Sides, as they may be typed.
const SIDE_MAX: usize = 2048;
/// What sides of Stable Diffusion v1 are multiples of.
const V1_MULTIPLE: usize = 64;

/// Shapes on offer: name, width and height in parts.
const SHAPES: [(&str, usize, usize); 4] =
    [("1 : 1", 1, 1), ("3 : 2", 3, 2), ("2 : 3", 2, 3), ("16 : 9", 16, 9)];

/// Draws the panel into `rect` of `ui`.
pub fn controls_ui(ui: &mut Ui, view: &mut View<'_>, rect: egui::Rect) {
    let foot = 41.0;
    let mut above = rect;
    above.max.y -= foot + view.room.cards_height;
    let mut below = rect;
    below.min.y = rect.max.y - foot;
    ui.scope_builder(UiBuilder::new().max_rect(above).id_salt("controls"), |ui| {
        ui.set_clip_rect(above.intersect(ui.clip_rect()));
        ui.spacing_mut().item_spacing.y = 0.0;
        ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
            let across = rect.x_range();
            model::header_ui(ui, view);
            section(ui, across, |ui| sliders_ui(ui, view));
            section(ui, across, |ui| seed_ui(ui, view));
            section(ui, across, |ui| size_ui(ui, view));
            section(ui, across, |ui| more::more_ui(ui, view));
            if !view.state.desk.queue.is_empty() {
                section(ui, across, |ui| queue::queue_ui(ui, view));
            } else {
                widgets::hairline(ui, across);
            }
        });
    });
    ui.scope_builder(UiBuilder::new().max_rect(below).id_salt("foot"), |ui| foot::foot_ui(ui, view));
}

/// A part of the panel, a hairline above it.
fn section(ui: &mut Ui, across: Rangef, add: impl FnOnce(&mut Ui)) {
    widgets::hairline(ui, across);
    let margin = egui::Margin::symmetric(size::GUTTER as i8, 14);
    egui::Frame::new().inner_margin(margin).show(ui, |ui| {
        let width = across.span() - 2.0 * size::GUTTER;
        ui.set_width(width);
        ui.set_max_width(width);
        add(ui);
    });
}

fn sliders_ui(ui: &mut Ui, view: &mut View<'_>) {
    let tokens = theme::tokens(ui);
    let running = view.state.desk.running().map(|running| running.guidance);
    // While a picture develops the slider is that picture's; the draft follows it.
    let mut guidance = running.unwrap_or(view.state.draft.settings.guidance);
    let (name, tip) = (view.words.t("guidance"), view.words.t("guidance-tip"));
    if slider::slider(ui, &name, &tip, &mut guidance, GUIDANCE, running.is_some()).changed() {
        view.state.draft.settings.guidance = guidance;
        view.state.draft.touched = true;
        if running.is_some() {
            view.push(Command::Steer(guidance));
        }
    }
    if running.is_some() {
        ui.label(widgets::small(view.words.t("acts-from-next-step"), tokens.subdued));
    }
    ui.add_space(14.0);
    steps_ui(ui, view);
}

/// Steps; where the reference's rule runs another number than is asked for, both are told.
fn steps_ui(ui: &mut Ui, view: &mut View<'_>) {
    let tokens = theme::tokens(ui);
    let mut steps = view.state.draft.settings.steps as f64;
    let timesteps = view.state.model.info.as_ref().map(|info| info.timesteps.max(1));
    // Until a model tells its own, what stands there is not cut.
    let typed_most = timesteps.map_or(steps.max(STEPS.most), |timesteps| timesteps as f64);
    let scale = Scale { most: STEPS.most.min(typed_most), typed_most, ..STEPS };
    let (name, tip) = (view.words.t("steps"), view.words.t("steps-tip"));
    if slider::slider(ui, &name, &tip, &mut steps, scale, false).changed() {
        view.state.draft.settings.steps = (steps as usize).max(1);
        view.state.draft.touched = true;
    }
    let Some(timesteps) = timesteps else { return };
    let (steps, spacing) = (view.state.draft.settings.steps, view.state.draft.settings.timesteps);
    let reference = steps_run(TimestepSpacing::Uniform, steps, timesteps);
    let key = match spacing {
        TimestepSpacing::Exact if reference != steps => "steps-exact",
        TimestepSpacing::Uniform if reference != steps => "steps-reference",
        _ => return,
    };
    let said = view.words.with(key, &[("n", steps.into()), ("reference", reference.into())]);
    ui.label(widgets::small(said, tokens.subdued)).on_hover_text(view.words.t("steps-run-tip"));
}

fn seed_ui(ui: &mut Ui, view: &mut View<'_>) {
    let tokens = theme::tokens(ui);
    let (name, tip) = (view.words.t("seed"), view.words.t("seed-tip"));
    ui.label(widgets::body(&name, tokens.text)).on_hover_text(tip);
    ui.add_space(6.0);
    ui.horizontal(|ui| {
        let width = ui.available_width() - 2.0 * (size::TARGET + 8.0);
        ui.spacing_mut().interact_size.y = 32.0;
        ui.spacing_mut().button_padding = vec2(11.0, 6.0);
        let edit = TextEdit::singleline(&mut view.state.draft.seed_text)
            .id_salt("seed")
            .char_limit(20)
            .desired_width(width)
            .vertical_align_center();
        let response = ui.add(edit).accessible_name(&name);
        if response.changed() {
            let digits: String = view.state.draft.seed_text.chars().filter(char::is_ascii_digit).collect();
            view.state.draft.seed_text.clone_from(&digits);
            if let Ok(seed) = digits.parse() {
                view.state.draft.settings.seed = seed;
                view.state.draft.seed_used = false;
            }
        }
        if response.lost_focus() {
            view.state.draft.seed_text = view.state.draft.settings.seed.to_string();
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
        let most = SIDE_MAX / self.multiple * self.multiple;
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

fn size_ui(ui: &mut Ui, view: &mut View<'_>) {
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
                view.state.draft.settings.width = w;
                view.state.draft.settings.height = h;
            }
        }
        if widgets::chip(ui, "…", &view.words.t("free-size"), view.room.free_size).clicked() {
            view.room.free_size = !view.room.free_size;
        }
    });
    if view.room.free_size {
        ui.add_space(8.0);
        free_size_ui(ui, view, sizes);
    }
    ui.add_space(10.0);
    count_ui(ui, view);
}

fn free_size_ui(ui: &mut Ui, view: &mut View<'_>, sizes: Sizes) {
    let scale = Scale {
        least: sizes.least as f64,
        most: SIDE_MAX as f64,
        typed_most: SIDE_MAX as f64,
        step: sizes.multiple as f64,
        decimals: 0,
    };
    let words = view.words;
    let settings = &mut view.state.draft.settings;
    // A size that came with a picture may be none of these; it stays until it is changed by hand.
    let side = |ui: &mut Ui, name: &str, side: &mut usize| {
        let mut number = *side as f64;
        let scale = Scale { least: scale.least.min(number), typed_most: scale.most.max(number), ..scale };
        if slider::number(ui, &words.t(name), &mut number, scale, 72.0).changed() {
            *side = sizes.nearest(number);
        }
    };
    ui.horizontal(|ui| {
        side(ui, "width", &mut settings.width);
        ui.label(widgets::small("×", theme::tokens(ui).subdued));
        side(ui, "height", &mut settings.height);
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
            let count = view.state.draft.count;
            if stepper(ui, icons::PLUS, &view.words.t("more-pictures"), count < COUNT_MAX) {
                view.state.draft.count += 1;
            }
            let scale = Scale {
                least: 1.0,
                most: COUNT_MAX as f64,
                typed_most: COUNT_MAX as f64,
                step: 1.0,
                decimals: 0,
            };
            let mut number = view.state.draft.count as f64;
            slider::number(ui, &view.words.t("pictures"), &mut number, scale, 32.0);
            view.state.draft.count = (number as usize).clamp(1, COUNT_MAX);
            if stepper(ui, icons::MINUS, &view.words.t("fewer-pictures"), count > 1) {
                view.state.draft.count = (count - 1).max(1);
            }
        });
    });
}

fn stepper(ui: &mut Ui, icon: icons::Icon, name: &str, enabled: bool) -> bool {
    let response = IconButton::new(icon, name).in_row().boxed().enabled(enabled).show(ui);
    response.clicked()
}

/// Centres the text of a one-line field.
trait VerticalCentre {
    /// The same field with its text in the middle.
    fn vertical_align_center(self) -> Self;
}

impl VerticalCentre for TextEdit<'_> {
    fn vertical_align_center(self) -> Self {
        self.align(egui::Align2::LEFT_CENTER)
    }
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
