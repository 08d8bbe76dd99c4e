//! Every embedded case of the reference, computed again.

use std::sync::Arc;

use safelight::model::{instantiate_from_config, synthetic::Synthetic};
use safelight::ops::{Device, StopFlag, Weights};
use safelight::verify::{compare, compute, embedded};

#[test]
fn every_embedded_case_is_computed_as_the_reference_does() {
    let mut failures = Vec::new();
    for case in embedded::cases().unwrap() {
        let source = Arc::new(Synthetic { weights_seed: case.request.weights_seed });
        let weights = Weights::new(source, Device::cpu(StopFlag::default()));
        let no_tokenizer = |name: &str| Err(format!("no {name}"));
        let model = instantiate_from_config(&case.config, &weights, &no_tokenizer).unwrap();
        for tensor in compare(&case.expected, &compute(&case, &model).unwrap()) {
            println!("{:20} {:24} {:9.2e} {:9.2e}", case.name, tensor.name, tensor.absolute, tensor.relative);
            failures
                .extend(tensor.failure.map(|failure| format!("{} {}: {failure}", case.name, tensor.name)));
        }
    }
    assert!(failures.is_empty(), "{failures:#?}");
}
