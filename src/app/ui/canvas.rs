//! The tray: the picture as large as fits, what is known about it, and what can be done with it.

use egui::accesskit::{Live, Role};
use egui::{
    Align, Align2, CornerRadius, CursorIcon, Frame, Layout, Margin, Rect, Response, Sense, Shadow, Stroke,
    Ui, UiBuilder, Vec2, WidgetInfo, pos2, vec2,
};

use crate::app::command::{Act, Command};
use crate::app::state::generation::{Picture, Stage};
use crate::app::state::memory;
use crate::app::state::{Shown, file_name};
use crate::app::state::{difference, status};
use crate::app::theme::icons;
use crate::app::theme::painter::{Canvas, NEAREST_FROM};
use crate::app::theme::widgets;
use crate::app::theme::widgets::on_picture;
use crate::app::theme::widgets::{IconButton, Kind};
use crate::app::theme::{self, Weight, size};
use crate::app::ui::view::{Room, View};
use crate::app::ui::welcome;

/// Room for a line of text above and below the picture.
const BAND: f32 = 39.0;
/// Seconds of a fade, at most.
const FADE_SECONDS: f64 = 0.3;
/// Points a pixel, at most.
const ZOOM_MAX: f32 = 32.0;

/// Draws the tray into `rect`.
pub fn tray_ui(ui: &mut Ui, view: &mut View<'_>, rect: Rect) {
    let tokens = theme::tokens(ui);
    ui.painter().rect_filled(rect, 0.0, tokens.tray);
    let response = ui.interact(rect, ui.scope_id().with("tray"), Sense::click_and_drag());
    if response.clicked() {
        view.room.peek = false;
    }
    let picture = view.state.picture().cloned();
    let alt = status::alt(view);
    let mut covered = false;
    view.room.tray_free_from = rect.bottom();
    match &picture {
        Some(picture) => {
            let place = place(view.room, picture, rect);
            covered = place.top() < rect.top() + BAND - 2.0;
            view.room.tray_free_from = place.bottom().min(rect.bottom());
            zoom_and_pan(ui, view, &response, picture, place, rect);
            picture_ui(ui, view, picture, place, rect);
            let seen = ui.interact(place.intersect(rect), ui.scope_id().with("picture"), Sense::hover());
            seen.widget_info(|| WidgetInfo::labeled(Role::Image, true, &alt));
            if view.state.compare.is_some() {
                compare_ui(ui, view, place, rect);
            }
        }
        None => match view.state.development() {
            Some(development) => {
                let settings = &development.job.settings;
                sheet_ui(ui, vec2(settings.width as f32, settings.height as f32), rect);
            }
            None => welcome::welcome_ui(ui, view, rect),
        },
    }
    if picture.is_none() {
        response.widget_info(|| WidgetInfo::labeled(Role::Image, true, &alt));
    }
    bands_ui(ui, view, rect, covered);
    if picture.is_some() && view.state.compare.is_none() {
        actions_ui(ui, view, rect);
    }
    announce(ui, view, rect);
}

/// Where the whole picture lies: as large as fits in half steps of its size, or as it was zoomed.
pub fn place(room: &Room, picture: &Picture, rect: Rect) -> Rect {
    let pixels = vec2(picture.frame.width as f32, picture.frame.height as f32);
    let scale = room.zoom.unwrap_or_else(|| fitting(pixels, rect));
    let middle = rect.center() + if room.zoom.is_some() { room.pan } else { Vec2::ZERO };
    let min = middle - pixels * scale / 2.0;
    Rect::from_min_size(pos2(min.x.round(), min.y.round()), pixels * scale)
}

/// Points a pixel at which all of the picture is seen.
fn fitting(pixels: Vec2, rect: Rect) -> f32 {
    let room = rect.size() - vec2(2.0 * 24.0, 2.0 * BAND);
    let scale = (room.x / pixels.x).min(room.y / pixels.y).max(0.01);
    if scale >= 1.0 { (scale * 2.0).floor() / 2.0 } else { scale }
}

