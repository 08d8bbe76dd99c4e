//! The controls' foot: where the model runs and what else could run it, the memory that is used, and
//! the way to the settings.

use egui::accesskit::Role;
use egui::{
    CornerRadius, Popup, PopupCloseBehavior, Rect, Sense, Ui, UiBuilder, Vec2, WidgetInfo, pos2, vec2,
};

use crate::app::command::{Act, Command};
use crate::app::theme::icons;
use crate::app::theme::widgets;
use crate::app::theme::widgets::IconButton;
use crate::app::theme::{self, size};
use crate::app::ui::status;
use crate::app::ui::view::View;
use crate::message::{Compute, DeviceInfo, DeviceOffer};

/// Draws the foot into `ui`.
pub fn foot_ui(ui: &mut Ui, view: &mut View<'_>) {
    let rect = ui.max_rect();
    widgets::hairline(ui, rect.x_range());
    let middle = rect.center().y;
    let place = Rect::from_center_size(pos2(rect.right() - 28.0, middle), Vec2::splat(size::TARGET));
    let end = memory_ui(ui, view, pos2(place.left() - 8.0, middle));
    let device = Rect::from_min_max(pos2(rect.left() + 8.0, middle - 14.0), pos2(end - 8.0, middle + 14.0));
    device_ui(ui, view, device);
    ui.scope_builder(UiBuilder::new().max_rect(place), |ui| {
        let (name, tip) = (Act::Settings.name(view.words), Act::Settings.tip(view.words, ui.ctx()));
        if IconButton::new(icons::SETTINGS, &name).tip(tip).show(ui).clicked() {
            view.act(Act::Settings);
        }
    });
}

/// Draws the memory in use, ending at `at`; returns its left edge.
fn memory_ui(ui: &Ui, view: &View<'_>, at: egui::Pos2) -> f32 {
    let Some(bytes) = view.memory else { return at.x };
    let color = theme::tokens(ui).subdued;
    let said = status::bytes(bytes);
    let galley = widgets::line(ui, &said, theme::small(), color, 80.0);
    let place = Rect::from_min_max(at - vec2(galley.size().x, 8.0), at + vec2(0.0, 8.0));
    widgets::paint_line(ui, place.left(), at.y, galley);
    let response = ui.interact(place, ui.scope_id().with("memory"), Sense::hover());
    let name = view.words.with("memory", &[("size", said.into())]);
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, &name));
    response.on_hover_text(view.words.t("memory-tip"));
    place.left()
}

/// What the model runs on; a click offers what else there is.
fn device_ui(ui: &mut Ui, view: &mut View<'_>, rect: Rect) {
    let tokens = theme::tokens(ui);
    let (good, said) = match (&view.state.dead, &view.state.model.info) {
        (Some(_), _) => (false, view.words.t("engine-stopped")),
        (None, Some(info)) => (true, device_text(view, &info.device)),
        (None, None) if view.state.model.failed.is_some() => (false, view.words.t("no-model")),
        (None, None) => (true, view.words.t("starting")),
    };
    let response = ui.interact(rect, ui.scope_id().with("device"), Sense::click());
    if response.hovered() {
        ui.painter().rect_filled(rect, CornerRadius::same(size::RADIUS_SMALL), tokens.hovered);
    }
    let dot = pos2(rect.left() + 12.0, rect.center().y);
    ui.painter().circle_filled(dot, 3.5, if good { tokens.good } else { tokens.bad });
    let width = rect.right() - dot.x - 20.0;
    let color = if response.hovered() { tokens.text } else { tokens.subdued };
    let galley = widgets::line(ui, &said, theme::small(), color, width);
    widgets::paint_line(ui, dot.x + 12.0, dot.y, galley);
    let name = view.words.with("device-named", &[("name", said.as_str().into())]);
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, &name));
    let response = response.on_hover_text(view.words.t("device-tip"));
    Popup::menu(&response).width(224.0).close_behavior(PopupCloseBehavior::CloseOnClickOutside).show(|ui| {
        ui.spacing_mut().item_spacing.y = 4.0;
        menu_ui(ui, view);
    });
}

