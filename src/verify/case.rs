//! A case: config, request and what the reference computed, from a folder or from the binary.

use std::path::{Path, PathBuf};

use safetensors::tensor::Dtype;
use safetensors::{SafeTensors, tensor::TensorView};
use serde::Deserialize;
use serde_json::Value;

use crate::config::{self, ConfigError};
use crate::sampler::SamplerKind;
use crate::trace::{Recorded, Trace, Values};

/// The name of the starter's case.
pub(super) const STARTER: &str = "starter";
/// The longest expectation file, in bytes.
const EXPECTED_BYTES_MAX: u64 = 1 << 30;

/// Why a case cannot be read.
#[derive(Clone, Debug, thiserror::Error)]
pub enum CaseError {
    /// A file is missing or damaged.
    #[error("expected {file} in the case folder, found that it cannot be read ({cause}); check {folder}")]
    File {
        /// The file at fault.
        file: &'static str,
        /// What the system or the parser says.
        cause: String,
        /// The case folder.
        folder: String,
    },
    /// The config is not one of a model.
    #[error(transparent)]
    Config(#[from] ConfigError),
}

/// `request.json`: the reference's arguments.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaseRequest {
    /// (c, h, w) of the latent.
    pub shape: [usize; 3],
    /// Latents in the batch.
    pub batch: usize,
    /// `S` of the reference's call.
    pub steps: usize,
    /// Guidance, `unconditional_guidance_scale`.
    pub scale: f64,
    /// η of DDIM (eq. 16); 0 for PLMS.
    pub eta: f64,
    /// Seed of the noise.
    pub seed: u64,
    /// The sampler's canonical name.
    pub sampler: SamplerKind,
    /// Seed of the weights.
    pub weights_seed: u32,
    /// Text, for models that take it.
    pub prompt: Option<String>,
    /// Text of guidance's other half; empty if absent.
    pub negative_prompt: Option<String>,
    /// Scales the steps' noise.
    #[serde(default = "one")]
    pub temperature: f64,
    /// Whether pred_x0 is quantized, `quantize_denoised`.
    #[serde(default)]
    pub quantize: bool,
    /// Class, for models that take it.
    pub class_label: Option<i64>,
    /// The class of guidance's other half.
    pub unconditional_class: Option<i64>,
    /// Whether the expectation file holds `mask` and `x0`.
    #[serde(default)]
    pub inpaint: bool,
    /// Strength of noising `image_in`.
    pub img2img: Option<f64>,
    /// Whether it holds `concat`, for a model that also takes a context.
    #[serde(default)]
    pub hybrid: bool,
    /// Channels of its `concat`, for a model that takes nothing else.
    pub concat_channels: Option<usize>,
}

fn one() -> f64 {
    1.0
}

/// A recorded run of the reference.
#[derive(Clone, Debug)]
pub struct Case {
    /// The folder's name.
    pub name: String,
    /// The model's config.
    pub config: Value,
    /// The reference's arguments.
    pub request: CaseRequest,
    /// What the reference computed, and its inputs.
    pub expected: Trace,
    /// The folder, for weights and tokenizer; none if embedded.
    pub folder: Option<PathBuf>,
}

impl Case {
    /// Whether it is the embedded run of the starter model, whose weights are in the binary too.
    pub fn is_starter(&self) -> bool {
        self.folder.is_none() && self.name == STARTER
    }

    /// Whether the first stage takes the nearest entries of a codebook.
    pub(super) fn has_codebook(&self) -> bool {
        let target = &self.config["model"]["params"]["first_stage_config"]["target"];
        target.as_str().is_some_and(|target| target.contains("VQModel"))
    }

    /// Reads a case folder.
    ///
    /// # Errors
    /// If a file is missing or damaged.
    pub fn open(folder: &Path) -> Result<Self, CaseError> {
        let broken =
            |file, cause: String| CaseError::File { file, cause, folder: folder.display().to_string() };
        let read = |file: &'static str| -> Result<Vec<u8>, CaseError> {
            let path = folder.join(file);
            let length = std::fs::metadata(&path).map_err(|error| broken(file, error.to_string()))?.len();
            if length > EXPECTED_BYTES_MAX {
                return Err(broken(file, format!("{length} bytes are too many")));
            }
            std::fs::read(&path).map_err(|error| broken(file, error.to_string()))
        };
        let config = read("config.yaml")?;
        let config = String::from_utf8(config).map_err(|error| broken("config.yaml", error.to_string()))?;
        let name = folder
            .file_name()
            .map_or_else(|| folder.display().to_string(), |name| name.to_string_lossy().into());
        let mut case = Self::parse(name, &config, &read("request.json")?, &read("expected.safetensors")?)
            .map_err(|(file, cause)| broken(file, cause))?;
        case.folder = Some(folder.to_owned());
        Ok(case)
    }

    /// A case from the bytes of its three files; an error names the file at fault.
    ///
    /// # Errors
    /// If a file is damaged.
    pub fn parse(
        name: String,
        config: &str,
        request: &[u8],
        expected: &[u8],
    ) -> Result<Self, (&'static str, String)> {
        let config = config::parse_yaml(config).map_err(|error| ("config.yaml", error.to_string()))?;
        let request: CaseRequest =
            serde_json::from_slice(request).map_err(|error| ("request.json", error.to_string()))?;
        if request.batch == 0 || request.batch > 64 || request.shape.iter().any(|&d| d == 0 || d > 4096) {
            return Err((
                "request.json",
                format!("batch {} and shape {:?} are out of range", request.batch, request.shape),
            ));
        }
        let expected = read_trace(expected).map_err(|cause| ("expected.safetensors", cause))?;
        Ok(Self { name, config, request, expected, folder: None })
    }
}

/// Every tensor of a safetensors file.
pub(super) fn read_trace(bytes: &[u8]) -> Result<Trace, String> {
    let file = SafeTensors::deserialize(bytes).map_err(|error| error.to_string())?;
    let mut trace = Trace::default();
    for (name, view) in file.tensors() {
        let values = read_values(&view)
            .ok_or_else(|| format!("{name} has the unsupported type {:?}", view.dtype()))?;
        trace.tensors.insert(name, Recorded { shape: view.shape().to_vec(), values });
    }
    Ok(trace)
}

fn read_values(view: &TensorView<'_>) -> Option<Values> {
    let data = view.data();
    Some(match view.dtype() {
        Dtype::F32 => Values::F32(bytemuck::pod_collect_to_vec(data)),
        Dtype::F64 => Values::F64(bytemuck::pod_collect_to_vec(data)),
        Dtype::I64 => Values::I64(bytemuck::pod_collect_to_vec(data)),
        _ => return None,
    })
}
