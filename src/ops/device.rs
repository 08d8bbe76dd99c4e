//! `Device`: where tensors live, in which dtype, and the flag that stops work there.

use std::sync::Arc;

use super::backend::DeviceOps as _;
use super::cpu::{Isa, Stop, StopSlot, Usage};
use super::dispatch::{AnyBackend, Own, on};
use super::error::GRAPHICS_CARD;
use super::meter::{Described, Meter};
use super::native::Native;
use super::{DeviceChoice, DeviceOptions, Dtype, Error, Peak, Result, StopFlag, WeightsKept, all_cores};

/// The GPUs that `auto` tries, in this order, before it takes the CPU.
const AUTOMATIC: [(&str, DeviceChoice); 2] =
    [("CUDA", DeviceChoice::Cuda(0)), ("Metal", DeviceChoice::Metal(0))];

/// A place to compute; cheap to clone.
#[derive(Clone)]
pub struct Device {
    backend: AnyBackend,
    stop: StopSlot,
    meter: Meter,
}

impl std::fmt::Debug for Device {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Device({} on {}, {})", self.backend.listed(), self.name(), self.dtype().name())
    }
}

impl Stop for StopFlag {
    fn is_raised(&self) -> bool {
        Self::is_raised(self)
    }
}

impl Device {
    /// The processor, in f32, on all cores.
    pub fn cpu(stop: StopFlag) -> Self {
        let stop = StopSlot::new(Arc::new(stop));
        let native = Native::new(all_cores(), WeightsKept::File, stop.clone());
        Self { backend: native.put(), stop, meter: Meter::default() }
    }

    /// Opens what `options` name. Returns the device and a sentence that says which one it is and why.
    ///
    /// # Errors
    /// If the build or the machine lacks it, or it cannot compute in that dtype.
    pub fn open(options: DeviceOptions, stop: StopFlag) -> Result<(Self, String)> {
        let slot = StopSlot::new(Arc::new(stop));
        let open = |choice| {
            let (backend, sentence) = AnyBackend::open(DeviceOptions { choice, ..options }, &slot)?;
            Ok((Self { backend, stop: slot.clone(), meter: Meter::default() }, sentence))
        };
        if options.choice != DeviceChoice::Auto {
            return open(options.choice);
        }
        let offered = Self::offered();
        let mut reasons = Vec::new();
        for (name, choice) in AUTOMATIC {
            if offered.iter().all(|(offer, _)| *offer != choice) {
                reasons.push(format!("no {name} in this build"));
                continue;
            }
            match open(choice) {
                Ok((device, _)) => return Ok((device, format!("{name} GPU 0, the fastest here"))),
                Err(error) => reasons.push(error.to_string()),
            }
        }
        let card = |(index, dtype)| {
            let options = DeviceOptions { choice: DeviceChoice::Wgpu(index), dtype, ..options };
            let (backend, sentence) = AnyBackend::open(options, &slot)?;
            Ok::<_, Error>((Self { backend, stop: slot.clone(), meter: Meter::default() }, sentence))
        };
        match options.card.map(card) {
            Some(Ok((device, sentence))) => {
                return Ok((device, format!("{sentence}, measured faster than the CPU")));
            }
            Some(Err(error)) => reasons.push(error.to_string()),
            None => reasons.push("no graphics card measured faster: `safelight gpu` measures".to_owned()),
        }
        let (device, sentence) = open(DeviceChoice::Cpu)?;
        Ok((device, format!("{sentence} ({})", reasons.join(", "))))
    }

    /// The devices that this build offers, the CPU first, with the dtypes of each, f32 first.
    pub fn offered() -> Vec<(DeviceChoice, Vec<Dtype>)> {
        AnyBackend::offered()
    }

    /// The same device in another dtype. On the native backend only a UNet's linear layers, 1×1
    /// convolutions and attention differ: in bf16 the factors of their products are rounded, while
    /// sums and all else stay f32.
    pub fn with_dtype(&self, dtype: Dtype) -> Self {
        Self { backend: on!(self, backend => backend.with_dtype(dtype).put()), ..self.clone() }
    }

    /// The same device, which packs weights in the type in which they are stored, whatever it was told to keep:
    /// for those that are few, or finer than a model's.
    pub(super) fn with_weights_as_stored(&self) -> Self {
        Self { backend: on!(self, backend => backend.with_weights_as_stored().put()), ..self.clone() }
    }

    /// The processor, in f32 on all cores, under the same stop flag.
    #[must_use]
    pub fn processor(&self) -> Self {
        let native = Native::new(all_cores(), WeightsKept::File, self.stop.clone());
        Self { backend: native.put(), stop: self.stop.clone(), meter: Meter::default() }
    }

    /// Whether tensors and layers of `other` can be used here.
    pub fn shares_tensors_with(&self, other: &Self) -> bool {
        on!(self, backend => {
            Own::of(&other.backend).is_some_and(|other| backend.shares_tensors_with(other))
        })
    }

    /// The same device with another instruction set, for comparisons.
    ///
    /// # Errors
    /// If the machine lacks it, or the backend does not choose among instruction sets.
    pub fn with_simd(self, isa: Isa) -> Result<Self> {
        let backend = on!(self, backend => backend.clone().with_simd(isa)?.put());
        Ok(Self { backend, ..self })
    }

    /// How fast the device can be, measured now; none where that is not known.
    ///
    /// # Errors
    /// The device fails, or stopped.
    pub fn peak(&self) -> Result<Option<Peak>> {
        on!(self, backend => backend.peak())
    }

