//! More: the controls that few need; folded away, their values on one line.

use egui::{Align2, Rect, Sense, Ui, WidgetInfo, accesskit::Role, pos2, vec2};

use crate::app::command::Act;
use crate::app::state::memory;
use crate::app::theme::icons;
use crate::app::theme::slider;
use crate::app::theme::slider::Scale;
use crate::app::theme::widgets;
use crate::app::theme::{self, size};
use crate::app::ui::view::View;
use crate::sampler::{RngKind, SamplerKind, TimestepSpacing};
use crate::settings::PreviewMode;

const ETA: Scale = Scale { least: 0.0, most: 1.0, typed_most: 1.0, step: 0.05, decimals: 2 };
const TEMPERATURE: Scale = Scale { least: 0.0, most: 2.0, typed_most: 2.0, step: 0.05, decimals: 2 };

/// The line, and below it the controls when they are unfolded.
pub fn more_ui(ui: &mut Ui, view: &mut View<'_>) {
    heading_ui(ui, view);
    if !memory::is_open(&view.state.kept, memory::MORE) {
        return;
    }
    ui.add_space(10.0);
    let samplers: Vec<(SamplerKind, &str)> =
        SamplerKind::TABLE.iter().map(|row| (row.kind, row.a1111)).collect();
    choice(ui, view, "sampler", "sampler-tip", &samplers, |view| &mut view.state.draft.settings.sampler);
    if !view.state.draft.settings.sampler.row().takes_eta {
        view.state.draft.settings.eta = 0.0;
    } else {
        let (name, tip) = (view.words.t("eta"), view.words.t("eta-tip"));
        slider::slider(ui, &name, &tip, &mut view.state.draft.settings.eta, ETA, false);
        ui.add_space(10.0);
        if view.state.draft.settings.eta > 0.0 {
            let (name, tip) = (view.words.t("temperature"), view.words.t("temperature-tip"));
            slider::slider(ui, &name, &tip, &mut view.state.draft.settings.temperature, TEMPERATURE, false);
            ui.add_space(10.0);
        }
    }
    let spacings: Vec<(TimestepSpacing, String)> =
        TimestepSpacing::TABLE.iter().map(|row| (row.kind, view.words.t(row.key))).collect();
    let spacings: Vec<(TimestepSpacing, &str)> =
        spacings.iter().map(|(value, name)| (*value, name.as_str())).collect();
    choice(ui, view, "spacing", "spacing-tip", &spacings, |view| &mut view.state.draft.settings.timesteps);
    let modes: Vec<(PreviewMode, String)> =
        [PreviewMode::Auto, PreviewMode::Full, PreviewMode::Tiny, PreviewMode::Fast, PreviewMode::Off]
            .map(|mode| (mode, mode_name(view, mode)))
            .to_vec();
    let modes: Vec<(PreviewMode, &str)> = modes.iter().map(|(value, name)| (*value, name.as_str())).collect();
    choice(ui, view, "preview", "preview-tip", &modes, |view| &mut view.state.draft.previews);
    let kinds = [RngKind::Cpu, RngKind::CpuLibm, RngKind::Nv].map(|kind| (kind, rng_name(kind)));
    choice(ui, view, "rng", "rng-tip", &kinds, |view| &mut view.state.draft.settings.rng);
}

/// A generator's name, the same in every language.
pub fn rng_name(rng: RngKind) -> &'static str {
    match rng {
        RngKind::Cpu => "CPU",
        RngKind::CpuLibm => "CPU libm",
        RngKind::Nv => "CUDA",
    }
}

/// A preview mode's name.
pub fn mode_name(view: &View<'_>, mode: PreviewMode) -> String {
    match mode {
        PreviewMode::Auto => view.words.t("preview-auto"),
        PreviewMode::Full => view.words.t("preview-full"),
        PreviewMode::Tiny => view.words.t("preview-tiny"),
        PreviewMode::Fast => view.words.t("preview-fast"),
        PreviewMode::Off => view.words.t("preview-off"),
    }
}

fn heading_ui(ui: &mut Ui, view: &mut View<'_>) {
    let tokens = theme::tokens(ui);
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 22.0), Sense::click());
    let open = memory::is_open(&view.state.kept, memory::MORE);
    let color = if response.hovered() || open { tokens.text } else { tokens.subdued };
    let name = Act::More.name(view.words);
    let title = widgets::line(ui, &name, theme::body(), color, rect.width());
    let end = widgets::paint_line(ui, rect.left(), rect.center().y, title);
    let at = Rect::from_center_size(pos2(rect.right() - 8.0, rect.center().y), vec2(16.0, 16.0));
    widgets::paint_icon(ui, at, if open { icons::UP } else { icons::RIGHT }, 16.0, tokens.subdued);
    if !open {
        let settings = &view.state.draft.settings;
        let sampler = settings.sampler.row().a1111;
        let mode = mode_name(view, view.state.draft.previews).to_lowercase();
        let previews = view.words.with("preview-of", &[("mode", mode.into())]);
        let eta = if settings.eta > 0.0 { format!("η {} · ", settings.eta) } else { String::new() };
        let summary = format!("{sampler} · {eta}{previews}");
        let galley =
            widgets::line(ui, &summary, theme::small(), tokens.subdued, rect.right() - 28.0 - end - 12.0);
        let place =
            Align2::RIGHT_CENTER.anchor_size(pos2(rect.right() - 28.0, rect.center().y), galley.size());
        ui.painter().galley(place.min, galley, tokens.subdued);
    }
    let tip = Act::More.tip(view.words, ui.ctx());
    response.widget_info(|| WidgetInfo::selected(Role::Button, true, open, &name));
    if response.on_hover_text(tip).clicked() {
        view.act(Act::More);
    }
}

/// A label and a row of chips, one of which is chosen.
fn choice<T: Copy + PartialEq>(
    ui: &mut Ui,
    view: &mut View<'_>,
    key: &str,
    tip: &str,
    options: &[(T, &str)],
    field: impl for<'a> Fn(&'a mut View<'_>) -> &'a mut T,
) {
    let label = view.words.t(key);
    ui.label(widgets::body(&label, theme::tokens(ui).text)).on_hover_text(view.words.t(tip));
    ui.add_space(4.0);
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing = vec2(6.0, 6.0);
        for (value, name) in options {
            let chosen = *field(view) == *value;
            if widgets::chip(ui, name, &format!("{label}: {name}"), chosen).clicked() {
                *field(view) = *value;
                view.state.draft.touched = true;
            }
        }
    });
    ui.add_space(size::RADIUS_BOX.into());
}
