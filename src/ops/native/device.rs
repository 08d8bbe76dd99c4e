//! `Native`: the CPU as a device, with its threads, buffers, instruction set and dtype.

use std::sync::{Arc, Mutex, PoisonError};

use crate::ops::backend::DeviceOps;
use crate::ops::cpu::{
    Context, Groups, Isa, Kept, Level, Rounding, StopSlot, Usage, WeightRows as _, bf16_pays,
};
use crate::ops::host::TensorRows;
use crate::ops::{DeviceChoice, DeviceOptions, Dtype, Error, Result, WeightsKept, all_cores};

/// Rows of fewer columns are not quantized on load.
const FEW_COLUMNS: usize = 64;

/// The CPU with the native kernels. A clone shares threads and buffers.
#[derive(Clone)]
pub struct Native {
    pub(super) context: Context,
    dtype: Dtype,
    weights_kept: WeightsKept,
    /// What rounding weights to groups changed since it was asked last.
    rounding: Arc<Mutex<Rounding>>,
}

impl Native {
    /// The CPU in f32 on `threads` threads, with the best instruction set it has.
    pub fn new(threads: usize, weights_kept: WeightsKept, stop: StopSlot) -> Self {
        let context = Context::new(threads).with_stop_slot(stop);
        Self { context, dtype: Dtype::F32, weights_kept, rounding: Arc::default() }
    }

    /// Whether factors of products are rounded to bf16.
    pub(super) fn is_bf16(&self) -> bool {
        self.dtype == Dtype::Bf16
    }

    /// The form in which weights are kept whose rows have so many columns.
    pub(super) fn kept(&self, rows: &TensorRows<'_>, columns: usize) -> Kept {
        let as_stored = || match rows.groups() {
            Some(groups) => Kept::as_grouped(groups, columns),
            None => Kept::as_stored(rows.element()),
        };
        match self.weights_kept {
            WeightsKept::File => as_stored(),
            // A few columns have more scales than they save.
            WeightsKept::Q8_0 | WeightsKept::Q4_0 if columns < FEW_COLUMNS => as_stored(),
            WeightsKept::Q8_0 => Kept::Groups(Groups::Q8),
            WeightsKept::Q4_0 => Kept::Groups(Groups::Q4),
            WeightsKept::F16 => Kept::F16,
            WeightsKept::F32 => Kept::F32,
        }
    }

    /// Counts what rounding a layer's weights changed.
    pub(super) fn note_rounding(&self, rounding: Rounding) {
        self.rounding.lock().unwrap_or_else(PoisonError::into_inner).add(rounding);
    }

    /// An error unless this CPU computes in the device's dtype.
    fn check_dtype(&self) -> Result<()> {
        let expected = match self.dtype {
            Dtype::F32 => return Ok(()),
            Dtype::Bf16 if self.context.level().has_bf16() => return Ok(()),
            Dtype::Bf16 => "f32 (bf16 needs a processor with AVX512-BF16)",
            Dtype::F16 => "f32, or bf16 where the processor has AVX512-BF16",
        };
        Err(Error::Device(format!(
            "expected an arithmetic of this CPU, {expected}, found --dtype {}; leave --dtype out or use a GPU",
            self.dtype.name()
        )))
    }

    /// The device in `dtype`, or in f32 where bf16 is slower, and a sentence that says so.
    fn in_arithmetic(self, dtype: Dtype) -> Result<(Self, String)> {
        let native = self.with_dtype(dtype);
        native.check_dtype()?;
        let threads = native.context.threads();
        let plural = if threads == 1 { "" } else { "s" };
        let sentence = format!("CPU, {threads} thread{plural}, {}", native.kernels());
        if native.is_bf16() && !bf16_pays(&native.context)? {
            let sentence =
                format!("{sentence}, bf16 asked for but f32 is faster on this processor and is used");
            return Ok((native.with_dtype(Dtype::F32), sentence));
        }
        Ok((native, sentence))
    }
}

impl DeviceOps for Native {
    fn offered() -> Vec<(DeviceChoice, Vec<Dtype>)> {
        let bf16 = Level::detect().has_bf16().then_some(Dtype::Bf16);
        vec![(DeviceChoice::Cpu, std::iter::once(Dtype::F32).chain(bf16).collect())]
    }

    fn open(options: DeviceOptions, stop: StopSlot) -> Option<Result<(Self, String)>> {
        let DeviceOptions { choice, dtype, threads, weights_kept, .. } = options;
        let cpu = || Self::new(threads.unwrap_or_else(all_cores), weights_kept, stop);
        (choice == DeviceChoice::Cpu).then(|| cpu().in_arithmetic(dtype))
    }

    fn name(&self) -> &'static str {
        "CPU"
    }

    fn kernels(&self) -> &'static str {
        self.context.level().name()
    }

    fn dtype(&self) -> Dtype {
        self.dtype
    }

    fn with_dtype(&self, dtype: Dtype) -> Self {
        Self { dtype, ..self.clone() }
    }

    fn with_weights_as_stored(&self) -> Self {
        Self { weights_kept: WeightsKept::File, ..self.clone() }
    }

    fn with_simd(self, isa: Isa) -> Result<Self> {
        let Some(level) = Level::of(isa) else {
            return Err(Error::Device(format!(
                "expected instructions of this CPU, found {}; choose another --simd",
                isa.name()
            )));
        };
        let native = Self { context: self.context.with_level(level), ..self };
        native.check_dtype()?;
        Ok(native)
    }

    /// Keys and values are packed for one instruction set.
    fn shares_tensors_with(&self, other: &Self) -> bool {
        self.context.level() == other.context.level()
    }

    fn keeps_weights_on_host(&self) -> bool {
        true
    }

    /// Kernels return when their work is done.
    fn synchronize(&self) -> Result<()> {
        Ok(())
    }

    fn threads(&self) -> Option<usize> {
        Some(self.context.threads())
    }

    fn take_rounding(&self) -> Option<f32> {
        std::mem::take(&mut *self.rounding.lock().unwrap_or_else(PoisonError::into_inner)).share()
    }

    fn buffers(&self) -> Option<Usage> {
        Some(self.context.arena().usage())
    }

    fn trim(&self) {
        self.context.arena().trim();
    }
}
