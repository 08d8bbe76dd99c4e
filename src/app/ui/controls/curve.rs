//! Guidance over the steps: a small plot under the slider, folded away at first. Its points are dragged, or moved by
//! keys; while a picture develops they bend the guidance of the steps to come.

use egui::accesskit::{Action, Role};
use egui::{
    CornerRadius, CursorIcon, EventFilter, Id, Key, Modifiers, Pos2, Rect, Response, Sense, Shape, Stroke,
    Ui, Vec2, WidgetInfo, pos2, vec2,
};

use crate::app::command::{Act, Command};
use crate::app::state::generation::Generation;
use crate::app::state::panels;
use crate::app::theme::icons;
use crate::app::theme::widgets;
use crate::app::theme::widgets::Kind;
use crate::app::theme::{self, size};
use crate::app::ui::status::trimmed;
use crate::app::ui::view::View;
use crate::sampler::GuidanceCurve;
use crate::settings::{PartialSettings, Slider};

/// Height of the plot.
const HEIGHT: f32 = 96.0;
/// A point's handle.
const KNOB: f32 = 5.0;
/// The most points that are drawn by hand; a steered run may have more.
const POINTS_MAX: usize = 12;
/// What an arrow key moves a point by: a share of the run.
const SHARE_STEP: f64 = 0.02;

/// The plot's scale.
#[derive(Clone, Copy)]
struct Plot {
    rect: Rect,
    least: f64,
    most: f64,
}

impl Plot {
    fn place(self, [share, value]: [f64; 2]) -> Pos2 {
        let up = ((value - self.least) / (self.most - self.least)).clamp(0.0, 1.0) as f32;
        pos2(
            egui::lerp(self.rect.x_range(), share as f32),
            egui::lerp(self.rect.bottom()..=self.rect.top(), up),
        )
    }

    fn point(self, at: Pos2, step: f64) -> [f64; 2] {
        let across = f64::from((at.x - self.rect.left()) / self.rect.width()).clamp(0.0, 1.0);
        let up = f64::from((self.rect.bottom() - at.y) / self.rect.height()).clamp(0.0, 1.0);
        let value = self.least + up * (self.most - self.least);
        [(across * 100.0).round() / 100.0, (value / step).round() / (1.0 / step).round()]
    }
}

/// Draws the fold, and the plot where it is open. `scale`: that of the slider above.
pub(super) fn curve_ui(ui: &mut Ui, view: &mut View<'_>, scale: Slider) {
    let running = view.state.queue.running().filter(|running| running.sheet.is_none());
    let running = running.map(|running| running.curve.clone());
    let lit = running.is_some();
    let curve = running.unwrap_or_else(|| view.state.draft.settings.guidance_curve.clone());
    ui.add_space(6.0);
    header_ui(ui, view, &curve);
    if !panels::is_open(&view.state.preferences, panels::CURVE) {
        return;
    }
    ui.add_space(6.0);
    let changed = plot_ui(ui, view, &curve, scale, lit);
    ui.add_space(6.0);
    let changed = changed.or(buttons_ui(ui, view, &curve, scale));
    if let Some(curve) = changed {
        view.set(PartialSettings { guidance_curve: Some(curve.clone()), ..Default::default() });
        if lit {
            view.push(Command::Bend(curve));
        }
    }
}

fn header_ui(ui: &mut Ui, view: &mut View<'_>, curve: &GuidanceCurve) {
    let tokens = theme::tokens(ui);
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 22.0), Sense::click());
    let open = panels::is_open(&view.state.preferences, panels::CURVE);
    let color = if response.hovered() || open { tokens.text } else { tokens.subdued };
    let name = Act::Curve.name(view.words);
    let title = widgets::line(ui, &name, theme::small(), color, rect.width());
    let end = widgets::paint_line(ui, rect.left(), rect.center().y, title);
    let at = Rect::from_center_size(pos2(rect.right() - 8.0, rect.center().y), vec2(16.0, 16.0));
    widgets::paint_icon(ui, at, if open { icons::UP } else { icons::RIGHT }, 14.0, tokens.subdued);
    let said = summary(view, curve);
    let room = rect.right() - 24.0 - end - 12.0;
    let galley = widgets::line(ui, &said, theme::small(), tokens.subdued, room);
    widgets::paint_line(ui, rect.right() - 24.0 - galley.size().x, rect.center().y, galley);
    response.widget_info(|| WidgetInfo::selected(Role::Button, true, open, &name));
    if response.on_hover_text(Act::Curve.tip(view.words, ui.ctx())).clicked() {
        view.act(Act::Curve);
    }
}

