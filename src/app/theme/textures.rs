//! Small textures: thumbnails and filmstrip frames, one for each picture, part and size.
//!
//! Trap: `load_texture` each frame would send the picture each time; a texture is made once and
//! dropped when it was not drawn for a while. Making one takes time, so each frame makes a few only.
//! Invariant: no texture is larger than the place that it is asked for, whatever the picture's shape.

use std::collections::HashMap;

use egui::{ColorImage, Context, TextureHandle, TextureId, TextureOptions, Vec2};

use crate::app::picture::Picture;
use crate::app::theme::reduced::Reduced;
use crate::app::theme::scale;
use crate::app::theme::scale::Part;

/// Frames of the window after which an unused texture is freed.
const UNUSED_MAX: u64 = 240;
/// Bytes of pictures that one frame of the window may scale down.
const BYTES_A_FRAME: usize = 1 << 20;
/// Shorter sides are multiples of so many pixels, so that a panel can be resized without remaking all.
const GRAIN: f32 = 16.0;

/// A picture's id, the part of it, and the pixels across and down.
type Key = (u64, Part, [usize; 2]);

/// Small textures, and pictures made to fit the graphics card.
#[derive(Default)]
pub struct Textures {
    /// Copies of pictures that the card cannot take as they are.
    pub reduced: Reduced,
    map: HashMap<Key, (TextureHandle, u64)>,
    frame: u64,
    /// Bytes that this frame has scaled down so far.
    bytes: usize,
}

impl Textures {
    /// Drops textures that were not drawn lately. Called once a frame.
    pub fn tidy(&mut self) {
        self.frame += 1;
        self.bytes = 0;
        let frame = self.frame;
        self.map.retain(|_, (_, used)| frame - *used < UNUSED_MAX);
    }

    /// A texture of the picture's middle that fills `place` (points); where this frame has made enough
    /// of them, one of another size if there is any, and the next frame makes the right one.
    pub fn filling(&mut self, ctx: &Context, picture: &Picture, place: Vec2) -> Option<TextureId> {
        let part = Part::middle(picture.on_host(), place.x.max(1.0), place.y.max(1.0));
        let pixels = place * ctx.pixels_per_point();
        let shorter = pixels.min_elem().max(1.0);
        let size = pixels * ((shorter / GRAIN).ceil() * GRAIN / shorter);
        self.texture(ctx, picture, part, [size.x, size.y].map(|side| side.ceil() as usize))
    }

    /// The same of the whole picture, its longer side `longest` points.
    pub fn whole(&mut self, ctx: &Context, picture: &Picture, longest: f32) -> Option<TextureId> {
        let longest = (longest * ctx.pixels_per_point() / GRAIN).ceil() * GRAIN;
        let size = scale::within(picture.on_host(), longest as usize);
        self.texture(ctx, picture, Part::whole(picture.on_host()), size)
    }

    fn texture(
        &mut self,
        ctx: &Context,
        picture: &Picture,
        part: Part,
        size: [usize; 2],
    ) -> Option<TextureId> {
        let most = ctx.input(|input| input.max_texture_side);
        let key = (picture.id, part, size.map(|side| side.min(most)));
        if let Some((handle, used)) = self.map.get_mut(&key) {
            *used = self.frame;
            return Some(handle.id());
        }
        if self.bytes > BYTES_A_FRAME {
            ctx.request_repaint();
            let other = self.map.iter_mut().find(|((id, ..), _)| *id == picture.id);
            return other.map(|(_, (handle, used))| {
                *used = self.frame;
                handle.id()
            });
        }
        self.bytes += picture.bytes();
        let small = scale::mean(picture.on_host(), part, key.2);
        let image = ColorImage::from_rgb([small.width, small.height], &small.rgb);
        let handle = ctx.load_texture("small", image, TextureOptions::LINEAR);
        let id = handle.id();
        self.map.insert(key, (handle, self.frame));
        Some(id)
    }
}

#[cfg(test)]
mod tests {
    use egui::vec2;

    use super::*;
    use crate::picture::Frame;

    #[test]
    fn a_frame_makes_a_few_textures_and_the_next_ones_the_rest() {
        let ctx = Context::default();
        let frame = Frame { width: 256, height: 256, rgb: vec![9; 256 * 256 * 3].into() };
        let pictures: Vec<Picture> = (0..20).map(|_| Picture::new(frame.clone())).collect();
        let mut textures = Textures::default();
        let mut frames = 0;
        let mut made = 0;
        while made < pictures.len() {
            textures.tidy();
            let before = made;
            let place = vec2(88.0, 88.0);
            made = pictures.iter().filter(|picture| textures.filling(&ctx, picture, place).is_some()).count();
            assert!((1..=7).contains(&(made - before)), "{} in one frame", made - before);
            frames += 1;
        }
        assert!(frames >= 3, "{frames} frames");
    }

    #[test]
    fn textures_are_no_larger_than_their_place_whatever_the_pictures_shape() {
        let ctx = Context::default();
        let mut textures = Textures::default();
        for (width, height) in [(9000, 64), (64, 20_000), (1, 1), (300, 200)] {
            textures.tidy();
            let frame = Frame { width, height, rgb: vec![9; 3 * width * height].into() };
            let picture = Picture::new(frame);
            // egui itself refuses what is larger than the card takes.
            textures.filling(&ctx, &picture, vec2(170.0, 44.0)).unwrap();
            textures.tidy();
            textures.whole(&ctx, &picture, 96.0).unwrap();
        }
        assert!(textures.map.keys().all(|(_, _, [width, height])| *width <= 186 && *height <= 96));
    }
}
