//! What every drawing function gets: the state to read, the words, and where to put commands.
//!
//! Invariant: drawing changes neither the state nor the world. What it wants changed it pushes as a
//! [`Command`]; what it remembers from frame to frame is its part's own small struct.

use std::time::SystemTime;

use eframe::wgpu;

use crate::app::command::{Act, Command};
use crate::app::i18n::Words;
use crate::app::state::State;
use crate::app::theme::textures::Textures;
use crate::places::Places;
use crate::settings::PartialSettings;

/// Everything that a drawing function needs.
pub struct View<'a> {
    /// What the window knows, to be read.
    pub state: &'a State,
    /// The words of the language in force.
    pub words: &'a Words,
    /// Small textures, made when they are first drawn.
    pub textures: &'a mut Textures,
    /// The field that takes the keyboard in this frame, named by the act that leads to it.
    pub focus: &'a mut Option<Act>,
    /// What the user asked for, in the order drawn.
    pub commands: &'a mut Vec<Command>,
    /// The program's folders and files, where there are any.
    pub places: Option<&'a Places>,
    /// Bytes of memory that the process holds, where the system tells.
    pub memory: Option<u64>,
    /// The present time.
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

    /// Asks for other settings in the draft; those that `change` leaves open stay as they are.
    pub fn set(&mut self, change: PartialSettings) {
        self.commands.push(Command::Set(Box::new(change)));
    }

    /// Whether the field of `act` is to take the keyboard now; says so once.
    pub fn takes_focus(&mut self, act: Act) -> bool {
        self.focus.take_if(|asked| *asked == act).is_some()
    }
}
