//! A driver's compiled pipelines from a file: what wgpu lets a program do at its own risk.
//!
//! Trap: nobody checks the bytes for us. They are what this program wrote, whole, of the same driver
//! ([`super::pipelines`]).

/// A driver's cache of compiled pipelines, filled from `data` where that is there.
#[expect(unsafe_code, reason = "a driver may trust what it is given")]
pub(super) fn pipeline_cache(device: &wgpu::Device, data: Option<&[u8]>) -> wgpu::PipelineCache {
    let descriptor = wgpu::PipelineCacheDescriptor { label: Some("safelight"), data, fallback: true };
    // SAFETY: `data` is what this program got of the same driver, with a sum that shows damage; wgpu and the
    // driver compare the header with the device besides.
    unsafe { device.create_pipeline_cache(&descriptor) }
}
