//! The bar below the picture on the tray: what the hand holds, how large it is, and what is done with the whole mask.

use egui::accesskit::Role;
use egui::{
    Align, CornerRadius, Frame, Layout, Margin, Popup, PopupCloseBehavior, Rect, Sense, Stroke, Ui,
    UiBuilder, WidgetInfo, pos2, vec2,
};

use crate::app::command::tray::{OfTray, Tool};
use crate::app::command::{Act, Command};
use crate::app::state::tray::Laid;
use crate::app::theme::icons;
use crate::app::theme::slider;
use crate::app::theme::widgets::IconButton;
use crate::app::theme::{self, size};
use crate::app::ui::palette::menu_row;
use crate::app::ui::view::View;
use crate::settings::Slider;
use crate::tray::Brush;

/// Between two buttons.
const GAP: f32 = 2.0;
/// The width of a slider.
const RAIL: f32 = 62.0;
/// The sign before a slider.
const SIGN: f32 = 20.0;
/// Around a slider.
const ASIDE: f32 = 8.0;

/// Draws the bar; returns the height below which only text lies on the canvas.
pub fn bar_ui(ui: &mut Ui, view: &mut View<'_>, laid: &Laid, rect: Rect) -> f32 {
    let tokens = theme::tokens(ui);
    let buttons = 9.0 * (size::TARGET + GAP);
    let with_hardness = buttons + 2.0 * (SIGN + RAIL + 2.0 * ASIDE) <= rect.width() - 24.0;
    let rails = if with_hardness { 2.0 } else { 1.0 };
    let inside = buttons + rails * (SIGN + RAIL + 2.0 * ASIDE);
    let middle = pos2(rect.center().x, rect.bottom() - 28.0);
    let place = Rect::from_center_size(middle, vec2(inside + 10.0, 40.0));
    // What is beside the buttons is not the canvas.
    ui.interact(place, ui.scope_id().with("tray ground"), Sense::click_and_drag());
    ui.scope_builder(UiBuilder::new().max_rect(place).id_salt("tray bar"), |ui| {
        ui.with_layout(Layout::top_down(Align::Center), |ui| {
            let frame = Frame::new()
                .fill(tokens.raised)
                .corner_radius(CornerRadius::same(size::RADIUS_BUTTON))
                .inner_margin(Margin::symmetric(5, 4));
            frame.show(ui, |ui| {
                ui.horizontal(|ui| {
                    ui.spacing_mut().item_spacing.x = GAP;
                    tools_ui(ui, view);
                    size_ui(ui, view, laid);
                    if with_hardness {
                        hardness_ui(ui, view);
                    }
                    whole_ui(ui, view, laid, with_hardness);
                });
            });
        });
    });
    place.bottom() - 4.0
}

/// What the hand holds.
fn tools_ui(ui: &mut Ui, view: &mut View<'_>) {
    let tray = &view.state.tray;
    let (tool, erases) = (tray.tool, tray.brush.erases);
    for (act, on) in [
        (Act::Brush, tool == Tool::Brush && !erases),
        (Act::Eraser, erases),
        (Act::Lasso, tool == Tool::Lasso),
    ] {
        let (name, tip) = (act.name(view.words), act.tip(view.words, ui.ctx()));
        if IconButton::new(act.row().icon, &name).held(on).tip(tip).show(ui).clicked() {
            view.act(act);
        }
    }
}

/// A slider and the sign before it: a ring for how large, a fading dot for how hard.
fn rail_ui(ui: &mut Ui, name: &str, tip: String, number: &mut f64, scale: Slider, fades: bool) -> bool {
    let before = *number;
    ui.add_space(ASIDE);
    let (sign, _) = ui.allocate_exact_size(vec2(SIGN - GAP, size::TARGET), Sense::hover());
    let (at, color) = (sign.left_center() + vec2(7.0, 0.0), theme::tokens(ui).subdued);
    if fades {
        for (radius, share) in [(7.0, 0.25), (5.0, 0.45), (3.0, 1.0)] {
            ui.painter().circle_filled(at, radius, color.gamma_multiply(share));
        }
    } else {
        ui.painter().circle_stroke(at, 6.0, Stroke::new(1.4, color));
        ui.painter().circle_filled(at, 2.0, color);
    }
    let response = ui
        .allocate_ui_with_layout(vec2(RAIL, size::TARGET), Layout::left_to_right(Align::Center), |ui| {
            slider::rail(ui, name, number, scale, false)
        })
        .inner;
    ui.add_space(ASIDE);
    response.on_hover_text(tip);
    *number != before
}

/// How wide the brush is, in pixels of the picture.
fn size_ui(ui: &mut Ui, view: &mut View<'_>, laid: &Laid) {
    let brush = view.state.tray.brush;
    let [width, height] = laid.painting.size();
    let most = (width.min(height) as f64 / 2.0).clamp(16.0, 1024.0).round();
    let scale = Slider { least: 1.0, most, typed_most: 2048.0, step: 1.0, decimals: 0 };
    let mut wide = f64::from(brush.radius) * 2.0;
    let name = view.words.t("brush-size");
    let tip = view.words.with("brush-size-tip", &[("n", (wide.round() as i64).into())]);
    if rail_ui(ui, &name, tip, &mut wide, scale, false) {
        view.push(Command::Tray(OfTray::Hold(Brush { radius: (wide / 2.0) as f32, ..brush })));
    }
}

fn hardness_ui(ui: &mut Ui, view: &mut View<'_>) {
    let brush = view.state.tray.brush;
    let scale = Slider { least: 0.0, most: 1.0, typed_most: 1.0, step: 0.05, decimals: 2 };
    let mut hardness = f64::from(brush.hardness);
    let (name, tip) = (view.words.t("brush-hardness"), view.words.t("brush-hardness-tip"));
    if rail_ui(ui, &name, tip, &mut hardness, scale, true) {
        view.push(Command::Tray(OfTray::Hold(Brush { hardness: hardness as f32, ..brush })));
    }
}

/// What is done with the whole mask, and the rest under three dots.
fn whole_ui(ui: &mut Ui, view: &mut View<'_>, laid: &Laid, with_hardness: bool) {
    let painted = !laid.painting.is_empty();
    for (act, able) in [
        (Act::FillMask, true),
        (Act::InvertMask, true),
        (Act::ClearMask, painted),
        (Act::Undo, view.state.tray.can_undo()),
        (Act::Redo, view.state.tray.can_redo()),
    ] {
        let (name, tip) = (act.name(view.words), act.tip(view.words, ui.ctx()));
        if IconButton::new(act.row().icon, &name).enabled(able).tip(tip).show(ui).clicked() {
            view.act(act);
        }
    }
    let name = view.words.t("tray-more");
    let button = IconButton::new(icons::DOTS, &name).tip(name.clone()).show(ui);
    button.widget_info(|| WidgetInfo::labeled(Role::Button, true, &name));
    Popup::menu(&button).width(240.0).close_behavior(PopupCloseBehavior::CloseOnClick).show(|ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        let holes = laid.photo.alpha.is_some();
        let room = !laid.treatment.outpaint.is_none();
        for (act, fits) in [
            (Act::PickMask, true),
            (Act::MaskHoles, holes),
            (Act::ClearRoom, room),
            (Act::PickPhoto, true),
            (Act::ClearTray, true),
        ] {
            if fits && menu_row(ui, view.words, act) {
                view.act(act);
            }
        }
        if !with_hardness {
            hardness_ui(ui, view);
        }
    });
}
