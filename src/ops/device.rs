//! `Device`: where tensors live, in which arithmetic, and the flag that stops work there.

use std::sync::Arc;

use candle_core as candle;

use super::cpu::{Context, Level, Stop, StopSlot, Usage, bf16_pays};
use super::{Error, Meter, Result, StopFlag};

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

    /// The arithmetic of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::F32, Self::F16, Self::Bf16].into_iter().find(|dtype| dtype.name() == name)
    }

    pub(super) fn candle(self) -> candle::DType {
        match self {
            Self::F32 => candle::DType::F32,
            Self::F16 => candle::DType::F16,
            Self::Bf16 => candle::DType::BF16,
        }
    }
}

/// How the CPU keeps weights between uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WeightsKept {
    /// In f16 where the file has f16, else in f32.
    #[default]
    File,
    /// In f16: half the memory, rounded.
    F16,
    /// In f32.
    F32,
}

/// What a person asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeviceChoice {
    /// The GPU that the build and the machine have, else the CPU.
    #[default]
    Auto,
    /// The processor, with our kernels.
    Cpu,
    /// The processor, with candle's operations: slow, for comparison.
    StockCpu,
    /// The nth NVIDIA card.
    Cuda(usize),
    /// The nth Apple GPU.
    Metal(usize),
}

impl std::str::FromStr for DeviceChoice {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let expected =
            || format!("expected auto, cpu, cpu-stock, cuda, cuda:N, metal or metal:N, found {text:?}");
        let (kind, index) = match text.split_once(':') {
            Some((kind @ ("cuda" | "metal"), index)) => (kind, index.parse().map_err(|_| expected())?),
            Some(_) => return Err(expected()),
            None => (text, 0),
        };
        match kind {
            "auto" => Ok(Self::Auto),
            "cpu" => Ok(Self::Cpu),
            "cpu-stock" => Ok(Self::StockCpu),
            "cuda" => Ok(Self::Cuda(index)),
            "metal" => Ok(Self::Metal(index)),
            _ => Err(expected()),
        }
    }
}

impl std::fmt::Display for DeviceChoice {
    /// The name people type.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Cpu => f.write_str("cpu"),
            Self::StockCpu => f.write_str("cpu-stock"),
            Self::Cuda(index) => write!(f, "cuda:{index}"),
            Self::Metal(index) => write!(f, "metal:{index}"),
        }
    }
}

/// What a device is to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeviceOptions {
    /// Which one.
    pub choice: DeviceChoice,
    /// The arithmetic of the UNet.
    pub dtype: Dtype,
    /// Threads on the CPU; all cores if `None`.
    pub threads: Option<usize>,
    /// How the CPU keeps weights.
    pub weights_kept: WeightsKept,
}

/// A place to compute; cheap to clone.
#[derive(Clone)]
pub struct Device {
    place: Place,
    dtype: Dtype,
    weights_kept: WeightsKept,
    stop: StopSlot,
    meter: Meter,
}

#[derive(Clone)]
enum Place {
    Fast(Context),
    Stock(candle::Device),
}

impl std::fmt::Debug for Device {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Device({}, {})", self.name(), self.dtype.name())
    }
}

impl Stop for StopFlag {
    fn is_raised(&self) -> bool {
        Self::is_raised(self)
    }
}

impl Device {
    /// The processor, in f32, on all cores.
    pub fn cpu(stop: StopFlag) -> Self {
        Self::fast_on(all_cores(), WeightsKept::File, stop)
    }

    fn fast_on(threads: usize, weights_kept: WeightsKept, stop: StopFlag) -> Self {
        let context = Context::new(threads).with_stop(Arc::new(stop));
        let (stop, meter) = (context.stop.clone(), Meter::default());
        Self { place: Place::Fast(context), dtype: Dtype::F32, weights_kept, stop, meter }
    }

