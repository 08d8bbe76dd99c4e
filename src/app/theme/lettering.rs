//! Texts as pixels, for pictures that are saved with labels: laid out and drawn by egui's own fonts, so that every
//! language of the window can be written.

use egui::{Color32, Context, text::LayoutJob};

use crate::app::theme;

/// A line of text, as how much of each pixel it covers.
#[derive(Clone, Debug)]
pub struct Lettering {
    /// Pixels across.
    pub width: usize,
    /// Pixels down.
    pub height: usize,
    /// Row by row, 0 to 255.
    pub coverage: Vec<u8>,
}

impl Lettering {
    /// One line of `text`, about `size` pixels tall and at most `most` wide; cut with "…" where it is longer.
    pub fn new(ctx: &Context, text: &str, size: f32, most: f32) -> Self {
        let scale = ctx.pixels_per_point();
        let mut job = LayoutJob::simple_singleline(
            text.to_owned(),
            theme::font(size / scale, theme::Weight::Medium),
            Color32::WHITE,
        );
        job.wrap.max_width = most / scale;
        job.wrap.max_rows = 1;
        job.wrap.break_anywhere = true;
        let (galley, atlas) = ctx.fonts_mut(|fonts| {
            let galley = fonts.layout_job(job);
            (galley, fonts.image())
        });
        let [width, height] = [galley.size().x, galley.size().y].map(|side| (side * scale).ceil() as usize);
        let mut lettering = Self { width, height, coverage: vec![0; width * height] };
        for placed in &galley.rows {
            let vertices =
                placed.row.visuals.mesh.vertices.get(placed.row.visuals.glyph_vertex_range.clone());
            // Four corners a glyph, the first the top left one; its place in the atlas is told in texels.
            for corners in vertices.unwrap_or_default().chunks_exact(4) {
                let at = (placed.pos + corners[0].pos.to_vec2()) * scale;
                let (from, to) = (corners[0].uv, corners[3].uv);
                lettering.blit(&atlas, [at.x.round() as i64, at.y.round() as i64], [from, to]);
            }
        }
        lettering
    }

    fn blit(&mut self, atlas: &egui::ColorImage, at: [i64; 2], [from, to]: [egui::Pos2; 2]) {
        let [left, top] = [from.x.min(to.x).round() as usize, from.y.min(to.y).round() as usize];
        let [right, bottom] = [from.x.max(to.x).round() as usize, from.y.max(to.y).round() as usize];
        for (dy, v) in (top..bottom.min(atlas.height())).enumerate() {
            for (dx, u) in (left..right.min(atlas.width())).enumerate() {
                let (x, y) = (at[0] + dx as i64, at[1] + dy as i64);
                if (0..self.width as i64).contains(&x) && (0..self.height as i64).contains(&y) {
                    let pixel = &mut self.coverage[y as usize * self.width + x as usize];
                    *pixel = (*pixel).max(atlas[(u, v)].a());
                }
            }
        }
    }

    /// Draws the line in `ink` on a picture `across` wide, its top left corner at `at`.
    pub fn draw_on(&self, rgb: &mut [u8], across: usize, at: [usize; 2], ink: [u8; 3]) {
        for (y, line) in self.coverage.chunks_exact(self.width.max(1)).enumerate() {
            for (x, cover) in line.iter().enumerate() {
                let place = ((at[1] + y) * across + at[0] + x) * 3;
                let Some(pixel) = rgb.get_mut(place..place + 3).filter(|_| at[0] + x < across) else {
                    continue;
                };
                for (under, ink) in pixel.iter_mut().zip(ink) {
                    let mixed =
                        u32::from(*under) * (255 - u32::from(*cover)) + u32::from(ink) * u32::from(*cover);
                    *under = (mixed / 255) as u8;
                }
            }
        }
    }
}
