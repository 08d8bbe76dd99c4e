//! `Candle`: one of candle's devices, with its dtype and the stop flag.

use candle_core as candle;

use crate::ops::backend::DeviceOps;
use crate::ops::cpu::StopSlot;
use crate::ops::{DeviceChoice, DeviceOptions, Dtype, Error, Result, all_cores};

/// A device of candle's: an NVIDIA card, an Apple GPU or the CPU.
#[derive(Clone)]
pub struct Candle {
    pub(super) device: candle::Device,
    dtype: Dtype,
    stop: StopSlot,
}

impl Candle {
    /// The type of tensors made here, in candle's words.
    pub(super) fn element(&self) -> candle::DType {
        element(self.dtype)
    }

    /// Whether it computes on the processor.
    pub(super) fn is_cpu(&self) -> bool {
        matches!(self.device, candle::Device::Cpu)
    }

    /// [`Error::Stopped`] if the flag of the present work is raised.
    pub(super) fn check_stop(&self) -> Result<()> {
        if self.stop.present().is_raised() { Err(Error::Stopped) } else { Ok(()) }
    }

    /// Adds the device and the operation's name to an error of candle's.
    pub(super) fn explain<T>(&self, operation: &'static str, result: candle::Result<T>) -> Result<T> {
        result.map_err(|error| Error::Backend {
            device: self.name(),
            operation,
            cause: error.to_string().lines().next().unwrap_or_default().to_owned(),
        })
    }
}

/// The dtype in candle's terms.
pub(super) fn element(dtype: Dtype) -> candle::DType {
    match dtype {
        Dtype::F32 => candle::DType::F32,
        Dtype::F16 => candle::DType::F16,
        Dtype::Bf16 => candle::DType::BF16,
    }
}

impl DeviceOps for Candle {
    /// The GPUs that the build has; the CPU is for comparison and not offered.
    fn offered() -> Vec<(DeviceChoice, Vec<Dtype>)> {
        let on_gpu = |choice| (choice, vec![Dtype::F32, Dtype::F16, Dtype::Bf16]);
        let cuda = cfg!(feature = "cuda").then(|| on_gpu(DeviceChoice::Cuda(0)));
        let metal = cfg!(feature = "metal").then(|| on_gpu(DeviceChoice::Metal(0)));
        cuda.into_iter().chain(metal).collect()
    }

    fn open(options: DeviceOptions, stop: StopSlot) -> Option<Result<(Self, String)>> {
        let DeviceOptions { choice, dtype, threads, .. } = options;
        let opened = match choice {
            DeviceChoice::Cuda(index) => {
                open_cuda(index).map(|device| (device, format!("CUDA GPU {index}, as asked")))
            }
            DeviceChoice::Metal(index) => {
                open_metal(index).map(|device| (device, format!("Metal GPU {index}, as asked")))
            }
            DeviceChoice::CandleCpu => open_cpu(threads.unwrap_or_else(all_cores), dtype),
            _ => return None,
        };
        Some(opened.map(|(device, sentence)| (Self { device, dtype, stop }, sentence)))
    }

    fn name(&self) -> &'static str {
        match &self.device {
            candle::Device::Cpu => "CPU (candle)",
            candle::Device::Cuda(_) => "CUDA GPU",
            candle::Device::Metal(_) => "Metal GPU",
        }
    }

    fn kernels(&self) -> &'static str {
        "candle"
    }

    fn dtype(&self) -> Dtype {
        self.dtype
    }

    fn with_dtype(&self, dtype: Dtype) -> Self {
        Self { dtype, ..self.clone() }
    }

    fn shares_tensors_with(&self, other: &Self) -> bool {
        self.device.same_device(&other.device)
    }

    fn keeps_weights_on_host(&self) -> bool {
        self.is_cpu()
    }

    fn synchronize(&self) -> Result<()> {
        self.explain("waiting for its work", self.device.synchronize())
    }
}

fn open_cpu(threads: usize, dtype: Dtype) -> Result<(candle::Device, String)> {
    if dtype != Dtype::F32 {
        return Err(Error::Device(format!(
            "candle's CPU operations compute in f32, found --dtype {}; leave --dtype out",
            dtype.name()
        )));
    }
    // The only setting that candle's thread pools read; it must come before their first use.
    rayon::ThreadPoolBuilder::new().num_threads(threads).build_global().ok();
    Ok((candle::Device::Cpu, format!("CPU by candle, {threads} threads")))
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
