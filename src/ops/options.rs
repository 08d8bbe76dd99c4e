//! What is asked of a device: where it computes, in which dtype, on how many threads.
//!
//! Plain values; [`super::Device::open`] turns them into a device. Adding a place to compute begins
//! with a variant of [`DeviceChoice`] and its row in the table below it.

/// The number type in which the networks compute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dtype {
    /// Single precision.
    #[default]
    F32,
    /// Half precision.
    F16,
    /// Brain floats: f32 with the lower half of the mantissa's word cut off.
    Bf16,
}

impl Dtype {
    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::Bf16 => "bf16",
        }
    }

    /// The dtype of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::F32, Self::F16, Self::Bf16].into_iter().find(|dtype| dtype.name() == name)
    }
}

/// The type in which the CPU keeps weights between uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WeightsKept {
    /// f16 where the file has f16, else f32.
    #[default]
    File,
    /// f16: half the memory, rounded.
    F16,
    /// f32, exact.
    F32,
    /// Eight bits with a scale for 32 of them, rounded.
    Q8_0,
    /// Four bits with a scale for 32 of them, rounded.
    Q4_0,
}

/// The place to compute that a user asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeviceChoice {
    /// The GPU that the build and the machine have, else the CPU.
    #[default]
    Auto,
    /// The processor, with the native kernels.
    Cpu,
    /// The processor, with candle's operations: slow, for comparison.
    CandleCpu,
    /// The nth NVIDIA card.
    Cuda(usize),
    /// The nth Apple GPU.
    Metal(usize),
    /// The nth graphics card that has Vulkan, Metal or Direct3D 12.
    Wgpu(usize),
}

/// How the command line names a choice.
struct Named {
    name: &'static str,
    /// A name of earlier versions, understood but never written.
    former: Option<&'static str>,
    /// Whether `name:N` chooses the Nth of several.
    numbered: bool,
    make: fn(usize) -> DeviceChoice,
}

const TABLE: [Named; 6] = [
    Named { name: "auto", former: None, numbered: false, make: |_| DeviceChoice::Auto },
    Named { name: "cpu", former: None, numbered: false, make: |_| DeviceChoice::Cpu },
    Named {
        name: "cpu-candle",
        former: Some("cpu-stock"),
        numbered: false,
        make: |_| DeviceChoice::CandleCpu,
    },
    Named { name: "cuda", former: None, numbered: true, make: DeviceChoice::Cuda },
    Named { name: "metal", former: None, numbered: true, make: DeviceChoice::Metal },
    Named { name: "wgpu", former: None, numbered: true, make: DeviceChoice::Wgpu },
];

impl DeviceChoice {
    /// Every choice, the first of those that are numbered.
    pub fn all() -> impl Iterator<Item = Self> {
        TABLE.iter().map(|named| (named.make)(0))
    }

    /// The names of all choices on the command line: "auto, cpu, …, metal or metal:N".
    pub fn names() -> String {
        let names = TABLE.iter().flat_map(|named| {
            let numbered = named.numbered.then(|| format!("{}:N", named.name));
            std::iter::once(named.name.to_owned()).chain(numbered)
        });
        let mut names: Vec<String> = names.collect();
        let last = names.pop().unwrap_or_default();
        format!("{} or {last}", names.join(", "))
    }

    /// The number after the colon; 0 where there is only one.
    fn index(self) -> usize {
        match self {
            Self::Cuda(index) | Self::Metal(index) | Self::Wgpu(index) => index,
            Self::Auto | Self::Cpu | Self::CandleCpu => 0,
        }
    }
}

impl std::str::FromStr for DeviceChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = TABLE.iter().find_map(|named| {
            let Some((name, index)) = text.split_once(':') else {
                let known = text == named.name || named.former == Some(text);
                return known.then(|| (named.make)(0));
            };
            let known = named.numbered && name == named.name;
            index.parse().ok().filter(|_| known).map(named.make)
        });
        found.ok_or_else(|| format!("expected {}, found {text:?}", Self::names()))
    }
}

impl std::fmt::Display for DeviceChoice {
    /// The name on the command line.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let index = self.index();
        let named = TABLE.iter().find(|named| (named.make)(index) == *self);
        match named {
            Some(Named { name, numbered: true, .. }) => write!(f, "{name}:{index}"),
            Some(Named { name, .. }) => f.write_str(name),
            None => Err(std::fmt::Error),
        }
    }
}

/// What a device is to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeviceOptions {
    /// The place to compute.
    pub choice: DeviceChoice,
    /// The dtype of the UNet.
    pub dtype: Dtype,
    /// Threads on the CPU; all cores if `None`.
    pub threads: Option<usize>,
    /// The type in which the CPU keeps weights.
    pub weights_kept: WeightsKept,
    /// The graphics card that `auto` may take, since it was measured faster than the CPU, and its arithmetic.
    pub card: Option<(usize, Dtype)>,
}

/// The number of threads on the CPU unless another is asked for.
pub fn all_cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_is_read_back_from_its_name() {
        for choice in DeviceChoice::all().chain([DeviceChoice::Cuda(3), DeviceChoice::Metal(1)]) {
            assert_eq!(choice.to_string().parse(), Ok(choice));
        }
        assert_eq!("cuda".parse(), Ok(DeviceChoice::Cuda(0)));
        assert_eq!("cpu-stock".parse(), Ok(DeviceChoice::CandleCpu));
        assert_eq!(DeviceChoice::CandleCpu.to_string(), "cpu-candle");
        for wrong in ["gpu", "cpu:1", "cuda:x", "cuda:", ""] {
            let refused = wrong.parse::<DeviceChoice>().unwrap_err();
            assert!(refused.starts_with("expected auto, cpu, cpu-candle, cuda, cuda:N, "), "{refused}");
            assert!(refused.ends_with(&format!(":N, found {wrong:?}")), "{refused}");
        }
    }
}
