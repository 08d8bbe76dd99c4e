//! A picture as the window holds it: an id, by which its copy on the graphics card is found, and its pixels,
//! or a picture that never left the card.
//!
//! Trap: of a picture on the card the host has a small copy alone, and of one that was let go there no more
//! than that; what needs every pixel asks for [`Picture::whole`].

use std::sync::atomic::{AtomicU64, Ordering};

use crate::gpu::CardPicture;
use crate::message::PreviewImage;
use crate::picture::Frame;

static NEXT_PICTURE: AtomicU64 = AtomicU64::new(1);

/// A picture with a unique id.
#[derive(Clone, Debug)]
pub struct Picture {
    /// Its id, unique in a run of the program.
    pub id: u64,
    size: [usize; 2],
    /// All of it, or a small copy; clones of a frame share their pixels.
    frame: Frame,
    card: Option<CardPicture>,
}

impl Picture {
    /// Gives a frame an id.
    pub fn new(frame: Frame) -> Self {
        Self::of(PreviewImage::Frame(frame))
    }

    /// Gives a preview's picture an id.
    pub fn of(image: PreviewImage) -> Self {
        let id = NEXT_PICTURE.fetch_add(1, Ordering::Relaxed);
        match image {
            PreviewImage::Frame(frame) => Self { id, size: [frame.width, frame.height], frame, card: None },
            PreviewImage::Card { picture, small } => {
                Self { id, size: picture.size(), frame: small, card: Some(picture) }
            }
        }
    }

    /// Width and height of all of it, in pixels.
    pub fn size(&self) -> [usize; 2] {
        self.size
    }

    /// Every pixel, where the host has them.
    pub fn whole(&self) -> Option<&Frame> {
        (self.size == [self.frame.width, self.frame.height]).then_some(&self.frame)
    }

    /// What the host has: every pixel, or a copy of at most 96 across and down.
    pub fn on_host(&self) -> &Frame {
        &self.frame
    }

    /// The picture on the card.
    pub fn on_card(&self) -> Option<&CardPicture> {
        self.card.as_ref()
    }

    /// Whether every pixel is there to be drawn.
    pub fn is_sharp(&self) -> bool {
        self.card.is_some() || self.whole().is_some()
    }

    /// Width and height of what is drawn.
    pub fn drawn_size(&self) -> [usize; 2] {
        if self.card.is_some() { self.size } else { [self.frame.width, self.frame.height] }
    }

    /// Frees the card's memory; the small copy stays.
    pub fn leave_card(&mut self) {
        self.card = None;
    }

    /// Bytes of its pixels on the host.
    pub fn bytes(&self) -> usize {
        self.frame.rgb.len()
    }

    /// Bytes on the card that are its own.
    pub fn card_bytes(&self) -> usize {
        self.card.as_ref().map_or(0, CardPicture::bytes)
    }

    /// Whether what is drawn has no side of more than `most` pixels.
    pub fn is_within(&self, most: usize) -> bool {
        self.drawn_size().iter().all(|side| *side <= most)
    }
}

impl PartialEq for Picture {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}
