//! The filmstrip: every step's preview; the pointer or the arrows go back and forth in time.
//!
//! For the keyboard and for screen readers it is one widget, a slider over the steps: a thousand buttons
//! would help nobody.

use egui::accesskit::Role;
use egui::{
    Align2, Color32, CornerRadius, EventFilter, Key, Modifiers, Pos2, Rect, Response, Sense, Stroke,
    StrokeKind, Ui, UiBuilder, Vec2, WidgetInfo, pos2, vec2,
};

use crate::app::command::{Act, Command};
use crate::app::state::generation::Generation;
use crate::app::state::shown::Shown;
use crate::app::theme::icons;
use crate::app::theme::widgets;
use crate::app::theme::widgets::IconButton;
use crate::app::theme::{self, size};
use crate::app::ui::view::View;
use crate::message::JobId;

const GAP: f32 = 2.6;
/// Beside the frames, where the buttons are.
const SIDE: f32 = 56.0;
/// The smallest width of a frame; more frames than fit are scrolled.
const LEAST: f32 = 24.0;
/// Frames are as tall as wide up to this share of the window's height, and these heights.
const TALLEST: f32 = 0.055;
const TALLEST_LEAST: f32 = 44.0;
const TALLEST_MOST: f32 = 130.0;
/// Longer side of the picture under the pointer, at most.
const GROWN: f32 = 96.0;

/// The size of one of `steps` frames in a strip that is `width` across. They share the width.
fn frame_size(steps: usize, width: f32, window: f32) -> Vec2 {
    let wide = ((width + GAP) / steps.max(1) as f32 - GAP).max(LEAST);
    vec2(wide, wide.min((window * TALLEST).clamp(TALLEST_LEAST, TALLEST_MOST)))
}

/// The height of a generation's strip that is `width` across, in a window `window` tall.
pub fn height(generation: &Generation, width: f32, window: f32) -> f32 {
    let steps =
        if generation.steps.is_empty() { generation.job.settings.steps } else { generation.steps.len() };
    let frame = frame_size(steps, width - 2.0 * SIDE, window);
    (frame.y + 2.0 * size::STRIP_MARGIN).round().max(size::STRIP)
}

/// What the strip remembers from frame to frame.
#[derive(Debug, Default)]
pub struct StripState {
    /// How far the strip is scrolled, in points; none follows the newest step.
    pub scroll: Option<f32>,
}

/// What the strip needs to know of a generation.
struct Strip {
    job: JobId,
    steps: usize,
    /// The step on the canvas.
    at: Option<usize>,
    /// The step being made.
    making: Option<usize>,
    /// The size of a frame, and how far the strip is scrolled.
    frame: Vec2,
    scroll: f32,
    rect: Rect,
}

impl Strip {
    fn new(generation: &Generation, view: &View<'_>, state: &StripState, rect: Rect, window: f32) -> Self {
        let steps = generation.steps.len().max(1);
        let frame = frame_size(steps, rect.width(), window);
        let open = generation.stage.is_open();
        let at = match (view.state.playing, &view.state.shown) {
            (Some(playing), _) => Some(playing),
            (None, Shown::Generation { step: Some(step), .. }) => Some(*step),
            _ if open || generation.result.is_none() => generation.newest(),
            _ => Some(steps - 1),
        };
        let whole = steps as f32 * (frame.x + GAP) - GAP;
        let most = (whole - rect.width()).max(0.0);
        // Until someone scrolls, the step on the canvas is kept in sight.
        let follow = at.map_or(0.0, |at| (at as f32 + 0.5) * (frame.x + GAP) - rect.width() / 2.0);
        let scroll = state.scroll.unwrap_or(follow).clamp(0.0, most);
        let making = (open && generation.done < steps && generation.done > 0).then(|| generation.done - 1);
        Self { job: generation.job.id, steps, at, making, frame, scroll, rect }
    }

    fn place(&self, step: usize) -> Rect {
        let left = self.rect.left() + step as f32 * (self.frame.x + GAP) - self.scroll;
        Rect::from_min_size(pos2(left, self.rect.center().y - self.frame.y / 2.0), self.frame)
    }

    fn step_at(&self, at: Pos2) -> usize {
        let step = (at.x - self.rect.left() + self.scroll) / (self.frame.x + GAP);
        (step.max(0.0) as usize).min(self.steps - 1)
    }

    /// Steps in sight.
    fn in_sight(&self) -> std::ops::Range<usize> {
        let first = self.step_at(self.rect.left_center());
        first..self.step_at(self.rect.right_center()) + 1
    }
}

