//! The program's logo (a lamp in the dark) and the starter model's.

use std::sync::LazyLock;

use crate::app::picture::Picture;
use crate::app::theme;
use crate::picture::Frame;

static STARTER: LazyLock<Option<Picture>> = LazyLock::new(|| {
    let bytes = include_bytes!("../../../assets/icons/starter.png");
    let image = image::load_from_memory(bytes).ok()?.to_rgb8();
    let (width, height) = (image.width() as usize, image.height() as usize);
    Some(Picture::new(Frame { width, height, rgb: image.into_raw().into() }))
});

/// A fox that the starter model made.
pub fn starter() -> Option<&'static Picture> {
    STARTER.as_ref()
}

/// The window's icon, `side` pixels across: RGBA rows.
pub fn lamp(side: usize) -> Vec<u8> {
    let tokens = theme::of(true);
    let half = side as f32 / 2.0;
    let mut rgba = Vec::with_capacity(side * side * 4);
    for y in 0..side {
        for x in 0..side {
            let (dx, dy) = ((x as f32 + 0.5 - half) / half, (y as f32 + 0.5 - half) / half);
            // A rounded square, edges softened over one pixel.
            let corner = ((dx.abs() - 0.62).max(0.0).powi(2) + (dy.abs() - 0.62).max(0.0).powi(2)).sqrt();
            let inside = ((0.36 - corner) * half + 0.5).clamp(0.0, 1.0);
            let distance = (dx * dx + dy * dy).sqrt();
            let disc = ((0.42 - distance) * half + 0.5).clamp(0.0, 1.0);
            let glow = (1.0 - distance / 0.95).clamp(0.0, 1.0).powi(2) * 0.45;
            let lit = disc.max(glow);
            let mix =
                |dark: u8, bright: u8| (f32::from(dark) + (f32::from(bright) - f32::from(dark)) * lit) as u8;
            rgba.extend([
                mix(tokens.panel.r(), tokens.lamp.r()),
                mix(tokens.panel.g(), tokens.lamp.g()),
                mix(tokens.panel.b(), tokens.lamp.b()),
                (inside * 255.0) as u8,
            ]);
        }
    }
    rgba
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_starter_has_its_fox() {
        assert!(starter().is_some_and(|picture| picture.size()[0] >= 72));
    }

    /// An icon file: a directory, then each picture as a bitmap, rows from below, or as PNG.
    fn icon_file(sides: &[usize]) -> Vec<u8> {
        let images: Vec<Vec<u8>> = sides.iter().map(|side| icon_image(*side)).collect();
        let mut file = [0_u16, 1, sides.len() as u16].map(u16::to_le_bytes).concat();
        let mut offset = 6 + 16 * sides.len();
        for (side, image) in sides.iter().zip(&images) {
            let short = (side % 256) as u8;
            file.extend([short, short, 0, 0, 1, 0, 32, 0]);
            file.extend([image.len() as u32, offset as u32].map(u32::to_le_bytes).concat());
            offset += image.len();
        }
        [file, images.concat()].concat()
    }

    fn icon_image(side: usize) -> Vec<u8> {
        let rgba = lamp(side);
        if side == 256 {
            let mut png = Vec::new();
            let encoder = image::codecs::png::PngEncoder::new(&mut png);
            let color = image::ExtendedColorType::Rgba8;
            image::ImageEncoder::write_image(encoder, &rgba, 256, 256, color).unwrap();
            return png;
        }
        // A bitmap's header; its height counts the mask, one bit a pixel in rows of four bytes.
        let mask = vec![0; side * side.div_ceil(32) * 4];
        let mut bitmap: Vec<u8> =
            [40, side as u32, 2 * side as u32, 1 | 32 << 16, 0].map(u32::to_le_bytes).concat();
        bitmap.extend([0; 20]);
        for row in rgba.chunks(side * 4).rev() {
            bitmap.extend(row.chunks(4).flat_map(|pixel| [pixel[2], pixel[1], pixel[0], pixel[3]]));
        }
        bitmap.extend(mask);
        bitmap
    }

    #[test]
    fn the_icon_of_the_program_on_windows_is_the_lamp() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/icons/safelight.ico");
        let icon = icon_file(&[16, 32, 48, 256]);
        if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
            std::fs::write(path, &icon).unwrap();
        }
        assert!(std::fs::read(path).unwrap() == icon, "make it again with UPDATE_SNAPSHOTS=1");
    }

    #[test]
    fn the_lamp_is_lit_in_the_middle_and_clear_at_the_corner() {
        let rgba = lamp(64);
        let middle = (32 * 64 + 32) * 4;
        assert_eq!(rgba[middle], theme::of(true).lamp.r());
        assert_eq!(rgba[3], 0);
        assert_eq!(rgba.len(), 64 * 64 * 4);
    }
}
