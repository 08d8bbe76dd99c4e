//! The mask over the picture: a translucent tint, as a texture of which only what was painted is renewed.
//!
//! Trap: a mask may be larger than the graphics card's textures; then each texel stands for a square of it, whose side
//! is a power of two, so that tiles stay whole.

use egui::{Color32, ColorImage, Pos2, Rect, TextureHandle, TextureOptions, Ui, pos2};

use crate::app::state::tray::Laid;
use crate::app::theme;
use crate::tray::{Painting, TILE};

/// Texels of a side, at most: finer is not seen in a tint.
const SIDE_MAX: usize = 2048;

/// The texture of the mask that was drawn last.
#[derive(Default)]
pub struct Tint {
    texture: Option<TextureHandle>,
    /// The picture, the color and the size of a texel that it is for.
    of: (u64, Color32, usize),
    /// When each tile had changed that is drawn.
    seen: Vec<u64>,
}

impl std::fmt::Debug for Tint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tint").field("of", &self.of).finish_non_exhaustive()
    }
}

/// The tint where the mask has this level.
pub fn color(ui: &Ui, level: u8) -> Color32 {
    shade(theme::tokens(ui).mask, level)
}

fn shade(color: Color32, level: u8) -> Color32 {
    // A little more than half, so that the picture is seen through it.
    color.gamma_multiply(f32::from(level) / 255.0 * 0.6)
}

impl Tint {
    /// Draws the mask of a picture at `place`, cut to `rect`.
    pub fn show(&mut self, ui: &Ui, laid: &Laid, place: Rect, rect: Rect) {
        let most = ui.input(|input| input.max_texture_side).min(SIDE_MAX);
        let [width, height] = laid.painting.size();
        let mut texel = 1;
        while width.max(height).div_ceil(texel) > most && texel < TILE {
            texel *= 2;
        }
        let size = [width.div_ceil(texel), height.div_ceil(texel)];
        self.renew(ui, laid, texel, size);
        let Some(texture) = self.texture.as_ref().filter(|_| !laid.painting.is_empty()) else { return };
        // The last texels may reach beyond the picture.
        let uv = pos2(width as f32 / (size[0] * texel) as f32, height as f32 / (size[1] * texel) as f32);
        let uv = Rect::from_min_max(Pos2::ZERO, uv);
        ui.painter_at(rect).image(texture.id(), place, uv, theme::UNTINTED);
    }

    fn renew(&mut self, ui: &Ui, laid: &Laid, texel: usize, size: [usize; 2]) {
        let of = (laid.picture.id, theme::tokens(ui).mask, texel);
        if self.of == of && laid.painting.changes().eq(self.seen.iter().copied()) {
            return;
        }
        let shades: Vec<Color32> = (0..=255).map(|level| shade(of.1, level)).collect();
        let changes: Vec<u64> = laid.painting.changes().collect();
        let Some(texture) = self.texture.as_mut().filter(|_| self.of == of) else {
            let whole = image(&laid.painting, (0, 0, size[0], size[1]), texel, &shades);
            self.texture = Some(ui.ctx().load_texture("mask", whole, TextureOptions::LINEAR));
            (self.of, self.seen) = (of, changes);
            return;
        };
        let other = |(_, (now, seen)): &(usize, (&u64, &u64))| now != seen;
        let changed: Vec<usize> =
            changes.iter().zip(&self.seen).enumerate().filter(other).map(|(tile, _)| tile).collect();
        if changed.len() * 2 > changes.len() {
            let whole = image(&laid.painting, (0, 0, size[0], size[1]), texel, &shades);
            texture.set(whole, TextureOptions::LINEAR);
        } else {
            for tile in changed {
                let place = laid.painting.tile(tile);
                let at = [place.x as usize / texel, place.y as usize / texel];
                let [width, height] = [place.width.div_ceil(texel), place.height.div_ceil(texel)];
                let part = image(&laid.painting, (at[0], at[1], width, height), texel, &shades);
                texture.set_partial(at, part, TextureOptions::LINEAR);
            }
        }
        self.seen = changes;
    }
}

/// A part of the mask in its shades: `x`, `y`, width and height in texels.
fn image(
    painting: &Painting,
    (x, y, width, height): (usize, usize, usize, usize),
    texel: usize,
    shades: &[Color32],
) -> ColorImage {
    let across = painting.size()[0];
    if painting.is_empty() {
        return ColorImage::filled([width, height], shades[0]);
    }
    let mut pixels = Vec::with_capacity(width * height);
    for row in y..y + height {
        // The first pixel of each square stands for it.
        let line = &painting.levels()[row * texel * across..(row * texel + 1) * across];
        let line = &line[x * texel..];
        let shade = |level: &u8| shades[usize::from(*level)];
        match texel {
            1 => pixels.extend(line[..width].iter().map(shade)),
            _ => pixels.extend(line.iter().step_by(texel).take(width).map(shade)),
        }
    }
    ColorImage::new([width, height], pixels)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tray::Mask;

    #[test]
    fn a_part_of_a_mask_is_its_shades_and_a_large_one_is_thinned() {
        let levels: Vec<u8> = (0..300 * 200).map(|i| (i % 300 % 256) as u8).collect();
        let painting = Painting::of(&Mask { width: 300, height: 200, levels: levels.into() });
        let shades: Vec<Color32> = (0..=255).map(Color32::from_gray).collect();
        let part = image(&painting, (128, 128, 128, 72), 1, &shades);
        assert_eq!((part.size, part.pixels[0], part.pixels[127]), ([128, 72], shades[128], shades[255]));
        let thin = image(&painting, (32, 0, 43, 50), 4, &shades);
        assert_eq!((thin.size, thin.pixels[0], thin.pixels[1]), ([43, 50], shades[128], shades[132]));
    }
}
