//! Decoding and encoding in bands of rows, for maps that are too large for the memory: the same picture, whose maps lie as
//! bands one below another, each freed as soon as its successor is there.
//!
//! Seamless and exact: a convolution reads the rows beside its band as well, and a norm takes the statistics of the
//! whole map, joined from its bands, so a picture differs from one decoded at once by the rounding of those
//! sums alone. At the widest level two maps of the result's width are there at once instead of four, at the price of the
//! rows beside each band, which are computed twice.

use std::ops::Range;

use super::blocks::{Decoder, Encoder, Level, Resample, ResnetBlock};
use super::watch::Watch;
use crate::ops::{Activation, Error, Fused, Moments, Result, Tensor};

/// Rows that a 3×3 convolution reads beside its own.
const HALO: usize = 1;

/// A map of one item in bands.
struct Bands {
    /// Each with its first row; none where it was freed.
    parts: Vec<(usize, Option<Tensor>)>,
    height: usize,
    /// Positions of a band, about.
    pixels: usize,
    /// Whether the first row follows the last one.
    wraps: bool,
}

/// The rows of a map in bands of about so many positions.
fn cut(height: usize, width: usize, pixels: usize) -> Vec<Range<usize>> {
    let rows = (pixels / width.max(1)).max(1);
    // Bands of equal height, so that none is much smaller than the others.
    let count = height.div_ceil(rows).max(1);
    (0..count).map(|i| i * height / count..(i + 1) * height / count).collect()
}

impl Bands {
    fn of(map: &Tensor, pixels: usize, wraps: bool) -> Result<Self> {
        let [_, _, height, width] = map.map_shape()?;
        let ranges = cut(height, width, pixels);
        if let [_] = ranges.as_slice() {
            return Ok(Self { parts: vec![(0, Some(map.clone()))], height, pixels, wraps });
        }
        let parts = ranges.into_iter().map(|rows| {
            let start = rows.start;
            Ok((start, Some(Tensor::stack_rows(&[(map, rows)])?)))
        });
        Ok(Self { parts: parts.collect::<Result<_>>()?, height, pixels, wraps })
    }

    /// The rows of band `i`.
    fn rows(&self, i: usize) -> Range<usize> {
        let end = self.parts.get(i + 1).map_or(self.height, |next| next.0);
        self.parts[i].0..end
    }

    /// Rows of the map, which must not be freed, one after the other as one tensor.
    fn window(&self, pieces: &[Range<usize>]) -> Result<Tensor> {
        let mut parts = Vec::new();
        for rows in pieces {
            for i in 0..self.parts.len() {
                let own = self.rows(i);
                let (start, end) = (rows.start.max(own.start), rows.end.min(own.end));
                if start >= end {
                    continue;
                }
                let band =
                    self.parts[i].1.as_ref().ok_or_else(|| Error::Shape("a band was freed".to_owned()))?;
                if own == *rows && pieces.len() == 1 {
                    return Ok(band.clone());
                }
                parts.push((band, start - own.start..end - own.start));
            }
        }
        Tensor::stack_rows(&parts)
    }

    /// The rows of one band.
    fn band(&self, rows: &Range<usize>) -> Result<Tensor> {
        self.window(std::slice::from_ref(rows))
    }

    /// `rows` and so many above and below them that a convolution reads, and how many lie above.
    fn beside(&self, rows: &Range<usize>, above: usize, below: usize) -> (Vec<Range<usize>>, usize) {
        let (start, end) = (rows.start.saturating_sub(above), (rows.end + below).min(self.height));
        let mut pieces: Vec<_> = std::iter::once(start..end).collect();
        if !self.wraps {
            return (pieces, rows.start - start);
        }
        if rows.start < above {
            pieces.insert(0, self.height - (above - rows.start)..self.height);
        }
        if rows.end + below > self.height {
            pieces.push(0..rows.end + below - self.height);
        }
        (pieces, above)
    }

    /// The same of a convolution of 3×3.
    fn with_halo(&self, rows: &Range<usize>) -> (Vec<Range<usize>>, usize) {
        self.beside(rows, HALO, HALO)
    }

    /// Frees the bands that end before row `end`; the last band may yet read the first.
    fn free_before(&mut self, end: usize) {
        for i in usize::from(self.wraps)..self.parts.len() {
            if self.rows(i).end <= end {
                self.parts[i].1 = None;
            }
        }
    }

