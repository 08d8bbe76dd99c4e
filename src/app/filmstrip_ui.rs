//! The filmstrip: every step's preview; the pointer or the arrows go back and forth in time.
//!
//! It is one widget for the keyboard and for those who listen (a slider over the steps), since a
//! thousand buttons would be no help to anyone.

use egui::accesskit::Role;
use egui::{
    Align2, Color32, CornerRadius, EventFilter, Key, Modifiers, Pos2, Rect, Response, Sense, Stroke,
    StrokeKind, Ui, UiBuilder, Vec2, WidgetInfo, pos2, vec2,
};

use crate::app::command::{Act, Command};
use crate::app::development::{Development, Picture};
use crate::app::icons;
use crate::app::state::Shown;
use crate::app::theme::{self, size};
use crate::app::view::View;
use crate::app::widgets::IconButton;
use crate::message::JobId;

const GAP: f32 = 2.6;
const LEAST: f32 = 24.0;
const MOST: f32 = 44.0;
/// Side of the frame under the pointer.
const GROWN: f32 = 96.0;

/// What the strip needs to know of a development.
struct Strip {
    job: JobId,
    steps: usize,
    /// The step on the tray.
    at: Option<usize>,
    /// The step being made.
    making: Option<usize>,
    /// Side of a frame, and how far the strip is scrolled.
    side: f32,
    scroll: f32,
    rect: Rect,
}

impl Strip {
    fn new(development: &Development, view: &View<'_>, rect: Rect) -> Self {
        let steps = development.steps.len().max(1);
        let side = (rect.width() / steps as f32 - GAP).clamp(LEAST, MOST);
        let open = development.stage.is_open();
        let at = match (view.state.playing, &view.state.shown) {
            (Some(playing), _) => Some(playing),
            (None, Shown::Development { step: Some(step), .. }) => Some(*step),
            _ if open || development.result.is_none() => development.newest(),
            _ => Some(steps - 1),
        };
        let whole = steps as f32 * (side + GAP) - GAP;
        let most = (whole - rect.width()).max(0.0);
        // Until someone scrolls, the step on the tray is kept in sight.
        let follow = at.map_or(0.0, |at| (at as f32 + 0.5) * (side + GAP) - rect.width() / 2.0);
        let scroll = view.room.strip_scroll.unwrap_or(follow).clamp(0.0, most);
        let making = (open && development.done < steps && development.done > 0).then(|| development.done - 1);
        Self { job: development.job.id, steps, at, making, side, scroll, rect }
    }

    fn place(&self, step: usize) -> Rect {
        let left = self.rect.left() + step as f32 * (self.side + GAP) - self.scroll;
        Rect::from_min_size(pos2(left, self.rect.center().y - self.side / 2.0), Vec2::splat(self.side))
    }

    fn step_at(&self, at: Pos2) -> usize {
        let step = (at.x - self.rect.left() + self.scroll) / (self.side + GAP);
        (step.max(0.0) as usize).min(self.steps - 1)
    }

    /// Steps in sight.
    fn in_sight(&self) -> std::ops::Range<usize> {
        let first = self.step_at(self.rect.left_center());
        first..self.step_at(self.rect.right_center()) + 1
    }
}

/// Draws the strip into `rect`.
pub fn filmstrip_ui(ui: &mut Ui, view: &mut View<'_>, rect: Rect) {
    let target = |x: f32| Rect::from_center_size(pos2(x, rect.center().y), Vec2::splat(size::TARGET));
    ui.scope_builder(UiBuilder::new().max_rect(target(rect.left() + 30.0)), |ui| {
        let playing = view.state.playing.is_some();
        let icon = if playing { icons::PAUSE } else { icons::PLAY };
        let (name, tip) = (Act::Play.name(view.words), Act::Play.tip(view.words, ui.ctx()));
        if IconButton::new(icon, &name).tip(tip).show(ui).clicked() {
            view.act(Act::Play);
        }
    });
    let inner =
        Rect::from_min_max(pos2(rect.left() + 56.0, rect.top()), pos2(rect.right() - 56.0, rect.bottom()));
    let Some(development) = view.state.development().or_else(|| view.state.desk.running()).cloned() else {
        return;
    };
    if !development.steps.is_empty() {
        let strip = Strip::new(&development, view, inner);
        frames_ui(ui, view, &strip, &development);
    }
    ui.scope_builder(UiBuilder::new().max_rect(target(rect.right() - 30.0)), |ui| export_ui(ui, view));
}

fn export_ui(ui: &mut Ui, view: &mut View<'_>) {
    let name = view.words.t("export");
    let response = IconButton::new(icons::MOVIE, &name).tip(view.words.t("export-tip")).show(ui);
    egui::Popup::menu(&response).align(egui::RectAlign::TOP_END).width(210.0).show(|ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        for act in [Act::ExportGif, Act::ExportApng] {
            if crate::app::palette_ui::menu_row(ui, view.words, act) {
                view.act(act);
            }
        }
    });
}

