//! `Device`: where tensors live, in which arithmetic, and the flag that stops work there.

use candle_core as candle;

use super::{Error, Result, StopFlag};

/// The arithmetic of the networks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dtype {
    /// 32-bit floats.
    #[default]
    F32,
    /// IEEE half floats.
    F16,
    /// Brain floats.
    Bf16,
}

impl Dtype {
    /// The name people type.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::Bf16 => "bf16",
        }
    }

    pub(super) fn candle(self) -> candle::DType {
        match self {
            Self::F32 => candle::DType::F32,
            Self::F16 => candle::DType::F16,
            Self::Bf16 => candle::DType::BF16,
        }
    }
}

/// What a person asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeviceChoice {
    /// The GPU that the build and the machine have, else the CPU.
    #[default]
    Auto,
    /// The processor.
    Cpu,
    /// The nth NVIDIA card.
    Cuda(usize),
    /// The nth Apple GPU.
    Metal(usize),
}

impl std::str::FromStr for DeviceChoice {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let expected = || format!("expected auto, cpu, cuda, cuda:N, metal or metal:N, found {text:?}");
        let (kind, index) = match text.split_once(':') {
            Some((kind, index)) => (kind, index.parse().map_err(|_| expected())?),
            None => (text, 0),
        };
        match kind {
            "auto" if !text.contains(':') => Ok(Self::Auto),
            "cpu" if !text.contains(':') => Ok(Self::Cpu),
            "cuda" => Ok(Self::Cuda(index)),
            "metal" => Ok(Self::Metal(index)),
            _ => Err(expected()),
        }
    }
}

/// A place to compute; cheap to clone.
#[derive(Clone, Debug)]
pub struct Device {
    pub(super) candle: candle::Device,
    dtype: Dtype,
    stop: StopFlag,
}

impl Device {
    /// The processor, in f32.
    pub fn cpu(stop: StopFlag) -> Self {
        Self { candle: candle::Device::Cpu, dtype: Dtype::F32, stop }
    }

    /// What `choice` names, and a sentence on what was taken and why not another.
    ///
    /// # Errors
    /// If the build or the machine does not have it, or it cannot compute in `dtype`.
    pub fn open(choice: DeviceChoice, dtype: Dtype, stop: StopFlag) -> Result<(Self, String)> {
        let (candle, sentence) = match choice {
            DeviceChoice::Cpu => (candle::Device::Cpu, "CPU, as asked".to_owned()),
            DeviceChoice::Cuda(index) => (open_cuda(index)?, format!("CUDA GPU {index}, as asked")),
            DeviceChoice::Metal(index) => (open_metal(index)?, format!("Metal GPU {index}, as asked")),
            DeviceChoice::Auto => open_best(),
        };
        if matches!(candle, candle::Device::Cpu) && dtype != Dtype::F32 {
            return Err(Error::Device(format!(
                "the CPU computes in f32 here, found --dtype {}; leave --dtype out or use a GPU",
                dtype.name()
            )));
        }
        Ok((Self { candle, dtype, stop }, sentence))
    }

    /// The same device in another arithmetic.
    pub fn with_dtype(&self, dtype: Dtype) -> Self {
        Self { dtype, ..self.clone() }
    }

    /// The arithmetic of tensors made here.
    pub fn dtype(&self) -> Dtype {
        self.dtype
    }

    /// The flag that ends work here.
    pub fn stop_flag(&self) -> &StopFlag {
        &self.stop
    }

    /// For people: "CPU", "CUDA GPU", "Metal GPU".
    pub fn name(&self) -> &'static str {
        match self.candle {
            candle::Device::Cpu => "CPU",
            candle::Device::Cuda(_) => "CUDA GPU",
            candle::Device::Metal(_) => "Metal GPU",
        }
    }

    /// Whether this is the processor.
    pub fn is_cpu(&self) -> bool {
        matches!(self.candle, candle::Device::Cpu)
    }

    /// An error if the work should end.
    pub(super) fn check_stop(&self) -> Result<()> {
        if self.stop.is_raised() { Err(Error::Stopped) } else { Ok(()) }
    }

    /// Puts the device and the operation's name to a backend's error.
    pub(super) fn explain<T>(&self, operation: &'static str, result: candle::Result<T>) -> Result<T> {
        result.map_err(|error| Error::Backend {
            device: self.name(),
            operation,
            cause: error.to_string().lines().next().unwrap_or_default().to_owned(),
        })
    }
}

fn open_cuda(index: usize) -> Result<candle::Device> {
    if !cfg!(feature = "cuda") {
        return Err(Error::Device(
            "this build has no CUDA; build it with `--features cuda`, or use --device cpu".to_owned(),
        ));
    }
    candle::Device::new_cuda(index).map_err(|error| {
        Error::Device(format!(
            "CUDA GPU {index} cannot be opened ({error}); use --device cpu or another number"
        ))
    })
}

fn open_metal(index: usize) -> Result<candle::Device> {
    if !cfg!(feature = "metal") {
        return Err(Error::Device(
            "this build has no Metal; build it with `--features metal` on a Mac, or use --device cpu"
                .to_owned(),
        ));
    }
    candle::Device::new_metal(index).map_err(|error| {
        Error::Device(format!(
            "Metal GPU {index} cannot be opened ({error}); use --device cpu or another number"
        ))
    })
}

fn open_best() -> (candle::Device, String) {
    let mut reasons = Vec::new();
    for (name, open) in [("CUDA", open_cuda as fn(usize) -> Result<candle::Device>), ("Metal", open_metal)] {
        match open(0) {
            Ok(device) => return (device, format!("{name} GPU 0, the fastest here")),
            Err(Error::Device(_)) if !built_with(name) => reasons.push(format!("no {name} in this build")),
            Err(error) => reasons.push(error.to_string()),
        }
    }
    (candle::Device::Cpu, format!("CPU ({})", reasons.join("; ")))
}

fn built_with(name: &str) -> bool {
    match name {
        "CUDA" => cfg!(feature = "cuda"),
        _ => cfg!(feature = "metal"),
    }
}
