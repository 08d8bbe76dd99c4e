//! `Wgsl`: a graphics card as a device, with its arithmetic and the stop flag.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::cut::Preferred;
use super::kernel::{Storage, Variant};
use super::variants::{Tile, candidates, tile_named};
use crate::gpu::{self, AdapterReport, CardError, Context, Counts, Tally, Timed, fastest};
use crate::ops::backend::DeviceOps;
use crate::ops::cpu::StopSlot;
use crate::ops::error::GRAPHICS_CARD as NAME;
use crate::ops::{DeviceChoice, DeviceOptions, Dtype, Error, Peak, Result};

/// A graphics card. A clone shares its memory and its queue.
#[derive(Clone)]
pub struct Wgsl {
    pub(super) context: Arc<Context<Variant>>,
    stop: StopSlot,
    dtype: Dtype,
    /// The tiles of products that this card chooses from.
    candidates: Arc<[Tile]>,
    pub(super) preferred: Arc<Preferred>,
    /// Threads of the widest subgroup; 0 where nobody tells.
    pub(super) subgroup: u32,
}

impl From<CardError> for Error {
    fn from(error: CardError) -> Self {
        match error {
            CardError::Stopped => Self::Stopped,
            CardError::OutOfMemory { bytes } => Self::OutOfCardMemory { bytes },
            CardError::Failed { operation, cause } => Self::Backend { device: NAME, operation, cause },
            CardError::Refused(sentence) => Self::Device(sentence),
        }
    }
}

impl Wgsl {
    /// The type in which activations are stored.
    pub(super) fn storage(&self) -> Storage {
        storage(self.dtype)
    }

    /// Whether the present work should end.
    pub(super) fn stopped(&self) -> bool {
        self.stop.present().is_raised()
    }

    /// Counts a band that is not the first of its pass.
    pub(super) fn count_band(&self, start: usize) {
        if start > 0 {
            self.context.count_band();
        }
    }
}

/// The tiles that a card chooses from, and those that it takes.
fn tiles(report: &AdapterReport) -> (Arc<[Tile]>, Arc<Preferred>) {
    let sides = report.matrix_sides();
    let candidates = candidates(report.vendor, report.subgroup[1], report.shared_bytes, &sides);
    let forms = gpu::remembered(report).map(|measured| measured.forms).unwrap_or_default();
    let preferred = preferred(&candidates, &forms);
    (candidates.into(), Arc::new(preferred))
}

/// The fastest candidates that were right and timed, else the first.
fn preferred(candidates: &[Tile], forms: &[Timed]) -> Preferred {
    // A smaller one than any in the table is for cards that share less than they must.
    let first = candidates.first().copied().unwrap_or(super::variants::TILES[0]);
    let best = |rate: fn(&Timed) -> f64| {
        let found = fastest(forms, rate).and_then(|form| tile_named(&form.form));
        found.filter(|tile| candidates.contains(tile)).unwrap_or(first)
    };
    Preferred { linear: best(|form| form.linear), convolution: best(|form| form.convolution), always: false }
}

/// The type in which activations of an arithmetic are stored.
pub(super) fn storage(dtype: Dtype) -> Storage {
    match dtype {
        Dtype::F16 => Storage::F16,
        Dtype::F32 | Dtype::Bf16 => Storage::F32,
    }
}

impl DeviceOps for Wgsl {
    fn offered() -> Vec<(DeviceChoice, Vec<Dtype>)> {
        let cards = gpu::known().into_iter().zip(0..).filter(|(card, _)| !card.is_software());
        cards.map(|(_, index)| (DeviceChoice::Wgpu(index), vec![Dtype::F32, Dtype::F16])).collect()
    }

