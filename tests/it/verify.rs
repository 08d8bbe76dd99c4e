//! Every embedded case of the reference, computed again on both backends of the CPU.

use std::sync::Arc;

use safelight::model::{instantiate_from_config, synthetic::Synthetic};
use safelight::ops::{Device, DeviceChoice, DeviceOptions, StopFlag, Weights};
use safelight::verify::{compare, compute, embedded};

/// Every tensor of every case that differs on this device.
fn differences(choice: DeviceChoice) -> Vec<String> {
    let options = DeviceOptions { choice, ..DeviceOptions::default() };
    let (device, _) = Device::open(options, StopFlag::default()).unwrap();
    let mut differences = Vec::new();
    for case in embedded::cases().unwrap() {
        let source = Arc::new(Synthetic { weights_seed: case.request.weights_seed });
        let weights = Weights::new(source, device.clone());
        let no_tokenizer = |name: &str| Err(format!("no {name}"));
        let model = instantiate_from_config(&case.config, &weights, &no_tokenizer).unwrap();
        let compared = compare(&case.expected, &compute(&case, &model).unwrap());
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
    let compared = compare(&case.expected, &compute(&case, &model).unwrap());
    let failed: Vec<_> = compared.iter().filter(|tensor| tensor.failure.is_some()).collect();
    assert!(failed.is_empty() && compared.len() == 12, "{failed:?}");
}
