//! Previews that never leave the card: what the canvas shows of them is what it shows of the host's, and the
//! host reads back no more than latents and small copies.

use std::cell::Cell;
use std::ops::ControlFlow;
use std::time::Duration;

use eframe::egui_wgpu::{WgpuSetup, WgpuSetupExisting};
use egui::{Rect, pos2, vec2};
use egui_kittest::Harness;

use safelight::app::picture::Picture;
use safelight::app::theme::painter::PicturePaint;
use safelight::engine::{OpenModel, Previewer, first_settings, generate};
use safelight::gpu::{self, Card};
use safelight::message::PreviewImage;
use safelight::ops::{DeviceChoice, Dtype};
use safelight::picture::Frame;
use safelight::sampler::{Latent, Next, RunState, StepReport};
use safelight::settings::{PreviewMode, Settings};

use super::card::{alone, first_adapter, starter, starter_in};

/// A device as a window has it, offered to whoever computes until it is dropped.
struct Window(WgpuSetupExisting);

impl Window {
    fn open() -> Self {
        let (instance, adapter) = first_adapter();
        let opened = pollster::block_on(adapter.request_device(&gpu::descriptor(&adapter)));
        let (device, queue) = opened.unwrap();
        gpu::offer(Some(Card::new(device.clone(), queue.clone(), adapter.get_info(), |_| {})));
        Self(WgpuSetupExisting { instance, adapter, device, queue })
    }

    /// What the canvas shows of a picture at `scale` points a pixel.
    fn painted(&self, picture: &Picture, scale: f32) -> image::RgbaImage {
        let size = picture.size().map(|side| side as f32 * scale);
        let place = Rect::from_min_size(pos2(0.0, 0.0), vec2(size[0], size[1]));
        let paint = PicturePaint {
            beneath: picture.clone(),
            above: picture.clone(),
            fade: 1.0,
            wipe: None,
            place,
            squares: false,
            format: wgpu::TextureFormat::Rgba8Unorm,
        };
        let mut harness = Harness::builder()
            .with_size(place.size())
            .wgpu_setup(WgpuSetup::Existing(self.0.clone()))
            .build_ui(move |ui| {
                ui.painter().add(paint.clone().shape(place));
            });
        harness.run();
        harness.render().unwrap()
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        gpu::offer(None);
    }
}

fn apart(a: &[u8], b: &[u8]) -> u8 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| a.abs_diff(*b)).max().unwrap()
}

/// Predicted latents of a short run, by step; `planned` is told when its words are read.
fn run(model: &OpenModel, planned: impl FnOnce(), mut on_step: impl FnMut(&Latent)) {
    let settings = Settings { steps: 2, seed: 3, prompt: "a red apple".to_owned(), ..first_settings() };
    let plan = generate::plan(&model.networks, &settings).unwrap();
    planned();
    let state = generate::start(&model.networks, &settings, &plan);
    let mut step = |report: &StepReport<'_>, _: &RunState| {
        on_step(report.pred_x0);
        ControlFlow::Continue(Next::default())
    };
    generate::develop(&model.networks, &settings, &plan, state, &mut step).unwrap();
}

/// A part of a latent: `h` by `w` positions of its upper left corner.
fn corner(z: &Latent, h: usize, w: usize) -> Latent {
    let [_, channels, height, width] = z.shape;
    let rows = (0..channels).flat_map(|channel| (0..h).map(move |y| (channel * height + y) * width));
    Latent::new([1, channels, h, w], rows.flat_map(|start| z.values[start..start + w].to_vec()).collect())
}

fn shown(previewer: &mut Previewer, model: &OpenModel, z: &Latent, mode: PreviewMode) -> PreviewImage {
    previewer.show(&model.networks, None, z, mode, Duration::ZERO).unwrap().unwrap().image
}