/// Draws the strip into `rect`; below the height `free_from` only text lies above it.
pub fn filmstrip_ui(ui: &mut Ui, view: &mut View<'_>, state: &mut StripState, rect: Rect, free_from: f32) {
    let target = |x: f32| Rect::from_center_size(pos2(x, rect.center().y), Vec2::splat(size::TARGET));
    ui.scope_builder(UiBuilder::new().max_rect(target(rect.left() + 30.0)), |ui| {
        let playing = view.state.playing.is_some();
        let icon = if playing { icons::PAUSE } else { icons::PLAY };
        let (name, tip) = (Act::Play.name(view.words), Act::Play.tip(view.words, ui.ctx()));
        if IconButton::new(icon, &name).tip(tip).show(ui).clicked() {
            view.act(Act::Play);
        }
    });
    let inner = rect.shrink2(vec2(SIDE, 0.0));
    let Some(generation) = view.state.generation().or_else(|| view.state.queue.running()) else {
        return;
    };
    if !generation.steps.is_empty() {
        let window = ui.ctx().content_rect().height();
        let strip = Strip::new(generation, view, state, inner, window);
        let hovered = frames_ui(ui, view, state, &strip, generation);
        if let Some(step) = hovered {
            grown_ui(ui, view, &strip, generation, step, free_from);
        };
    }
    ui.scope_builder(UiBuilder::new().max_rect(target(rect.right() - 30.0)), |ui| export_ui(ui, view));
}

fn export_ui(ui: &mut Ui, view: &mut View<'_>) {
    let name = view.words.t("export");
    let response = IconButton::new(icons::MOVIE, &name).tip(view.words.t("export-tip")).show(ui);
    egui::Popup::menu(&response).align(egui::RectAlign::TOP_END).width(210.0).show(|ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        for act in [Act::ExportGif, Act::ExportApng, Act::ExportStrip, Act::DecodeAll] {
            if crate::app::ui::palette::menu_row(ui, view.words, act) {
                view.act(act);
            }
        }
    });
}

/// Draws the frames in sight; returns the step under the pointer.
fn frames_ui(
    ui: &mut Ui,
    view: &mut View<'_>,
    state: &mut StripState,
    strip: &Strip,
    generation: &Generation,
) -> Option<usize> {
    let tokens = theme::tokens(ui);
    let response = ui.interact(strip.rect, ui.scope_id().with("steps"), Sense::click_and_drag());
    input(ui, view, state, strip, generation, &response);
    let painter = ui.painter_at(strip.rect.expand2(vec2(4.0, 0.0)));
    for step in strip.in_sight() {
        let Some(shown) = generation.steps.get(step) else { continue };
        let place = strip.place(step);
        let texture = shown.picture.as_ref();
        match texture.and_then(|picture| view.textures.filling(ui.ctx(), picture, place.size())) {
            Some(texture) => widgets::paint_texture(&painter, place, texture),
            None => {
                painter.rect_filled(place, CornerRadius::same(size::RADIUS_FRAME), tokens.raised);
            }
        }
    }
    let ring = |step: usize, color: Color32| {
        let place = strip.place(step).expand(1.5);
        painter.rect_stroke(
            place,
            CornerRadius::same(size::RADIUS_SMALL),
            Stroke::new(2.0, color),
            StrokeKind::Outside,
        );
    };
    match (strip.making, strip.at) {
        (Some(making), at) => {
            ring(making, tokens.lamp);
            if let Some(at) = at.filter(|&at| at != making) {
                ring(at, tokens.text);
            }
        }
        (None, Some(at)) => ring(at, tokens.text),
        (None, None) => {}
    }
    let hovered = response.hover_pos().filter(|_| !response.dragged()).map(|at| strip.step_at(at));
    let now = strip.at.map_or(0, |at| at + 1);
    let name = view.words.t("filmstrip");
    response.widget_info(|| WidgetInfo {
        value: Some(now as f64),
        ..WidgetInfo::labeled(Role::Slider, true, &name)
    });
    ui.ctx().accesskit_node_builder(response.id, |node| {
        node.set_min_numeric_value(1.0);
        node.set_max_numeric_value(strip.steps as f64);
        node.set_numeric_value_step(1.0);
    });
    hovered
}

