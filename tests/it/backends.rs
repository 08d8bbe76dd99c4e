//! A device of each backend, for what every one of them computes.

use safelight::ops::{Device, DeviceChoice, DeviceOptions, StopFlag};

/// The processor by our kernels and by candle's, and a graphics card where tests have one.
pub fn devices() -> Vec<Device> {
    let mut devices = vec![Device::cpu(StopFlag::default())];
    let mut open = |choice| {
        let options = DeviceOptions { choice, ..DeviceOptions::default() };
        devices.push(Device::open(options, StopFlag::default()).unwrap().0);
    };
    open(DeviceChoice::CandleCpu);
    #[cfg(feature = "gpu")]
    if safelight::gpu::is_there_for_tests() {
        open(DeviceChoice::Wgpu(0));
    }
    devices
}