    /// Names of the forms of its kernels that the device chooses from by timing; none where there is no choice.
    pub fn forms(&self) -> Vec<&'static str> {
        on!(self, backend => backend.forms())
    }

    /// The same device with that form for products of every size, to try it.
    pub fn with_form(&self, form: &str) -> Self {
        Self { backend: on!(self, backend => backend.with_form(form).put()), ..self.clone() }
    }

    /// The dtype of tensors made here.
    pub fn dtype(&self) -> Dtype {
        on!(self, backend => backend.dtype())
    }

    /// Puts the work that begins now under `stop`, until the guard is dropped.
    #[must_use = "dropping the guard puts the former flag back"]
    pub fn under(&self, stop: &StopFlag) -> Under {
        let former = self.stop.present();
        self.stop.set(Arc::new(stop.clone()));
        Under { slot: self.stop.clone(), former }
    }

    /// Ends the device as a driver's reset does, where that can be done: for tests of what follows.
    pub fn lose(&self) {
        on!(self, backend => backend.lose());
    }

    /// Takes that many operations a second for the device's rate from now on, where work is cut by it: for tests.
    pub fn fix_rate(&self, rate: f64) {
        on!(self, backend => backend.fix_rate(rate));
    }

    /// Whether the window draws by this device, so that pictures need not leave it.
    pub fn draws(&self) -> bool {
        on!(self, backend => backend.draws())
    }

    /// Waits until all submitted work is done.
    ///
    /// # Errors
    /// If the device fails.
    pub fn synchronize(&self) -> Result<()> {
        on!(self, backend => backend.synchronize())
    }

    /// The device's counter of operations, which counts once it is started.
    pub fn meter(&self) -> &Meter {
        &self.meter
    }

    /// The name shown to users: "CPU", "CUDA GPU", "Metal GPU".
    pub fn name(&self) -> &'static str {
        on!(self, backend => backend.name())
    }

    /// Whether it is a graphics card by Vulkan, Metal or Direct3D 12.
    pub fn is_card(&self) -> bool {
        self.name() == GRAPHICS_CARD
    }

    /// The kernels that compute here: the CPU's instruction set, or "candle".
    pub fn simd(&self) -> &'static str {
        on!(self, backend => backend.kernels())
    }

    /// The number of CPU threads that the backend computes on, where it owns them.
    pub fn threads(&self) -> Option<usize> {
        on!(self, backend => backend.threads())
    }

    /// How far weights that were rounded to few bits since the last call are from the file's: the root of the mean
    /// squared difference as a share of the weights' own. None where none was.
    pub fn take_rounding(&self) -> Option<f32> {
        on!(self, backend => backend.take_rounding())
    }

    /// Host memory in the backend's buffers, where it counts them.
    pub fn buffers(&self) -> Option<Usage> {
        on!(self, backend => backend.buffers())
    }

    /// What was handed to the device so far, where it is not done at once.
    #[cfg(feature = "gpu")]
    pub fn counts(&self) -> Option<crate::gpu::Counts> {
        on!(self, backend => backend.counts())
    }

    /// What each kernel of the device did so far.
    #[cfg(feature = "gpu")]
    pub fn tallies(&self) -> std::collections::BTreeMap<&'static str, crate::gpu::Tally> {
        on!(self, backend => backend.tallies())
    }

    /// The memory of a graphics card.
    #[cfg(feature = "gpu")]
    pub fn card_memory(&self) -> Option<&crate::gpu::Allocator> {
        on!(self, backend => backend.card_memory())
    }

    /// Frees buffers that are kept for reuse.
    pub fn trim(&self) {
        on!(self, backend => backend.trim());
    }

    /// Whether weights lie in the host's memory, where freeing idle ones helps; false on a GPU with
    /// memory of its own.
    pub fn keeps_weights_on_host(&self) -> bool {
        on!(self, backend => backend.keeps_weights_on_host())
    }

    /// The backend that [`on!`] dispatches on.
    pub(super) fn backend(&self) -> &AnyBackend {
        &self.backend
    }

    /// The backend's own value of something that lives on `home`, for an operation here.
    ///
    /// # Errors [`Error::TwoDevices`] if it lives elsewhere: the one place that checks it.
    pub(super) fn own<'a, E, T: Own<E>>(&self, home: &Self, value: &'a E) -> Result<&'a T> {
        let here = self.shares_tensors_with(home);
        T::of(value).filter(|_| here).ok_or(Error::TwoDevices)
    }

    /// Runs `work`; while the meter counts, waits for its end and records what `describe` returns.
    pub(super) fn measure<T>(
        &self,
        work: impl FnOnce() -> Result<T>,
        describe: impl FnOnce(&T) -> Described,
    ) -> Result<T> {
        if !self.meter.is_on() {
            return work();
        }
        let to_the_end = || {
            let made = work()?;
            on!(self, backend => backend.synchronize())?;
            Ok(made)
        };
        self.meter.measure(to_the_end, describe)
    }

    /// [`Error::Stopped`] if the flag of the present work is raised.
    pub(super) fn check_stop(&self) -> Result<()> {
        if self.stop.present().is_raised() { Err(Error::Stopped) } else { Ok(()) }
    }
}

/// A piece of work under a stop flag of its own; dropping it puts the former flag back.
pub struct Under {
    slot: StopSlot,
    former: Arc<dyn Stop>,
}

impl Drop for Under {
    fn drop(&mut self) {
        self.slot.set(self.former.clone());
    }
}
