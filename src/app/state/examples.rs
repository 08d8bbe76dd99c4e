//! Examples: pictures that the starter made, with the words and the seed that make them again.
//!
//! `tools/examples.sh` makes the sheet from the list; a test holds that they fit each other.

use std::sync::LazyLock;

use crate::app::picture::Picture;
use crate::picture::Frame;

/// A line each: a seed, a space, a prompt.
const LIST: &str = include_str!("../../../assets/starter/examples.txt");
/// Square tiles in the order of the list.
const SHEET: &[u8] = include_bytes!("../../../assets/starter/examples.webp");
/// Tiles in a row of the sheet.
const ACROSS: usize = 4;

/// One of them.
#[derive(Debug)]
pub struct Example {
    /// What it was made from.
    pub prompt: &'static str,
    /// The seed, with the settings that suit the starter.
    pub seed: u64,
    /// What came of it, reduced.
    pub picture: Picture,
}

static ALL: LazyLock<Vec<Example>> = LazyLock::new(|| read().unwrap_or_default());

/// All of them; none if the sheet could not be read.
pub fn all() -> &'static [Example] {
    &ALL
}

/// Reads them on a thread of their own, so that the first frame finds them.
pub fn read_beside() {
    let started = std::thread::Builder::new().name("examples".to_owned()).spawn(|| {
        LazyLock::force(&ALL);
    });
    if let Err(error) = started {
        log::info!("the examples are read when they are needed: {error}");
    }
}

fn read() -> Option<Vec<Example>> {
    let sheet = image::load_from_memory(SHEET).ok()?.to_rgb8();
    let side = sheet.width() / ACROSS as u32;
    let cut = |(number, line): (usize, &'static str)| {
        let (seed, prompt) = line.split_once(' ')?;
        let (x, y) = (number % ACROSS, number / ACROSS);
        let tile = image::imageops::crop_imm(&sheet, x as u32 * side, y as u32 * side, side, side).to_image();
        let (width, height) = (tile.width() as usize, tile.height() as usize);
        let picture = Picture::new(Frame { width, height, rgb: tile.into_raw().into() });
        (width == height).then_some(Example { prompt, seed: seed.parse().ok()?, picture })
    };
    LIST.lines().enumerate().map(cut).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_has_its_tile_and_no_two_are_alike() {
        let all = read().expect("the sheet holds a tile for each line");
        assert_eq!(all.len(), LIST.lines().count());
        assert!(all.len().is_multiple_of(ACROSS), "the last row is full");
        for (i, example) in all.iter().enumerate() {
            assert!(!all[..i].iter().any(|other| other.picture.whole() == example.picture.whole()));
            // A tile of a single color would mean that the place is off the sheet.
            let rgb = &example.picture.on_host().rgb;
            assert!(rgb.iter().any(|level| level.abs_diff(rgb[0]) > 64), "{}", example.prompt);
        }
    }
}