fn zoom_and_pan(
    ui: &Ui,
    view: &mut View<'_>,
    response: &Response,
    picture: &Picture,
    place: Rect,
    rect: Rect,
) {
    let pixels = vec2(picture.frame.width as f32, picture.frame.height as f32);
    let before = place.width() / pixels.x;
    // The wipe lies over the picture, and the wheel goes through it.
    let pointer = ui.input(|input| input.pointer.hover_pos()).filter(|_| response.contains_pointer());
    if let Some(at) = pointer {
        let (zoom, wheel) = ui.input(|input| (input.zoom_delta(), input.smooth_scroll_delta().y));
        let factor = zoom * (wheel / 240.0).exp();
        if factor != 1.0 {
            let after = (before * factor).clamp(fitting(pixels, rect).min(0.25), ZOOM_MAX);
            // The pixel under the pointer stays where it is.
            let grown = (place.center() - at) * (after / before);
            view.room.zoom = Some(after);
            view.room.pan = at + grown - rect.center();
        }
    }
    if response.dragged() && view.state.compare.is_none() {
        view.room.zoom.get_or_insert(before);
        view.room.pan += response.drag_delta();
        ui.set_cursor_icon(CursorIcon::Grabbing);
    }
    if response.double_clicked() {
        let whole = view.room.zoom.take().is_some();
        view.room.pan = Vec2::ZERO;
        if !whole {
            view.room.zoom = Some(1.0);
        }
    }
    if let Some(zoom) = view.room.zoom {
        // Something of the picture stays in sight.
        let reach = (pixels * zoom + rect.size()) / 2.0 - Vec2::splat(48.0);
        view.room.pan = view.room.pan.clamp(-reach, reach);
    }
}

fn picture_ui(ui: &Ui, view: &mut View<'_>, picture: &Picture, place: Rect, rect: Rect) {
    let tokens = theme::tokens(ui);
    let painter = ui.painter_at(rect);
    let shadow = Shadow { offset: [0, 15], blur: 50, spread: 0, color: tokens.shadow };
    painter.add(shadow.as_shape(place, CornerRadius::ZERO));
    let now = ui.input(|input| input.time);
    let seconds = fade_seconds(ui, view);
    let (mut beneath, fade) = view.room.fader.towards(picture, now, seconds);
    let mut wipe = None;
    if let Some(compare) = &view.state.compare
        && let Some(other) = view.state.full(&compare.with)
    {
        // The picture of the tray lies left of the line.
        beneath = picture.clone();
        wipe = Some((other.clone(), compare.wipe));
    }
    if fade < 1.0 {
        // Half the usual rate: drawing takes from inference.
        ui.ctx().request_repaint_after(std::time::Duration::from_millis(33));
    }
    let Some(format) = view.format else { return };
    let squares = view.room.zoom.is_some_and(|zoom| zoom >= NEAREST_FROM);
    let (above, wipe) = match wipe {
        Some((other, at)) => (other, Some(at)),
        None => (picture.clone(), None),
    };
    let fade = if wipe.is_some() { 1.0 } else { fade };
    let visible = place.intersect(rect);
    // Those that the card cannot take as they are are drawn as smaller copies.
    let Some(above) = view.textures.reduced.fitting(ui.ctx(), &above) else { return };
    let beneath = view.textures.reduced.fitting(ui.ctx(), &beneath).unwrap_or_else(|| above.clone());
    if visible.is_positive() {
        painter.add(Canvas { beneath, above, fade, wipe, place, squares, format }.shape(visible));
    }
}

/// Previews fade over one step's time at most; a person's own choice is shown at once.
fn fade_seconds(ui: &Ui, view: &View<'_>) -> f64 {
    let live =
        matches!(&view.state.shown, Shown::Development { step: None, .. }) && view.state.playing.is_none();
    if !live || !theme::moves(ui.ctx()) {
        return 0.0;
    }
    let step = view.state.development().and_then(|development| development.seconds_a_step());
    step.unwrap_or(FADE_SECONDS).min(FADE_SECONDS)
}

