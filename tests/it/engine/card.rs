//! The starter on a graphics card: the same picture as on the processor, and what happens when the card is
//! lost in the middle of a run; the same for the inference thread on the device that a window offers.

use std::ops::ControlFlow;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use safelight::engine::takeover::develop_through;
use safelight::engine::{OpenModel, Opening, first_settings, generate, open_model};
use safelight::gpu::{self, Card, Trouble};
use safelight::message::{Compute, Event, ModelSource, Request};
use safelight::ops::{Device, DeviceChoice, DeviceOptions, Dtype, StopFlag};
use safelight::picture::Frame;
use safelight::sampler::Next;
use safelight::settings::{PreviewMode, Settings};
use safelight::verify::{Bounds, Case, Place, embedded};

use super::lens::away_from_f64;
use super::{Bench, apple};
use crate::verify::differing;

/// The window's device is offered to the whole process, so that one test at a time may use cards.
static CARDS: Mutex<()> = Mutex::new(());

/// Uses cards alone; `None` where there is none.
pub(super) fn alone() -> Option<MutexGuard<'static, ()>> {
    let alone = CARDS.lock().unwrap_or_else(PoisonError::into_inner);
    gpu::is_there_for_tests().then_some(alone)
}

pub(super) fn starter(choice: DeviceChoice) -> OpenModel {
    starter_in(Dtype::F32, choice)
}

pub(super) fn starter_in(dtype: Dtype, choice: DeviceChoice) -> OpenModel {
    let options = DeviceOptions { choice, dtype, ..DeviceOptions::default() };
    let (device, _) = Device::open(options, StopFlag::default()).unwrap();
    open_model(&ModelSource::Starter, Opening::on(&device)).unwrap()
}

/// A picture, its card lost after `lost` steps; and how many steps were done when the processor took over.
fn picture(model: &OpenModel, lost: Option<usize>) -> (Frame, Option<usize>) {
    let settings = Settings { steps: 4, seed: 3, prompt: "a red apple".to_owned(), ..first_settings() };
    let plan = generate::plan(&model.networks, &settings).unwrap();
    let state = generate::start(&model.networks, &settings, &plan);
    let mut steps = Vec::new();
    let mut on_step = |report: &safelight::sampler::StepReport<'_>, _: &safelight::sampler::RunState| {
        steps.push(report.step);
        if Some(report.step + 1) == lost {
            model.networks.device().lose();
        }
        ControlFlow::Continue(Next::default())
    };
    let mut taken_over = None;
    let mut refuge = |failure: &generate::GenerateError, done: usize| {
        assert!(failure.to_string().contains("graphics card"), "{failure}");
        taken_over = Some(done);
        Some(Rc::new(starter(DeviceChoice::Cpu)))
    };
    let developed = develop_through(model, &settings, &plan, state, &mut on_step, &mut refuge, None).unwrap();
    assert_eq!(steps, [0, 1, 2, 3], "each step once");
    (developed.unwrap().frame, taken_over)
}

pub(super) fn differ(a: &Frame, b: &Frame) -> u8 {
    a.rgb.iter().zip(&*b.rgb).map(|(a, b)| a.abs_diff(*b)).max().unwrap()
}

#[test]
fn the_lens_shows_the_processors_maps_on_a_card() {
    let _alone = CARDS.lock().unwrap_or_else(PoisonError::into_inner);
    if !safelight::gpu::is_there_for_tests() {
        return;
    }
    let apart = away_from_f64(&starter(DeviceChoice::Wgpu(0)));
    assert!(apart <= 1e-4, "{apart}");
}

#[test]
fn a_card_draws_the_processors_picture_and_the_processor_takes_over_a_lost_one() {
    let Some(_alone) = alone() else { return };
    let (wanted, _) = picture(&starter(DeviceChoice::Cpu), None);
    let card = starter(DeviceChoice::Wgpu(0));
    let (whole, taken_over) = picture(&card, None);
    assert_eq!(taken_over, None);
    assert!(differ(&wanted, &whole) <= 2, "{}", differ(&wanted, &whole));
    let (finished, taken_over) = picture(&card, Some(2));
    assert_eq!(taken_over, Some(2));
    assert!(differ(&wanted, &finished) <= 2, "{}", differ(&wanted, &finished));
}

