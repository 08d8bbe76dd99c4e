//! How the user acts on the window: by keyboard or pointer, and whether at all.

use egui::{Context, Event, ImeEvent, Key};

/// The text cursor blinks for so long after the last key or click.
const BLINK_SECONDS: f64 = 5.0;

/// What the last frames' input tells.
#[derive(Debug, Default)]
pub struct InputState {
    /// Whether the last input came from the keyboard.
    pub by_keyboard: bool,
    /// Whether the key that pastes, now held, has brought something.
    pub pasted: bool,
    /// When the user last did something, in egui's seconds.
    touched_at: f64,
    blinking: bool,
}

impl InputState {
    /// Records this frame's input, and stops the text cursor's blinking while nobody types.
    pub fn note(&mut self, ctx: &Context) {
        ctx.input(|input| {
            let arrows = [Key::ArrowUp, Key::ArrowDown, Key::ArrowLeft, Key::ArrowRight];
            if input.pointer.any_pressed() {
                self.by_keyboard = false;
            } else if input.key_pressed(Key::Tab) || arrows.iter().any(|key| input.key_pressed(*key)) {
                self.by_keyboard = true;
            }
            if input.events.iter().any(is_by_hand) {
                self.touched_at = input.time;
            }
        });
        // Every blink redraws the window; an idle one must not.
        let blinking = ctx.input(|input| input.time) - self.touched_at < BLINK_SECONDS;
        if blinking != self.blinking {
            self.blinking = blinking;
            ctx.all_styles_mut(|style| style.visuals.text_cursor.blink = blinking);
        }
    }
}

/// Whether somebody types or clicks. Input methods, window managers and a pointer that lies still
/// send events of their own accord, some without end.
fn is_by_hand(event: &Event) -> bool {
    match event {
        Event::Ime(ImeEvent::Commit(text)) => !text.is_empty(),
        Event::Key { .. }
        | Event::Text(_)
        | Event::Paste(_)
        | Event::Cut
        | Event::Copy
        | Event::PointerButton { .. }
        | Event::Touch { .. } => true,
        _ => false,
    }
}