/// The wipe's line, its handle, and what lies on either side.
fn compare_ui(ui: &mut Ui, view: &mut View<'_>, place: Rect, rect: Rect) {
    let tokens = theme::tokens(ui);
    let Some(compare) = view.state.compare.clone() else { return };
    let x = egui::lerp(place.x_range(), compare.wipe);
    let handle = Rect::from_center_size(
        pos2(x, place.center().y.clamp(rect.top() + 20.0, rect.bottom() - 20.0)),
        Vec2::splat(28.0),
    );
    // All of the picture is the handle.
    let response = ui.interact(place.intersect(rect), ui.scope_id().with("wipe"), Sense::click_and_drag());
    let response = response.on_hover_cursor(CursorIcon::ResizeHorizontal);
    if response.is_pointer_button_down_on() && !response.has_focus() {
        response.request_focus();
    }
    let mut wipe = compare.wipe;
    if let Some(at) = response.interact_pointer_pos() {
        wipe = ((at.x - place.left()) / place.width()).clamp(0.0, 1.0);
    }
    if response.has_focus() {
        let filter = egui::EventFilter { horizontal_arrows: true, ..Default::default() };
        ui.memory_mut(|memory| memory.set_focus_lock_filter(response.id, filter));
        let pressed =
            |key| ui.input_mut(|input| input.count_and_consume_key(egui::Modifiers::NONE, key)) as f32;
        wipe += 0.02 * (pressed(egui::Key::ArrowRight) - pressed(egui::Key::ArrowLeft));
    }
    if let Some(compare) = &mut view.state.compare {
        compare.wipe = wipe.clamp(0.0, 1.0);
    }
    let name = view.words.t("wipe");
    response.widget_info(|| WidgetInfo {
        value: Some(wipe.into()),
        ..WidgetInfo::labeled(Role::Slider, true, &name)
    });
    let painter = ui.painter_at(rect);
    painter.vline(x, place.y_range(), Stroke::new(2.0, tokens.on_veil));
    painter.circle_filled(handle.center(), 14.0, tokens.on_veil);
    let icon = theme::of(false).text;
    widgets::paint_icon(ui, handle, icons::COMPARE, 16.0, icon);
    let [left, right] = difference::labels(view, &compare.with);
    // Beside each other, even on a narrow picture.
    let (seen, middle) = (place.intersect(rect), place.intersect(rect).center().x);
    let most = (rect.width() / 2.0 - 16.0).min((seen.width() / 2.0 - 16.0).max(120.0));
    let y = seen.top() + 10.0;
    let at = (seen.left() + 10.0).min(middle - 4.0 - most);
    on_picture(ui, Align2::LEFT_TOP, pos2(at.max(rect.left() + 8.0), y), &left, most);
    let at = (seen.right() - 10.0).max(middle + 4.0 + most);
    on_picture(ui, Align2::RIGHT_TOP, pos2(at.min(rect.right() - 8.0), y), &right, most);
    let mut close = Rect::from_min_size(rect.right_top() + vec2(-44.0, 4.0), Vec2::splat(size::TARGET));
    close = close.intersect(rect);
    ui.scope_builder(UiBuilder::new().max_rect(close), |ui| {
        if IconButton::new(icons::CLOSE, &view.words.t("end-compare")).show(ui).clicked() {
            view.push(Command::EndCompare);
        }
    });
}

