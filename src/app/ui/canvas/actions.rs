//! The bar below the picture: what can be done with what is shown.

use egui::{Align, CornerRadius, Frame, Layout, Margin, Rect, Ui, UiBuilder, pos2, vec2};

use crate::app::command::{Act, Command};
use crate::app::state::generation::{Generation, Stage};
use crate::app::state::shown::Shown;
use crate::app::theme::icons;
use crate::app::theme::icons::Icon;
use crate::app::theme::widgets;
use crate::app::theme::widgets::{IconButton, Kind};
use crate::app::theme::{self, size};
use crate::app::ui::act_button::act_button;
use crate::app::ui::view::View;

/// Between the buttons of a step.
const STEP_GAP: f32 = 6.0;
/// How many of a step's buttons are words, the first that fits; the others are icons, as all are where there is no room.
const WORDED: [usize; 3] = [4, 2, 0];

/// What the bar holds.
enum Bar {
    /// Icons, and what comes first in words.
    Icons { lead: Option<Act>, acts: Vec<Act> },
    /// What can be done with a step.
    Step { worded: usize },
}

/// Draws the bar; returns the height below which only text lies on the canvas.
pub(super) fn actions_ui(ui: &mut Ui, view: &mut View<'_>, rect: Rect, free_from: f32) -> f32 {
    let bar = match &view.state.shown {
        Shown::Nothing | Shown::Sheet(_) | Shown::Tray => return free_from,
        Shown::Record(_) => Bar::Icons {
            lead: None,
            acts: vec![
                Act::UseSettings,
                Act::WorkFrom,
                Act::Compare,
                Act::Copy,
                Act::SaveAs,
                Act::Reveal,
                Act::Delete,
            ],
        },
        Shown::Generation { step: Some(_), .. } => Bar::Step { worded: WORDED[0] },
        Shown::Generation { step: None, .. } => match view.state.generation() {
            Some(generation) if !generation.stage.is_open() => of_run(view, generation),
            _ => return free_from,
        },
    };
    let bar = match bar {
        Bar::Step { .. } => {
            let fits = |worded: &usize| step_width(ui, view, *worded) <= rect.width() - 24.0;
            Bar::Step { worded: WORDED.into_iter().find(fits).unwrap_or(0) }
        }
        bar => bar,
    };
    let tokens = theme::tokens(ui);
    // In the middle of the room below the picture, where that is little.
    let room = rect.bottom() - free_from;
    let middle = pos2(rect.center().x, rect.bottom() - (room / 2.0).clamp(20.0, 32.0).round());
    let inside = match &bar {
        Bar::Icons { lead, acts } => {
            let lead = lead.map_or(0.0, |act| lead_width(ui, view, act) + STEP_GAP);
            lead + acts.len() as f32 * (size::TARGET + 2.0) - 2.0
        }
        Bar::Step { worded } => step_width(ui, view, *worded),
    };
    let place = Rect::from_center_size(middle, vec2(inside + 10.0, 40.0));
    ui.scope_builder(UiBuilder::new().max_rect(place).id_salt("actions"), |ui| {
        ui.with_layout(Layout::top_down(Align::Center), |ui| {
            let frame = Frame::new()
                .fill(tokens.raised)
                .corner_radius(CornerRadius::same(size::RADIUS_BUTTON))
                .inner_margin(Margin::symmetric(5, 4));
            frame.show(ui, |ui| match &bar {
                Bar::Icons { lead, acts } => icons_ui(ui, view, *lead, acts),
                Bar::Step { worded } => step_ui(ui, view, *worded),
            });
        });
    });
    place.bottom() - 4.0
}

/// What can be done with a run at its end.
fn of_run(view: &View<'_>, generation: &Generation) -> Bar {
    let is_file = generation.stage == Stage::Finished && generation.saved.is_some();
    let lead = generation.can_go_on().then_some(Act::GoOn);
    let has_parent = view.state.parent_of(generation).is_some();
    let compare = if has_parent { Act::CompareParent } else { Act::Compare };
    let acts = [
        (Act::ShowSheet, view.state.sheets.of_job(generation.job.id).is_some()),
        (Act::UseSettings, true),
        (Act::WorkFrom, generation.picture(None).is_some()),
        (Act::Branch, generation.can_branch()),
        (compare, is_file || has_parent),
        (Act::Copy, true),
        (Act::SaveAs, true),
        (Act::Reveal, is_file),
        (Act::Delete, is_file),
    ];
    Bar::Icons { lead, acts: acts.into_iter().filter(|(_, fits)| *fits).map(|(act, _)| act).collect() }
}

fn lead_width(ui: &Ui, view: &View<'_>, act: Act) -> f32 {
    widgets::button_width(ui, Kind::Outlined, true, &act.name(view.words), None, 28.0)
}

fn icons_ui(ui: &mut Ui, view: &mut View<'_>, lead: Option<Act>, acts: &[Act]) {
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = STEP_GAP;
        if let Some(act) = lead {
            act_button(ui, view, act, Kind::Outlined, None, 28.0);
        }
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

/// What the other buttons of a step say, and what they do; none leads back to the newest.
fn step_buttons(view: &View<'_>) -> Vec<(Icon, String, Option<Act>)> {
    let branches = view.state.generation().is_some_and(Generation::can_branch);
    let branch = branches.then(|| (icons::BRANCH, Act::Branch.name(view.words), Some(Act::Branch)));
    let work = (icons::WORK_FROM, view.words.t("work-from-step"), Some(Act::WorkFrom));
    let save = (icons::SAVE, view.words.t("save-step"), Some(Act::SaveAs));
    let back = (icons::NEXT, view.words.t("back-to-latest"), None);
    branch.into_iter().chain([work, save, back]).collect()
}

/// How wide the buttons of a step are together, so many of them in words.
fn step_width(ui: &Ui, view: &View<'_>, worded: usize) -> f32 {
    let text = |text: &str| widgets::button_width(ui, Kind::Outlined, false, text, None, 28.0) + STEP_GAP;
    let decode = decode_text(view).map_or(0.0, |decode| text(&decode));
    let others = step_buttons(view);
    let width = |(place, (_, name, _)): (usize, &(Icon, String, Option<Act>))| {
        if place < worded { text(name) } else { size::TARGET + STEP_GAP }
    };
    let others = others.iter().enumerate().map(width);
    decode + others.sum::<f32>() - STEP_GAP
}

fn step_ui(ui: &mut Ui, view: &mut View<'_>, worded: usize) {
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
        for (place, (icon, name, act)) in step_buttons(view).into_iter().enumerate() {
            let tip = act.map_or_else(|| name.clone(), |act| act.tip(view.words, ui.ctx()));
            let clicked = if place >= worded {
                IconButton::new(icon, &name).tip(tip).show(ui).clicked()
            } else {
                let button = widgets::sized_button(ui, Kind::Outlined, None, &name, None, 28.0);
                button.on_hover_text(tip).clicked()
            };
            match act {
                Some(act) if clicked => view.act(act),
                None if clicked => view.push(Command::ShowStep { job, step: None }),
                _ => {}
            }
        }
    });
}