    fn open(options: DeviceOptions, stop: StopSlot) -> Option<Result<(Self, String)>> {
        let DeviceChoice::Wgpu(index) = options.choice else { return None };
        if options.dtype == Dtype::Bf16 {
            return Some(Err(Error::Device(
                "expected f32 or f16, the dtypes of graphics cards, found --dtype bf16; choose one of these"
                    .to_owned(),
            )));
        }
        Some(gpu::open(index).map_err(Error::from).and_then(|(card, report)| {
            let sentence = format!("{} ({})", report.name, report.backend);
            let (candidates, preferred) = tiles(&report);
            let context = Context::new(card);
            context.allocator().memory().set_budget(report.budget()?);
            Ok((
                Self {
                    context: Arc::new(context),
                    stop,
                    dtype: options.dtype,
                    candidates,
                    preferred,
                    subgroup: report.subgroup[1],
                },
                sentence,
            ))
        }))
    }

    fn name(&self) -> &'static str {
        NAME
    }

    fn kernels(&self) -> &'static str {
        "wgsl"
    }

    fn dtype(&self) -> Dtype {
        self.dtype
    }

    fn with_dtype(&self, dtype: Dtype) -> Self {
        Self { dtype, ..self.clone() }
    }

    fn peak(&self) -> Result<Option<Peak>> {
        self.measure_peak().map(Some)
    }

    fn forms(&self) -> Vec<&'static str> {
        self.candidates.iter().map(|tile| tile.name).collect()
    }

    fn with_form(&self, form: &str) -> Self {
        // Matrices are only where the card has them.
        let there = |tile: &Tile| tile.side.is_none() || self.candidates.contains(tile);
        let Some(tile) = tile_named(form).filter(there) else { return self.clone() };
        let preferred = Preferred { linear: tile, convolution: tile, always: true };
        Self { preferred: Arc::new(preferred), ..self.clone() }
    }

    fn shares_tensors_with(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.context, &other.context)
    }

    fn keeps_weights_on_host(&self) -> bool {
        false
    }

    fn synchronize(&self) -> Result<()> {
        Ok(self.context.finish(&|| self.stopped())?)
    }

    fn draws(&self) -> bool {
        self.context.draws()
    }

    fn lose(&self) {
        self.context.destroy();
    }

    fn fix_rate(&self, rate: f64) {
        self.context.fix_rate(rate);
    }

    fn counts(&self) -> Option<Counts> {
        Some(self.context.counts())
    }

    fn tallies(&self) -> BTreeMap<&'static str, Tally> {
        self.context.tallies()
    }

    fn card_memory(&self) -> Option<&gpu::Allocator> {
        Some(self.context.allocator())
    }

    fn trim(&self) {
        self.context.allocator().memory().trim();
    }
}

/// The error of a tensor that is too large for one binding of an operation that has no bands.
pub(super) fn too_large(operation: &'static str) -> Error {
    let cause = "a tensor is larger than what the device binds at once; choose a smaller size".to_owned();
    Error::Backend { device: NAME, operation, cause }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tile_by_matrices_is_taken_where_it_was_right_and_the_fastest_and_nowhere_else() {
        let candidates = candidates(0x10de, 32, 48 << 10, &[16]);
        let matrices = tile_named("64x128 by matrices of 16").unwrap();
        let form = |name: &str, linear, convolution, fault: Option<&str>| Timed {
            form: name.to_owned(),
            linear,
            convolution,
            fault: fault.map(str::to_owned),
        };
        let plain = form("64x64", 2.0, 2.0, None);
        let taken = |candidates: &[Tile], matrices: Timed| {
            let Preferred { linear, convolution, .. } = preferred(candidates, &[plain.clone(), matrices]);
            [linear.name, convolution.name]
        };
        assert_eq!(preferred(&candidates, &[]).linear.side, None, "never ran");
        assert_eq!(taken(&candidates, form(matrices.name, 9.0, 1.0, None)), [matrices.name, "64x64"]);
        assert_eq!(taken(&candidates, form(matrices.name, 9.0, 9.0, Some("differs"))), ["64x64"; 2]);
        let without = super::candidates(0x10de, 32, 48 << 10, &[]);
        assert_eq!(
            taken(&without, form(matrices.name, 9.0, 9.0, None))[0],
            without[0].name,
            "a driver without"
        );
    }
}
