//! What a model gives back, as its source of weights sees it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use safelight::config::parse_yaml;
use safelight::model::instantiate_from_config;
use safelight::model::synthetic::Synthetic;
use safelight::ops::host::{HostTensor, TensorSource};
use safelight::ops::{Device, StopFlag, Tensor, Weights};

use super::tiny::CONFIG;

/// Drawn weights that count what is asked of a mapped file.
#[derive(Default)]
struct Counted {
    read: AtomicUsize,
    released_all: AtomicUsize,
}

impl TensorSource for Counted {
    fn shape(&self, _name: &str, expected: &[usize]) -> Option<Vec<usize>> {
        Some(expected.to_vec())
    }

    fn read(&self, name: &str, shape: &[usize]) -> Result<HostTensor<'_>, String> {
        self.read.fetch_add(1, Ordering::Relaxed);
        Synthetic { weights_seed: 0 }.read(name, shape)
    }

    fn release_all(&self) {
        self.released_all.fetch_add(1, Ordering::Relaxed);
    }

    fn names(&self) -> Vec<String> {
        Vec::new()
    }
}

#[test]
fn the_first_stages_encoder_is_given_back_and_the_file_forgotten_after_every_reading() {
    let source = Arc::new(Counted::default());
    let counts = || (source.read.load(Ordering::Relaxed), source.released_all.load(Ordering::Relaxed));
    let device = Device::cpu(StopFlag::default());
    let nothing = |_: &str| Err("it carries its own words".to_owned());
    let config = parse_yaml(CONFIG).unwrap();
    let model =
        instantiate_from_config(&config, &Weights::new(source.clone(), device.clone()), &nothing).unwrap();
    let (all, released) = counts();
    assert_eq!(released, 1, "when the model is built");

    let picture = Tensor::from_f32(&device, &[1, 3, 32, 32], &[0.5; 3 * 32 * 32]).unwrap();
    model.encode_first_stage(&picture).unwrap();
    assert_eq!(counts(), (all, 1), "it was there");
    model.keep_what_steps_need();
    model.encode_first_stage(&picture).unwrap();
    let (again, released) = counts();
    assert!(again > all && released == 2, "{again} of {all}, {released}");

    // A small text encoder is not worth reading again.
    let texts = [model.tokenize("a fox").unwrap(), model.tokenize("").unwrap()];
    model.get_learned_conditioning_of_both(&texts[0], &texts[1]).unwrap();
    assert_eq!(counts(), (again, 2));
}
