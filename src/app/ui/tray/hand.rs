//! The hand on the tray: strokes, straight lines with Shift, and what a line encloses.
//!
//! Trap: one frame may bring several places of the pointer, and a press with its release; every place counts, or quick
//! strokes have corners.

use egui::{CursorIcon, Event, PointerButton, Pos2, Rect, Response, Shape, Ui, vec2};

use crate::app::command::Command;
use crate::app::command::tray::{OfTray, Stroke, Tool};
use crate::app::ui::tray::contour;
use crate::app::ui::view::View;
use crate::tray::Touch;

/// What the hand does, and where it was last.
#[derive(Debug, Default)]
pub struct Hand {
    does: Option<Does>,
    /// Where the last stroke ended, in pixels of the picture.
    last: Option<[f32; 2]>,
    /// How hard a pen is pressed, where that is told.
    pressure: Option<f32>,
}

#[derive(Debug)]
enum Does {
    /// Paints as it goes.
    Stroke,
    /// Paints a straight line from here once it is let go.
    Line([f32; 2]),
    /// Encloses.
    Lasso(Vec<[f32; 2]>),
}

impl Hand {
    /// Whether it paints now.
    pub fn paints(&self) -> bool {
        self.does.is_some()
    }
}

/// What happened to the pointer in a frame.
struct Moved {
    pressed: Option<Pos2>,
    places: Vec<Pos2>,
    released: bool,
}

impl Moved {
    fn of(ui: &Ui, hand: &mut Hand) -> Self {
        let mut moved = Self { pressed: None, places: Vec::new(), released: false };
        ui.input(|input| {
            for event in &input.events {
                match event {
                    Event::PointerButton { pos, button: PointerButton::Primary, pressed, .. } => {
                        if *pressed {
                            (moved.pressed, moved.released) = (Some(*pos), false);
                            moved.places = vec![*pos];
                        } else {
                            moved.released = true;
                        }
                    }
                    Event::PointerMoved(pos) => moved.places.push(*pos),
                    Event::PointerGone => moved.released = true,
                    Event::Touch { force, .. } => hand.pressure = *force,
                    _ => {}
                }
            }
            moved.released |= !input.pointer.primary_down();
        });
        moved
    }
}

/// Follows the pointer over the picture at `place`.
pub fn hand_ui(
    ui: &mut Ui,
    view: &mut View<'_>,
    hand: &mut Hand,
    response: &Response,
    (place, rect): (Rect, Rect),
) {
    let Some(laid) = view.state.tray.laid.as_deref() else { return };
    let scale = place.width() / laid.photo.frame.width.max(1) as f32;
    let pixel = |at: Pos2| [(at.x - place.left()) / scale, (at.y - place.top()) / scale];
    let moved = Moved::of(ui, hand);
    let brush = view.state.tray.brush;
    let reach = if view.state.tray.tool == Tool::Brush { brush.radius * scale } else { 0.0 };
    let begins = response.is_pointer_button_down_on() || response.clicked();
    let mut begun = false;
    if let Some(at) = moved.pressed.filter(|at| begins && place.expand(reach.max(4.0)).contains(*at)) {
        // The keys are the tray's from now on.
        ui.memory_mut(|memory| memory.focused().map(|id| memory.surrender_focus(id)));
        let straight = ui.input(|input| input.modifiers.shift);
        hand.does = Some(match view.state.tray.tool {
            Tool::Lasso => Does::Lasso(Vec::new()),
            Tool::Brush if straight => Does::Line(hand.last.unwrap_or(pixel(at))),
            Tool::Brush => Does::Stroke,
        });
        begun = true;
    }
    let pressure = hand.pressure.filter(|force| *force > 0.0).unwrap_or(1.0);
    let touch = |at: [f32; 2]| Touch { at, pressure };
    let places: Vec<[f32; 2]> = moved.places.iter().map(|at| pixel(*at)).collect();
    let latest = places.last().copied().or_else(|| response.hover_pos().map(pixel));
    let mut paint = |begins, touches, ends| {
        view.push(Command::Tray(OfTray::Stroke(Stroke { begins, touches, ends })));
    };
    match &mut hand.does {
        Some(Does::Stroke) if begun || moved.released || !places.is_empty() => {
            hand.last = places.last().copied().or(hand.last);
            paint(begun, places.into_iter().map(touch).collect(), moved.released);
        }
        Some(Does::Line(from)) if moved.released => {
            let to = latest.unwrap_or(*from);
            paint(true, vec![touch(*from), touch(to)], true);
            hand.last = Some(to);
        }
        Some(Does::Lasso(line)) => {
            line.extend(places);
            if moved.released {
                view.push(Command::Tray(OfTray::Enclose(std::mem::take(line))));
            }
        }
        _ => {}
    }
    cursor_ui(ui, view, hand, response, (place, rect));
    if moved.released {
        hand.does = None;
    }
}

/// The brush where the pointer is, and the line that is being drawn.
fn cursor_ui(ui: &Ui, view: &View<'_>, hand: &Hand, response: &Response, (place, rect): (Rect, Rect)) {
    let Some(laid) = view.state.tray.laid.as_deref() else { return };
    let scale = place.width() / laid.photo.frame.width.max(1) as f32;
    let on_screen = |at: [f32; 2]| place.min + vec2(at[0], at[1]) * scale;
    let pointer = ui.input(|input| input.pointer.latest_pos());
    let painter = ui.painter_at(rect);
    let over = response.hovered() || hand.paints();
    let tool = view.state.tray.tool;
    if let Some(at) = pointer.filter(|_| over) {
        let radius = view.state.tray.brush.radius * scale;
        let near = place.expand(radius.max(4.0)).contains(at) || hand.paints();
        if near && tool == Tool::Brush {
            let small = radius < 4.0;
            ui.set_cursor_icon(if small { CursorIcon::Crosshair } else { CursorIcon::None });
            for stroke in contour(ui) {
                painter.circle_stroke(at, radius.max(2.0), stroke);
            }
        } else if near {
            ui.set_cursor_icon(CursorIcon::Crosshair);
        }
        if let Some(Does::Line(from)) = &hand.does {
            for stroke in contour(ui) {
                painter.line_segment([on_screen(*from), at], stroke);
            }
        }
    }
    if let Some(Does::Lasso(line)) = &hand.does {
        for stroke in contour(ui) {
            painter.add(Shape::closed_line(line.iter().map(|at| on_screen(*at)).collect(), stroke));
        }
    }
}
