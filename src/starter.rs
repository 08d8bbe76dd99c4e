//! The starter model inside the binary: the same form as a model on disk, read from static bytes.

use std::borrow::Cow;

use half::f16;
use safetensors::SafeTensors;
use safetensors::tensor::Dtype;

use crate::ops::host::{HostData, HostTensor, TensorSource};

/// The weights, CompVis names, f16.
pub static WEIGHTS: &[u8] = include_bytes!("../assets/starter/model.safetensors");
/// The config.
pub static CONFIG: &str = include_str!("../assets/starter/config.yaml");
/// What `cond_stage_config.params.tokenizer` names.
pub static TOKENIZER: &[u8] = include_bytes!("../assets/starter/tokenizer.json");
/// Settings that suit it.
pub static SETTINGS: &str = include_str!("../assets/starter/settings.json");
/// What it knows, a thing a line.
pub static CONCEPTS: &str = include_str!("../assets/starter/concepts.txt");
/// The reference's run on these weights.
pub static REQUEST: &[u8] = include_bytes!("../assets/starter/request.json");
/// What the reference computed in that run.
pub static EXPECTED: &[u8] = include_bytes!("../assets/starter/expected.safetensors");

/// The starter's weights by name.
pub struct StarterWeights(SafeTensors<'static>);

impl StarterWeights {
    /// Reads the header.
    ///
    /// # Errors
    /// If the binary is damaged.
    pub fn new() -> Result<Self, String> {
        let damaged = |error| format!("the starter model inside the program is damaged ({error}); install it again");
        SafeTensors::deserialize(WEIGHTS).map(Self).map_err(damaged)
    }
}

impl TensorSource for StarterWeights {
    fn shape(&self, name: &str, _expected: &[usize]) -> Option<Vec<usize>> {
        self.0.tensor(name).ok().map(|view| view.shape().to_vec())
    }

    fn read(&self, name: &str, shape: &[usize]) -> Result<HostTensor<'_>, String> {
        let view = self.0.tensor(name).map_err(|error| error.to_string())?;
        if view.dtype() != Dtype::F16 {
            return Err(format!("the starter's {name} is not f16"));
        }
        let bytes: &'static [u8] = view.data();
        // The linker may place the bytes at an odd address; then they are copied.
        let values = match bytemuck::try_cast_slice::<u8, f16>(bytes) {
            Ok(values) => Cow::Borrowed(values),
            Err(_) => Cow::Owned(bytemuck::pod_collect_to_vec(bytes)),
        };
        Ok(HostTensor { shape: shape.to_vec(), data: HostData::F16(values) })
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.0.names().into_iter().map(str::to_owned).collect();
        names.sort_unstable();
        names
    }
}