#[test]
fn a_card_without_room_leaves_the_run_to_the_processor() {
    let Some(_alone) = alone() else { return };
    let (wanted, _) = picture(&starter(DeviceChoice::Cpu), None);
    let card = starter(DeviceChoice::Wgpu(0));
    card.networks.device().card_memory().unwrap().memory().set_budget(Some(1 << 20));
    let (made, taken_over) = picture(&card, None);
    assert_eq!(taken_over, Some(0));
    assert_eq!(differ(&wanted, &made), 0);
}

#[test]
fn a_card_in_f16_stays_within_its_bounds() {
    let Some(_alone) = alone() else { return };
    let options = DeviceOptions { choice: DeviceChoice::Wgpu(0), dtype: Dtype::F16, ..Default::default() };
    let (device, _) = Device::open(options, StopFlag::default()).unwrap();
    let few = |case: &Case| ["sd-ddim", "sd-img2img", "ldm-updown"].contains(&&*case.name);
    let cases: Vec<Case> = embedded::cases().unwrap().into_iter().filter(few).collect();
    assert_eq!(cases.len(), 3);
    let differing = |dtype| differing(&device, &cases, &Bounds::of(Place::Card, dtype));
    assert_eq!(differing(Dtype::F16), Vec::<String>::new());
    assert_ne!(differing(Dtype::F32), Vec::<String>::new(), "it is not f32 that was compared");
}

/// The first card.
pub(super) fn first_adapter() -> (wgpu::Instance, wgpu::Adapter) {
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor {
        backends: gpu::allowed().unwrap(),
        ..wgpu::InstanceDescriptor::new_without_display_handle()
    });
    let first = &gpu::list().unwrap()[0].name;
    let adapters = pollster::block_on(instance.enumerate_adapters(gpu::allowed().unwrap()));
    let adapter = adapters.into_iter().find(|adapter| adapter.get_info().name == *first).unwrap();
    (instance, adapter)
}

/// The device of the first card, as a window makes it; and how often it was said to be lost.
fn windows_device() -> (wgpu::Device, Card, Arc<AtomicUsize>) {
    let (_, adapter) = first_adapter();
    let (device, queue) = pollster::block_on(adapter.request_device(&gpu::descriptor(&adapter))).unwrap();
    let lost = Arc::new(AtomicUsize::new(0));
    let heard = lost.clone();
    let card = Card::new(device.clone(), queue, adapter.get_info(), move |trouble| {
        // Work that was under way when it was lost may fail in its own words, too.
        heard.fetch_add(usize::from(matches!(trouble, Trouble::Lost(_))), Ordering::Relaxed);
    });
    (device, card, lost)
}

#[test]
fn the_inference_thread_computes_on_the_windows_device_and_goes_on_when_that_is_lost() {
    let Some(_alone) = alone() else { return };
    let (device, card, lost) = windows_device();
    gpu::offer(Some(card));
    let mut bench = Bench::start();
    let on = |device: &str| Compute { device: device.into(), dtype: "f32".into(), threads: None };
    bench.engine.request(Request::Compute(on("wgpu:0"))).unwrap();
    let info = bench.open();
    assert!(info.device.is_card, "{:?}", info.device);
    let job = bench.generate(1, apple(&info, 6), PreviewMode::Full);
    bench.until(|event| matches!(event, Event::Stepped(step) if step.step == 1));
    device.destroy();
    let taken = bench.until(|event| matches!(event, Event::TakenOver { .. } | Event::Failed { .. }));
    let Event::TakenOver { job: of, device: now, compute, note } = taken else { panic!("{taken:?}") };
    assert_eq!((of, now.is_card, compute.device.as_str()), (job, false, "cpu"));
    assert!(note.to_string().contains("the processor goes on after step"), "{note}");
    let Event::Finished { frame, made, .. } = bench.until(|event| matches!(event, Event::Finished { .. }))
    else {
        unreachable!()
    };
    // Who asks the device hears of it: a window does so with each frame.
    device.poll(wgpu::PollType::Poll).ok();
    assert_eq!(lost.load(Ordering::Relaxed), 1, "both hear of the loss");
    bench.until_previews(6);
    assert!(!made.model_hash.is_empty());
    // What follows is the processor's as well, and the picture is the one that it draws alone.
    let alone = bench.picture(2, apple(&info, 6));
    assert!(differ(&alone, &frame) <= 2, "{}", differ(&alone, &frame));
    // A card that was lost is not offered any more: the next device of it is another.
    assert!(gpu::offered().is_none());
    gpu::offer(None);
}
