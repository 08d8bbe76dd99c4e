//! Norms, with statistics in f32. GroupNorm has two passes: pieces of a map's pixels are summed up first,
//! and whoever applies the norm joins the pieces.

use super::cut::{cut_grid, work_of};
use super::device::Wgsl;
use super::kernel::{Kernel, Storage, Variant};
use super::layout::{from_bytes, to_bytes};
use super::tensor::Tensor;
use crate::gpu::{Bound, Store};
use crate::ops::backend::{Epilogue, LinearOps, NormOps, Source, TensorOps as _};
use crate::ops::{Activation, Moments, Result};

/// Most pieces of a map; each workgroup of the second pass joins all of them.
const PIECES_MAX: usize = 64;
/// Least pixels of a piece.
const PIECE_MIN: usize = 32;
/// Groups of which a workgroup keeps mean and deviation.
const GROUPS_MAX: usize = 256;

/// Numbers of a group up to which one workgroup does all of it.
const WHOLE_MAX: usize = 64 << 10;

/// GroupNorm with its parameters.
#[derive(Debug)]
pub struct GroupNorm {
    gain: Store,
    bias: Store,
    groups: usize,
    size: usize,
    epsilon: f32,
}

/// LayerNorm with its parameters: gains, then biases.
#[derive(Debug)]
pub struct LayerNorm {
    pub(super) numbers: Store,
}

impl NormOps for Wgsl {
    type GroupNorm = GroupNorm;
    type LayerNorm = LayerNorm;

    fn pack_group_norm(
        &self,
        weight: Vec<f32>,
        bias: Vec<f32>,
        groups: usize,
        epsilon: f64,
    ) -> Result<GroupNorm> {
        if groups > GROUPS_MAX {
            return Err(crate::ops::Error::Shape(format!(
                "expected at most {GROUPS_MAX} groups on a graphics card, found {groups}; use --device cpu"
            )));
        }
        Ok(GroupNorm {
            size: weight.len() / groups,
            gain: self.pack_numbers(&weight)?,
            bias: self.pack_numbers(&bias)?,
            groups,
            epsilon: epsilon as f32,
        })
    }

    fn group_norm(&self, norm: &GroupNorm, x: Source<'_, Tensor>, activation: Activation) -> Result<Tensor> {
        if let Source::Two(first, second) = x
            && !first.channels().is_multiple_of(4)
        {
            let joined = self.concatenate(&[first, second], 1)?;
            return self.group_norm(norm, Source::One(&joined), activation);
        }
        let [b, _, h, w] = x.first().map_shape()?;
        let y = self.empty(&[b, norm.groups * norm.size, h, w], x.first().storage())?;
        let pass = Pass::new(norm, &x, &y, [b, h * w]);
        let binding = (b * h * w) as u64 * y.row_bytes();
        if h * w * norm.size <= WHOLE_MAX && binding <= self.context.binding_max() {
            self.whole(&pass, b, activation)?;
        } else {
            self.in_two_passes(&pass, b, activation)?;
        }
        Ok(y)
    }

    fn group_norm_owned(&self, norm: &GroupNorm, x: Tensor, activation: Activation) -> Result<Tensor> {
        let [b, _, h, w] = x.map_shape()?;
        if !x.is_alone() || h * w * norm.size <= WHOLE_MAX {
            return self.group_norm(norm, Source::One(&x), activation);
        }
        let pass = Pass { in_place: true, ..Pass::new(norm, &Source::One(&x), &x, [b, h * w]) };
        self.in_two_passes(&pass, b, activation)?;
        Ok(x)
    }

    fn moments(&self, norm: &GroupNorm, x: &Tensor) -> Result<Vec<Moments>> {
        let [b, _, h, w] = x.map_shape()?;
        let pass = Pass::new(norm, &Source::One(x), x, [b, h * w]);
        let bytes = (pass.pieces * norm.groups * 8) as u64;
        let parts = self.context.take(bytes)?;
        self.statistics(&pass, parts.bound(0, bytes), 0, 1)?;
        let read = self.context.read(parts.bound(0, bytes), &|| self.stopped())?;
        let numbers = from_bytes(&read, Storage::F32);
        let mut whole = vec![Moments::default(); norm.groups];
        for (piece, found) in numbers.chunks_exact(2 * norm.groups).enumerate() {
            let pixels = pass.piece.min(pass.pixels - piece * pass.piece);
            let count = (pixels * norm.size) as f64;
            for (whole, found) in whole.iter_mut().zip(found.chunks_exact(2)) {
                let [mean, squares] = [found[0], found[1]].map(f64::from);
                *whole = whole.joined(Moments { count, mean, squares });
            }
        }
        Ok(whole)
    }

