//! Painting pictures on the canvas: a callback with its own WGSL shader that draws one or two of them.
//!
//! Trap: `position` in the shader counts pixels of the whole target, not of the viewport, so the
//! picture's place is given in pixels of the target.

mod resources;

use eframe::egui_wgpu::{self, CallbackResources, CallbackTrait, ScreenDescriptor};
use eframe::wgpu;
use egui::{PaintCallback, Rect};

use crate::app::picture::Picture;
use resources::Resources;

/// Pictures are shown as squares of one color from this many points a pixel on.
pub const NEAREST_FROM: f32 = 2.0;

/// One or two pictures to paint, and how.
#[derive(Clone)]
pub struct PicturePaint {
    /// The picture from which a fade comes, or the left one of a wipe.
    pub beneath: Picture,
    /// The picture that is shown.
    pub above: Picture,
    /// How much of it is seen, 0 to 1.
    pub fade: f32,
    /// Where a wipe's line is, 0 to 1 across.
    pub wipe: Option<f32>,
    /// Where the whole picture lies, in points; may reach beyond the canvas.
    pub place: Rect,
    /// Whether pixels are shown as squares.
    pub squares: bool,
    /// The target's format.
    pub format: wgpu::TextureFormat,
    /// Its number among the pictures of a frame: each has numbers of its own on the card.
    pub slot: usize,
}

impl PicturePaint {
    /// The shape that paints it, cut to `visible`.
    pub fn shape(self, visible: Rect) -> PaintCallback {
        egui_wgpu::Callback::new_paint_callback(visible, self)
    }

    fn uniforms(&self, pixels_per_point: f32) -> [f32; 12] {
        let place = self.place * pixels_per_point;
        let [beneath, above] =
            [&self.beneath, &self.above].map(|picture| picture.drawn_size().map(|side| side as f32));
        [
            place.left(),
            place.top(),
            place.width(),
            place.height(),
            beneath[0],
            beneath[1],
            above[0],
            above[1],
            self.fade,
            self.wipe.unwrap_or(-1.0),
            f32::from(u8::from(self.squares)),
            f32::from(u8::from(self.format.is_srgb())),
        ]
    }
}

/// Makes the pipeline on a thread of its own: compiling the shader takes longer than a frame may.
/// Should the first picture come earlier, its frame makes the pipeline.
pub fn prepare_beside(state: &egui_wgpu::RenderState) {
    let (device, format, renderer) = (state.device.clone(), state.target_format, state.renderer.clone());
    let started = std::thread::Builder::new().name("canvas".to_owned()).spawn(move || {
        let ours = Resources::new(&device, format);
        renderer.write().callback_resources.entry().or_insert(ours);
    });
    if let Err(error) = started {
        log::info!("the canvas is prepared when it is needed: {error}");
    }
}

impl CallbackTrait for PicturePaint {
    fn prepare(
        &self,
        device: &wgpu::Device,
        queue: &wgpu::Queue,
        screen: &ScreenDescriptor,
        _encoder: &mut wgpu::CommandEncoder,
        resources: &mut CallbackResources,
    ) -> Vec<wgpu::CommandBuffer> {
        let ours = resources.entry().or_insert_with(|| Resources::new(device, self.format));
        let uniforms = self.uniforms(screen.pixels_per_point);
        ours.prepare(device, queue, self.slot, [&self.beneath, &self.above], &uniforms);
        Vec::new()
    }

    fn paint(
        &self,
        _info: egui::PaintCallbackInfo,
        pass: &mut wgpu::RenderPass<'static>,
        resources: &CallbackResources,
    ) {
        if let Some(ours) = resources.get::<Resources>() {
            ours.paint(pass, self.slot);
        }
    }
}

#[cfg(test)]
mod tests {
    /// The shader says why.
    #[test]
    fn the_vertex_shader_alone_names_the_uniforms() {
        let source = include_str!("canvas.wgsl");
        let naming = source.split("\nfn ").filter(|function| function.contains("look."));
        let names: Vec<&str> = naming.filter_map(|function| function.split('(').next()).collect();
        assert_eq!(names, ["corner"]);
    }
}
