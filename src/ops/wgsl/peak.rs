//! How fast the card can be by itself: multiply-adds in registers, and a pass over its memory.

use std::time::Instant;

use super::device::Wgsl;
use super::kernel::{Kernel, Storage, Variant};
use crate::ops::backend::{DeviceOps as _, TensorOps as _};
use crate::ops::{Peak, Result};

/// Workgroups of 256 threads: enough for any card.
const GROUPS: usize = 2048;
/// Rounds of a thread, of eight multiply-adds of four numbers each.
const ROUNDS: usize = 128;
/// Numbers of a tensor that no cache holds.
const NUMBERS: usize = 16 << 20;
/// Least seconds of a measurement.
const SECONDS: f64 = 0.1;

impl Wgsl {
    /// Measures both, in about half a second.
    pub(super) fn measure_peak(&self) -> Result<Peak> {
        let y = self.empty(&[GROUPS * 256, 4], Storage::F32)?;
        let variant = Variant::plain(Kernel::Peak, Storage::F32);
        let operations = (GROUPS * 256 * ROUNDS * 64) as f64;
        let compute =
            || self.dispatch(&variant, &[y.bound()], &[ROUNDS as u32], [GROUPS as u32, 1, 1], operations);
        let operations = self.rate(operations, compute)?;
        let x = self.empty(&[NUMBERS / 1024, 1024], Storage::F32)?;
        // Read once and written once.
        let bytes = self.rate((8 * NUMBERS) as f64, || self.scale(&x, 1.0).map(drop))?;
        Ok(Peak { operations, bytes })
    }

    /// The best rate of `work`, of which one is `amount`.
    fn rate(&self, amount: f64, work: impl Fn() -> Result<()>) -> Result<f64> {
        work()?;
        self.synchronize()?;
        let (mut best, mut spent) = (0.0f64, 0.0);
        while spent < SECONDS {
            let began = Instant::now();
            // Several, so that handing over is not what is timed.
            (0..4).try_for_each(|_| work())?;
            self.synchronize()?;
            let took = began.elapsed().as_secs_f64();
            best = best.max(4.0 * amount / took);
            spent += took;
        }
        Ok(best)
    }
}
