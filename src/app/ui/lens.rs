//! The lens: a line in the prompt box that says what is looked at, and the map over the picture.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::ops::Range;

use egui::{Rect, Ui, pos2};

use crate::app::command::{Act, Command, Spot};
use crate::app::state::lens::{place_in, word_at};
use crate::app::theme::heat::HeatTexture;
use crate::app::theme::icons;
use crate::app::theme::widgets;
use crate::app::theme::widgets::IconButton;
use crate::app::theme::{self, size};
use crate::app::ui::view::View;
use crate::message::JobId;

/// What the lens remembers from frame to frame.
#[derive(Debug, Default)]
pub struct LensUi {
    /// What is under the pointer.
    pointed: Option<Spot>,
    /// The word that the text cursor was in.
    cursor: Option<Spot>,
    texture: HeatTexture,
}

impl LensUi {
    /// What is looked at now: what is under the pointer, else what was chosen.
    fn spot(&self, view: &View<'_>) -> Option<Spot> {
        view.state.spot().map(|chosen| self.pointed.clone().unwrap_or(chosen))
    }

    /// Where the word that is looked at stands in the prompt.
    pub fn word_in(&self, view: &View<'_>, prompt: &str) -> Option<Range<usize>> {
        place_in(prompt, &self.spot(view)?)
    }

    /// Follows the pointer and the text cursor through the prompt's words, each a byte of `prompt`.
    pub fn follow(
        &mut self,
        view: &mut View<'_>,
        prompt: &str,
        pointer: Option<usize>,
        cursor: Option<usize>,
    ) {
        if view.state.looked_at().is_none() {
            (self.pointed, self.cursor) = (None, None);
            return;
        }
        self.pointed = pointer.and_then(|at| word_at(prompt, at));
        let word = cursor.and_then(|at| word_at(prompt, at));
        if word != self.cursor {
            // The first place of the cursor was not chosen by anybody.
            if self.cursor.is_some()
                && let Some(spot) = word.clone()
            {
                view.push(Command::LookAt(spot));
            }
            self.cursor = word;
        }
    }
}

/// Draws the line in the prompt box, while somebody looks.
pub fn lens_ui(ui: &mut Ui, view: &mut View<'_>, state: &mut LensUi) {
    let Some((generation, _)) = view.state.looked_at() else { return };
    let (job, tokens) = (generation.job.id, theme::tokens(ui));
    let spot = state.spot(view);
    ui.horizontal(|ui| {
        ui.set_height(26.0);
        ui.spacing_mut().item_spacing.x = 6.0;
        let on_guidance = spot == Some(Spot::Guidance);
        let name = view.words.t("lens-guidance");
        let guidance =
            widgets::chip(ui, &name, &name, on_guidance).on_hover_text(view.words.t("lens-guidance-tip"));
        if guidance.hovered() {
            state.pointed = Some(Spot::Guidance);
        }
        if guidance.clicked() {
            view.push(Command::LookAt(Spot::Guidance));
        }
        ui.add_space(6.0);
        for (together, key) in [(false, "lens-step"), (true, "lens-together")] {
            let name = view.words.t(key);
            if widgets::chip(ui, &name, &name, view.state.lens.together == together).clicked() {
                view.push(Command::AddUpSteps(together));
            }
        }
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            let name = Act::Lens.name(view.words);
            let tip = Act::Lens.tip(view.words, ui.ctx());
            if IconButton::new(icons::CLOSE, &name).in_row().tip(tip).show(ui).clicked() {
                view.act(Act::Lens);
            }
            let said = said(view, job, spot.as_ref());
            let galley = widgets::line(ui, &said, theme::small(), tokens.subdued, ui.available_width() - 8.0);
            let (rect, response) = ui.allocate_exact_size(galley.size(), egui::Sense::hover());
            widgets::paint_line(ui, rect.left(), rect.center().y, galley);
            response.widget_info(|| egui::WidgetInfo::labeled(egui::accesskit::Role::Label, true, &said));
        });
    });
}

/// What the line says: the word and the maps' cost, or what is missing.
fn said(view: &View<'_>, job: JobId, spot: Option<&Spot>) -> String {
    if view.state.lens.is_refused(job) {
        return view.words.t("lens-refused");
    }
    let cost = view.state.lens.cost(job).map(|took| {
        let ms = format!("{:.1}", took.as_secs_f64() * 1e3);
        view.words.with("lens-cost", &[("ms", ms.into())])
    });
    let word = match spot {
        Some(Spot::Word { letters, .. }) => view.words.with("lens-word", &[("word", letters.clone().into())]),
        Some(Spot::Guidance) => view.words.t("guidance"),
        None => view.words.t("lens-hint"),
    };
    cost.map_or_else(|| view.words.t("lens-hint"), |cost| format!("{word} · {cost}"))
}

/// Draws the map over the picture at `place`, inside `rect`.
pub fn heat_ui(ui: &Ui, view: &View<'_>, state: &mut LensUi, place: Rect, rect: Rect) {
    let Some((generation, step)) = view.state.looked_at() else { return };
    let Some(spot) = state.spot(view) else { return };
    let (lens, job) = (&view.state.lens, generation.job.id);
    let Some(key) = lens.key(job, step, &spot) else { return };
    let mut hasher = DefaultHasher::new();
    (key, &spot, lens.together).hash(&mut hasher);
    let map = || lens.map(job, step, &spot).map_or(([1, 1], vec![0.0]), |map| (map.size, map.values));
    let texture = state.texture.of(ui.ctx(), hasher.finish(), map);
    let whole = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
    ui.painter_at(rect).image(texture, place, whole, theme::UNTINTED);
}

/// The switch in the corner of the canvas, where a run is shown; returns the space that is left of it.
pub fn toggle_ui(ui: &mut Ui, view: &mut View<'_>, right: f32, top: f32) -> f32 {
    let (name, tip) = (Act::Lens.name(view.words), Act::Lens.tip(view.words, ui.ctx()));
    let side = egui::Vec2::splat(size::TARGET);
    let place = Rect::from_min_size(pos2(right + 8.0 - side.x, top + 4.0), side);
    ui.scope_builder(egui::UiBuilder::new().max_rect(place).id_salt("lens"), |ui| {
        if IconButton::new(icons::EYE, &name).on(view.state.lens.on).tip(tip).show(ui).clicked() {
            view.act(Act::Lens);
        }
    });
    place.left() - 8.0
}
