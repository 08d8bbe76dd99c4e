//! A picture as the window holds it: a frame with an id, by which its copy on the graphics card is found.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::picture::Frame;

static NEXT_PICTURE: AtomicU64 = AtomicU64::new(1);

/// A frame with a unique id.
#[derive(Clone, Debug)]
pub struct Picture {
    /// Its id, unique in a run of the program.
    pub id: u64,
    /// The pixels; clones of a frame share them.
    pub frame: Frame,
}

impl Picture {
    /// Gives a frame an id.
    pub fn new(frame: Frame) -> Self {
        Self { id: NEXT_PICTURE.fetch_add(1, Ordering::Relaxed), frame }
    }

    /// Bytes of its pixels.
    pub fn bytes(&self) -> usize {
        self.frame.rgb.len()
    }

    /// Whether neither side has more than `most` pixels.
    pub fn is_within(&self, most: usize) -> bool {
        self.frame.width.max(self.frame.height) <= most
    }
}

impl PartialEq for Picture {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}