/// "2→7.5→3".
fn summary(view: &View<'_>, curve: &GuidanceCurve) -> String {
    if curve.is_none() {
        return view.words.t("curve-constant");
    }
    let points = curve.points();
    let shown = |range: std::ops::Range<usize>| points[range].iter().map(|[_, value]| trimmed(*value));
    let values: Vec<String> = match points.len() {
        0..=4 => shown(0..points.len()).collect(),
        n => shown(0..2).chain(["…".to_owned()]).chain(shown(n - 1..n)).collect(),
    };
    values.join("→")
}

/// Draws the plot; returns the curve that the user made of it.
fn plot_ui(
    ui: &mut Ui,
    view: &mut View<'_>,
    curve: &GuidanceCurve,
    scale: Slider,
    lit: bool,
) -> Option<GuidanceCurve> {
    let tokens = theme::tokens(ui);
    let (outer, response) = ui.allocate_exact_size(vec2(ui.available_width(), HEIGHT), Sense::click());
    let highest = curve.points().iter().map(|[_, value]| *value).fold(scale.most, f64::max);
    let lowest = curve.points().iter().map(|[_, value]| *value).fold(scale.least, f64::min);
    let plot = Plot { rect: outer.shrink(KNOB + 3.0), least: lowest, most: highest };
    let radius = CornerRadius::same(size::RADIUS_SMALL);
    ui.painter().rect_filled(outer, radius, tokens.background);
    ui.painter().rect_stroke(outer, radius, Stroke::new(1.0, tokens.hairline), egui::StrokeKind::Inside);
    let constant = view.state.draft.settings.guidance;
    let mut points = match curve.is_none() {
        true => vec![[0.0, constant], [1.0, constant]],
        false => curve.points().to_vec(),
    };
    scale_ui(ui, plot);
    line_ui(ui, plot, &points, if curve.is_none() { tokens.faint } else { tokens.subdued });
    if lit && let Some(running) = view.state.queue.running() {
        acted_ui(ui, plot, running);
    }
    let by_hand = points.len() <= POINTS_MAX;
    let name = view.words.t("curve-plot");
    response.widget_info(|| WidgetInfo::labeled(Role::Group, true, &name));
    let mut changed = false;
    if by_hand {
        let count = points.len();
        let mut gone = None;
        for i in 0..count {
            let id = ui.scope_id().with(("guidance point", i));
            let text = [
                ("n", (i + 1).into()),
                ("of", count.into()),
                ("at", ((points[i][0] * 100.0).round() as i64).into()),
            ];
            let name = view.words.with("curve-point", &text);
            let handle = point_ui(ui, plot, id, &name, points[i], lit);
            let (moved, removed) = moved(ui, plot, &handle, points[i], scale);
            gone = removed.then_some(i).or(gone);
            if let Some(moved) = moved {
                // A point stays between its neighbors.
                let low = i.checked_sub(1).map_or(0.0, |before| points[before][0]);
                let high = points.get(i + 1).map_or(1.0, |after| after[0]);
                points[i] = [moved[0].clamp(low, high), moved[1]];
                changed = true;
            }
        }
        if let Some(gone) = gone {
            points.remove(gone);
            changed = true;
        }
        if response.double_clicked()
            && count < POINTS_MAX
            && let Some(at) = response.interact_pointer_pos()
        {
            points.push(plot.point(at, scale.step));
            changed = true;
        }
    }
    let response =
        response.on_hover_text(view.words.t(if by_hand { "curve-plot-tip" } else { "curve-many-tip" }));
    drop(response);
    changed.then(|| GuidanceCurve::new(points).ok()).flatten()
}