    fn tensors(&self) -> Vec<&Tensor> {
        self.parts.iter().filter_map(|part| part.1.as_ref()).collect()
    }

    fn width(&self) -> Result<usize> {
        self.tensors().first().map_or(Ok(1), |band| band.map_shape().map(|shape| shape[3]))
    }

    fn whole(&self) -> Result<Tensor> {
        self.band(&(0..self.height))
    }

    /// The map that `make` makes of it band by band, from the rows that it is given, a band freed when no later one
    /// reads it. `make` gives the rows of the band, or also those beside it, which are cut off.
    fn each(mut self, mut make: impl FnMut(&Self, Range<usize>) -> Result<Tensor>) -> Result<Self> {
        let mut parts = Vec::new();
        for i in 0..self.parts.len() {
            let rows = self.rows(i);
            parts.push((rows.start, Some(make(&self, rows.clone())?)));
            self.free_before(rows.end.saturating_sub(HALO));
        }
        Ok(Self { parts, ..self })
    }
}

/// Rows `above..above + count` of a map.
fn cropped(map: Tensor, above: usize, count: usize) -> Result<Tensor> {
    let [_, _, height, _] = map.map_shape()?;
    if (above, count) == (0, height) {
        return Ok(map);
    }
    Tensor::stack_rows(&[(&map, above..above + count)])
}

impl ResnetBlock {
    fn forward_in_bands(&self, x: Bands) -> Result<Bands> {
        let known = self.norm1.moments(&x.tensors())?;
        let mut skip = Vec::new();
        let h = x.each(|x, rows| {
            let own = x.band(&rows)?;
            skip.push((
                rows.start,
                Some(self.nin_shortcut.as_ref().map_or(Ok(own.clone()), |conv| conv.forward(&own))?),
            ));
            drop(own);
            let (wide, above) = x.with_halo(&rows);
            let h = self.norm1.forward_by(x.window(&wide)?, &known, Activation::Silu)?;
            cropped(self.conv1.forward_band(&h, Fused::default())?, above, rows.len())
        })?;
        let mut skip = Bands { parts: skip, ..h };
        let known = self.norm2.moments(&h.tensors())?;
        h.each(|h, rows| {
            let (wide, above) = h.with_halo(&rows);
            let residual = skip.window(&wide)?;
            skip.free_before(rows.end.saturating_sub(HALO));
            let h = self.norm2.forward_by(h.window(&wide)?, &known, Activation::Silu)?;
            let y = self.conv2.forward_band(&h, Fused { residual: Some(&residual), channels: None })?;
            cropped(y, above, rows.len())
        })
    }
}

impl Resample {
    fn forward_in_bands(&self, x: Bands) -> Result<Bands> {
        match self {
            Self::None => Ok(x),
            Self::UpConv(conv) => {
                let enlarge = |x: &Bands, rows: Range<usize>| {
                    let (wide, above) = x.with_halo(&rows);
                    cropped(conv.forward_band_upsampled(&x.window(&wide)?)?, 2 * above, 2 * rows.len())
                };
                enlarged(x, enlarge)
            }
            Self::UpNearest => enlarged(x, |x, rows| x.band(&rows)?.upsample_nearest()),
            // A place reads the row below its own two.
            Self::DownConv(conv) => halved(x, 1, |x| conv.forward_band(x, Fused::default())),
            Self::DownAverage => halved(x, 0, Tensor::average_pool),
        }
    }
}

/// The map at twice its size, in bands that are cut anew.
fn enlarged(mut x: Bands, make: impl Fn(&Bands, Range<usize>) -> Result<Tensor>) -> Result<Bands> {
    let width = x.width()?;
    // Of y, whose bands begin with even rows.
    let ranges = cut(x.height, 4 * width, x.pixels);
    let mut parts = Vec::new();
    for rows in ranges {
        parts.push((2 * rows.start, Some(make(&x, rows.clone())?)));
        x.free_before(rows.end.saturating_sub(HALO));
    }
    Ok(Bands { parts, height: 2 * x.height, ..x })
}