/// Device, threads and precision, as far as there is a choice.
fn menu_ui(ui: &mut Ui, view: &mut View<'_>) {
    let chosen = view.state.compute.asked.clone().unwrap_or_else(|| view.state.compute.chosen.clone());
    let offers = view.state.compute.offers.clone();
    let Some(offer) = offers.iter().find(|offer| offer.device == chosen.device).or_else(|| offers.first())
    else {
        return;
    };
    let mut asked = None;
    let devices: Vec<String> = offers.iter().map(|offer| device_name(view, offer)).collect();
    let at = offers.iter().position(|other| other == offer);
    if let Some(number) = row_ui(ui, &view.words.t("device"), &devices, at) {
        asked = Some(moved_to(&chosen, &offers[number]));
    }
    if let Some(cores) = offer.cores.filter(|cores| *cores > 1) {
        let counts = thread_counts(cores);
        let at = counts.iter().position(|count| *count == chosen.threads.unwrap_or(cores));
        let names: Vec<String> = counts.iter().map(ToString::to_string).collect();
        if let Some(number) = row_ui(ui, &view.words.t("threads"), &names, at) {
            let threads = Some(counts[number]).filter(|count| *count < cores);
            asked = Some(Compute { threads, ..chosen.clone() });
        }
    }
    if offer.dtypes.len() > 1 {
        let at = offer.dtypes.iter().position(|dtype| *dtype == chosen.dtype);
        if let Some(number) = row_ui(ui, &view.words.t("precision"), &offer.dtypes, at) {
            asked = Some(Compute { dtype: offer.dtypes[number].clone(), ..chosen.clone() });
        }
    }
    if view.state.queue.running().is_some() {
        ui.label(widgets::small(view.words.t("device-later"), theme::tokens(ui).subdued));
    }
    if let Some(compute) = asked.filter(|asked| *asked != chosen) {
        view.push(Command::Compute(compute));
    }
}

/// Draws a label and chips below it; returns the one that was clicked.
fn row_ui(ui: &mut Ui, label: &str, names: &[String], chosen: Option<usize>) -> Option<usize> {
    let mut clicked = None;
    egui::Frame::new().inner_margin(egui::Margin::symmetric(6, 4)).show(ui, |ui| {
        ui.label(widgets::small(label, theme::tokens(ui).subdued));
        ui.horizontal_wrapped(|ui| {
            ui.spacing_mut().item_spacing = vec2(6.0, 6.0);
            for (number, name) in names.iter().enumerate() {
                let whole = format!("{label}: {name}");
                if widgets::chip(ui, name, &whole, chosen == Some(number)).clicked() {
                    clicked = Some(number);
                }
            }
        });
    });
    clicked
}

/// The same choice on another device, as far as that one has it.
fn moved_to(chosen: &Compute, offer: &DeviceOffer) -> Compute {
    let usual = offer.dtypes.first().cloned().unwrap_or_default();
    let dtype = offer.dtypes.iter().find(|dtype| **dtype == chosen.dtype).cloned().unwrap_or(usual);
    Compute { device: offer.device.clone(), dtype, threads: chosen.threads }
}

/// The device in words: "CPU, 2 threads".
fn device_text(view: &View<'_>, device: &DeviceInfo) -> String {
    let mut said = match device.threads {
        Some(n) => view.words.with("device-threads", &[("name", device.name.into()), ("n", n.into())]),
        None if device.is_card => card_text(view),
        None => device.name.to_owned(),
    };
    if device.dtype != "f32" {
        said.push_str(" · ");
        said.push_str(device.dtype);
    }
    said
}

/// The graphics card that computes, by its own name where that was chosen.
fn card_text(view: &View<'_>) -> String {
    let compute = &view.state.compute;
    let chosen = compute.offers.iter().find(|offer| offer.device == compute.chosen.device);
    let name = chosen.and_then(|offer| offer.name.clone());
    name.unwrap_or_else(|| view.words.t("device-card"))
}

fn device_name(view: &View<'_>, offer: &DeviceOffer) -> String {
    if let Some(name) = &offer.name {
        return name.clone();
    }
    let device = offer.device.as_str();
    match device.split_once(':').map_or(device, |(kind, _)| kind) {
        "auto" => view.words.t("device-auto"),
        "wgpu" => view.words.t("device-card"),
        "cpu" => "CPU".to_owned(),
        "cuda" => "CUDA".to_owned(),
        "metal" => "Metal".to_owned(),
        other => other.to_owned(),
    }
}

/// Numbers of threads worth offering: one, half, all but one, all.
fn thread_counts(cores: usize) -> Vec<usize> {
    let mut counts = vec![1, cores / 2, cores.saturating_sub(1), cores];
    counts.retain(|count| *count > 0);
    counts.dedup();
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thread_counts_ascend_and_end_with_all() {
        for (cores, expected) in [
            (1, vec![1]),
            (2, vec![1, 2]),
            (3, vec![1, 2, 3]),
            (4, vec![1, 2, 3, 4]),
            (16, vec![1, 8, 15, 16]),
        ] {
            assert_eq!(thread_counts(cores), expected);
        }
    }

    #[test]
    fn a_precision_that_the_other_device_lacks_becomes_its_usual_one() {
        let chosen = Compute { device: "cuda:0".into(), dtype: "f16".into(), threads: Some(2) };
        let cpu =
            DeviceOffer { device: "cpu".into(), name: None, dtypes: vec!["f32".into()], cores: Some(4) };
        let moved = moved_to(&chosen, &cpu);
        assert_eq!((moved.device.as_str(), moved.dtype.as_str(), moved.threads), ("cpu", "f32", Some(2)));
    }
}