#[test]
fn the_canvas_shows_the_same_of_a_picture_on_the_card_as_of_one_of_the_host() {
    let Some(_alone) = alone() else { return };
    let window = Window::open();
    let model = starter(DeviceChoice::Wgpu(0));
    assert!(model.networks.device().draws());
    let mut latents = Vec::new();
    run(&model, || {}, |pred_x0| latents.push(pred_x0.clone()));
    let whole = latents.pop().unwrap();
    let mut previewer = Previewer::new(None, None);
    // Without a fit, with odd sides, with one row; then the same with a fit.
    for z in [corner(&whole, 7, 5), corner(&whole, 1, 3), whole.clone()] {
        for (mode, is_fitted) in [
            (PreviewMode::Fast, false),
            (PreviewMode::Fast, true),
            (PreviewMode::Half, true),
            (PreviewMode::Full, true),
        ] {
            while is_fitted && previewer.prepare(&model.networks, None).unwrap() {}
            let read = || model.networks.device().counts().unwrap().read;
            let before = read();
            let PreviewImage::Card { picture, small } = shown(&mut previewer, &model, &z, mode) else {
                panic!("{mode:?} left the card")
            };
            if is_fitted || mode != PreviewMode::Fast {
                assert_eq!(read() - before, 4 * (small.width * small.height) as u64, "{mode:?}");
            }
            let host = previewer.frame(&model.networks, &z, mode).unwrap();
            assert_eq!(picture.size(), [host.width, host.height]);
            assert!(small.width <= 96 && small.height <= 96 && small.width.max(small.height) >= 48);
            assert_eq!(small.rgb.len(), 3 * small.width * small.height);
            let (on_card, on_host) =
                (Picture::of(PreviewImage::Card { picture, small: small.clone() }), Picture::new(host));
            assert!(on_card.whole().is_none() || on_card.size().iter().all(|side| *side <= 96));
            for scale in [1.0, 2.5, 0.5] {
                let (card, host) = (window.painted(&on_card, scale), window.painted(&on_host, scale));
                let apart = apart(&card, &host);
                // Between pixels, what differs by one is weighed by more than one.
                let most = if scale == 1.0 { 1 } else { 2 };
                assert!(apart <= most, "{mode:?} of {:?} at {scale}: {apart} of 255 apart", z.shape);
                let is_gray = mode == PreviewMode::Fast && !is_fitted || z.shape[2] == 1;
                assert!(is_gray || host.pixels().any(|pixel| pixel != host.get_pixel(0, 0)));
            }
            small_is_the_mean(&small, on_host.whole().unwrap());
        }
    }
}

/// Whether a copy has the mean color of what it is a copy of.
fn small_is_the_mean(small: &Frame, whole: &Frame) {
    let mean =
        |frame: &Frame| frame.rgb.iter().map(|level| f64::from(*level)).sum::<f64>() / frame.rgb.len() as f64;
    assert!((mean(small) - mean(whole)).abs() < 1.5, "{} {}", mean(small), mean(whole));
}

#[test]
fn a_step_with_its_preview_reads_back_latents_and_a_small_copy() {
    let Some(_alone) = alone() else { return };
    let _window = Window::open();
    for (dtype, mode) in
        [(Dtype::F32, PreviewMode::Off), (Dtype::F32, PreviewMode::Full), (Dtype::F16, PreviewMode::Half)]
    {
        let model = starter_in(dtype, DeviceChoice::Wgpu(0));
        let mut previewer = Previewer::new(None, None);
        let read = || model.networks.device().counts().unwrap().read;
        let before = Cell::new(0);
        let on_step = |pred_x0: &Latent| {
            if let Some(shown) = previewer.show(&model.networks, None, pred_x0, mode, Duration::ZERO).unwrap()
            {
                assert!(shown.image.frame().is_none());
            }
            let bytes = read() - before.get();
            before.set(read());
            // Both predictions of a guided step; and of a decoder in f16 a word a stage, whether it is finite.
            let number = if dtype == Dtype::F16 { 2 } else { 4 };
            let latents = 2 * number * pred_x0.values.len() as u64;
            let copy = if mode == PreviewMode::Off { 0 } else { 4 * 96 * 96 };
            let words = bytes - latents - copy;
            let most = if dtype == Dtype::F16 { 4 * 64 } else { 0 };
            assert!(words <= most, "{dtype:?}, {mode:?}: {bytes} bytes");
        };
        run(&model, || before.set(read()), on_step);
    }
}