/// The largest and the least value at the left edge.
fn scale_ui(ui: &Ui, plot: Plot) {
    let tokens = theme::tokens(ui);
    for (value, y) in [(plot.most, plot.rect.top()), (plot.least, plot.rect.bottom())] {
        let galley = widgets::line(ui, &trimmed(value), theme::small(), tokens.faint, 40.0);
        let top = (y - galley.size().y / 2.0)
            .clamp(plot.rect.top() - 6.0, plot.rect.bottom() + 6.0 - galley.size().y);
        ui.painter().galley(pos2(plot.rect.right() - galley.size().x, top), galley, tokens.faint);
    }
}

fn line_ui(ui: &Ui, plot: Plot, points: &[[f64; 2]], color: egui::Color32) {
    let (Some(first), Some(last)) = (points.first(), points.last()) else { return };
    let ends = [[0.0, first[1]], [1.0, last[1]]];
    let whole = std::iter::once(ends[0]).chain(points.iter().copied()).chain([ends[1]]);
    ui.painter().add(Shape::line(whole.map(|point| plot.place(point)).collect(), Stroke::new(2.0, color)));
}

/// What acted in the steps that are done.
fn acted_ui(ui: &Ui, plot: Plot, running: &Generation) {
    let tokens = theme::tokens(ui);
    let last = running.steps.len().saturating_sub(1).max(1) as f64;
    let acted = running
        .steps
        .iter()
        .enumerate()
        .filter_map(|(step, view)| Some([step as f64 / last, view.guidance?]));
    let line: Vec<Pos2> = acted.map(|point| plot.place(point)).collect();
    if let Some(now) = line.last() {
        ui.painter().vline(now.x, plot.rect.y_range(), Stroke::new(1.0, tokens.hairline));
    }
    ui.painter().add(Shape::line(line, Stroke::new(2.0, tokens.lamp)));
}

fn point_ui(ui: &Ui, plot: Plot, id: Id, name: &str, point: [f64; 2], lit: bool) -> Response {
    let tokens = theme::tokens(ui);
    let at = plot.place(point);
    let target = Rect::from_center_size(at, Vec2::splat(20.0));
    let response = ui.interact(target, id, Sense::click_and_drag()).on_hover_cursor(CursorIcon::Grab);
    let grown =
        if response.hovered() || response.dragged() || response.has_focus() { KNOB + 1.0 } else { KNOB };
    ui.painter().circle_filled(at, grown, if lit { tokens.lamp } else { tokens.text });
    response.widget_info(|| WidgetInfo {
        value: Some(point[1]),
        ..WidgetInfo::labeled(Role::Slider, true, name)
    });
    ui.ctx().accesskit_node_builder(response.id, |node| {
        node.add_action(Action::Increment);
        node.add_action(Action::Decrement);
    });
    response
}