fn frames_ui(ui: &mut Ui, view: &mut View<'_>, strip: &Strip, development: &Development) {
    let tokens = theme::tokens(ui);
    let response = ui.interact(strip.rect, ui.scope_id().with("steps"), Sense::click_and_drag());
    input(ui, view, strip, &response);
    let painter = ui.painter_at(strip.rect.expand2(vec2(4.0, 0.0)));
    let textures: Vec<(Rect, Option<egui::TextureId>, &Option<Picture>)> = strip
        .in_sight()
        .filter_map(|step| development.steps.get(step).map(|view| (strip.place(step), &view.picture)))
        .map(|(place, picture)| {
            let pixels = ((MOST * ui.pixels_per_point()) as usize).next_multiple_of(16);
            (
                place,
                picture.as_ref().and_then(|picture| view.textures.small(ui.ctx(), picture, pixels)),
                picture,
            )
        })
        .collect();
    let radius = CornerRadius::same(size::RADIUS_FRAME);
    for (place, texture, picture) in &textures {
        match (texture, picture) {
            (Some(texture), Some(picture)) => paint_frame(&painter, *place, *texture, picture),
            _ => {
                painter.rect_filled(*place, radius, tokens.raised);
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
    if let Some(at) = response.hover_pos().filter(|_| !response.dragged()) {
        grown_ui(ui, view, strip, development, strip.step_at(at));
    }
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
}

fn paint_frame(painter: &egui::Painter, place: Rect, texture: egui::TextureId, picture: &Picture) {
    let (w, h) = (picture.frame.width as f32, picture.frame.height as f32);
    let cut = if w > h { vec2((1.0 - h / w) / 2.0, 0.0) } else { vec2(0.0, (1.0 - w / h) / 2.0) };
    let uv = Rect::from_min_max(pos2(cut.x, cut.y), pos2(1.0 - cut.x, 1.0 - cut.y));
    let shape =
        egui::epaint::RectShape::filled(place, CornerRadius::same(size::RADIUS_FRAME), theme::UNTINTED);
    painter.add(shape.with_texture(texture, uv));
}

/// Pointer, wheel and keys.
fn input(ui: &Ui, view: &mut View<'_>, strip: &Strip, response: &Response) {
    if response.is_pointer_button_down_on() && !response.has_focus() {
        response.request_focus();
    }
    let go = |step: usize, view: &mut View<'_>| {
        // The last step of a finished picture is the picture itself.
        let finished = view.state.desk.development(strip.job).is_some_and(|it| it.result.is_some());
        let step = (!(finished && step + 1 == strip.steps)).then_some(step);
        let shown = Shown::Development { job: strip.job, step };
        if view.state.shown != shown || view.state.playing.is_some() {
            view.push(Command::ShowStep { job: strip.job, step });
        }
    };
    if let Some(at) = response.interact_pointer_pos() {
        go(strip.step_at(at), view);
    }
    if response.hovered() {
        let wheel = ui.input(|input| input.smooth_scroll_delta());
        let by = if wheel.x.abs() > wheel.y.abs() { wheel.x } else { wheel.y };
        if by != 0.0 {
            view.room.strip_scroll = Some((strip.scroll - by).max(0.0));
        }
    }
    if response.has_focus() {
        let filter = EventFilter { horizontal_arrows: true, ..EventFilter::default() };
        ui.memory_mut(|memory| memory.set_focus_lock_filter(response.id, filter));
        let now = strip.at.unwrap_or(0);
        let pressed = |key| ui.input_mut(|input| input.consume_key(Modifiers::NONE, key));
        for (key, to) in [
            (Key::ArrowLeft, now.saturating_sub(1)),
            (Key::ArrowRight, (now + 1).min(strip.steps - 1)),
            (Key::Home, 0),
            (Key::End, strip.steps - 1),
        ] {
            if pressed(key) {
                view.room.strip_scroll = None;
                go(to, view);
            }
        }
    }
}

/// The frame under the pointer, larger, with its step and t.
fn grown_ui(ui: &Ui, view: &mut View<'_>, strip: &Strip, development: &Development, step: usize) {
    let tokens = theme::tokens(ui);
    let Some(shown) = development.steps.get(step) else { return };
    let Some(picture) = &shown.picture else { return };
    let pixels = ((GROWN * ui.pixels_per_point()) as usize).next_multiple_of(16);
    let Some(texture) = view.textures.small(ui.ctx(), picture, pixels) else { return };
    let (w, h) = (picture.frame.width as f32, picture.frame.height as f32);
    let grown = vec2(w, h) * (GROWN / w.max(h));
    let values = [("step", (step + 1).into()), ("t", shown.timestep.into())];
    let said = view.words.with("step-and-t", &values);
    let layer = egui::LayerId::new(egui::Order::Tooltip, ui.scope_id().with("grown"));
    let painter = ui.ctx().layer_painter(layer);
    let galley = painter.layout_no_wrap(said, theme::small(), tokens.text);
    let box_size = vec2(grown.x.max(galley.size().x), grown.y + 22.0) + vec2(12.0, 10.0);
    let anchor = pos2(strip.place(step).center().x, strip.rect.top() - 6.0);
    let mut rect = Align2::CENTER_BOTTOM.anchor_size(anchor, box_size);
    let screen = ui.ctx().content_rect().shrink(8.0);
    rect = rect.translate(vec2(
        (screen.left() - rect.left()).max(0.0) - (rect.right() - screen.right()).max(0.0),
        0.0,
    ));
    let radius = CornerRadius::same(size::RADIUS_BUTTON);
    painter.add(ui.visuals().popup_shadow.as_shape(rect, radius));
    painter.rect(rect, radius, tokens.raised, Stroke::new(1.0, tokens.hairline), StrokeKind::Inside);
    let place = Align2::CENTER_TOP.anchor_size(pos2(rect.center().x, rect.top() + 6.0), grown);
    let uv = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
    let shape =
        egui::epaint::RectShape::filled(place, CornerRadius::same(size::RADIUS_FRAME), theme::UNTINTED);
    painter.add(shape.with_texture(texture, uv));
    let text = Align2::CENTER_BOTTOM.anchor_size(pos2(rect.center().x, rect.bottom() - 6.0), galley.size());
    painter.galley(text.min, galley, tokens.text);
}
