//! `CardPicture`: a picture that lies on the card, from the kernel that makes its pixels to the canvas that
//! draws it. No pixel of it goes through the host.
//!
//! Trap: it belongs to the device that made it, and no other can draw it; so one is made only where the
//! window draws by the device that computes, and [`CardPicture::view`] asks again.

use super::memory::Bound;
use super::pipelines::Program;
use super::shared::offered;
use super::work::Context;
use super::{Card, CardError};

/// Bytes of a pixel: red, green, blue and what is not looked at.
const PIXEL: usize = 4;
/// What copies to textures ask of the distance between two rows, in bytes.
const ROW: usize = wgpu::COPY_BYTES_PER_ROW_ALIGNMENT as usize;

/// A picture on the window's card. A clone is the same picture, whose memory goes with the last one.
#[derive(Clone, Debug, PartialEq)]
pub struct CardPicture {
    device: wgpu::Device,
    texture: wgpu::Texture,
    view: wgpu::TextureView,
}

impl CardPicture {
    /// Pixels from one row to the next in the buffer that a picture is made of.
    pub fn pitch(width: usize) -> usize {
        (PIXEL * width).next_multiple_of(ROW) / PIXEL
    }

    /// Its width and height, in pixels.
    pub fn size(&self) -> [usize; 2] {
        [self.texture.width() as usize, self.texture.height() as usize]
    }

    /// Bytes of the card's memory.
    pub fn bytes(&self) -> usize {
        let [width, height] = self.size();
        PIXEL * width * height
    }

    /// How it is bound on `device`, in eight bits a color as stored (sRGB, not linear); none if it is
    /// another device's.
    pub fn view(&self, device: &wgpu::Device) -> Option<&wgpu::TextureView> {
        (self.device == *device).then_some(&self.view)
    }
}

impl<P: Program> Context<P> {
    /// Whether the window draws by this device.
    pub fn draws(&self) -> bool {
        offered().is_some_and(|Card { device, .. }| device == self.device)
    }

    /// Whether a picture of so many pixels across and down can be made.
    pub fn takes(&self, size: [usize; 2]) -> bool {
        let most = self.limits.max_texture_dimension_2d as usize;
        size.iter().all(|side| (1..=most).contains(side))
    }

    /// The pixels of `from` as a picture of `size`: rows from the top, [`CardPicture::pitch`] words from one to
    /// the next, red in the lowest byte. Waits for the work that makes them.
    ///
    /// # Errors
    /// Stopped, no memory, or the device has failed.
    pub fn picture(
        &self,
        from: Bound<'_>,
        size: [usize; 2],
        stop: &dyn Fn() -> bool,
    ) -> Result<CardPicture, CardError> {
        let [width, height] = size.map(|side| side as u32);
        let extent = wgpu::Extent3d { width, height, depth_or_array_layers: 1 };
        let scope = self.device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
        let texture = self.device.create_texture(&wgpu::TextureDescriptor {
            label: Some("preview"),
            size: extent,
            mip_level_count: 1,
            sample_count: 1,
            dimension: wgpu::TextureDimension::D2,
            format: wgpu::TextureFormat::Rgba8Unorm,
            usage: wgpu::TextureUsages::TEXTURE_BINDING | wgpu::TextureUsages::COPY_DST,
            view_formats: &[],
        });
        if pollster::block_on(scope.pop()).is_some() {
            return Err(CardError::OutOfMemory { bytes: (PIXEL * size[0] * size[1]) as u64 });
        }
        self.finish(stop)?;
        let mut encoder = self.device.create_command_encoder(&Default::default());
        let layout = wgpu::TexelCopyBufferLayout {
            offset: from.start,
            bytes_per_row: Some((PIXEL * CardPicture::pitch(size[0])) as u32),
            rows_per_image: None,
        };
        let source = wgpu::TexelCopyBufferInfo { buffer: from.buffer, layout };
        encoder.copy_buffer_to_texture(source, texture.as_image_copy(), extent);
        self.submit([encoder.finish()]);
        let view = texture.create_view(&Default::default());
        Ok(CardPicture { device: self.device.clone(), texture, view })
    }
}
