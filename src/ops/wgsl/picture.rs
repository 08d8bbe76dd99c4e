//! From a decoder's numbers to a picture that the window draws: one kernel for its pixels, one for the small
//! copy, which alone is read back.

use super::cut::{fold, work_of};
use super::device::Wgsl;
use super::kernel::{Kernel, Storage, Variant};
use super::tensor::Tensor;
use crate::gpu::{Bound, CardPicture};
use crate::ops::{Drawn, PictureForm, Result};

/// Bytes of a pixel.
const PIXEL: usize = 4;

impl Wgsl {
    /// The first item of `x` as a picture, where the window draws by this device.
    pub(super) fn picture(&self, x: &Tensor, form: &PictureForm) -> Result<Option<Drawn>> {
        let [width, height] = form.size;
        let pitch = CardPicture::pitch(width);
        let bytes = (PIXEL * pitch * height) as u64;
        let most = self.context().binding_max();
        let takes = self.context().draws() && self.context().takes(form.size);
        if !takes || x.bound().bytes.max(bytes) > most {
            return Ok(None);
        }
        let whole = self.context().take(bytes)?;
        let whole = whole.bound(0, bytes);
        self.pixels(x, form, whole)?;
        let [across, down] = form.small;
        let small = self.context().take((PIXEL * across * down) as u64)?;
        let small = small.bound(0, (PIXEL * across * down) as u64);
        self.shrink(whole, form, small)?;
        let stop = || self.stopped();
        let read = self.context().read(small, &stop)?;
        let pixels = read.chunks_exact(PIXEL);
        Ok(Some(Drawn {
            picture: self.context().picture(whole, form.size, &stop)?,
            is_finite: pixels.clone().all(|pixel| pixel[3] == u8::MAX),
            small: pixels.flat_map(|pixel| [pixel[0], pixel[1], pixel[2]]).collect(),
        }))
    }

    /// The picture's pixels, in bands of rows of a share each.
    fn pixels(&self, x: &Tensor, form: &PictureForm, to: Bound<'_>) -> Result<()> {
        let [_, _, h, w] = x.map_shape()?;
        let [width, height] = form.size;
        let row_work = work_of((x.bound().bytes + to.bytes) / height.max(1) as u64);
        let band = ((self.context().share() / row_work) as usize).clamp(1, height);
        for first in (0..height).step_by(band) {
            let rows = band.min(height - first);
            let (groups, columns) = fold(rows * width);
            let words = [
                rows,
                first,
                columns as usize,
                width,
                height,
                CardPicture::pitch(width),
                w * form.block,
                h * form.block,
                form.block,
                x.quads(),
            ];
            let mut parameters: Vec<u32> = words.iter().map(|word| *word as u32).collect();
            parameters.extend([form.offset.to_bits(), form.factor.to_bits()]);
            let variant = Variant::plain(Kernel::Picture, x.storage());
            self.dispatch(&variant, &[x.bound(), to], &parameters, groups, row_work * rows as f64)?;
            self.count_band(first);
        }
        Ok(())
    }

    fn shrink(&self, whole: Bound<'_>, form: &PictureForm, to: Bound<'_>) -> Result<()> {
        let ([width, height], [across, down]) = (form.size, form.small);
        let (groups, columns) = fold(across * down);
        let words = [across * down, columns as usize, across, down, width, height, CardPicture::pitch(width)];
        let parameters = words.map(|word| word as u32);
        let variant = Variant::plain(Kernel::Shrink, Storage::F32);
        self.dispatch(&variant, &[whole, to], &parameters, groups, work_of(whole.bytes))
    }
}