/// Pointer, wheel and keys.
fn input(
    ui: &Ui,
    view: &mut View<'_>,
    state: &mut StripState,
    strip: &Strip,
    generation: &Generation,
    response: &Response,
) {
    if response.is_pointer_button_down_on() && !response.has_focus() {
        response.request_focus();
    }
    let go = |step: usize, view: &mut View<'_>| {
        let step = (!generation.is_result(step)).then_some(step);
        let shown = Shown::Generation { job: strip.job, step };
        if view.state.shown != shown || view.state.playing.is_some() {
            view.push(Command::ShowStep { job: strip.job, step });
        }
    };
    // The nearest frame stands in for one that was not made.
    if let Some(at) = response.interact_pointer_pos()
        && let Some(step) = generation.nearest(strip.step_at(at))
    {
        go(step, view);
    }
    if response.hovered() {
        let wheel = ui.input(|input| input.smooth_scroll_delta());
        let by = if wheel.x.abs() > wheel.y.abs() { wheel.x } else { wheel.y };
        if by != 0.0 {
            state.scroll = Some((strip.scroll - by).max(0.0));
        }
    }
    if response.has_focus() {
        let filter = EventFilter { horizontal_arrows: true, ..EventFilter::default() };
        ui.memory_mut(|memory| memory.set_focus_lock_filter(response.id, filter));
        let now = strip.at.unwrap_or(0);
        let pressed = |key| ui.input_mut(|input| input.consume_key(Modifiers::NONE, key));
        for (key, to) in [
            (Key::ArrowLeft, generation.before(now)),
            (Key::ArrowRight, generation.after(now)),
            (Key::Home, generation.nearest(0)),
            (Key::End, generation.nearest(strip.steps - 1)),
        ] {
            if pressed(key)
                && let Some(to) = to
            {
                state.scroll = None;
                go(to, view);
            }
        }
    }
}

/// The frame under the pointer, larger, with its step and t. It covers its neighbors and nothing
/// else: neither the picture nor what can be done with it.
fn grown_ui(
    ui: &Ui,
    view: &mut View<'_>,
    strip: &Strip,
    generation: &Generation,
    step: usize,
    free_from: f32,
) {
    const MARGIN: f32 = 5.0;
    let tokens = theme::tokens(ui);
    let Some(shown) = generation.steps.get(step) else { return };
    let Some(picture) = &shown.picture else { return };
    let bottom = strip.rect.bottom() - 1.0;
    let top = (free_from + 4.0).min(strip.rect.top() + 1.0);
    let tall = (bottom - top - 2.0 * MARGIN).min(GROWN);
    let pixels = Vec2::from(picture.size().map(|side| side as f32));
    let grown = pixels * (tall / pixels.y).min(GROWN / pixels.x);
    let Some(texture) = view.textures.whole(ui.ctx(), picture, grown.max_elem()) else { return };
    let layer = egui::LayerId::new(egui::Order::Tooltip, ui.scope_id().with("grown"));
    let painter = ui.ctx().layer_painter(layer);
    let line = |text: String, color: Color32| painter.layout_no_wrap(text, theme::small(), color);
    let number = line(view.words.with("step-number", &[("step", (step + 1).into())]), tokens.text);
    let t = line(view.words.with("timestep", &[("t", shown.timestep.into())]), tokens.subdued);
    let text_width = number.size().x.max(t.size().x);
    let size = vec2(grown.x + text_width + 24.0, tall + 2.0 * MARGIN);
    let middle = strip.place(step).center().x;
    let left = (middle - MARGIN - grown.x / 2.0).min(strip.rect.right() + 48.0 - size.x);
    let rect = Rect::from_min_size(pos2(left.max(strip.rect.left() - 48.0), bottom - size.y), size);
    let radius = CornerRadius::same(size::RADIUS_BUTTON);
    painter.add(ui.visuals().popup_shadow.as_shape(rect, radius));
    painter.rect(rect, radius, tokens.raised, Stroke::new(1.0, tokens.hairline), StrokeKind::Inside);
    let place = Align2::LEFT_CENTER.anchor_size(rect.left_center() + vec2(MARGIN, 0.0), grown);
    widgets::paint_texture(&painter, place, texture);
    let at = pos2(place.right() + 9.0, rect.center().y);
    painter.galley(at - vec2(0.0, number.size().y), number, tokens.text);
    painter.galley(at, t, tokens.subdued);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_share_the_width_and_are_scrolled_where_they_would_be_too_small() {
        for (steps, width, window) in
            [(25, 688.0, 800.0), (25, 1328.0, 1080.0), (25, 3248.0, 2160.0), (4, 688.0, 800.0)]
        {
            let frame = frame_size(steps, width, window);
            let whole = steps as f32 * (frame.x + GAP) - GAP;
            assert!((whole - width).abs() < 0.01, "{steps} steps in {width}: {whole}");
            assert!(frame.y <= frame.x && (LEAST..=TALLEST_MOST).contains(&frame.y), "{frame:?}");
        }
        assert_eq!(frame_size(100, 688.0, 800.0).x, LEAST);
    }
}
