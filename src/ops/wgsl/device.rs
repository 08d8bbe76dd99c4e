//! `Wgsl`: a graphics card as a device, with its arithmetic and the stop flag.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::kernel::{Storage, Variant};
use crate::gpu::{self, CardError, Context, Counts, Tally};
use crate::ops::backend::DeviceOps;
use crate::ops::cpu::StopSlot;
use crate::ops::error::GRAPHICS_CARD as NAME;
use crate::ops::{DeviceChoice, DeviceOptions, Dtype, Error, Result};

/// A graphics card. A clone shares its memory and its queue.
#[derive(Clone)]
pub struct Wgsl {
    pub(super) context: Arc<Context<Variant>>,
    stop: StopSlot,
    dtype: Dtype,
}

impl From<CardError> for Error {
    fn from(error: CardError) -> Self {
        match error {
            CardError::Stopped => Self::Stopped,
            CardError::OutOfMemory { bytes } => Self::OutOfCardMemory { bytes },
            CardError::Failed { operation, cause } => Self::Backend { device: NAME, operation, cause },
            CardError::Refused(sentence) => Self::Device(sentence),
        }
    }
}

impl Wgsl {
    /// The type in which activations are stored.
    pub(super) fn storage(&self) -> Storage {
        storage(self.dtype)
    }

    /// Whether the present work should end.
    pub(super) fn stopped(&self) -> bool {
        self.stop.present().is_raised()
    }
}

/// The type in which activations of an arithmetic are stored.
pub(super) fn storage(dtype: Dtype) -> Storage {
    match dtype {
        Dtype::F16 => Storage::F16,
        Dtype::F32 | Dtype::Bf16 => Storage::F32,
    }
}

impl DeviceOps for Wgsl {
    fn offered() -> Vec<(DeviceChoice, Vec<Dtype>)> {
        let cards = gpu::known().into_iter().zip(0..).filter(|(card, _)| !card.is_software());
        cards.map(|(_, index)| (DeviceChoice::Wgpu(index), vec![Dtype::F32, Dtype::F16])).collect()
    }

    fn open(options: DeviceOptions, stop: StopSlot) -> Option<Result<(Self, String)>> {
        let DeviceChoice::Wgpu(index) = options.choice else { return None };
        if options.dtype == Dtype::Bf16 {
            return Some(Err(Error::Device(
                "expected f32 or f16, the dtypes of graphics cards, found --dtype bf16; choose one of these"
                    .to_owned(),
            )));
        }
        Some(gpu::open(index).map_err(Error::from).map(|(card, report)| {
            let sentence = format!("{} ({})", report.name, report.backend);
            (Self { context: Arc::new(Context::new(card)), stop, dtype: options.dtype }, sentence)
        }))
    }

    fn name(&self) -> &'static str {
        NAME
    }

    fn kernels(&self) -> &'static str {
        "wgsl"
    }

    fn dtype(&self) -> Dtype {
        self.dtype
    }

    fn with_dtype(&self, dtype: Dtype) -> Self {
        Self { dtype, ..self.clone() }
    }

    fn shares_tensors_with(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.context, &other.context)
    }

    fn keeps_weights_on_host(&self) -> bool {
        false
    }

    fn synchronize(&self) -> Result<()> {
        Ok(self.context.finish(&|| self.stopped())?)
    }

    fn draws(&self) -> bool {
        self.context.draws()
    }

    fn lose(&self) {
        self.context.destroy();
    }

    fn counts(&self) -> Option<Counts> {
        Some(self.context.counts())
    }

    fn tallies(&self) -> BTreeMap<&'static str, Tally> {
        self.context.tallies()
    }

    fn trim(&self) {
        self.context.memory.trim();
    }
}

/// The error of a tensor that is too large for one binding of an operation that has no bands.
pub(super) fn too_large(operation: &'static str) -> Error {
    let cause = "a tensor is larger than what the device binds at once; choose a smaller size".to_owned();
    Error::Backend { device: NAME, operation, cause }
}