/// The lines above and below the picture.
fn bands_ui(ui: &mut Ui, view: &mut View<'_>, rect: Rect, covered: bool) {
    let tokens = theme::tokens(ui);
    let mut left = rect.left() + 16.0;
    if view.room.peek || !memory::is_open(&view.state.kept, memory::GALLERY) || rect.left() < 1.0 {
        let place = Rect::from_min_size(pos2(rect.left() + 8.0, rect.top() + 4.0), Vec2::splat(size::TARGET));
        ui.scope_builder(UiBuilder::new().max_rect(place).id_salt("sidebar"), |ui| {
            let (name, tip) = (Act::Gallery.name(view.words), Act::Gallery.tip(view.words, ui.ctx()));
            if IconButton::new(icons::SIDEBAR, &name).tip(tip).show(ui).clicked() {
                view.act(Act::Gallery);
            }
        });
        left = place.right() + 8.0;
    }
    let mut right = rect.right() - 16.0;
    if !memory::is_open(&view.state.kept, memory::CONTROLS) {
        let place =
            Rect::from_min_size(pos2(rect.right() - 40.0, rect.top() + 4.0), Vec2::splat(size::TARGET));
        ui.scope_builder(UiBuilder::new().max_rect(place).id_salt("sidebar right"), |ui| {
            let (name, tip) = (Act::Controls.name(view.words), Act::Controls.tip(view.words, ui.ctx()));
            if IconButton::new(icons::SIDEBAR_RIGHT, &name).tip(tip).show(ui).clicked() {
                view.act(Act::Controls);
            }
        });
        right = place.left() - 8.0;
    }
    let (begin, end) = status::above(view, ui.input(|input| input.max_texture_side));
    let middle = rect.top() + 20.0;
    if covered {
        // Zoomed in, the picture lies under the words.
        for (anchor, x, text) in
            [(Align2::LEFT_CENTER, left - 8.0, begin), (Align2::RIGHT_CENTER, right + 8.0, end)]
        {
            if !text.is_empty() {
                on_picture(ui, anchor, pos2(x, middle), &text, rect.width() / 2.0 - 24.0);
            }
        }
        return;
    }
    let end = widgets::line(ui, &end, theme::small(), tokens.text_on_tray, rect.width() * 0.6);
    let end_left = right - end.size().x;
    widgets::paint_line(ui, end_left, middle, end);
    let begin = widgets::line(ui, &begin, theme::small(), tokens.text_on_tray, end_left - 16.0 - left);
    widgets::paint_line(ui, left, middle, begin);
    if let Some(below) = status::below(view) {
        let galley = widgets::line(ui, &below, theme::small(), tokens.text_on_tray, rect.width() - 32.0);
        let at = pos2(rect.right() - 16.0 - galley.size().x, rect.bottom() - 20.0);
        widgets::paint_line(ui, at.x, at.y, galley);
    }
}

