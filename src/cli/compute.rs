//! `Compute`: the flags that say where and how to compute, for every command with a model.
//!
//! Trap: a card's name is looked up while the flags are read, and that asks the drivers.

use clap::{Args, ValueEnum};

use crate::ops::{DeviceChoice, DeviceOptions, Dtype, WeightsKept};

/// Where and how to compute.
#[derive(Clone, Debug, Args)]
pub struct Compute {
    /// The place to compute.
    #[arg(long, default_value = "auto", value_name = "DEVICE", help = device_help(), value_parser = device_named)]
    pub device: DeviceChoice,
    /// Number type of the UNet; the CPU computes in f32, or bf16 where it has AVX512-BF16, a graphics card in f32
    /// or f16 [default: f32].
    #[arg(long, value_enum)]
    pub dtype: Option<DtypeName>,
    /// Threads to compute with on the CPU [default: all cores].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
    /// How the CPU keeps weights: as in the file, in f16 or f32, or quantized to 8 or 4 bits.
    #[arg(long, default_value = "file", value_enum)]
    pub weights: KeptName,
}

/// The help of `--device`.
pub fn device_help() -> String {
    format!(
        "Where to compute: {}, or a part of a graphics card's name; cpu-candle is candle's own code, for \
         comparison",
        DeviceChoice::names()
    )
}

/// A choice by its name, or by a part of a graphics card's.
pub fn device_named(text: &str) -> Result<DeviceChoice, String> {
    let refused = match text.parse() {
        Ok(choice) => return Ok(choice),
        Err(refused) => refused,
    };
    #[cfg(feature = "gpu")]
    {
        let cards = super::cards::list().map_err(|error| error.to_string())?;
        let part = text.to_lowercase();
        let found =
            cards.iter().position(|card| !part.is_empty() && card.name.to_lowercase().contains(&part));
        if let Some(index) = found {
            return Ok(DeviceChoice::Wgpu(index));
        }
        let names: Vec<String> = cards.into_iter().map(|card| card.name).collect();
        if !names.is_empty() {
            return Err(format!("{refused}; the graphics cards here are {}", names.join(", ")));
        }
    }
    Err(refused)
}

impl Compute {
    /// As devices are opened: in f32 unless a number type is named, so that a seed is one picture everywhere.
    pub fn options(&self) -> DeviceOptions {
        #[cfg(feature = "gpu")]
        super::cards::prepare_for(self.device);
        DeviceOptions {
            choice: self.device,
            dtype: self.dtype(),
            threads: self.threads.map(usize::from),
            weights_kept: self.weights.into(),
            card: None,
        }
    }

    /// The same for a window, which computes in f16 on a graphics card unless a number type is named.
    #[cfg(feature = "window")]
    pub fn options_of_window(&self) -> DeviceOptions {
        let half = self.dtype.is_none() && matches!(self.device, DeviceChoice::Wgpu(_));
        let options = self.options();
        DeviceOptions { dtype: if half { Dtype::F16 } else { options.dtype }, ..options }
    }

    fn dtype(&self) -> Dtype {
        self.dtype.map_or(Dtype::F32, Into::into)
    }

    /// The same, where `auto` may take the card that was measured to be faster than the CPU.
    pub fn options_with_cards(&self) -> DeviceOptions {
        #[cfg(feature = "gpu")]
        if self.device == DeviceChoice::Auto
            && let Some(file) = crate::places::Places::of_user().cards
        {
            let known = crate::gpu::Measurements::read(&file);
            // Without a measurement no driver is asked.
            let cards = if known.is_empty() { Vec::new() } else { super::cards::list().unwrap_or_default() };
            let card = known.best(&cards).map(|(index, _)| (index, self.dtype()));
            return DeviceOptions { card, ..self.options() };
        }
        self.options()
    }
}

/// How weights are kept, as `--weights` spells it.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum KeptName {
    /// As in the file.
    File,
    /// In f16, rounded.
    F16,
    /// In f32, exact.
    F32,
    /// In 8 bits with a scale for 32 of them, rounded.
    #[value(name = "q8_0")]
    Q8_0,
    /// In 4 bits with a scale for 32 of them, rounded.
    #[value(name = "q4_0")]
    Q4_0,
}

impl From<KeptName> for WeightsKept {
    fn from(name: KeptName) -> Self {
        match name {
            KeptName::File => Self::File,
            KeptName::F16 => Self::F16,
            KeptName::F32 => Self::F32,
            KeptName::Q8_0 => Self::Q8_0,
            KeptName::Q4_0 => Self::Q4_0,
        }
    }
}

/// Number types, as `--dtype` spells them.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum DtypeName {
    /// Single precision.
    F32,
    /// Half precision.
    F16,
    /// bfloat16: f32's range, 8 bits of precision.
    Bf16,
}

impl From<DtypeName> for Dtype {
    fn from(name: DtypeName) -> Self {
        match name {
            DtypeName::F32 => Self::F32,
            DtypeName::F16 => Self::F16,
            DtypeName::Bf16 => Self::Bf16,
        }
    }
}