    /// What `options` name, and a sentence on what was taken and why not another.
    ///
    /// # Errors
    /// If the build or the machine does not have it, or it cannot compute in that arithmetic.
    pub fn open(options: DeviceOptions, stop: StopFlag) -> Result<(Self, String)> {
        let DeviceOptions { choice, dtype, threads, weights_kept } = options;
        let threads = threads.unwrap_or_else(all_cores);
        let stock = |device| {
            let (place, meter) = (Place::Stock(device), Meter::default());
            Self { place, dtype, weights_kept, stop: StopSlot::new(Arc::new(stop.clone())), meter }
        };
        let cpu = || Self::fast_on(threads, weights_kept, stop.clone()).in_arithmetic(dtype);
        let (device, sentence) = match choice {
            DeviceChoice::Cuda(index) => (stock(open_cuda(index)?), format!("CUDA GPU {index}, as asked")),
            DeviceChoice::Metal(index) => (stock(open_metal(index)?), format!("Metal GPU {index}, as asked")),
            DeviceChoice::StockCpu => {
                set_stock_threads(threads);
                (stock(candle::Device::Cpu), format!("CPU by candle, {threads} threads"))
            }
            DeviceChoice::Cpu => return cpu(),
            DeviceChoice::Auto => match open_gpu() {
                Ok((gpu, sentence)) => (stock(gpu), sentence),
                Err(reasons) => {
                    let (device, sentence) = cpu()?;
                    return Ok((device, format!("{sentence} ({reasons})")));
                }
            },
        };
        if choice == DeviceChoice::StockCpu && dtype != Dtype::F32 {
            return Err(Error::Device(format!(
                "candle's CPU operations compute in f32, found --dtype {}; leave --dtype out",
                dtype.name()
            )));
        }
        Ok((device, sentence))
    }

    /// Our kernels on this CPU in `dtype`, or in f32 where bf16 is slower, and a sentence that says so.
    ///
    /// # Errors
    /// If the CPU does not have the arithmetic.
    fn in_arithmetic(self, dtype: Dtype) -> Result<(Self, String)> {
        let device = Self { dtype, ..self };
        device.check_dtype()?;
        let threads = device.threads().unwrap_or(1);
        let plural = if threads == 1 { "" } else { "s" };
        let sentence = format!("CPU, {threads} thread{plural}, {}", device.simd());
        if dtype == Dtype::Bf16 && !bf16_pays(device.fast()?)? {
            let sentence =
                format!("{sentence}, bf16 asked for but f32 is faster on this processor and is used");
            return Ok((Self { dtype: Dtype::F32, ..device }, sentence));
        }
        Ok((device, sentence))
    }

    /// The devices that this build offers, the CPU first, with the arithmetics of each, f32 first.
    pub fn offered() -> Vec<(DeviceChoice, Vec<Dtype>)> {
        let bf16 = Level::detect().has_bf16().then_some(Dtype::Bf16);
        let on_gpu = || vec![Dtype::F32, Dtype::F16, Dtype::Bf16];
        let cuda = cfg!(feature = "cuda").then(|| (DeviceChoice::Cuda(0), on_gpu()));
        let metal = cfg!(feature = "metal").then(|| (DeviceChoice::Metal(0), on_gpu()));
        let cpu = (DeviceChoice::Cpu, std::iter::once(Dtype::F32).chain(bf16).collect());
        std::iter::once(cpu).chain(cuda).chain(metal).collect()
    }

    /// Whether our kernels have the arithmetic on this CPU.
    fn check_dtype(&self) -> Result<()> {
        let Place::Fast(context) = &self.place else { return Ok(()) };
        let expected = match self.dtype {
            Dtype::F32 => return Ok(()),
            Dtype::Bf16 if context.level.has_bf16() => return Ok(()),
            Dtype::Bf16 => "f32 (bf16 needs a processor with AVX512-BF16)",
            Dtype::F16 => "f32, or bf16 where the processor has AVX512-BF16",
        };
        Err(Error::Device(format!(
            "expected an arithmetic of this CPU, {expected}, found --dtype {}; leave --dtype out or use a GPU",
            self.dtype.name()
        )))
    }

    /// The same device in another arithmetic. Of our kernels only a UNet's linear layers, 1×1
    /// convolutions and attention differ: in bf16 what they multiply is rounded, while sums and all
    /// else stay f32.
    pub fn with_dtype(&self, dtype: Dtype) -> Self {
        Self { dtype, ..self.clone() }
    }

    /// The same device with another instruction set: for comparisons.
    ///
    /// # Errors
    /// If the machine does not have it, or others' kernels compute.
    pub fn with_simd(self, level: Level) -> Result<Self> {
        let Place::Fast(context) = self.place else {
            return Err(Error::Device("--simd goes with --device cpu".to_owned()));
        };
        if !level.is_available() {
            return Err(Error::Device(format!(
                "expected instructions of this CPU, found {}; choose another --simd",
                level.name()
            )));
        }
        let device = Self { place: Place::Fast(context.with_level(level)), ..self };
        device.check_dtype()?;
        Ok(device)
    }

