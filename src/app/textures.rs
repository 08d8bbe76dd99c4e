//! Small textures: thumbnails and filmstrip frames, one for each picture's number.
//!
//! Trap: `load_texture` each frame would send the picture each time; a texture is made once and
//! dropped when it was not drawn for a while. Making one takes time, so each frame makes a few only.

use std::collections::HashMap;

use egui::{ColorImage, Context, TextureHandle, TextureId, TextureOptions};

use crate::app::development::Picture;
use crate::picture::Frame;

/// Frames of the window after which an unused texture goes.
const UNUSED_MAX: u64 = 240;

/// Bytes of pictures that one frame of the window makes small.
const BYTES_A_FRAME: usize = 1 << 20;

/// Small textures by picture and size.
#[derive(Default)]
pub struct Textures {
    map: HashMap<(u64, usize), (TextureHandle, u64)>,
    frame: u64,
    /// Bytes that this frame has made small so far.
    bytes: usize,
}

impl Textures {
    /// Forgets what was not drawn lately. Once a frame.
    pub fn tidy(&mut self) {
        self.frame += 1;
        self.bytes = 0;
        let frame = self.frame;
        self.map.retain(|_, (_, used)| frame - *used < UNUSED_MAX);
    }

    /// A texture of the picture, its shorter side about `side` pixels; where this frame has made enough
    /// of them, the next one is asked for and makes it.
    pub fn small(&mut self, ctx: &Context, picture: &Picture, side: usize) -> Option<TextureId> {
        let key = (picture.id, side);
        if let Some((handle, used)) = self.map.get_mut(&key) {
            *used = self.frame;
            return Some(handle.id());
        }
        if self.bytes > BYTES_A_FRAME {
            ctx.request_repaint();
            return None;
        }
        self.bytes += picture.frame.rgb.len();
        let handle = ctx.load_texture("small", shrink(&picture.frame, side), TextureOptions::LINEAR);
        let id = handle.id();
        self.map.insert(key, (handle, self.frame));
        Some(id)
    }
}

/// A smaller copy by averaging, its shorter side `side` pixels; a small picture stays as it is.
fn shrink(frame: &Frame, side: usize) -> ColorImage {
    let shorter = frame.width.min(frame.height);
    if shorter <= side || frame.rgb.len() != 3 * frame.width * frame.height {
        return ColorImage::from_rgb([frame.width, frame.height], &frame.rgb);
    }
    let scaled = |n: usize| (n * side / shorter).max(1);
    let (width, height) = (scaled(frame.width), scaled(frame.height));
    // Whole pixels go into the box that they begin in: a general filter takes ten times as long.
    let columns: Vec<usize> = (0..frame.width).map(|x| x * width / frame.width).collect();
    let mut rgb = Vec::with_capacity(3 * width * height);
    for row in 0..height {
        let [from, to] = [row, row + 1].map(|row| (row * frame.height).div_ceil(height));
        let mut sums = vec![[0_u32; 4]; width];
        for line in frame.rgb[3 * from * frame.width..3 * to * frame.width].chunks_exact(3 * frame.width) {
            for (pixel, &column) in line.chunks_exact(3).zip(&columns) {
                let sum = &mut sums[column];
                for (sum, level) in sum.iter_mut().zip(pixel.iter().chain(&[1])) {
                    *sum += u32::from(*level);
                }
            }
        }
        rgb.extend(
            sums.iter().flat_map(|[r, g, b, n]| [r, g, b].map(|sum| ((sum + n / 2) / n.max(&1)) as u8)),
        );
    }
    ColorImage::from_rgb([width, height], &rgb)
}

#[cfg(test)]
mod tests {
    use super::*;

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
            made = pictures.iter().filter(|picture| textures.small(&ctx, picture, 88).is_some()).count();
            assert!((1..=7).contains(&(made - before)), "{} in one frame", made - before);
            frames += 1;
        }
        assert!(frames >= 3, "{frames} frames");
    }

    #[test]
    fn shrinking_keeps_the_shape() {
        let frame = Frame { width: 200, height: 100, rgb: vec![9; 60_000].into() };
        assert_eq!(shrink(&frame, 50).size, [100, 50]);
        assert_eq!(shrink(&frame, 500).size, [200, 100]);
        let narrow = Frame { width: 1, height: 300, rgb: vec![9; 900].into() };
        assert_eq!(shrink(&narrow, 50).size, [1, 300]);
    }

    #[test]
    fn shrinking_averages_every_pixel_once() {
        // A ramp from left to right, and another from top to bottom.
        let (width, height) = (100, 75);
        let rgb = (0..width * height).flat_map(|i| [(i % width) as u8, (i / width) as u8, 200]).collect();
        let small = shrink(&Frame { width, height, rgb }, 30);
        assert_eq!(small.size, [40, 30]);
        for (i, color) in small.pixels.iter().enumerate() {
            let (x, y) = ((i % 40) as f32 * 2.5 + 0.75, (i / 40) as f32 * 2.5 + 0.75);
            assert!((f32::from(color.r()) - x).abs() <= 1.0, "{i}: {color:?}, expected {x}");
            assert!((f32::from(color.g()) - y).abs() <= 1.0, "{i}: {color:?}, expected {y}");
            assert_eq!(color.b(), 200);
        }
    }
}
