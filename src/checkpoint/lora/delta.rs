//! `Delta`: what a LoRA file adds to one weight, from the parts that the file has for it.
//!
//! Products of low rank stay what they are and run beside the layer. The others (LoHa, LoKr, whole
//! differences, and DoRA around any of them) are put together when the layer's weight is read again.

use std::any::Any;
use std::sync::Arc;

use super::alpha::Scale;
use super::ends::PartOf;
use super::{Parts, low_rank, matrix};
use crate::ops::host::{HostData, HostTensor};
use crate::ops::{LowRank, Result, Rewrite};

/// What is added to a weight at strength 1.
#[derive(Debug)]
pub(super) enum Delta {
    /// scale · up·down.
    LowRank { product: Arc<LowRank>, scale: f64 },
    /// scale · (a ∘ b), each row-major of the weight's shape once it is put together.
    Hadamard { factors: [Factor; 2], scale: f64 },
    /// scale · (a ⊗ b).
    Kronecker { left: Factor, right: Factor, scale: f64 },
    /// A difference as it is.
    Whole(HostTensor<'static>),
    /// DoRA: the weight with what `inner` adds, whose rows (or columns) get these lengths.
    Lengths { inner: Box<Delta>, lengths: Vec<f32>, by_column: bool, strength_within: bool },
}

/// One factor of a Hadamard or Kronecker product: a matrix, or two with perhaps a core between.
#[derive(Debug)]
pub(super) struct Factor {
    /// Rows, columns, and the window's pixels.
    shape: [usize; 3],
    form: Form,
}

#[derive(Debug)]
enum Form {
    Whole(HostTensor<'static>),
    /// a (rows, rank), b (rank, columns·window).
    Two([HostTensor<'static>; 2]),
    /// a (rank, rows), b (rank, columns), core (rank, rank, window).
    Tucker([HostTensor<'static>; 3]),
}

impl Factor {
    fn whole(tensor: &HostTensor<'static>) -> Option<Self> {
        let [rows, columns, window @ ..] = tensor.shape.as_slice() else { return None };
        let shape = [*rows, *columns, window.iter().product()];
        Some(Self { shape, form: Form::Whole(tensor.clone()) })
    }

    /// Of two matrices, or of two and a core; `window` is the weight's.
    fn of(
        a: &HostTensor<'static>,
        b: &HostTensor<'static>,
        core: Option<&HostTensor<'static>>,
        window: usize,
    ) -> Option<Self> {
        let (a, b) = (a.clone(), b.clone());
        let [first, second] = [a.shape.first().copied()?, a.shape.get(1).copied()?];
        let rank = b.shape.first().copied()?;
        let columns = b.len() / rank.max(1);
        match core {
            None => {
                let fits = second == rank && a.len() == first * second && columns.is_multiple_of(window);
                let shape = [first, columns / window.max(1), window];
                fits.then_some(Self { shape, form: Form::Two([a, b]) })
            }
            Some(core) => {
                let fits = first == rank && core.len() == rank * rank * window && a.len() == first * second;
                let shape = [second, columns, window];
                fits.then(|| Self { shape, form: Form::Tucker([a, b, core.clone()]) })
            }
        }
    }

    /// Its numbers (rows, columns, window), row-major.
    fn values(&self) -> Vec<f32> {
        match &self.form {
            Form::Whole(tensor) => tensor.to_f32().into_owned(),
            Form::Two([a, b]) => matrix::product(&a.to_f32(), &b.to_f32(), b.shape[0]),
            Form::Tucker([a, b, core]) => {
                let (rank, [rows, _, window]) = (b.shape[0], self.shape);
                let inner = matrix::through(&core.to_f32(), &b.to_f32(), [rank, window]);
                matrix::product(&matrix::transposed(&a.to_f32(), rows), &inner, rank)
            }
        }
    }
}

impl Delta {
    /// What these parts add to a weight of `shape`; `None` if they are of another shape, or not all there.
    pub(super) fn of(parts: &Parts, shape: &[usize], scale: Scale) -> Option<Self> {
        let inner = Self::plain(parts, shape, scale)?;
        let columns = *shape.get(1)?;
        let (lengths, strength_within) = match (parts.get(&PartOf::Magnitude), parts.get(&PartOf::DoraScale))
        {
            (Some(lengths), _) => (lengths, true),
            (None, Some(lengths)) => (lengths, false),
            (None, None) => return Some(inner),
        };
        let by_column = lengths.shape.first() != Some(&shape[0]) && !strength_within;
        let expected = if by_column { columns } else { shape[0] };
        let lengths = lengths.to_f32().into_owned();
        let fits = lengths.len() == expected;
        fits.then(|| Self::Lengths { inner: Box::new(inner), lengths, by_column, strength_within })
    }

    fn plain(parts: &Parts, shape: &[usize], scale: Scale) -> Option<Self> {
        use PartOf::*;
        let (rows, columns) = (*shape.first()?, shape.get(1..)?.iter().product::<usize>());
        let window = shape.get(2..)?.iter().product::<usize>();
        let get = |part| parts.get(&part);
        let alpha = get(Alpha).and_then(|alpha| alpha.to_f32().first().map(|alpha| f64::from(*alpha)));
        if let (Some(down), Some(up)) = (get(Down), get(Up)) {
            return low_rank_of(down, get(Mid), up, shape, |rank| scale.of(alpha, rank));
        }
        if let (Some(a1), Some(b1), Some(a2), Some(b2)) = (get(Hada1A), get(Hada1B), get(Hada2A), get(Hada2B))
        {
            let factors =
                [Factor::of(a1, b1, get(HadaT1), window)?, Factor::of(a2, b2, get(HadaT2), window)?];
            let fits = factors.iter().all(|factor| factor.shape == [rows, columns / window.max(1), window]);
            return fits.then(|| Self::Hadamard { scale: scale.of(alpha, b1.shape[0]), factors });
        }
        if get(Lokr1).is_some() || get(Lokr1A).is_some() {
            return kronecker(parts, shape, |rank| match rank {
                Some(rank) => scale.of(alpha, rank),
                None => scale.of_whole(),
            });
        }
        let diff = get(Diff)?;
        (diff.len() == rows * columns).then(|| Self::Whole(diff.clone()))
    }

    /// Its numbers of the weight's shape at strength 1.
    fn values(&self) -> Vec<f32> {
        let scaled = |mut values: Vec<f32>, scale: f64| {
            values.iter_mut().for_each(|value| *value *= scale as f32);
            values
        };
        match self {
            Self::LowRank { product, scale } => {
                let LowRank { down, up } = &**product;
                scaled(matrix::product(&up.to_f32(), &down.to_f32(), down.shape[0]), *scale)
            }
            Self::Hadamard { factors: [a, b], scale } => {
                let mut values = a.values();
                values.iter_mut().zip(b.values()).for_each(|(a, b)| *a *= b);
                scaled(values, *scale)
            }
            Self::Kronecker { left, right, scale } => scaled(kronecker_values(left, right), *scale),
            Self::Whole(difference) => difference.to_f32().into_owned(),
            Self::Lengths { inner, .. } => inner.values(),
        }
    }
}

/// A product of low rank, a core over the window joined with what comes before it.
fn low_rank_of(
    down: &HostTensor<'static>,
    mid: Option<&HostTensor<'static>>,
    up: &HostTensor<'static>,
    shape: &[usize],
    scale: impl Fn(usize) -> f64,
) -> Option<Delta> {
    let rank = down.shape.first().copied().filter(|rank| *rank > 0)?;
    let (rows, columns) = (shape[0], shape[1..].iter().product::<usize>());
    let window = shape[2..].iter().product::<usize>();
    let (mut down, mut up) = (down.clone(), up.clone());
    if let Some(mid) = mid {
        if mid.len() != rank * rank * window {
            return None;
        }
        let joined = matrix::through(&mid.to_f32(), &down.to_f32(), [rank, window]);
        down.data = HostData::F32(joined.into());
    }
    if down.len() != rank * columns || up.len() != rows * rank {
        return None;
    }
    (down.shape, up.shape) = ([&[rank], &shape[1..]].concat(), vec![rows, rank]);
    Some(low_rank(down, up, scale(rank)))
}

fn kronecker(parts: &Parts, shape: &[usize], scale: impl Fn(Option<usize>) -> f64) -> Option<Delta> {
    use PartOf::*;
    let get = |part| parts.get(&part);
    let window = shape.get(2..)?.iter().product::<usize>();
    let rank = |part| get(part).and_then(|b: &HostTensor<'static>| b.shape.first().copied());
    let left = match get(Lokr1) {
        Some(whole) => Factor::whole(whole)?,
        None => Factor::of(get(Lokr1A)?, get(Lokr1B)?, None, 1)?,
    };
    let right = match get(Lokr2) {
        Some(whole) => Factor::whole(whole)?,
        None => Factor::of(get(Lokr2A)?, get(Lokr2B)?, get(LokrT2), window)?,
    };
    let fits = left.shape[0] * right.shape[0] == shape[0]
        && left.shape[1] * right.shape[1] == shape[1]
        && left.shape[2] == 1
        && right.shape[2] == window;
    fits.then(|| Delta::Kronecker { scale: scale(rank(Lokr2B).or_else(|| rank(Lokr1B))), left, right })
}

/// (a·c, b·d, window) of left (a, b) and right (c, d, window).
fn kronecker_values(left: &Factor, right: &Factor) -> Vec<f32> {
    let (a, b) = (left.values(), right.values());
    let (columns, line) = (left.shape[1], right.shape[1] * right.shape[2]);
    let mut out = Vec::with_capacity(a.len() * b.len());
    for left_row in a.chunks_exact(columns.max(1)) {
        for right_row in b.chunks_exact(line.max(1)) {
            for factor in left_row {
                out.extend(right_row.iter().map(|value| factor * value));
            }
        }
    }
    out
}

/// A change of a weight in a strength.
#[derive(Debug)]
pub(super) struct Rewriting {
    pub(super) delta: Arc<Delta>,
    pub(super) strength: f64,
}

impl Rewrite for Rewriting {
    fn rewrite(&self, weight: &mut [f32], shape: &[usize]) -> Result<()> {
        let (added, strength) = (self.delta.values(), self.strength as f32);
        let Delta::Lengths { lengths, by_column, strength_within, .. } = &*self.delta else {
            weight.iter_mut().zip(added).for_each(|(weight, added)| *weight += strength * added);
            return Ok(());
        };
        let (within, beyond) = if *strength_within { (strength, 1.0) } else { (1.0, strength) };
        let mut changed: Vec<f32> =
            weight.iter().zip(&added).map(|(weight, added)| weight + within * added).collect();
        let columns = shape[1..].iter().product::<usize>().max(1);
        let window = shape[2..].iter().product::<usize>().max(1);
        let line = |place: usize| if *by_column { place % columns / window } else { place / columns };
        let mut squares = vec![0.0f64; lengths.len()];
        for (place, value) in changed.iter().enumerate() {
            squares[line(place)] += f64::from(*value) * f64::from(*value);
        }
        for (place, value) in changed.iter_mut().enumerate() {
            let own = line(place);
            let length = squares[own].sqrt().max(f64::from(f32::EPSILON));
            *value *= (f64::from(lengths[own]) / length) as f32;
        }
        weight.iter_mut().zip(changed).for_each(|(weight, changed)| *weight += beyond * (changed - *weight));
        Ok(())
    }

    fn is_same(&self, other: &(dyn Rewrite + 'static)) -> bool {
        let other: &dyn Any = other;
        other.downcast_ref::<Self>().is_some_and(|other| {
            Arc::ptr_eq(&self.delta, &other.delta) && self.strength.to_bits() == other.strength.to_bits()
        })
    }
}
