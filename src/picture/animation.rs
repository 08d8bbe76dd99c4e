//! The development of a picture as an animation: GIF, or APNG without loss.
//!
//! A GIF has 256 colors. One palette is chosen over all frames, since a palette each makes still
//! parts flicker; Floyd and Steinberg's error diffusion does the rest. Frames of other sizes than
//! the last (coarse previews) are brought to its size.

use std::path::{Path, PathBuf};
use std::time::Duration;

use color_quant::NeuQuant;
use image::imageops::{self, FilterType};

use super::encode::add_text;
use super::metadata::made::SAFELIGHT;
use super::metadata::parameters::PARAMETERS;
use super::{Frame, Made, PictureError, a1111_text};
use crate::files::write_atomically;

/// The most frames that go into one file.
const MOST_FRAMES: usize = 2_000;
/// The longest side of an animation, in pixels.
const LONGEST_SIDE: usize = 16_384;
/// Pixels that are looked at to choose the palette.
const PALETTE_SAMPLES: usize = 1 << 18;

/// How long frames are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// Each frame but the last.
    pub frame: Duration,
    /// The last, finished one.
    pub last: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self { frame: Duration::from_millis(120), last: Duration::from_secs(2) }
    }
}

impl Timing {
    fn of(self, index: usize, count: usize) -> Duration {
        if index + 1 == count { self.last } else { self.frame }
    }
}

/// Writes an animation whose kind the ending says (`.gif`, `.png` or `.apng`), with the settings in it if it
/// is an APNG; returns the name that was used.
///
/// # Errors
/// One sentence, if there are no frames, the ending is another, or the place cannot be written.
pub fn export(
    path: &Path,
    force: bool,
    frames: &[Frame],
    timing: Timing,
    made: Option<&Made>,
) -> Result<PathBuf, PictureError> {
    let ending = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    let bytes = match ending.as_str() {
        "gif" => gif(frames, timing)?,
        "png" | "apng" => apng(frames, timing, made)?,
        _ => return Err(PictureError::Ending { path: path.to_owned(), expected: ".gif, .png or .apng" }),
    };
    write_atomically(path, &bytes, force).map_err(|error| PictureError::write(path, error))
}

/// A GIF that repeats without end.
///
/// # Errors
/// If there are no frames, too many, or their size is out of bounds.
pub fn gif(frames: &[Frame], timing: Timing) -> Result<Vec<u8>, PictureError> {
    let frames = same_size(frames, "GIF")?;
    let (width, height) = (frames[0].width, frames[0].height);
    let palette = Palette::over(&frames);
    let outcome = || -> Result<Vec<u8>, gif::EncodingError> {
        let colors = palette.0.color_map_rgb();
        let mut encoder = gif::Encoder::new(Vec::new(), width as u16, height as u16, &colors)?;
        encoder.set_repeat(gif::Repeat::Infinite)?;
        for (index, frame) in frames.iter().enumerate() {
            let hundredths = timing.of(index, frames.len()).as_millis() / 10;
            encoder.write_frame(&gif::Frame {
                width: width as u16,
                height: height as u16,
                // Browsers slow down frames shorter than two hundredths of a second.
                delay: hundredths.clamp(2, u128::from(u16::MAX)) as u16,
                buffer: palette.dither(frame).into(),
                ..gif::Frame::default()
            })?;
        }
        encoder.into_inner()
    };
    outcome().map_err(|error| PictureError::Encode { format: "GIF", reason: error.to_string() })
}

