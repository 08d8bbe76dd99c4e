//! Textures of maps that lie over a picture: made when a map is first drawn, the last one kept.

use egui::{Color32, ColorImage, Context, TextureHandle, TextureId, TextureOptions};

use crate::picture::{heat_color, normalized};
use crate::resize::resize_bicubic;

/// Pixels of the longer side of a map's texture: between them the graphics card mixes.
const LONGEST: usize = 256;
/// Colors in the table.
const LEVELS: usize = 256;

/// The texture of the map drawn last.
#[derive(Default)]
pub struct HeatTexture {
    last: Option<(u64, TextureHandle)>,
}

impl std::fmt::Debug for HeatTexture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HeatTexture").field("key", &self.last.as_ref().map(|(key, _)| key)).finish()
    }
}

impl HeatTexture {
    /// The texture of the map that `key` names; `map` gives it (width and height, rows from the top) where it is new.
    pub fn of(&mut self, ctx: &Context, key: u64, map: impl FnOnce() -> ([usize; 2], Vec<f32>)) -> TextureId {
        if let Some((known, handle)) = &self.last
            && *known == key
        {
            return handle.id();
        }
        let (size, values) = map();
        let handle = ctx.load_texture("heat", image(&values, size), TextureOptions::LINEAR);
        let id = handle.id();
        self.last = Some((key, handle));
        id
    }
}

/// A map in its colors, enlarged.
fn image(values: &[f32], [width, height]: [usize; 2]) -> ColorImage {
    let times = (LONGEST / width.max(height).max(1)).max(1);
    let large = [width * times, height * times];
    let shares = normalized(&resize_bicubic(values, [height, width], [large[1], large[0]]));
    let colors: Vec<Color32> = (0..LEVELS)
        .map(|level| {
            let [red, green, blue, opacity] = heat_color(level as f32 / (LEVELS - 1) as f32);
            let [red, green, blue] = [red, green, blue].map(|value| value.round() as u8);
            Color32::from_rgba_unmultiplied(red, green, blue, (255.0 * opacity).round() as u8)
        })
        .collect();
    let color = |share: f32| colors[(share * (LEVELS - 1) as f32).round() as usize];
    ColorImage::new(large, shares.into_iter().map(color).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_becomes_a_texture_once() {
        let ctx = Context::default();
        let mut texture = HeatTexture::default();
        let mut made = 0;
        let mut draw = |key| {
            texture.of(&ctx, key, || {
                made += 1;
                ([4, 2], vec![0.5; 8])
            })
        };
        let first = draw(1);
        assert_eq!(draw(1), first);
        draw(2);
        assert_eq!(made, 2);
    }

    #[test]
    fn a_large_map_stays_as_it_is_and_a_small_one_is_enlarged() {
        assert_eq!(image(&[0.0; 16 * 16], [16, 16]).size, [256, 256]);
        assert_eq!(image(&vec![0.0; 300 * 20], [300, 20]).size, [300, 20]);
        let ramp = image(&[0.0, 1.0], [2, 1]);
        assert!(ramp.pixels[0].r() < ramp.pixels[255].r());
    }
}
