//! Outpaint: a picture with room around it, and the mask of that room.

use super::fill::fill;
use super::mask::Mask;
use super::photo::Photo;
use crate::picture::Frame;
use crate::settings::Margins;

/// The picture within its margins, which are filled with colors of its edges, and the mask that repaints them. A mask
/// of the picture itself goes along.
pub fn extended(photo: &Photo, mask: Option<&Mask>, margins: Margins) -> (Photo, Mask) {
    let Margins { left, top, right, bottom } = margins;
    let (old_width, old_height) = (photo.frame.width, photo.frame.height);
    let (width, height) = (left + old_width + right, top + old_height + bottom);
    let mut rgb = vec![0; width * height * 3];
    let mut levels = vec![255; width * height];
    for y in 0..old_height {
        let to = (top + y) * width + left;
        let row = &photo.frame.rgb[3 * y * old_width..3 * (y + 1) * old_width];
        rgb[3 * to..3 * (to + old_width)].copy_from_slice(row);
        match mask {
            Some(mask) => {
                levels[to..to + old_width].copy_from_slice(&mask.levels[y * old_width..(y + 1) * old_width])
            }
            None => levels[to..to + old_width].fill(0),
        }
    }
    let room = Mask { width, height, levels: levels.into() };
    // Colors come from the picture alone, also where it is repainted itself.
    let inside = |i: usize| {
        let (x, y) = (i % width, i / width);
        (left..left + old_width).contains(&x) && (top..top + old_height).contains(&y)
    };
    let around = (0..width * height).map(|i| if inside(i) { 0 } else { 255 }).collect();
    let frame = fill(&Frame { width, height, rgb: rgb.into() }, &Mask { width, height, levels: around });
    (Photo { frame, alpha: None }, room)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_gets_room_in_the_colors_of_its_edges() {
        let rgb: Vec<u8> =
            (0..16 * 12).flat_map(|i| if i % 16 < 8 { [200, 0, 0] } else { [0, 0, 200] }).collect();
        let photo = Photo::from(Frame { width: 16, height: 12, rgb: rgb.into() });
        let margins = Margins { left: 8, top: 0, right: 4, bottom: 2 };
        let (larger, mask) = extended(&photo, None, margins);
        assert_eq!((larger.frame.width, larger.frame.height, mask.width, mask.height), (28, 14, 28, 14));
        let at = |x: usize, y: usize| &larger.frame.rgb[3 * (y * 28 + x)..][..3];
        assert_eq!((at(8, 3), at(23, 3)), (&[200, 0, 0][..], &[0, 0, 200][..]));
        assert!(at(1, 3)[0] > at(1, 3)[2] && at(27, 3)[2] > at(27, 3)[0]);
        let kept = mask.levels.iter().filter(|level| **level == 0).count();
        assert_eq!(kept, 16 * 12);
        let painted = Mask::flat(16, 12, 255);
        assert!(extended(&photo, Some(&painted), margins).1.levels.iter().all(|level| *level == 255));
    }
}