/// An animated PNG that repeats without end; programs that do not know APNG show its first frame.
///
/// # Errors
/// If there are no frames, too many, or their size is out of bounds.
pub fn apng(frames: &[Frame], timing: Timing, made: Option<&Made>) -> Result<Vec<u8>, PictureError> {
    let frames = same_size(frames, "APNG")?;
    let outcome = || -> Result<Vec<u8>, png::EncodingError> {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, frames[0].width as u32, frames[0].height as u32);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        encoder.set_animated(frames.len() as u32, 0)?;
        if let Some(made) = made {
            add_text(&mut encoder, PARAMETERS, a1111_text(made))?;
            add_text(&mut encoder, SAFELIGHT, made.to_json())?;
        }
        let mut writer = encoder.write_header()?;
        for (index, frame) in frames.iter().enumerate() {
            let milliseconds = timing.of(index, frames.len()).as_millis();
            writer.set_frame_delay(milliseconds.min(u128::from(u16::MAX)) as u16, 1000)?;
            writer.write_image_data(&frame.rgb)?;
        }
        writer.finish()?;
        Ok(bytes)
    };
    outcome().map_err(|error| PictureError::Encode { format: "APNG", reason: error.to_string() })
}

/// All frames at the size of the last; at least one, and none that contradicts itself.
fn same_size(frames: &[Frame], format: &'static str) -> Result<Vec<Frame>, PictureError> {
    let refused = |reason: String| PictureError::Encode { format, reason };
    let last = frames.last().ok_or_else(|| refused("there are no frames".into()))?;
    if frames.len() > MOST_FRAMES {
        return Err(refused(format!("{} frames are more than {MOST_FRAMES}", frames.len())));
    }
    let (width, height) = (last.width, last.height);
    for Frame { width, height, rgb } in frames {
        let fits = (1..=LONGEST_SIDE).contains(width) && (1..=LONGEST_SIDE).contains(height);
        if !fits || rgb.len() != width * height * 3 {
            return Err(PictureError::Size { width: *width, height: *height, format });
        }
    }
    Ok(frames.iter().map(|frame| resized(frame, width, height)).collect())
}

/// A frame at another size; the same frame if it has that size.
pub(super) fn resized(frame: &Frame, width: usize, height: usize) -> Frame {
    if (frame.width, frame.height) == (width, height) {
        return frame.clone();
    }
    let view = image::ImageBuffer::<image::Rgb<u8>, &[u8]>::from_raw(
        frame.width as u32,
        frame.height as u32,
        &frame.rgb,
    );
    // The length was checked, so there is a view.
    let Some(view) = view else { return frame.clone() };
    let rgb = imageops::resize(&view, width as u32, height as u32, FilterType::CatmullRom);
    Frame { width, height, rgb: rgb.into_raw().into() }
}

/// 256 colors chosen over all frames.
struct Palette(NeuQuant);

impl Palette {
    fn over(frames: &[Frame]) -> Self {
        let pixels: usize = frames.iter().map(|frame| frame.width * frame.height).sum();
        // An odd step, so that samples do not line up in columns.
        let step = (pixels / PALETTE_SAMPLES).max(1) | 1;
        let samples: Vec<u8> = frames
            .iter()
            .flat_map(|frame| frame.rgb.as_chunks::<3>().0.iter())
            .step_by(step)
            .flat_map(|[r, g, b]| [*r, *g, *b, 255])
            .collect();
        Self(NeuQuant::new(1, 256, &samples))
    }

