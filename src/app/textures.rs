//! Small textures: thumbnails and filmstrip frames, one for each picture's number.
//!
//! Trap: `load_texture` each frame would send the picture each time; a texture is made once and
//! dropped when it was not drawn for a while.

use std::collections::HashMap;

use egui::{ColorImage, Context, TextureHandle, TextureId, TextureOptions};

use crate::app::development::Picture;
use crate::picture::Frame;

/// Frames of the window after which an unused texture goes.
const UNUSED_MAX: u64 = 240;

/// Small textures by picture and size.
#[derive(Default)]
pub struct Textures {
    map: HashMap<(u64, usize), (TextureHandle, u64)>,
    frame: u64,
}

impl Textures {
    /// Forgets what was not drawn lately. Once a frame.
    pub fn tidy(&mut self) {
        self.frame += 1;
        let frame = self.frame;
        self.map.retain(|_, (_, used)| frame - *used < UNUSED_MAX);
    }

    /// A texture of the picture, its shorter side about `side` pixels.
    pub fn small(&mut self, ctx: &Context, picture: &Picture, side: usize) -> TextureId {
        let frame = self.frame;
        let (handle, used) = self.map.entry((picture.id, side)).or_insert_with(|| {
            let image = shrink(&picture.frame, side);
            (ctx.load_texture("small", image, TextureOptions::LINEAR), frame)
        });
        *used = frame;
        handle.id()
    }
}

/// A smaller copy by averaging, its shorter side `side` pixels; a small picture stays as it is.
fn shrink(frame: &Frame, side: usize) -> ColorImage {
    let whole = || ColorImage::from_rgb([frame.width, frame.height], &frame.rgb);
    let shorter = frame.width.min(frame.height).max(1);
    if shorter <= side {
        return whole();
    }
    let scaled = |n: usize| (n * side / shorter).max(1) as u32;
    let Some(image) = image::RgbImage::from_raw(frame.width as u32, frame.height as u32, frame.rgb.to_vec())
    else {
        return whole();
    };
    let small = image::imageops::thumbnail(&image, scaled(frame.width), scaled(frame.height));
    ColorImage::from_rgb([small.width() as usize, small.height() as usize], small.as_raw())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shrinking_keeps_the_shape() {
        let frame = Frame { width: 200, height: 100, rgb: vec![9; 60_000].into() };
        assert_eq!(shrink(&frame, 50).size, [100, 50]);
        assert_eq!(shrink(&frame, 500).size, [200, 100]);
        let narrow = Frame { width: 1, height: 300, rgb: vec![9; 900].into() };
        assert_eq!(shrink(&narrow, 50).size, [1, 300]);
    }
}
