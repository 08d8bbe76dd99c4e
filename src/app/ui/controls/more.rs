//! More: the controls that few need; folded away, their values on one line.

use egui::{Align2, Rect, Sense, Ui, WidgetInfo, accesskit::Role, pos2, vec2};

use crate::app::command::{Act, Command};
use crate::app::state::panels;
use crate::app::theme::icons;
use crate::app::theme::slider;
use crate::app::theme::widgets;
use crate::app::theme::{self, size};
use crate::app::ui::view::View;
use crate::sampler::ScheduleKind;
use crate::settings::{Choice, Kind, PartialSettings, PreviewMode, Row, Setting, Slider, Value};

/// The first controls. The previews follow, then every other setting that the table shows here.
const FIRST: [Setting; 5] =
    [Setting::Sampler, Setting::Schedule, Setting::Eta, Setting::Temperature, Setting::Timesteps];

/// The most choices that are chips; more of them are a list that unfolds.
const CHIPS_MAX: usize = 6;
/// The height of an unfolded list, in points.
const LIST_HEIGHT: f32 = 320.0;

/// The line, and below it the controls when they are unfolded.
pub fn more_ui(ui: &mut Ui, view: &mut View<'_>) {
    heading_ui(ui, view);
    if !panels::is_open(&view.state.preferences, panels::MORE) {
        return;
    }
    ui.add_space(10.0);
    let settings = PartialSettings::from(view.state.draft.settings.clone());
    for setting in FIRST {
        setting_ui(ui, view, setting.row(), &settings);
    }
    let modes = PreviewMode::ALL.map(|mode| (mode, mode_name(view, mode)));
    choice(ui, view, "preview", &modes, view.state.draft.previews, &Command::SetPreviews);
    for row in Setting::TABLE.iter().filter(|row| row.more && !FIRST.contains(&row.setting)) {
        setting_ui(ui, view, row, &settings);
    }
}

/// The control of a setting, where it acts: chips or a slider.
fn setting_ui(ui: &mut Ui, view: &mut View<'_>, row: &Row, settings: &PartialSettings) {
    if !(row.acts)(settings) {
        return;
    }
    match (row.kind, row.slider, settings.get(row.setting)) {
        (Kind::Choice(choices), _, Some(Value::Choice(present))) => {
            let name = |choice: Choice| (choice.name, view.words.label(choice.label));
            let names: Vec<(&'static str, String)> = choices().into_iter().map(name).collect();
            let control = if names.len() > CHIPS_MAX { list } else { choice };
            control(ui, view, row.words, &names, present, &|name| {
                Command::Set(Box::new(PartialSettings::only(row.setting, Value::Choice(name))))
            });
        }
        (Kind::Real { .. }, Some(scale), Some(Value::Real(number))) => {
            number_ui(ui, view, row, scale, number, Value::Real);
        }
        (Kind::Whole { .. }, Some(scale), Some(Value::Whole(number))) => {
            number_ui(ui, view, row, scale, number as f64, |number| Value::Whole(number as u64));
        }
        // A text, or a number without a slider: no setting under More is one.
        _ => {}
    }
}

/// The slider of a setting.
fn number_ui(
    ui: &mut Ui,
    view: &mut View<'_>,
    row: &Row,
    scale: Slider,
    mut number: f64,
    to_value: impl Fn(f64) -> Value,
) {
    let (name, tip) = (view.words.t(row.words), view.words.t(&format!("{}-tip", row.words)));
    if slider::slider(ui, &name, &tip, &mut number, scale, false).changed() {
        view.set(PartialSettings::only(row.setting, to_value(number)));
    }
    ui.add_space(10.0);
}

/// A preview mode's name.
pub fn mode_name(view: &View<'_>, mode: PreviewMode) -> String {
    view.words.t(mode.label())
}

/// The schedule that acts, as a part of the summary.
fn schedule_of(view: &View<'_>) -> String {
    match view.state.draft.settings.settled().schedule {
        ScheduleKind::Auto => String::new(),
        schedule => format!("{} · ", schedule.row().a1111),
    }
}

fn heading_ui(ui: &mut Ui, view: &mut View<'_>) {
    let tokens = theme::tokens(ui);
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 22.0), Sense::click());
    let open = panels::is_open(&view.state.preferences, panels::MORE);
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
        let eta = if settings.eta != settings.sampler.row().eta() {
            format!("η {} · ", settings.eta)
        } else {
            String::new()
        };
        let summary = format!("{sampler} · {}{eta}{previews}", schedule_of(view));
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

/// A label and a row of chips, one of which is chosen; `key` names the words of the label.
pub fn choice<T: Copy + PartialEq>(
    ui: &mut Ui,
    view: &mut View<'_>,
    key: &str,
    options: &[(T, String)],
    present: T,
    command: &dyn Fn(T) -> Command,
) {
    let label = view.words.t(key);
    let tip = view.words.t(&format!("{key}-tip"));
    ui.label(widgets::body(&label, theme::tokens(ui).text)).on_hover_text(tip);
    ui.add_space(4.0);
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing = vec2(6.0, 6.0);
        for (value, name) in options {
            if widgets::chip(ui, name, &format!("{label}: {name}"), present == *value).clicked() {
                view.push(command(*value));
            }
        }
    });
    ui.add_space(size::RADIUS_BOX.into());
}

/// A label and a list that unfolds; `key` names the words of the label.
fn list<T: Copy + PartialEq>(
    ui: &mut Ui,
    view: &mut View<'_>,
    key: &str,
    options: &[(T, String)],
    present: T,
    command: &dyn Fn(T) -> Command,
) {
    let label = view.words.t(key);
    let tip = view.words.t(&format!("{key}-tip"));
    let tokens = theme::tokens(ui);
    let chosen = options.iter().find(|(value, _)| *value == present).map_or("", |(_, name)| name);
    ui.label(widgets::body(&label, tokens.text)).on_hover_text(tip);
    ui.add_space(4.0);
    let width = ui.available_width();
    let list = egui::ComboBox::from_id_salt(key).selected_text(widgets::body(chosen, tokens.text));
    let unfolded = list.width(width).height(LIST_HEIGHT).show_ui(ui, |ui| {
        for (value, name) in options {
            if ui.selectable_label(*value == present, name).clicked() {
                view.push(command(*value));
            }
        }
    });
    let name = format!("{label}: {chosen}");
    unfolded.response.widget_info(|| WidgetInfo::labeled(Role::ComboBox, true, &name));
    ui.add_space(size::RADIUS_BOX.into());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_under_more_has_a_control() {
        for row in Setting::TABLE.iter().filter(|row| row.more) {
            assert!(matches!(row.kind, Kind::Choice(_)) || row.slider.is_some(), "{}", row.name);
        }
        for setting in FIRST {
            assert!(setting.row().more, "{setting:?}");
        }
    }
}
