//! The starter on a graphics card: the same picture as on the processor, and what happens when the card is
//! lost in the middle of a run.

use std::ops::ControlFlow;

use safelight::engine::takeover::develop_through;
use safelight::engine::{OpenModel, Opening, first_settings, generate, open_model};
use safelight::message::ModelSource;
use safelight::ops::{Device, DeviceChoice, DeviceOptions, StopFlag};
use safelight::picture::Frame;
use safelight::sampler::Next;
use safelight::settings::Settings;

fn starter(choice: DeviceChoice) -> OpenModel {
    let options = DeviceOptions { choice, ..DeviceOptions::default() };
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
        Some(starter(DeviceChoice::Cpu))
    };
    let developed = develop_through(model, &settings, &plan, state, &mut on_step, &mut refuge).unwrap();
    assert_eq!(steps, [0, 1, 2, 3], "each step once");
    (developed.unwrap().frame, taken_over)
}

fn differ(a: &Frame, b: &Frame) -> u8 {
    a.rgb.iter().zip(&*b.rgb).map(|(a, b)| a.abs_diff(*b)).max().unwrap()
}

#[test]
fn a_card_draws_the_processors_picture_and_the_processor_takes_over_a_lost_one() {
    if !safelight::gpu::is_there_for_tests() {
        return;
    }
    let (wanted, _) = picture(&starter(DeviceChoice::Cpu), None);
    let card = starter(DeviceChoice::Wgpu(0));
    let (whole, taken_over) = picture(&card, None);
    assert_eq!(taken_over, None);
    assert!(differ(&wanted, &whole) <= 2, "{}", differ(&wanted, &whole));
    let (finished, taken_over) = picture(&card, Some(2));
    assert_eq!(taken_over, Some(2));
    assert!(differ(&wanted, &finished) <= 2, "{}", differ(&wanted, &finished));
}
