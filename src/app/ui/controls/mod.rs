//! The controls: the model, guidance and steps, seed, size, and below them what is rarer.

mod additions;
mod curve;
mod foot;
mod model;
pub(super) mod more;
mod queue;
mod seed;
mod sizes;

use std::path::PathBuf;

use egui::{Rangef, ScrollArea, Ui, UiBuilder};

use crate::app::command::Command;
use crate::app::theme::slider;
use crate::app::theme::widgets;
use crate::app::theme::{self, size};
use crate::app::ui::controls::seed::SeedField;
use crate::app::ui::models::transfers;
use crate::app::ui::tray::panel;
use crate::app::ui::view::View;
use crate::sampler::{Family, TimestepSpacing, steps_run};
use crate::settings::{PartialSettings, Setting, Slider};

/// What the controls remember from frame to frame.
#[derive(Debug, Default)]
pub struct ControlsState {
    seed: SeedField,
    /// Whether the fields for free sizes are shown.
    free_size: bool,
    /// The kept pictures in sight; taken after each frame.
    pub in_sight: Vec<PathBuf>,
}

/// Draws the panel into `rect` of `ui`; `below`: the height at its lower end that toasts take.
pub fn controls_ui(
    ui: &mut Ui,
    view: &mut View<'_>,
    state: &mut ControlsState,
    rect: egui::Rect,
    below: f32,
) {
    let foot = 41.0;
    let mut above = rect;
    above.max.y -= foot + below;
    let mut end = rect;
    end.min.y = rect.max.y - foot;
    ui.scope_builder(UiBuilder::new().max_rect(above).id_salt("controls"), |ui| {
        ui.set_clip_rect(above.intersect(ui.clip_rect()));
        ui.spacing_mut().item_spacing.y = 0.0;
        ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
            let across = rect.x_range();
            model::header_ui(ui, view, &mut state.in_sight);
            if view.state.models.transfers.foremost().is_some() {
                section(ui, across, |ui| {
                    transfers::foremost_ui(ui, view);
                });
            }
            if additions::has_any(view) {
                section(ui, across, |ui| additions::additions_ui(ui, view));
            }
            if view.state.tray.laid.is_some() {
                section(ui, across, |ui| panel::panel_ui(ui, view));
            }
            section(ui, across, |ui| sliders_ui(ui, view));
            section(ui, across, |ui| seed::seed_ui(ui, view, &mut state.seed));
            section(ui, across, |ui| sizes::sizes_ui(ui, view, &mut state.free_size));
            section(ui, across, |ui| more::more_ui(ui, view));
            if !view.state.queue.waiting.is_empty() {
                section(ui, across, |ui| queue::queue_ui(ui, view));
            } else {
                widgets::hairline(ui, across);
            }
        });
    });
    ui.scope_builder(UiBuilder::new().max_rect(end).id_salt("foot"), |ui| foot::foot_ui(ui, view));
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
    if let Some(scale) = Setting::Guidance.row().slider {
        guidance_ui(ui, view, scale);
    }
    ui.add_space(14.0);
    if let Some(scale) = Setting::Steps.row().slider {
        steps_ui(ui, view, scale);
    }
}

fn guidance_ui(ui: &mut Ui, view: &mut View<'_>, scale: Slider) {
    let tokens = theme::tokens(ui);
    let running =
        view.state.queue.running().filter(|running| running.sheet.is_none()).map(|running| running.guidance);
    // While a picture develops the slider is that picture's; the draft follows it.
    let mut guidance = running.unwrap_or(view.state.draft.settings.guidance);
    let (name, tip) = (view.words.t("guidance"), view.words.t("guidance-tip"));
    let curved = match view.state.queue.running().filter(|running| running.sheet.is_none()) {
        Some(running) => !running.curve.is_none(),
        None => !view.state.draft.settings.guidance_curve.is_none(),
    };
    // A curve that acts is not thrown away by a touch of the slider, nor by its grain.
    ui.add_enabled_ui(!curved, |ui| {
        let changed = slider::slider(ui, &name, &tip, &mut guidance, scale, running.is_some()).changed();
        if changed && !curved {
            view.set(PartialSettings { guidance: Some(guidance), ..Default::default() });
            if running.is_some() {
                view.push(Command::Steer(guidance));
            }
        }
    });
    if curved {
        ui.label(widgets::small(view.words.t("curve-acts"), tokens.subdued));
    } else if running.is_some() {
        ui.label(widgets::small(view.words.t("acts-from-next-step"), tokens.subdued));
    }
    curve::curve_ui(ui, view, scale);
}

/// Steps; where the reference's rule runs another number than the one asked for, the label names both.
fn steps_ui(ui: &mut Ui, view: &mut View<'_>, scale: Slider) {
    let tokens = theme::tokens(ui);
    let mut steps = view.state.draft.settings.steps as f64;
    let timesteps = view.state.model.info.as_ref().map(|info| info.timesteps.max(1));
    // Before a model is open, the number is not limited.
    let typed_most = timesteps.map_or(steps.max(scale.most), |timesteps| timesteps as f64);
    let scale = Slider { most: scale.most.min(typed_most), typed_most, ..scale };
    let (name, tip) = (view.words.t("steps"), view.words.t("steps-tip"));
    if slider::slider(ui, &name, &tip, &mut steps, scale, false).changed() {
        view.set(PartialSettings { steps: Some((steps as usize).max(1)), ..Default::default() });
    }
    let Some(timesteps) = timesteps else { return };
    if view.state.draft.settings.sampler.row().family != Family::Timesteps {
        return;
    }
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
