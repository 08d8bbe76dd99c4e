//! `DeviceOps`: what a place to compute says of itself and does as a whole, beside its operations.
//!
//! Invariant: nothing here names a tensor; the rules of [`super`] hold for every method.

use crate::ops::cpu::{Isa, StopSlot, Usage};
use crate::ops::{DeviceChoice, DeviceOptions, Dtype, Error, Peak, Result};

/// The device itself. The implementing type is its context (queues, pools, the stop flag); cloning it
/// gives another handle on the same device.
pub trait DeviceOps: Clone {
    /// The choices that the window offers in this build on this machine, with the dtypes of
    /// each, f32 first. Must be cheap.
    fn offered() -> Vec<(DeviceChoice, Vec<Dtype>)>;

    /// Opens what `options` choose, with a sentence for users that names it; `None` if the choice is
    /// another backend's. Heavy work reads `stop`, whose flag changes from job to job.
    ///
    /// # Errors
    /// The inner result: the build or the machine lacks the device, or the device the dtype.
    fn open(options: DeviceOptions, stop: StopSlot) -> Option<Result<(Self, String)>>;

    /// The name shown to users: "CPU", "CUDA GPU".
    fn name(&self) -> &'static str;

    /// The kernels that compute: an instruction set, a library, a shader variant.
    fn kernels(&self) -> &'static str;

    /// The dtype of tensors made here.
    fn dtype(&self) -> Dtype;

    /// The same device in another dtype.
    fn with_dtype(&self, dtype: Dtype) -> Self;

    /// The same device, which packs weights in the type in which they are stored, whatever it was told to keep.
    fn with_weights_as_stored(&self) -> Self {
        self.clone()
    }

    /// The same device with another instruction set of the CPU, for comparisons.
    ///
    /// # Errors
    /// If the machine lacks it, or the backend does not choose among instruction sets.
    fn with_simd(self, _isa: Isa) -> Result<Self> {
        Err(Error::Device("--simd goes with --device cpu".to_owned()))
    }

    /// Whether tensors and layers of `other` can be used here: false for another card.
    fn shares_tensors_with(&self, other: &Self) -> bool;

    /// Whether packed weights lie in the host's memory, where freeing those that are not needed now
    /// helps the rest of the program.
    fn keeps_weights_on_host(&self) -> bool;

    /// Waits until all submitted work is done. Called for measurements alone.
    ///
    /// # Errors
    /// See the module.
    fn synchronize(&self) -> Result<()>;

    /// CPU threads that the backend owns and computes on.
    fn threads(&self) -> Option<usize> {
        None
    }

    /// How far weights that were rounded to few bits since the last call are from the file's: the root of the mean
    /// squared difference as a share of the weights' own. None where none was.
    fn take_rounding(&self) -> Option<f32> {
        None
    }

    /// Host memory in the backend's buffers.
    fn buffers(&self) -> Option<Usage> {
        None
    }

    /// How fast the device can be, measured now; none where that is not known.
    ///
    /// # Errors
    /// The device fails, or stopped.
    fn peak(&self) -> Result<Option<Peak>> {
        Ok(None)
    }

    /// Names of the forms of its kernels that the device chooses from by timing; none where there is no choice.
    fn forms(&self) -> Vec<&'static str> {
        Vec::new()
    }

    /// The same device with that form for products of every size, to try it.
    fn with_form(&self, _form: &str) -> Self {
        self.clone()
    }

    /// Whether the window draws by this device, so that pictures need not leave it.
    fn draws(&self) -> bool {
        false
    }

    /// Ends the device as a driver's reset does, where that can be done: for tests of what follows.
    fn lose(&self) {}

    /// Takes that many operations a second for the device's rate from now on, where work is cut by it: for tests.
    fn fix_rate(&self, _rate: f64) {}

    /// What was handed to the device so far, where it is not done at once.
    #[cfg(feature = "gpu")]
    fn counts(&self) -> Option<crate::gpu::Counts> {
        None
    }

    /// What each kernel of the device did so far.
    #[cfg(feature = "gpu")]
    fn tallies(&self) -> std::collections::BTreeMap<&'static str, crate::gpu::Tally> {
        std::collections::BTreeMap::new()
    }

    /// The memory of a graphics card.
    #[cfg(feature = "gpu")]
    fn card_memory(&self) -> Option<&crate::gpu::Allocator> {
        None
    }

    /// Frees buffers that are kept for reuse.
    fn trim(&self) {}
}