/// The map at half its size, in bands that are cut anew; a band is made of its rows and so many `below`.
fn halved(mut x: Bands, below: usize, make: impl Fn(&Tensor) -> Result<Tensor>) -> Result<Bands> {
    let width = x.width()?;
    let mut parts = Vec::new();
    for rows in cut(x.height / 2, width / 2, x.pixels) {
        let (wide, _) = x.beside(&(2 * rows.start..2 * rows.end), 0, below);
        parts.push((rows.start, Some(make(&x.window(&wide)?)?)));
        x.free_before(2 * rows.end);
    }
    Ok(Bands { parts, height: x.height / 2, ..x })
}

impl Level {
    fn forward_in_bands(&self, x: Bands) -> Result<Bands> {
        let mut h = x;
        for (block, attention) in &self.blocks {
            h = block.forward_in_bands(h)?;
            if let Some(attention) = attention {
                // Every position sees every other.
                h = Bands::of(&attention.forward(&h.whole()?)?, h.pixels, h.wraps)?;
            }
        }
        self.resample.forward_in_bands(h)
    }
}

impl Encoder {
    /// [`Encoder::forward`] in bands of about `pixels` positions.
    ///
    /// # Errors
    /// If shapes do not fit, or stopped.
    pub(super) fn forward_in_bands(&self, x: &Tensor, pixels: usize) -> Result<Tensor> {
        let [b, ..] = x.map_shape()?;
        if b == 1 {
            return self.one_in_bands(x, pixels);
        }
        let each = (0..b).map(|item| self.one_in_bands(&x.batch_item(item)?, pixels));
        let each = each.collect::<Result<Vec<_>>>()?;
        Tensor::concatenate_batch(&each.iter().collect::<Vec<_>>())
    }

    fn one_in_bands(&self, x: &Tensor, pixels: usize) -> Result<Tensor> {
        let mut h = Bands::of(x, pixels, self.conv_in.axes().y)?.each(|x, rows| {
            let (wide, above) = x.with_halo(&rows);
            cropped(self.conv_in.forward_band(&x.window(&wide)?, Fused::default())?, above, rows.len())
        })?;
        for level in &self.down {
            h = level.forward_in_bands(h)?;
        }
        self.end(h.whole()?)
    }
}

impl Decoder {
    /// [`Decoder::forward`] in bands of about `pixels` positions.
    ///
    /// # Errors
    /// If shapes do not fit, or stopped.
    pub(super) fn forward_in_bands(
        &self,
        z: &Tensor,
        pixels: usize,
        watch: &mut Watch,
    ) -> Result<Option<Tensor>> {
        let [b, ..] = z.map_shape()?;
        if b == 1 {
            return self.one_in_bands(z, pixels, watch);
        }
        let mut items = Vec::new();
        for item in 0..b {
            match self.one_in_bands(&z.batch_item(item)?, pixels, watch)? {
                Some(image) => items.push(image),
                None => return Ok(None),
            }
        }
        Tensor::concatenate_batch(&items.iter().collect::<Vec<_>>()).map(Some)
    }

