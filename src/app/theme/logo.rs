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
        assert!(starter().is_some_and(|picture| picture.frame.width >= 72));
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