    /// The arithmetic of tensors made here.
    pub fn dtype(&self) -> Dtype {
        self.dtype
    }

    /// How weights are kept here.
    pub fn weights_kept(&self) -> WeightsKept {
        self.weights_kept
    }

    /// Puts the work that begins now under `stop`, until the guard is dropped.
    #[must_use = "dropping the guard puts the former flag back"]
    pub fn under(&self, stop: &StopFlag) -> Under {
        let former = self.stop.present();
        self.stop.set(Arc::new(stop.clone()));
        Under { slot: self.stop.clone(), former }
    }

    /// Counts operations here, when it is started.
    pub fn meter(&self) -> &Meter {
        &self.meter
    }

    /// For people: "CPU", "CUDA GPU", "Metal GPU".
    pub fn name(&self) -> &'static str {
        match &self.place {
            Place::Fast(_) => "CPU",
            Place::Stock(candle::Device::Cpu) => "CPU (candle)",
            Place::Stock(candle::Device::Cuda(_)) => "CUDA GPU",
            Place::Stock(candle::Device::Metal(_)) => "Metal GPU",
        }
    }

    /// The instruction set of our kernels here, or "candle".
    pub fn simd(&self) -> &'static str {
        match &self.place {
            Place::Fast(context) => context.level.name(),
            Place::Stock(_) => "candle",
        }
    }

    /// Threads that compute, where they are ours.
    pub fn threads(&self) -> Option<usize> {
        match &self.place {
            Place::Fast(context) => Some(context.threads()),
            Place::Stock(_) => None,
        }
    }

    /// Memory in buffers of our kernels here.
    pub fn buffers(&self) -> Option<Usage> {
        match &self.place {
            Place::Fast(context) => Some(context.arena.usage()),
            Place::Stock(_) => None,
        }
    }

    /// Gives buffers that are not in use back to the system.
    pub fn trim(&self) {
        if let Place::Fast(context) = &self.place {
            context.arena.trim();
        }
    }

    /// Whether our kernels compute here.
    pub(super) fn is_fast(&self) -> bool {
        matches!(self.place, Place::Fast(_))
    }

    /// The kernels' surroundings.
    pub(super) fn fast(&self) -> Result<&Context> {
        match &self.place {
            Place::Fast(context) => Ok(context),
            Place::Stock(_) => Err(super::tensor::two_devices()),
        }
    }

    /// candle's device.
    pub(super) fn stock(&self) -> Result<&candle::Device> {
        match &self.place {
            Place::Stock(device) => Ok(device),
            Place::Fast(_) => Err(super::tensor::two_devices()),
        }
    }

    /// Whether candle computes here on the processor.
    pub(super) fn is_stock_cpu(&self) -> bool {
        matches!(self.place, Place::Stock(candle::Device::Cpu))
    }

    /// An error if the work should end.
    pub(super) fn check_stop(&self) -> Result<()> {
        if self.stop.present().is_raised() { Err(Error::Stopped) } else { Ok(()) }
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

/// A piece of work under a stop flag of its own; dropping it puts the former flag back.
pub struct Under {
    slot: StopSlot,
    former: Arc<dyn Stop>,
}

impl Drop for Under {
    fn drop(&mut self) {
        self.slot.set(self.former.clone());
    }
}

/// Threads that the CPU is given unless another number is asked for.
pub fn all_cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// The only setting that candle's thread pools read; it must come before their first use.
fn set_stock_threads(threads: usize) {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build_global().ok();
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

/// The first GPU that opens, or why none does.
fn open_gpu() -> std::result::Result<(candle::Device, String), String> {
    let mut reasons = Vec::new();
    for (name, built, open) in [
        ("CUDA", cfg!(feature = "cuda"), open_cuda as fn(usize) -> Result<candle::Device>),
        ("Metal", cfg!(feature = "metal"), open_metal),
    ] {
        if !built {
            reasons.push(format!("no {name} in this build"));
            continue;
        }
        match open(0) {
            Ok(device) => return Ok((device, format!("{name} GPU 0, the fastest here"))),
            Err(error) => reasons.push(error.to_string()),
        }
    }
    Err(reasons.join(", "))
}