    fn one_in_bands(&self, z: &Tensor, pixels: usize, watch: &mut Watch) -> Result<Option<Tensor>> {
        let h = self.middle(z)?;
        if !watch.passes("mid", &[&h])? {
            return Ok(None);
        }
        let mut h = Bands::of(&h, pixels, self.conv_in.axes().y)?;
        for (level, number) in self.up.iter().zip((0..self.up.len()).rev()) {
            h = level.forward_in_bands(h)?;
            if !watch.passes(&format!("up.{number}"), &h.tensors())? {
                return Ok(None);
            }
        }
        if let Some((norm_out, conv_out)) = &self.end {
            let known: Vec<Moments> = norm_out.moments(&h.tensors())?;
            h = h.each(|h, rows| {
                let (wide, above) = h.with_halo(&rows);
                let h = norm_out.forward_by(h.window(&wide)?, &known, Activation::Silu)?;
                let y = cropped(conv_out.forward_band(&h, Fused::default())?, above, rows.len())?;
                if self.tanh_out { y.tanh() } else { Ok(y) }
            })?;
        }
        let image = h.whole()?;
        Ok(watch.passes("conv_out", &[&image])?.then_some(image))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::config::{Params, parse_yaml};
    use crate::model::first_stage::DdConfig;
    use crate::model::synthetic::Synthetic;
    use crate::ops::{Device, DeviceChoice, DeviceOptions, Dtype, StopFlag, Weights};

    #[test]
    fn bands_are_of_about_equal_height_and_cover_every_row() {
        assert_eq!(cut(10, 8, 1000), std::iter::once(0..10).collect::<Vec<_>>());
        assert_eq!(cut(10, 8, 32), [0..3, 3..6, 6..10]);
        assert_eq!(cut(3, 100, 1), [0..1, 1..2, 2..3]);
        assert_eq!(cut(7, 0, 3), [0..2, 2..4, 4..7]);
    }

    /// A small decoder with attention, a shortcut and two enlargements, at once and in bands of 20 positions; its encoder, too.
    fn difference(device: &Device, shape: [usize; 4], extra: &str) -> f32 {
        let yaml = format!(
            "{{ch: 32, out_ch: 3, ch_mult: [1, 2, 2], num_res_blocks: 1, attn_resolutions: [8], in_channels: 3, \
             resolution: 32, z_channels: 4, norm_num_groups: 8{extra}}}"
        );
        let params = Params::new("ddconfig", parse_yaml(&yaml).unwrap().as_object().unwrap().clone());
        let (config, _) = DdConfig::from_params(params).unwrap();
        let weights = Weights::new(Arc::new(Synthetic { weights_seed: 0 }), device.clone());
        let decoder = Decoder::new(&weights, &config).unwrap();
        let values: Vec<f32> = (0..shape.iter().product()).map(|i: usize| (i as f32 * 0.7).sin()).collect();
        let z = Tensor::from_f32(device, &shape, &values).unwrap();
        let whole = decoder.forward(&z, &mut Watch::off()).unwrap().unwrap();
        let banded = decoder.forward_in_bands(&z, 20, &mut Watch::off()).unwrap().unwrap();
        // A picture of any numbers, with odd sides too.
        let encoder = Encoder::new(&weights.pp("encoder"), &config).unwrap();
        let [b, _, h, w] = shape;
        let picture: Vec<f32> =
            (0..b * 3 * (4 * h + 1) * (4 * w + 2)).map(|i| (i as f32 * 0.3).cos()).collect();
        let x = Tensor::from_f32(device, &[b, 3, 4 * h + 1, 4 * w + 2], &picture).unwrap();
        let encoded = [encoder.forward(&x).unwrap(), encoder.forward_in_bands(&x, 20).unwrap()];
        [[&whole, &banded], [&encoded[0], &encoded[1]]]
            .map(|[whole, banded]| off(whole, banded))
            .into_iter()
            .fold(0.0, f32::max)
    }

    /// The largest difference, as a share of the largest number.
    fn off(whole: &Tensor, banded: &Tensor) -> f32 {
        assert_eq!(banded.shape(), whole.shape());
        let (whole, banded) = (whole.to_f32().unwrap(), banded.to_f32().unwrap());
        let largest = whole.iter().fold(0.0f32, |most, x| most.max(x.abs()));
        whole.iter().zip(&banded).map(|(a, b)| (a - b).abs() / largest).fold(0.0, f32::max)
    }

    #[test]
    fn bands_leave_no_seam_on_any_backend() {
        let mut devices = vec![(Device::cpu(StopFlag::default()), 1e-5)];
        let open = |choice, dtype| {
            let options = DeviceOptions { choice, dtype, ..DeviceOptions::default() };
            Device::open(options, StopFlag::default()).map(|(device, _)| device)
        };
        devices.push((open(DeviceChoice::CandleCpu, Dtype::F32).unwrap(), 1e-5));
        #[cfg(feature = "gpu")]
        if crate::gpu::is_there_for_tests() {
            devices.push((open(DeviceChoice::Wgpu(0), Dtype::F32).unwrap(), 1e-5));
            devices.push((open(DeviceChoice::Wgpu(0), Dtype::F16).unwrap(), 5e-3));
        }
        for (device, bound) in &devices {
            for (shape, extra) in [
                ([1, 4, 6, 5], ""),
                ([1, 4, 5, 7], ", resamp_with_conv: false, tanh_out: true"),
                ([2, 4, 3, 2], ", attn_type: none"),
                ([1, 4, 1, 30], ", give_pre_end: true"),
            ] {
                let off = difference(device, shape, extra);
                println!("{device:?} {shape:?}{extra}: {off:e}");
                assert!(off < *bound, "{device:?} {shape:?}{extra}: {off:e}");
            }
        }
    }
}
