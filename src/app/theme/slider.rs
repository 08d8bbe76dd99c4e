//! The slider and the number field beside it: label, value, rail, by pointer, keys and AccessKit.

use egui::accesskit::{Action, ActionData, Role};
use egui::{
    CornerRadius, DragValue, EventFilter, Key, Modifiers, Rect, Response, Sense, Ui, WidgetInfo, pos2, vec2,
};

use crate::app::theme;
use crate::app::theme::widgets;
use crate::settings::Slider;

/// A label and a number on one line and a rail below. `lit`: it acts on the running job.
/// The response is the rail's; `changed` covers both.
pub fn slider(ui: &mut Ui, name: &str, tip: &str, value: &mut f64, scale: Slider, lit: bool) -> Response {
    let tokens = theme::tokens(ui);
    let before = *value;
    ui.horizontal(|ui| {
        ui.set_height(24.0);
        ui.label(widgets::body(name, tokens.text)).on_hover_text(tip);
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            number(ui, name, value, scale, 44.0)
        });
    });
    ui.add_space(6.0);
    let mut response = rail(ui, name, value, scale, lit).on_hover_text(tip);
    if *value != before {
        response.mark_changed();
    }
    response
}

/// A number that can be typed or dragged.
pub fn number(ui: &mut Ui, name: &str, value: &mut f64, scale: Slider, width: f32) -> Response {
    let field = DragValue::new(value)
        .range(scale.least..=scale.typed_most)
        // What is not touched stays as it came.
        .clamp_existing_to_range(false)
        .speed(scale.step / 4.0)
        .fixed_decimals(scale.decimals)
        .custom_parser(move |text| typed(text, scale.decimals))
        .update_while_editing(false)
        .min_size(vec2(width, 24.0));
    ui.scope(|ui| {
        ui.spacing_mut().button_padding = vec2(6.0, 2.0);
        ui.add_sized(vec2(width, 24.0), field)
    })
    .inner
    .accessible_name(name)
}

/// The rail alone.
pub fn rail(ui: &mut Ui, name: &str, value: &mut f64, scale: Slider, lit: bool) -> Response {
    const KNOB: f32 = 7.0;
    let tokens = theme::tokens(ui);
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 20.0), Sense::click_and_drag());
    if response.is_pointer_button_down_on() && !response.has_focus() {
        response.request_focus();
    }
    let before = *value;
    let (left, right) = (rect.left() + KNOB, rect.right() - KNOB);
    if let Some(at) = response.interact_pointer_pos() {
        let share = f64::from(((at.x - left) / (right - left)).clamp(0.0, 1.0));
        *value = rounded(scale.least + share * (scale.most - scale.least), scale.step);
    }
    *value += scale.step * steps_by_keys(ui, &response);
    for request in ui.input(|input| {
        input.accesskit_action_requests(response.id, Action::SetValue).cloned().collect::<Vec<_>>()
    }) {
        if let Some(ActionData::NumericValue(asked)) = request.data {
            *value = asked;
        }
    }
    if *value != before {
        *value = rounded(value.clamp(scale.least, scale.typed_most), scale.step);
    }
    let share = ((*value - scale.least) / (scale.most - scale.least)).clamp(0.0, 1.0) as f32;
    let knob = pos2(egui::lerp(left..=right, share), rect.center().y);
    let bar = |from: f32, to: f32| Rect::from_min_max(pos2(from, knob.y - 1.5), pos2(to, knob.y + 1.5));
    let (filled, handle) = match lit {
        true => (tokens.lamp, tokens.lamp),
        false => (tokens.subdued, tokens.text),
    };
    let round = CornerRadius::same(2);
    ui.painter().rect_filled(bar(rect.left(), rect.right()), round, tokens.rail);
    ui.painter().rect_filled(bar(rect.left(), knob.x), round, filled);
    let grown = if response.hovered() || response.dragged() { KNOB + 1.0 } else { KNOB };
    ui.painter().circle_filled(knob, grown, handle);
    let now = *value;
    response.widget_info(|| WidgetInfo { value: Some(now), ..WidgetInfo::labeled(Role::Slider, true, name) });
    ui.ctx().accesskit_node_builder(response.id, |node| {
        node.set_min_numeric_value(scale.least);
        node.set_max_numeric_value(scale.typed_most);
        node.set_numeric_value_step(scale.step);
        node.add_action(Action::SetValue);
        node.add_action(Action::Increment);
        node.add_action(Action::Decrement);
    });
    response
}

/// Steps asked for by arrow keys and by AccessKit.
fn steps_by_keys(ui: &Ui, response: &Response) -> f64 {
    let mut steps = 0.0;
    if response.has_focus() {
        let filter = EventFilter { horizontal_arrows: true, ..EventFilter::default() };
        ui.memory_mut(|memory| memory.set_focus_lock_filter(response.id, filter));
        ui.input_mut(|input| {
            for (key, by) in
                [(Key::ArrowRight, 1.0), (Key::ArrowLeft, -1.0), (Key::PageUp, 10.0), (Key::PageDown, -10.0)]
            {
                steps += by * input.count_and_consume_key(Modifiers::NONE, key) as f64;
            }
        });
    }
    ui.input(|input| {
        steps += input.num_accesskit_action_requests(response.id, Action::Increment) as f64;
        steps -= input.num_accesskit_action_requests(response.id, Action::Decrement) as f64;
    });
    steps
}

/// A number as people type it: with a decimal point or comma, and with full-width digits. In a field
/// of whole numbers a comma before three digits separates thousands.
fn typed(text: &str, decimals: usize) -> Option<f64> {
    let plain = |c: char| match c {
        '０'..='９' | '．' | '，' | '－' => char::from_u32(u32::from(c) - 0xFEE0),
        '−' => Some('-'),
        c => (!c.is_whitespace()).then_some(c),
    };
    let text: String = text.chars().filter_map(plain).collect();
    let number = match text.split_once(',') {
        Some((before, after)) if decimals == 0 && after.len() == 3 => format!("{before}{after}"),
        Some((before, after)) if !text.contains('.') => format!("{before}.{after}"),
        _ => text,
    };
    number.parse().ok().filter(|number: &f64| number.is_finite())
}

fn rounded(value: f64, step: f64) -> f64 {
    // Through the reciprocal, so that tenths stay tenths.
    let parts = (1.0 / step).round().max(1.0);
    if step >= 1.0 { (value / step).round() * step } else { (value * parts).round() / parts }
}

#[cfg(test)]
mod tests {
    use super::{rounded, typed};

    #[test]
    fn values_fall_on_steps() {
        assert_eq!(rounded(4.449_999, 0.1), 4.4);
        assert_eq!(rounded(0.3, 0.1), 0.3);
        assert_eq!(rounded(25.4, 1.0), 25.0);
    }

    #[test]
    fn a_comma_is_a_decimal_point() {
        for (text, decimals, expected) in [
            ("7,5", 1, Some(7.5)),
            ("7.5", 1, Some(7.5)),
            (" ７，５ ", 1, Some(7.5)),
            ("−0,25", 2, Some(-0.25)),
            ("0,125", 2, Some(0.125)),
            ("1,000", 0, Some(1000.0)),
            ("25,0", 0, Some(25.0)),
            ("7,5,5", 1, None),
            ("seven", 1, None),
            ("inf", 1, None),
        ] {
            assert_eq!(typed(text, decimals), expected, "{text}");
        }
    }
}
