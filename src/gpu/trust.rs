//! What wgpu lets a program do at its own risk: a driver's compiled pipelines from a file, and cooperative matrices.
//!
//! Trap: nobody checks the bytes for us. They are what this program wrote, whole, of the same driver
//! ([`super::pipelines`]). And wgpu calls matrices an experiment: a kernel with them counts only where its answers
//! were compared.

/// A driver's cache of compiled pipelines, filled from `data` where that is there.
#[expect(unsafe_code, reason = "a driver may trust what it is given")]
pub(super) fn pipeline_cache(device: &wgpu::Device, data: Option<&[u8]>) -> wgpu::PipelineCache {
    let descriptor = wgpu::PipelineCacheDescriptor { label: Some("safelight"), data, fallback: true };
    // SAFETY: `data` is what this program got of the same driver, with a sum that shows damage; wgpu and the
    // driver compare the header with the device besides.
    unsafe { device.create_pipeline_cache(&descriptor) }
}

/// Whether a device may have features that wgpu calls experiments.
#[expect(unsafe_code, reason = "wgpu asks for a word that its experiments may have faults")]
pub(super) fn experimental(wanted: bool) -> wgpu::ExperimentalFeatures {
    if !wanted {
        return wgpu::ExperimentalFeatures::disabled();
    }
    // SAFETY: the one experiment asked for is cooperative matrices. Their kernel reads and writes inside of its own
    // arrays for every variant that the build checks, and bounds checks stay on.
    unsafe { wgpu::ExperimentalFeatures::enabled() }
}