    fn group_norm_by(
        &self,
        norm: &GroupNorm,
        x: Tensor,
        moments: &[Moments],
        activation: Activation,
    ) -> Result<Tensor> {
        let [b, c, h, w] = x.map_shape()?;
        // The kernel divides by the numbers of what it is given.
        let count = (h * w * norm.size) as f64;
        let known = moments.iter().flat_map(|known| [known.mean, known.variance() * count]);
        let known: Vec<f32> = known.map(|number| number as f32).collect();
        let parts = self.context.take(4 * known.len() as u64)?;
        let parts = parts.bound(0, 4 * known.len() as u64);
        self.context.write(parts, &to_bytes(&known, Storage::F32), &|| self.stopped())?;
        let fresh = if x.is_alone() { None } else { Some(self.empty(&[b, c, h, w], x.storage())?) };
        let y = fresh.as_ref().unwrap_or(&x);
        let of_one = Pass::new(norm, &Source::One(&x), y, [b, h * w]);
        let pass = Pass { in_place: fresh.is_none(), piece: h * w, pieces: 1, ..of_one };
        self.apply(&pass, parts, 0, 1, activation)?;
        Ok(y.clone())
    }

    fn pack_layer_norm(&self, weight: Vec<f32>, bias: Vec<f32>) -> Result<LayerNorm> {
        let mut numbers = weight;
        numbers.resize(numbers.len().next_multiple_of(4), 0.0);
        numbers.extend(bias);
        Ok(LayerNorm { numbers: self.pack_numbers(&numbers)? })
    }

    fn joins_norms(&self) -> bool {
        true
    }

    fn linear_after(
        &self,
        norm: &LayerNorm,
        layer: &<Self as LinearOps>::Linear,
        x: &Tensor,
        epilogue: Epilogue<'_, Tensor>,
    ) -> Result<Tensor> {
        self.apply_linear(layer, Some(norm), x, epilogue)
    }

    fn layer_norm(&self, norm: &LayerNorm, x: &Tensor) -> Result<Tensor> {
        let y = self.empty(x.shape(), x.storage())?;
        let band = self.band(x.rows(), x.row_bytes());
        for start in (0..x.rows()).step_by(band) {
            self.count_band(start);
            let rows = band.min(x.rows() - start);
            let columns = rows.min(32768);
            let parameters = [rows, x.quads(), x.channels(), columns].map(|word| word as u32);
            let bound =
                [x.bound_rows(start, start + rows), norm.numbers.bound(), y.bound_rows(start, start + rows)];
            let groups = [columns as u32, rows.div_ceil(columns) as u32, 1];
            let variant = Variant::plain(Kernel::LayerNorm, x.storage());
            self.dispatch(&variant, &bound, &parameters, groups, work_of(3 * bound[0].bytes))?;
        }
        Ok(y)
    }
}

/// The two passes over one map.
struct Pass<'a> {
    norm: &'a GroupNorm,
    first: &'a Tensor,
    second: Option<&'a Tensor>,
    y: &'a Tensor,
    /// Whether the map is y itself.
    in_place: bool,
    pixels: usize,
    piece: usize,
    pieces: usize,
}

impl<'a> Pass<'a> {
    fn new(norm: &'a GroupNorm, x: &Source<'a, Tensor>, y: &'a Tensor, [_, pixels]: [usize; 2]) -> Self {
        let (first, second) = match *x {
            Source::One(x) => (x, None),
            Source::Two(a, b) => (a, Some(b)),
        };
        let piece = pixels.div_ceil(PIECES_MAX).max(PIECE_MIN);
        Self { norm, first, second, y, in_place: false, pixels, piece, pieces: pixels.div_ceil(piece) }
    }

    /// Items of the batch of each source, as they are bound.
    fn sources<'b>(&self, none: Bound<'b>, item: usize, items: usize) -> [Bound<'b>; 2]
    where
        'a: 'b,
    {
        let (start, end) = (item * self.pixels, (item + items) * self.pixels);
        [self.first.bound_rows(start, end), self.second.map_or(none, |x| x.bound_rows(start, end))]
    }
}

