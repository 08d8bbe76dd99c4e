//! Every embedded case of the reference, computed again on both backends of the CPU.

use std::sync::Arc;

use safelight::model::{instantiate_from_config, synthetic::Synthetic};
use safelight::ops::{Device, DeviceChoice, DeviceOptions, Dtype, StopFlag, Weights};
use safelight::verify::{Bounds, Case, Place, compare, compute, embedded};

/// Every tensor of every case that differs on this device.
fn differences(choice: DeviceChoice) -> Vec<String> {
    let options = DeviceOptions { choice, ..DeviceOptions::default() };
    let (device, _) = Device::open(options, StopFlag::default()).unwrap();
    differing(&device, &embedded::cases().unwrap(), &Bounds::of(Place::Processor, Dtype::F32))
}

pub(crate) fn differing(device: &Device, cases: &[Case], bounds: &Bounds) -> Vec<String> {
    let mut differences = Vec::new();
    for case in cases {
        let source = Arc::new(Synthetic { weights_seed: case.request.weights_seed });
        let weights = Weights::new(source, device.clone());
        let no_tokenizer = |name: &str| Err(format!("no {name}"));
        let model = instantiate_from_config(&case.config, &weights, &no_tokenizer).unwrap();
        let compared = compare(case, &compute(case, &model).unwrap(), bounds);
        assert!(compared.len() >= 8, "{}: only {} tensors", case.name, compared.len());
        for tensor in compared {
            differences
                .extend(tensor.failure.map(|failure| format!("{} {}: {failure}", case.name, tensor.name)));
        }
    }
    differences
}

#[test]
fn our_kernels_compute_every_case_as_the_reference_does() {
    assert_eq!(differences(DeviceChoice::Cpu), Vec::<String>::new());
}

#[test]
fn candle_computes_every_case_as_the_reference_does() {
    assert_eq!(differences(DeviceChoice::CandleCpu), Vec::<String>::new());
}

#[cfg(feature = "starter")]
#[test]
fn the_starter_computes_what_the_reference_computes_on_its_weights() {
    let case = embedded::starter().unwrap();
    let source = Arc::new(safelight::starter::weights().unwrap());
    let weights = Weights::new(source, Device::cpu(StopFlag::default()));
    let read = |_: &str| Ok(safelight::starter::TOKENIZER.to_vec());
    let model = instantiate_from_config(&case.config, &weights, &read).unwrap();
    let bounds = Bounds::of(Place::Processor, Dtype::F32);
    let compared = compare(&case, &compute(&case, &model).unwrap(), &bounds);
    let failed: Vec<_> = compared.iter().filter(|tensor| tensor.failure.is_some()).collect();
    assert!(failed.is_empty() && compared.len() == 12, "{failed:?}");
}

#[test]
fn the_processors_bf16_stays_within_its_bounds() {
    let options = DeviceOptions { dtype: Dtype::Bf16, ..DeviceOptions::default() };
    let opened = Device::open(DeviceOptions { choice: DeviceChoice::Cpu, ..options }, StopFlag::default());
    let Some((device, _)) = opened.ok().filter(|(device, _)| device.dtype() == Dtype::Bf16) else {
        println!("bf16 is not computed here: not run");
        return;
    };
    let cases = embedded::cases().unwrap();
    let bounds = Bounds::of(Place::Processor, Dtype::Bf16);
    assert_eq!(differing(&device, &cases, &bounds), Vec::<String>::new());
    // It is not f32 that was compared.
    assert_ne!(differing(&device, &cases, &Bounds::of(Place::Processor, Dtype::F32)), Vec::<String>::new());
}
