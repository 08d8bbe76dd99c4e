//! What a model frees, as its source of weights sees it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use safelight::config::parse_yaml;
use safelight::model::instantiate_from_config;
use safelight::model::synthetic::Synthetic;
use safelight::ops::host::{HostTensor, TensorSource};
use safelight::ops::{self, Device, StopFlag, Tensor, Weights};

use super::tiny::CONFIG;

/// Drawn weights that count how many are read.
#[derive(Default)]
struct Counted(AtomicUsize);

impl TensorSource for Counted {
    fn shape(&self, _name: &str, expected: &[usize]) -> Option<Vec<usize>> {
        Some(expected.to_vec())
    }

    fn read(&self, name: &str, shape: &[usize]) -> ops::Result<HostTensor<'_>> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Synthetic { weights_seed: 0 }.read(name, shape)
    }

    fn names(&self) -> Vec<String> {
        Vec::new()
    }
}

#[test]
fn the_first_stages_encoder_is_given_back_and_read_again() {
    let source = Arc::new(Counted::default());
    let count = || source.0.load(Ordering::Relaxed);
    let device = Device::cpu(StopFlag::default());
    let nothing = |_: &str| Err("it carries its own words".to_owned());
    let config = parse_yaml(CONFIG).unwrap();
    let model =
        instantiate_from_config(&config, &Weights::new(source.clone(), device.clone()), &nothing).unwrap();
    let all = count();

    let picture = Tensor::from_f32(&device, &[1, 3, 32, 32], &[0.5; 3 * 32 * 32]).unwrap();
    model.encode_first_stage(&picture).unwrap();
    assert_eq!(count(), all, "it was there");
    model.keep_what_steps_need();
    model.encode_first_stage(&picture).unwrap();
    let again = count();
    assert!(again > all, "{again} of {all}");

    // A small text encoder is not worth reading again.
    model.get_learned_conditioning(&["a fox", ""]).unwrap();
    assert_eq!(count(), again);
}
