//! `Gpu`: a graphics card as a device, with its arithmetic and the stop flag.

use std::sync::Arc;

use super::adapter;
use super::kernel::Storage;
use super::work::{Context, Counts, failed};
use crate::ops::backend::DeviceOps;
use crate::ops::cpu::StopSlot;
use crate::ops::{DeviceChoice, DeviceOptions, Dtype, Error, Result};

/// A graphics card. A clone shares its memory and its queue.
#[derive(Clone)]
pub struct Gpu {
    pub(super) context: Arc<Context>,
    pub(super) stop: StopSlot,
    dtype: Dtype,
}

impl Gpu {
    /// The type in which activations are stored.
    pub(super) fn storage(&self) -> Storage {
        storage(self.dtype)
    }
}

/// The type in which activations of an arithmetic are stored.
pub(super) fn storage(dtype: Dtype) -> Storage {
    match dtype {
        Dtype::F16 => Storage::F16,
        Dtype::F32 | Dtype::Bf16 => Storage::F32,
    }
}

fn open(index: usize) -> Result<(Context, String)> {
    let adapters = adapter::list();
    let Some(adapter) = adapters.get(index) else {
        let names: Vec<&str> = adapters.iter().map(|adapter| adapter.info.name.as_str()).collect();
        let found = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        return Err(Error::Device(format!(
            "expected graphics card {index} with a driver for Vulkan, Metal or Direct3D 12, found {found}; \
             install the card's driver or use --device cpu"
        )));
    };
    let (device, queue) = adapter.open()?;
    let sentence = format!("{}, {}", adapter.info.name, adapter.info.backend);
    Ok((Context::new(device, queue, true), sentence))
}

impl DeviceOps for Gpu {
    fn offered() -> Vec<(DeviceChoice, Vec<Dtype>)> {
        Vec::new()
    }

    fn open(options: DeviceOptions, stop: StopSlot) -> Option<Result<(Self, String)>> {
        let DeviceChoice::Wgpu(index) = options.choice else { return None };
        if options.dtype == Dtype::Bf16 {
            return Some(Err(Error::Device(
                "graphics cards compute in f32 or f16, found --dtype bf16; choose one of these".to_owned(),
            )));
        }
        let opened = open(index).map(|(context, sentence)| {
            (Self { context: Arc::new(context), stop, dtype: options.dtype }, sentence)
        });
        Some(opened)
    }

    fn name(&self) -> &'static str {
        "GPU"
    }

    fn kernels(&self) -> &'static str {
        "wgpu"
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
        self.context.finish(&self.stop)
    }

    fn counts(&self) -> Option<Counts> {
        Some(self.context.counts())
    }

    fn trim(&self) {
        self.context.memory.trim();
    }
}

impl std::fmt::Debug for Gpu {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Gpu({})", self.dtype.name())
    }
}

/// An error if a tensor is too large for one binding of an operation that has no bands.
pub(super) fn too_large(operation: &'static str) -> Error {
    failed(operation, "a tensor is larger than what the device binds at once; choose a smaller size")
}
