//! Adapters: the cards that this machine has, and a device of one.
//!
//! Trap: a device has only the limits that were asked for, so all that the adapter has are asked for.

use crate::ops::{Error, Result};

/// What a device should have where the adapter has it.
const WANTED: wgpu::Features = wgpu::Features::TIMESTAMP_QUERY.union(wgpu::Features::PIPELINE_CACHE);

/// An adapter with what it is.
pub(super) struct Adapter {
    pub(super) adapter: wgpu::Adapter,
    pub(super) info: wgpu::AdapterInfo,
}

/// Every adapter that computes, hardware first, in the order in which the system lists them.
pub(super) fn list() -> Vec<Adapter> {
    let descriptor = wgpu::InstanceDescriptor {
        backends: wgpu::Backends::VULKAN | wgpu::Backends::METAL | wgpu::Backends::DX12,
        flags: wgpu::InstanceFlags::empty(),
        ..wgpu::InstanceDescriptor::new_without_display_handle()
    };
    let backends = descriptor.backends;
    let instance = wgpu::Instance::new(descriptor);
    let found = pollster::block_on(instance.enumerate_adapters(backends));
    let mut adapters: Vec<Adapter> =
        found.into_iter().map(|adapter| Adapter { info: adapter.get_info(), adapter }).collect();
    adapters.sort_by_key(|adapter| is_software(&adapter.info));
    adapters
}

/// Whether the "card" is the processor.
pub(super) fn is_software(info: &wgpu::AdapterInfo) -> bool {
    info.device_type == wgpu::DeviceType::Cpu
}

impl Adapter {
    /// Opens it.
    ///
    /// # Errors
    /// If the driver refuses.
    pub(super) fn open(&self) -> Result<(wgpu::Device, wgpu::Queue)> {
        let descriptor = wgpu::DeviceDescriptor {
            label: Some("safelight"),
            required_features: self.adapter.features() & WANTED,
            required_limits: self.adapter.limits(),
            memory_hints: wgpu::MemoryHints::MemoryUsage,
            ..Default::default()
        };
        pollster::block_on(self.adapter.request_device(&descriptor)).map_err(|error| {
            Error::Device(format!("{} cannot be opened ({error}); use --device cpu", self.info.name))
        })
    }
}
