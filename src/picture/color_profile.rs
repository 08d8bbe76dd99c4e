//! Color profiles: pixels as the file means them, in sRGB.

use image::{DynamicImage, RgbImage, RgbaImage};
use moxcms::{ColorProfile, DataColorSpace, Layout, TransformOptions};

/// The picture in sRGB, eight bits a channel; none if it is already, or its profile cannot be used for it.
pub(super) fn in_srgb(picture: &DynamicImage, profile: &[u8]) -> Option<DynamicImage> {
    let profile = ColorProfile::new_from_slice(profile).ok()?;
    let srgb = ColorProfile::new_srgb();
    // A gray or CMYK profile speaks of numbers that the decoder has turned into red, green and blue by itself.
    if profile.color_space != DataColorSpace::Rgb || is_srgb(&profile, &srgb) {
        return None;
    }
    let (width, height) = (picture.width(), picture.height());
    let convert = |layout: Layout, from: &[u8]| {
        let transform =
            profile.create_transform_8bit(layout, &srgb, layout, TransformOptions::default()).ok()?;
        let mut to = vec![0; from.len()];
        transform.transform(from, &mut to).ok()?;
        Some(to)
    };
    if picture.color().has_alpha() {
        let pixels = convert(Layout::Rgba, picture.to_rgba8().as_raw())?;
        RgbaImage::from_raw(width, height, pixels).map(DynamicImage::from)
    } else {
        let pixels = convert(Layout::Rgb, picture.to_rgb8().as_raw())?;
        RgbImage::from_raw(width, height, pixels).map(DynamicImage::from)
    }
}

/// Whether two profiles mean the same colors, so that pixels of sRGB stay bit for bit.
fn is_srgb(profile: &ColorProfile, srgb: &ColorProfile) -> bool {
    const SAMPLES: [[u8; 3]; 6] =
        [[255, 0, 0], [0, 255, 0], [0, 0, 255], [128, 128, 128], [30, 60, 90], [220, 180, 140]];
    let from: Vec<u8> = SAMPLES.concat();
    let mut to = vec![0; from.len()];
    let transform =
        profile.create_transform_8bit(Layout::Rgb, srgb, Layout::Rgb, TransformOptions::default());
    let Ok(transform) = transform else { return false };
    transform.transform(&from, &mut to).is_ok()
        && from.iter().zip(&to).all(|(from, to)| from.abs_diff(*to) <= 1)
}
