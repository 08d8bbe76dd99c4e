//! The tray in the panel: what lies there, and how a run begins from it. The controls come from the table of
//! treatments.

use egui::accesskit::Role;
use egui::{Align, CornerRadius, CursorIcon, Layout, Sense, Stroke, StrokeKind, Ui, Vec2, WidgetInfo};

use crate::app::command::tray::OfTray;
use crate::app::command::{Act, Command};
use crate::app::state::shown::Shown;
use crate::app::state::tray::Laid;
use crate::app::theme::icons;
use crate::app::theme::slider;
use crate::app::theme::widgets;
use crate::app::theme::widgets::IconButton;
use crate::app::theme::{self, size};
use crate::app::ui::controls::more::choice;
use crate::app::ui::status;
use crate::app::ui::view::View;
use crate::message::Takes;
use crate::settings::{Control, Handling, Treatment};

/// The side of the small picture.
const THUMB: f32 = 44.0;

/// Draws the picture and the controls that act on it, where one lies on the tray.
pub fn panel_ui(ui: &mut Ui, view: &mut View<'_>) {
    let state = view.state;
    let Some(laid) = state.tray.laid.as_deref() else { return };
    header_ui(ui, view, laid);
    let tokens = theme::tokens(ui);
    let info = state.model.info.as_deref();
    if info.is_some_and(|info| !info.encodes) {
        ui.add_space(6.0);
        ui.label(widgets::small(view.words.t("error-source-no-encoder"), tokens.bad));
    }
    ui.add_space(12.0);
    let begins = laid.begins(info.map_or(Takes::Nothing, |info| info.takes));
    for row in Treatment::TABLE.iter().filter(|row| (row.acts)(&laid.treatment, begins)) {
        handling_ui(ui, view, laid, row);
        if row.words == "strength" {
            steps_ui(ui, view, laid);
        }
    }
}

/// What lies on the tray; a click shows it.
fn header_ui(ui: &mut Ui, view: &mut View<'_>, laid: &Laid) {
    let tokens = theme::tokens(ui);
    let name = status::tray_name(view, &laid.name());
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 10.0;
        let (rect, response) = ui.allocate_exact_size(Vec2::splat(THUMB), Sense::click());
        if let Some(texture) = view.textures.filling(ui.ctx(), &laid.picture, rect.size()) {
            widgets::paint_texture(ui.painter(), rect, texture);
        }
        let shown = view.state.shown == Shown::Tray;
        if shown || response.hovered() {
            let color = if shown { tokens.text } else { tokens.subdued };
            let radius = CornerRadius::same(size::RADIUS_FRAME + 2);
            ui.painter().rect_stroke(rect.expand(2.0), radius, Stroke::new(1.5, color), StrokeKind::Outside);
        }
        let tip = Act::ShowTray.tip(view.words, ui.ctx());
        let label = Act::ShowTray.name(view.words);
        response.widget_info(|| WidgetInfo::selected(Role::Button, true, shown, &label));
        let response = response.on_hover_cursor(CursorIcon::PointingHand).on_hover_text(tip);
        if response.clicked() {
            view.act(Act::ShowTray);
        }
        let room = ui.available_width() - size::SMALL_TARGET - 10.0;
        ui.vertical(|ui| {
            ui.set_width(room);
            ui.spacing_mut().item_spacing.y = 2.0;
            ui.add_space(3.0);
            let title = widgets::line(ui, &view.words.t("from-picture"), theme::body(), tokens.text, room);
            ui.label(title);
            let [width, height] = laid.whole();
            let of = view.words.with("size-of", &[("width", width.into()), ("height", height.into())]);
            let line = widgets::line(ui, &format!("{name} · {of}"), theme::small(), tokens.subdued, room);
            ui.label(line);
        });
        ui.with_layout(Layout::right_to_left(Align::Min), |ui| {
            let (name, tip) = (Act::ClearTray.name(view.words), Act::ClearTray.tip(view.words, ui.ctx()));
            if IconButton::new(icons::CLOSE, &name).in_row().tip(tip).show(ui).clicked() {
                view.act(Act::ClearTray);
            }
        });
    });
}

/// How many steps run.
fn steps_ui(ui: &mut Ui, view: &View<'_>, laid: &Laid) {
    let settings = &view.state.draft.settings;
    let timesteps = view.state.model.info.as_ref().map_or(1000, |info| info.timesteps);
    let Some(runs) = laid.steps(settings, timesteps) else { return };
    let said = view.words.with("strength-steps", &[("n", runs.into()), ("of", settings.steps.into())]);
    ui.add_space(-8.0);
    ui.label(widgets::small(said, theme::tokens(ui).subdued));
    ui.add_space(10.0);
}

/// The control of a part of the treatment.
fn handling_ui(ui: &mut Ui, view: &mut View<'_>, laid: &Laid, row: &Handling) {
    let (name, tip) = (view.words.t(row.words), view.words.t(&format!("{}-tip", row.words)));
    let mut treatment = laid.treatment;
    match row.control {
        Control::Number { slider: scale, get, set } => {
            let mut number = get(&treatment);
            if slider::slider(ui, &name, &tip, &mut number, scale, false).changed() {
                set(&mut treatment, number);
            }
            ui.add_space(10.0);
        }
        Control::Switch { get, set } => {
            let mut on = get(&treatment);
            widgets::switch(ui, &name, &mut on).on_hover_text(&tip);
            set(&mut treatment, on);
            if get(&treatment) == get(&laid.treatment) {
                treatment = laid.treatment;
            }
            ui.add_space(8.0);
        }
        Control::Choice { of, get, set } => {
            let begins =
                laid.begins(view.state.model.info.as_ref().map_or(Takes::Nothing, |info| info.takes));
            let names: Vec<(&'static str, String)> =
                of.iter().map(|(name, label)| (*name, view.words.label(*label))).collect();
            let command = |name: &'static str| {
                let mut treatment = laid.treatment;
                set(&mut treatment, name);
                Command::Tray(OfTray::Treat(treatment))
            };
            choice(ui, view, row.words, &names, get(&laid.treatment, begins), &command);
            return;
        }
    }
    if treatment != laid.treatment {
        view.push(Command::Tray(OfTray::Treat(treatment)));
    }
}