/// Where pointer, keys and AccessKit move a point to, and whether they remove it.
fn moved(ui: &Ui, plot: Plot, handle: &Response, point: [f64; 2], scale: Slider) -> (Option<[f64; 2]>, bool) {
    if handle.is_pointer_button_down_on() && !handle.has_focus() {
        handle.request_focus();
    }
    let mut to = point;
    if handle.dragged()
        && let Some(at) = handle.interact_pointer_pos()
    {
        to = plot.point(at, scale.step);
    }
    let mut removed = handle.double_clicked();
    if handle.has_focus() {
        let filter = EventFilter { horizontal_arrows: true, vertical_arrows: true, ..EventFilter::default() };
        ui.memory_mut(|memory| memory.set_focus_lock_filter(handle.id, filter));
        ui.input_mut(|input| {
            let mut by = |key| input.count_and_consume_key(Modifiers::NONE, key) as f64;
            to[1] += scale.step * (by(Key::ArrowUp) - by(Key::ArrowDown));
            to[1] += 10.0 * scale.step * (by(Key::PageUp) - by(Key::PageDown));
            to[0] += SHARE_STEP * (by(Key::ArrowRight) - by(Key::ArrowLeft));
            removed |= by(Key::Delete) + by(Key::Backspace) > 0.0;
        });
    }
    ui.input(|input| {
        to[1] += scale.step * input.num_accesskit_action_requests(handle.id, Action::Increment) as f64;
        to[1] -= scale.step * input.num_accesskit_action_requests(handle.id, Action::Decrement) as f64;
    });
    let grain = (1.0 / scale.step).round();
    let to = [
        (to[0].clamp(0.0, 1.0) * 100.0).round() / 100.0,
        (to[1].clamp(0.0, scale.typed_most) * grain).round() / grain,
    ];
    ((to != point).then_some(to), removed)
}

/// A point more, and none: for whoever has no pointer.
fn buttons_ui(
    ui: &mut Ui,
    view: &mut View<'_>,
    curve: &GuidanceCurve,
    scale: Slider,
) -> Option<GuidanceCurve> {
    let mut changed = None;
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 18.0;
        let count = curve.points().len();
        let text = view.words.t("curve-add");
        ui.add_enabled_ui(count < POINTS_MAX, |ui| {
            if widgets::sized_button(ui, Kind::Ghost, Some(icons::PLUS), &text, None, 24.0).clicked() {
                changed =
                    GuidanceCurve::new(with_one_more(curve, view.state.draft.settings.guidance, scale)).ok();
            }
        });
        if count > 0 {
            let text = view.words.t("curve-remove");
            if widgets::sized_button(ui, Kind::Ghost, Some(icons::CLOSE), &text, None, 24.0).clicked() {
                changed = Some(GuidanceCurve::default());
            }
        }
    });
    changed
}

/// A curve's points and one in the middle of the widest gap, on the line.
fn with_one_more(curve: &GuidanceCurve, constant: f64, scale: Slider) -> Vec<[f64; 2]> {
    let mut points = match curve.is_none() {
        true => vec![[0.0, constant], [1.0, constant]],
        false => curve.points().to_vec(),
    };
    let shares: Vec<f64> =
        [0.0].into_iter().chain(points.iter().map(|point| point[0])).chain([1.0]).collect();
    let gap = |pair: &&[f64]| pair[1] - pair[0];
    if let Some(widest) = shares.windows(2).max_by(|a, b| gap(a).total_cmp(&gap(b))) {
        let share = ((widest[0] + widest[1]) / 2.0 * 100.0).round() / 100.0;
        let grain = (1.0 / scale.step).round();
        let value = (curve.at_share(share).unwrap_or(constant) * grain).round() / grain;
        points.push([share, value]);
    }
    points
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Setting;

    #[test]
    fn a_point_more_lies_on_the_line_in_the_widest_gap() {
        let scale = Setting::Guidance.row().slider.unwrap();
        let more = |text: &str| {
            let points = with_one_more(&text.parse().unwrap(), 3.0, scale);
            GuidanceCurve::new(points).unwrap().to_string()
        };
        assert_eq!(more(""), "0:3,0.5:3,1:3");
        assert_eq!(more("0:2,0.3:7.5,1:3"), "0:2,0.3:7.5,0.65:5.3,1:3");
        assert_eq!(more("0.2:4"), "0.2:4,0.6:4");
    }

    #[test]
    fn places_and_points_are_each_others() {
        let plot =
            Plot { rect: Rect::from_min_size(pos2(10.0, 20.0), vec2(200.0, 70.0)), least: 1.0, most: 15.0 };
        for point in [[0.0, 1.0], [1.0, 15.0], [0.3, 7.5], [0.55, 2.4]] {
            assert_eq!(plot.point(plot.place(point), 0.1), point);
        }
    }
}
