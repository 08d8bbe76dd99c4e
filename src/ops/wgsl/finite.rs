//! Whether numbers are finite: asked of a stage that is computed in f16, whose largest number is 65504.

use super::cut::work_of;
use super::device::Wgsl;
use super::kernel::{Kernel, Variant};
use super::tensor::Tensor;
use crate::ops::Result;

/// Most workgroups; each thread looks at several quads.
const GROUPS_MAX: usize = 1024;

impl Wgsl {
    /// Waits for `x`; false if a number is not finite, or at the end of its type's range.
    pub(super) fn all_finite(&self, x: &Tensor) -> Result<bool> {
        if self.context.allocator().is_rehearsing() {
            return Ok(true);
        }
        let found = self.context.take(4)?;
        let found = found.bound(0, 4);
        self.context.write(found, &0u32.to_le_bytes(), &|| self.stopped())?;
        let band = self.band(x.rows(), x.row_bytes());
        for start in (0..x.rows()).step_by(band) {
            self.count_band(start);
            let rows = x.bound_rows(start, (start + band).min(x.rows()));
            let quads = (rows.bytes / x.storage().quad_bytes()) as usize;
            let groups = quads.div_ceil(256).clamp(1, GROUPS_MAX);
            let parameters = [quads as u32, 256 * groups as u32];
            let variant = Variant::plain(Kernel::Finite, x.storage());
            self.dispatch(&variant, &[rows, found], &parameters, [groups as u32, 1, 1], work_of(rows.bytes))?;
        }
        let read = self.context.read(found, &|| self.stopped())?;
        Ok(read.iter().all(|byte| *byte == 0))
    }
}