impl Wgsl {
    fn in_two_passes(&self, pass: &Pass<'_>, b: usize, activation: Activation) -> Result<()> {
        let parts = self.context.take((b * pass.pieces * pass.norm.groups * 8) as u64)?;
        let parts = parts.bound(0, (b * pass.pieces * pass.norm.groups * 8) as u64);
        // Items of the batch that bindings hold.
        let item_bytes = pass.pixels as u64 * pass.y.row_bytes();
        let together = if pass.pixels.is_multiple_of(64) {
            ((self.context.binding_max() / item_bytes.max(1)) as usize).clamp(1, b)
        } else {
            b
        };
        for item in (0..b).step_by(together) {
            let items = together.min(b - item);
            self.statistics(pass, parts, item, items)?;
        }
        for item in (0..b).step_by(together) {
            let items = together.min(b - item);
            self.apply(pass, parts, item, items, activation)?;
        }
        Ok(())
    }

    fn whole(&self, pass: &Pass<'_>, items: usize, activation: Activation) -> Result<()> {
        let GroupNorm { groups, size, epsilon, .. } = *pass.norm;
        // As few groups as make whole quads.
        let together =
            [1, 2, 4].into_iter().find(|together| (together * size).is_multiple_of(4)).unwrap_or(4);
        let words = [
            pass.first.quads() as u32,
            pass.second.map_or(0, Tensor::quads) as u32,
            pass.pixels as u32,
            groups as u32,
            size as u32,
            together as u32,
            epsilon.to_bits(),
            activation.number(),
        ];
        let [x0, x1] = pass.sources(self.context.no_activations(), 0, items);
        let (gain, bias) = (pass.norm.gain.bound(), pass.norm.bias.bound());
        let bound = [x0, x1, gain, bias, pass.y.bound()];
        let workgroups = [groups.div_ceil(together), items];
        let variant = Variant::plain(Kernel::GroupNormWhole, pass.y.storage());
        self.in_shares(&variant, &bound, &words, workgroups, work_of(3 * (x0.bytes + x1.bytes)))
    }

    fn statistics(&self, pass: &Pass<'_>, parts: Bound<'_>, item: usize, items: usize) -> Result<()> {
        let [x0, x1] = pass.sources(self.context.no_activations(), item, items);
        let words = [
            pass.first.quads(),
            pass.second.map_or(0, Tensor::quads),
            pass.pixels,
            pass.piece,
            pass.pieces,
            pass.norm.groups,
            pass.norm.size,
            item,
        ];
        let parameters = words.map(|word| word as u32);
        let variant = Variant::plain(Kernel::GroupNormStatistics, pass.first.storage());
        let work = work_of(x0.bytes + x1.bytes);
        self.in_shares(&variant, &[x0, x1, parts], &parameters, [pass.pieces, items], work)
    }

    fn apply(
        &self,
        pass: &Pass<'_>,
        parts: Bound<'_>,
        item: usize,
        items: usize,
        activation: Activation,
    ) -> Result<()> {
        let [x0, x1] = pass.sources(self.context.no_activations(), item, items);
        let (start, end) = (item * pass.pixels, (item + items) * pass.pixels);
        let share = pass.pixels.div_ceil(1024).max(16);
        let words = [
            pass.first.quads() as u32,
            pass.second.map_or(0, Tensor::quads) as u32,
            pass.pixels as u32,
            pass.piece as u32,
            pass.pieces as u32,
            pass.norm.groups as u32,
            pass.norm.size as u32,
            pass.norm.epsilon.to_bits(),
            activation.number(),
            item as u32,
            share as u32,
        ];
        let bound = [
            // What is bound twice may not be written.
            if pass.in_place { self.context.no_activations() } else { x0 },
            x1,
            parts,
            pass.norm.gain.bound(),
            pass.norm.bias.bound(),
            pass.y.bound_rows(start, end),
        ];
        let groups = [pass.pixels.div_ceil(share), items];
        let variant = Variant {
            constants: vec![("IN_PLACE", pass.in_place.to_string())],
            ..Variant::plain(Kernel::GroupNormApply, pass.y.storage())
        };
        self.in_shares(&variant, &bound, &words, groups, work_of(2 * (x0.bytes + x1.bytes)))
    }

    /// Dispatches workgroups of a row after a row, together of so much work, in parts of a share; the first workgroup
    /// of a part is the last parameter.
    fn in_shares(
        &self,
        variant: &Variant,
        bound: &[Bound<'_>],
        parameters: &[u32],
        [across, down]: [usize; 2],
        work: f64,
    ) -> Result<()> {
        let of_one = work / across.max(1) as f64;
        let [together, ..] = cut_grid([across, 1, 1], of_one, self.context().share());
        for first in (0..across).step_by(together) {
            self.count_band(first);
            let own = together.min(across - first);
            let parameters = [parameters, &[first as u32]].concat();
            self.dispatch(variant, bound, &parameters, [own as u32, down as u32, 1], of_one * own as f64)?;
        }
        Ok(())
    }
}
