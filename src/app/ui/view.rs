//! What every drawing function gets: the state, the words, and where to put what was asked for.

use std::time::SystemTime;

use eframe::wgpu;
use egui::{Rect, Vec2};

use crate::app::command::{Act, Command};
use crate::app::i18n::Words;
use crate::app::services::Task;
use crate::app::state::State;
use crate::app::state::concepts::Hint;
use crate::app::state::generation::Picture;
use crate::app::theme::textures::Textures;
use crate::places::Places;

/// What lives from frame to frame but is not worth remembering.
#[derive(Debug, Default)]
pub struct Room {
    /// Points a pixel of the picture; none is as large as fits.
    pub zoom: Option<f32>,
    /// How far the picture is moved from the middle, in points.
    pub pan: Vec2,
    /// The fade between pictures.
    pub fader: Fader,
    /// What shall get the keyboard in this frame.
    pub focus: Option<Act>,
    /// What was typed into the palette.
    pub palette: String,
    /// The chosen line of the palette.
    pub palette_line: usize,
    /// How far the filmstrip is scrolled, in points; none follows the newest step.
    pub strip_scroll: Option<f32>,
    /// Whether the last input came from the keyboard.
    pub by_keyboard: bool,
    /// When the person last did something, in egui's seconds.
    pub touched_at: f64,
    /// Whether the text cursor blinks.
    pub blinking: bool,
    /// Whether the gallery lies over the tray of a narrow window.
    pub peek: bool,
    /// The last thing announced to those who listen.
    pub announced: String,
    /// The card whose details are folded out.
    pub unfolded: Option<u64>,
    /// Height that the prompt box had.
    pub prompt_height: f32,
    /// Height that cards took from the controls.
    pub cards_height: f32,
    /// The height from which on downwards nothing lies on the tray but text.
    pub tray_free_from: f32,
    /// Whether completions are on offer.
    pub completing: bool,
    /// Rows that the prompt had.
    pub prompt_rows: usize,
    /// What is said about the prompt's words.
    pub hint: PromptHint,
    /// Whether free sizes are shown.
    pub free_size: bool,
    /// When the played step was shown, in the window's seconds.
    pub played_at: f64,
    /// Whether the key that pastes, now held, has brought something.
    pub pasted: bool,
    /// Whether the person looks elsewhere.
    pub unfocused: bool,
    /// Whether the window's title tells what has happened meanwhile.
    pub titled: bool,
    /// Whether closing was confirmed.
    pub may_close: bool,
    /// Whether it was told that the graphics card failed at something.
    pub graphics_failed: bool,
}

/// What the prompt box says about the prompt's words, kept until the prompt or the model changes.
#[derive(Debug, Default)]
pub struct PromptHint {
    /// The prompt looked at.
    pub prompt: String,
    /// How many things the model knows; another model knows another number.
    pub concepts: usize,
    /// What was found.
    pub found: Hint,
}

/// A fade from one picture to the next.
#[derive(Debug, Default)]
pub struct Fader {
    from: Option<Picture>,
    to: Option<Picture>,
    began: f64,
    seconds: f64,
}

impl Fader {
    /// The picture to fade from and how far the fade is, for the picture shown `now`.
    pub fn towards(&mut self, picture: &Picture, now: f64, seconds: f64) -> (Picture, f32) {
        if self.to.as_ref() != Some(picture) {
            self.from = self.to.take();
            self.to = Some(picture.clone());
            self.began = now;
            self.seconds = seconds;
        }
        let share =
            if self.seconds > 0.0 { ((now - self.began) / self.seconds).clamp(0.0, 1.0) as f32 } else { 1.0 };
        match &self.from {
            Some(from) if share < 1.0 => (from.clone(), share),
            _ => (picture.clone(), 1.0),
        }
    }
}

/// Everything that a drawing function needs.
pub struct View<'a> {
    /// The state. Drawing changes the draft and the search; the rest goes by commands.
    pub state: &'a mut State,
    /// The words.
    pub words: &'a Words,
    /// Small textures.
    pub textures: &'a mut Textures,
    /// What lives from frame to frame.
    pub room: &'a mut Room,
    /// What was asked for.
    pub commands: &'a mut Vec<Command>,
    /// Small pictures that are wanted.
    pub tasks: &'a mut Vec<Task>,
    /// Which folders and files are kept, where there are any.
    pub places: Option<&'a Places>,
    /// Bytes of memory that the process holds, where the system tells.
    pub memory: Option<u64>,
    /// What time it is.
    pub now: SystemTime,
    /// Seconds by which local time is ahead of universal time.
    pub offset: i64,
    /// The window's pixel format, where there is a graphics card.
    pub format: Option<wgpu::TextureFormat>,
}

impl View<'_> {
    /// Asks for a named act.
    pub fn act(&mut self, act: Act) {
        self.commands.push(Command::Do(act));
    }

    /// Asks for anything.
    pub fn push(&mut self, command: Command) {
        self.commands.push(command);
    }
}

/// Where the parts of the window are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Layout {
    /// The gallery, if it stands beside the tray.
    pub gallery: Option<Rect>,
    /// The gallery lying over the tray of a narrow window.
    pub peek: Option<Rect>,
    /// The controls.
    pub controls: Option<Rect>,
    /// Where cards stand.
    pub cards: Rect,
    /// Where the picture lies.
    pub tray: Rect,
    /// The progress line.
    pub progress: Rect,
    /// The filmstrip.
    pub strip: Option<Rect>,
    /// The prompt box with its margins.
    pub desk: Rect,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::Frame;

    fn picture() -> Picture {
        Picture::new(Frame { width: 1, height: 1, rgb: vec![0; 3].into() })
    }

    #[test]
    fn a_fade_ends_and_a_new_picture_begins_another() {
        let (a, b) = (picture(), picture());
        let mut fader = Fader::default();
        assert_eq!(fader.towards(&a, 0.0, 0.2).1, 1.0);
        let (from, share) = fader.towards(&b, 1.0, 0.2);
        assert_eq!((from, share), (a.clone(), 0.0));
        let (_, share) = fader.towards(&b, 1.1, 0.2);
        assert!((share - 0.5).abs() < 1e-3);
        assert_eq!(fader.towards(&b, 1.3, 0.2), (b.clone(), 1.0));
        assert_eq!(fader.towards(&a, 2.0, 0.0).1, 1.0);
    }
}
