//! The bar below the picture: what can be done with what is shown.

use egui::{Align, CornerRadius, Frame, Layout, Margin, Rect, Ui, UiBuilder, pos2, vec2};

use crate::app::command::{Act, Command};
use crate::app::state::generation::Stage;
use crate::app::state::shown::Shown;
use crate::app::theme::widgets;
use crate::app::theme::widgets::{IconButton, Kind};
use crate::app::theme::{self, size};
use crate::app::ui::view::View;

/// Between the buttons of a step.
const STEP_GAP: f32 = 6.0;

/// Draws the bar; returns the height below which only text lies on the canvas.
pub(super) fn actions_ui(ui: &mut Ui, view: &mut View<'_>, rect: Rect, free_from: f32) -> f32 {
    enum Bar {
        Icons(&'static [Act]),
        Step,
    }
    let bar = match &view.state.shown {
        Shown::Nothing => return free_from,
        Shown::Record(_) => {
            Bar::Icons(&[Act::UseSettings, Act::Compare, Act::Copy, Act::SaveAs, Act::Reveal, Act::Delete])
        }
        Shown::Generation { step: Some(_), .. } => Bar::Step,
        Shown::Generation { step: None, .. } => {
            match view.state.generation().map(|it| (it.stage, it.saved.is_some())) {
                Some((Stage::Finished, true)) => Bar::Icons(&[
                    Act::UseSettings,
                    Act::Compare,
                    Act::Copy,
                    Act::SaveAs,
                    Act::Reveal,
                    Act::Delete,
                ]),
                Some((Stage::Finished | Stage::Stopped | Stage::Failed, _)) => {
                    Bar::Icons(&[Act::UseSettings, Act::Copy, Act::SaveAs])
                }
                _ => return free_from,
            }
        }
    };
    let tokens = theme::tokens(ui);
    // In the middle of the room below the picture, where that is little.
    let room = rect.bottom() - free_from;
    let middle = pos2(rect.center().x, rect.bottom() - (room / 2.0).clamp(20.0, 32.0).round());
    let inside = match bar {
        Bar::Icons(acts) => acts.len() as f32 * (size::TARGET + 2.0) - 2.0,
        Bar::Step => step_width(ui, view),
    };
    let place = Rect::from_center_size(middle, vec2(inside + 10.0, 40.0));
    ui.scope_builder(UiBuilder::new().max_rect(place).id_salt("actions"), |ui| {
        ui.with_layout(Layout::top_down(Align::Center), |ui| {
            let frame = Frame::new()
                .fill(tokens.raised)
                .corner_radius(CornerRadius::same(size::RADIUS_BUTTON))
                .inner_margin(Margin::symmetric(5, 4));
            frame.show(ui, |ui| match bar {
                Bar::Icons(acts) => icons_ui(ui, view, acts),
                Bar::Step => step_ui(ui, view),
            });
        });
    });
    place.bottom() - 4.0
}

fn icons_ui(ui: &mut Ui, view: &mut View<'_>, acts: &[Act]) {
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 2.0;
        for act in acts {
            let (name, tip) = (act.name(view.words), act.tip(view.words, ui.ctx()));
            if IconButton::new(act.row().icon, &name).tip(tip).show(ui).clicked() {
                view.act(*act);
            }
        }
    });
}

/// What the button says that decodes the step on the canvas; nothing where it is decoded in full.
fn decode_text(view: &View<'_>) -> Option<String> {
    let Shown::Generation { job, step: Some(step) } = view.state.shown else { return None };
    let shown = view.state.queue.generation(job)?.steps.get(step)?;
    let text = if shown.decoding { view.words.t("decoding") } else { Act::DecodeStep.name(view.words) };
    (shown.mode != crate::settings::PreviewMode::Full).then_some(text)
}

/// How wide the buttons of a step are together.
fn step_width(ui: &Ui, view: &View<'_>) -> f32 {
    let texts = [view.words.t("save-step"), view.words.t("back-to-latest")];
    let width = |text: String| widgets::button_width(ui, Kind::Outlined, false, &text, None, 28.0);
    texts.into_iter().chain(decode_text(view)).map(|text| width(text) + STEP_GAP).sum::<f32>() - STEP_GAP
}

fn step_ui(ui: &mut Ui, view: &mut View<'_>) {
    let Shown::Generation { job, step: Some(_) } = view.state.shown else { return };
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = STEP_GAP;
        if let Some(text) = decode_text(view) {
            let tip = Act::DecodeStep.tip(view.words, ui.ctx());
            if widgets::sized_button(ui, Kind::Outlined, None, &text, None, 28.0).on_hover_text(tip).clicked()
            {
                view.act(Act::DecodeStep);
            }
        }
        let text = view.words.t("save-step");
        let tip = Act::SaveAs.tip(view.words, ui.ctx());
        if widgets::sized_button(ui, Kind::Outlined, None, &text, None, 28.0).on_hover_text(tip).clicked() {
            view.act(Act::SaveAs);
        }
        let text = view.words.t("back-to-latest");
        if widgets::sized_button(ui, Kind::Outlined, None, &text, None, 28.0).clicked() {
            view.push(Command::ShowStep { job, step: None });
        }
    });
}