/// What can be done with what is shown, on a small bar below the picture.
fn actions_ui(ui: &mut Ui, view: &mut View<'_>, rect: Rect) {
    enum Bar {
        Icons(&'static [Act]),
        Step,
    }
    let bar = match &view.state.shown {
        Shown::Nothing => return,
        Shown::Record(_) => {
            Bar::Icons(&[Act::UseSettings, Act::Compare, Act::Copy, Act::SaveAs, Act::Reveal, Act::Delete])
        }
        Shown::Development { step: Some(_), .. } => Bar::Step,
        Shown::Development { step: None, .. } => {
            match view.state.development().map(|it| (it.stage, it.saved.is_some())) {
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
                _ => return,
            }
        }
    };
    let tokens = theme::tokens(ui);
    // In the middle of the room below the picture, where that is little.
    let room = rect.bottom() - view.room.tray_free_from;
    let middle = pos2(rect.center().x, rect.bottom() - (room / 2.0).clamp(20.0, 32.0).round());
    let inside = match bar {
        Bar::Icons(acts) => acts.len() as f32 * (size::TARGET + 2.0) - 2.0,
        Bar::Step => step_width(ui, view),
    };
    let place = Rect::from_center_size(middle, vec2(inside + 10.0, 40.0));
    view.room.tray_free_from = place.bottom() - 4.0;
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

/// What the button says that decodes the step on the tray; nothing where it is decoded in full.
fn decode_text(view: &View<'_>) -> Option<String> {
    let Shown::Development { job, step: Some(step) } = view.state.shown else { return None };
    let shown = view.state.desk.development(job)?.steps.get(step)?;
    let text = if shown.decoding { view.words.t("decoding") } else { Act::DecodeStep.name(view.words) };
    (shown.mode != crate::settings::PreviewMode::Full).then_some(text)
}

/// How wide the buttons of a step are together.
fn step_width(ui: &Ui, view: &View<'_>) -> f32 {
    let texts = [view.words.t("save-step"), view.words.t("back-to-latest")];
    let width = |text: String| widgets::button_width(ui, Kind::Outlined, false, &text, None, 28.0);
    texts.into_iter().chain(decode_text(view)).map(|text| width(text) + STEP_GAP).sum::<f32>() - STEP_GAP
}

/// Between the buttons of a step.
const STEP_GAP: f32 = 6.0;

fn step_ui(ui: &mut Ui, view: &mut View<'_>) {
    let Shown::Development { job, step: Some(_) } = view.state.shown else { return };
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

/// The sheet on which nothing has developed yet.
fn sheet_ui(ui: &Ui, pixels: Vec2, rect: Rect) {
    let tokens = theme::tokens(ui);
    let place = Rect::from_center_size(rect.center().round(), pixels * fitting(pixels, rect));
    let stroke = Stroke::new(1.0, tokens.text_on_tray.gamma_multiply(0.35));
    ui.painter_at(rect).rect_stroke(place, CornerRadius::ZERO, stroke, egui::StrokeKind::Inside);
}

/// A polite live region: starts, ends and errors are read out, not each step.
fn announce(ui: &mut Ui, view: &View<'_>, rect: Rect) {
    let place = Rect::from_min_size(rect.left_bottom() - vec2(0.0, 1.0), vec2(1.0, 1.0));
    let response = ui.interact(place, ui.scope_id().with("announcements"), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Status, true, &view.room.announced));
    ui.ctx().accesskit_node_builder(response.id, |node| node.set_live(Live::Polite));
}

/// What the whole tray says while a file hangs over the window.
pub fn drop_ui(ui: &Ui, view: &View<'_>, rect: Rect) {
    let hovered = ui.input(|input| input.raw.hovered_files.clone());
    let Some(file) = hovered.first() else { return };
    let tokens = theme::tokens(ui);
    let painter =
        ui.ctx().layer_painter(egui::LayerId::new(egui::Order::Foreground, ui.scope_id().with("drop")));
    painter.rect_filled(rect, 0.0, tokens.tray);
    let inner = rect.shrink(16.0);
    let radius = CornerRadius::same(size::RADIUS_BOX);
    painter.rect_stroke(inner, radius, Stroke::new(2.0, tokens.lamp), egui::StrokeKind::Inside);
    let name = file.path.as_deref().map(file_name).unwrap_or_default();
    let ending = name.rsplit('.').next().unwrap_or_default().to_lowercase();
    let key = match ending.as_str() {
        "png" | "jpg" | "jpeg" | "webp" => "drop-picture",
        "safetensors" | "ckpt" | "pt" | "pth" => "drop-model",
        _ => "drop-other",
    };
    let said = view.words.t(key);
    painter.text(
        inner.center() - vec2(0.0, 14.0),
        Align2::CENTER_CENTER,
        said,
        theme::font(20.0, Weight::SemiBold),
        tokens.text,
    );
    painter.text(
        inner.center() + vec2(0.0, 16.0),
        Align2::CENTER_CENTER,
        name,
        theme::body(),
        tokens.text_on_tray,
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_stand_in_half_steps_and_large_ones_are_reduced() {
        let tray = Rect::from_min_size(pos2(208.0, 0.0), vec2(800.0, 638.0));
        assert_eq!(fitting(vec2(256.0, 256.0), tray), 2.0);
        assert_eq!(fitting(vec2(512.0, 512.0), tray), 1.0);
        assert!(fitting(vec2(1024.0, 1024.0), tray) < 0.6);
        let small = Rect::from_min_size(pos2(0.0, 0.0), vec2(628.0, 438.0));
        assert_eq!(fitting(vec2(256.0, 256.0), small), 1.0);
        assert!(fitting(vec2(2048.0, 64.0), tray) < 0.4);
    }
}
