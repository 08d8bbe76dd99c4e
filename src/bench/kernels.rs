//! What the kernels of a device do meanwhile, and how much memory of its own it holds, where it counts them.

use super::row::KernelRow;
use crate::ops::Device;

/// What was counted up to now.
pub(super) struct Before(Vec<KernelRow>);

/// What each kernel did since the device was opened.
#[cfg(feature = "gpu")]
fn rows(device: &Device) -> Vec<KernelRow> {
    let row = |(kernel, tally): (&'static str, crate::gpu::Tally)| KernelRow {
        kernel,
        dispatches: tally.dispatches,
        gflop: tally.work / 1e9,
        bytes: tally.bytes,
    };
    device.tallies().into_iter().map(row).collect()
}

/// No device of this build counts.
#[cfg(not(feature = "gpu"))]
fn rows(_device: &Device) -> Vec<KernelRow> {
    Vec::new()
}

/// The most memory of a graphics card that was held at once since [`forget_card_bytes`].
#[cfg(feature = "gpu")]
pub(super) fn card_bytes(device: &Device) -> Option<u64> {
    device.card_memory().map(|allocator| allocator.memory().bytes().most)
}

/// No device of this build has memory of its own that is counted.
#[cfg(not(feature = "gpu"))]
pub(super) fn card_bytes(_device: &Device) -> Option<u64> {
    None
}

/// Begins a new count of a graphics card's memory.
#[cfg(feature = "gpu")]
pub(super) fn forget_card_bytes(device: &Device) {
    if let Some(allocator) = device.card_memory() {
        allocator.memory().forget_most();
    }
}

/// As [`card_bytes`] without cards.
#[cfg(not(feature = "gpu"))]
pub(super) fn forget_card_bytes(_device: &Device) {}

impl Before {
    /// Notes what was counted up to now.
    pub(super) fn now(device: &Device) -> Self {
        Self(rows(device))
    }

    /// What came since, of the kernels that did anything.
    pub(super) fn since(self, device: &Device) -> Vec<KernelRow> {
        let mut rows = rows(device);
        for row in &mut rows {
            if let Some(former) = self.0.iter().find(|former| former.kernel == row.kernel) {
                row.dispatches -= former.dispatches;
                row.gflop -= former.gflop;
                row.bytes -= former.bytes;
            }
        }
        rows.retain(|row| row.dispatches > 0);
        rows
    }
}