    /// Indices of a frame's pixels, each pixel's error handed on to its neighbors.
    fn dither(&self, frame: &Frame) -> Vec<u8> {
        let width = frame.width;
        // Errors for this row and the next, a pixel of margin on both sides, in sixteenths.
        let mut here = vec![[0_i32; 3]; width + 2];
        let mut below = here.clone();
        let mut indices = Vec::with_capacity(width * frame.height);
        for row in frame.rgb.chunks_exact(width * 3) {
            for (x, pixel) in row.as_chunks::<3>().0.iter().enumerate() {
                let wanted: [i32; 3] =
                    std::array::from_fn(|c| (i32::from(pixel[c]) + here[x + 1][c] / 16).clamp(0, 255));
                let index = self.0.index_of(&[wanted[0] as u8, wanted[1] as u8, wanted[2] as u8, 255]);
                let color = self.0.lookup(index).unwrap_or_default();
                for c in 0..3 {
                    let error = wanted[c] - i32::from(color[c]);
                    here[x + 2][c] += error * 7;
                    below[x][c] += error * 3;
                    below[x + 1][c] += error * 5;
                    below[x + 2][c] += error;
                }
                indices.push(index as u8);
            }
            std::mem::swap(&mut here, &mut below);
            below.fill([0; 3]);
        }
        indices
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A slope of colors that moves with `t`.
    fn frame(t: usize, width: usize, height: usize) -> Frame {
        let rgb: Vec<u8> = (0..width * height)
            .flat_map(|i| [(i % width * 4 + t * 9) as u8, (i / width * 4) as u8, (t * 20) as u8])
            .collect();
        Frame { width, height, rgb: rgb.into() }
    }

    fn frames() -> Vec<Frame> {
        let mut frames = vec![frame(0, 16, 12)];
        frames.extend((1..6).map(|t| frame(t, 64, 48)));
        frames
    }

    #[test]
    fn a_gif_has_all_frames_one_palette_and_small_errors() {
        let bytes = gif(&frames(), Timing::default()).unwrap();
        let mut options = gif::DecodeOptions::new();
        options.set_color_output(gif::ColorOutput::Indexed);
        let mut decoder = options.read_info(bytes.as_slice()).unwrap();
        assert_eq!((decoder.width(), decoder.height()), (64, 48));
        let palette = decoder.global_palette().unwrap().to_vec();
        let mut delays = Vec::new();
        let mut error = 0.0;
        while let Some(decoded) = decoder.read_next_frame().unwrap() {
            assert!(decoded.palette.is_none());
            let index = delays.len();
            delays.push(decoded.delay);
            let original = resized(&frames()[index], 64, 48);
            // Dithering trades errors of pixels for means of neighborhoods that are right.
            for block in 0..8 * 6 {
                let mut sums = [0_i32; 3];
                for i in (0..64).map(|i| (block / 8 * 8 + i / 8) * 64 + block % 8 * 8 + i % 8) {
                    for (c, sum) in sums.iter_mut().enumerate() {
                        let shown = palette[usize::from(decoded.buffer[i]) * 3 + c];
                        *sum += i32::from(original.rgb[i * 3 + c]) - i32::from(shown);
                    }
                }
                error += sums.iter().map(|sum| f64::from(sum.abs()) / 64.0).sum::<f64>() / 3.0;
            }
        }
        assert_eq!(delays, [12, 12, 12, 12, 12, 200]);
        let mean = error / (6.0 * 48.0);
        assert!(mean < 3.0, "{mean}");
    }

    #[test]
    fn an_apng_keeps_every_pixel() {
        let frames = frames();
        let bytes = apng(&frames, Timing::default(), None).unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(bytes)).read_info().unwrap();
        assert_eq!(reader.info().animation_control().unwrap().num_frames, 6);
        let mut pixels = vec![0; 64 * 48 * 3];
        for (index, frame) in frames.iter().enumerate() {
            reader.next_frame(&mut pixels).unwrap();
            let delay = reader.info().frame_control().unwrap().delay_num;
            assert_eq!(delay, if index == 5 { 2000 } else { 120 });
            assert_eq!(pixels, resized(frame, 64, 48).rgb.to_vec());
        }
    }

    #[test]
    fn odd_input_is_refused_in_a_sentence() {
        assert!(gif(&[], Timing::default()).unwrap_err().to_string().contains("no frames"));
        let wrong = Frame { width: 3, height: 3, rgb: vec![0; 5].into() };
        assert!(apng(&[wrong], Timing::default(), None).is_err());
        let dot = Frame { width: 1, height: 1, rgb: vec![7, 8, 9].into() };
        assert!(gif(std::slice::from_ref(&dot), Timing::default()).is_ok());
        let error = export(Path::new("a.mp4"), false, &[dot], Timing::default(), None).unwrap_err();
        assert!(error.to_string().contains("use .gif"), "{error}");
    }
}
