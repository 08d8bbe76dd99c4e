//! `Noise`: the random numbers that a seed names, the same on every machine and for every device.
//!
//! A [`Noise`] is a plain value: cloned or serialized at any point, it continues from there with the
//! same numbers. The state is more than the generator: the CPU kinds keep the second half of a
//! pair between two short draws, and the CUDA kind counts its calls. How a draw is *split* matters
//! too: 64 numbers drawn at once are others than twice 32, as in torch.

mod brownian;
mod mt19937;
mod normal;
mod philox;
mod seed_sequence;

use serde::{Deserialize, Serialize};

use brownian::Brownian;
use mt19937::Mt19937;
use normal::Dialect;
use philox::Philox;

/// Draws shorter than this take torch's scalar path, in f64 with a cached half.
const SHORT_DRAW: usize = 16;
/// Numbers made at a time in a long draw: a multiple of 16 that stays in the first-level cache.
const STRETCH: usize = 4096;

/// Which generator's noise a seed names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RngKind {
    /// torch's CPU generator on x86-64 (AVX2 and later).
    #[default]
    Cpu,
    /// torch's CPU generator elsewhere.
    CpuLibm,
    /// torch's CUDA generator.
    Nv,
}

/// A generator in some state; equal values draw equal numbers forever.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Noise {
    kind: RngKind,
    /// The seed that it began with, which also names its Brownian motion.
    seed: u64,
    source: Source,
}

/// The state behind a kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Source {
    /// torch's CPU generator: its words, and the half of a pair that a short draw left over.
    Torch { words: Mt19937, cached_half: Option<f64> },
    /// torch's CUDA generator.
    Cuda(Philox),
    /// Draws of a recorded run in their order, and whether its Brownian motion was drawn from them too.
    Recorded { draws: Vec<Vec<f32>>, next: usize, brownian: bool },
    /// Generators of runs side by side, each with its equal part of every draw.
    Joint(Vec<Noise>),
}

impl Noise {
    /// The generator as it stands right after `torch.manual_seed(seed)`.
    ///
    /// The CPU kinds use the seed's low 32 bits only, as torch does.
    pub fn seeded(kind: RngKind, seed: u64) -> Self {
        let source = match kind {
            RngKind::Cpu | RngKind::CpuLibm => {
                Source::Torch { words: Mt19937::seeded(seed as u32), cached_half: None }
            }
            RngKind::Nv => Source::Cuda(Philox::seeded(seed)),
        };
        Self { kind, seed, source }
    }

    /// The draws of a recorded run in their order, zeros after the last. Its Brownian motion is that of
    /// `brownian`, a seed of [`RngKind::Cpu`]; without one it takes the next draw each time.
    pub fn recorded(draws: Vec<Vec<f32>>, brownian: Option<u64>) -> Self {
        let source = Source::Recorded { draws, next: 0, brownian: brownian.is_none() };
        Self { kind: RngKind::Cpu, seed: brownian.unwrap_or(0), source }
    }

    /// Generators of runs side by side: each draws its own part of the batch.
    pub fn joint(parts: Vec<Self>) -> Self {
        let (kind, seed) = parts.first().map_or_else(Default::default, |first| (first.kind, first.seed));
        Self { kind, seed, source: Source::Joint(parts) }
    }

    /// The generators of runs side by side; of a single run its own.
    pub fn parts(&self) -> &[Self] {
        match &self.source {
            Source::Joint(parts) => parts,
            _ => std::slice::from_ref(self),
        }
    }

    /// The seed that it began with.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Whose noise this is.
    pub fn kind(&self) -> RngKind {
        self.kind
    }

    /// `torch.randn(len)` in f32: standard normal numbers, drawn as one call.
    pub fn randn(&mut self, len: usize) -> Vec<f32> {
        let mut values = vec![0.0; len];
        self.randn_into(&mut values);
        values
    }

    /// [`Noise::randn`] into memory at hand.
    pub fn randn_into(&mut self, values: &mut [f32]) {
        let dialect = if self.kind == RngKind::CpuLibm { Dialect::Libm } else { Dialect::Avx2 };
        match &mut self.source {
            Source::Torch { words, cached_half } if values.len() < SHORT_DRAW => {
                for value in values {
                    *value = normal::scalar(words, cached_half);
                }
            }
            Source::Torch { words, .. } => long_draw(words, dialect, values),
            Source::Cuda(philox) => philox.randn_into(values),
            Source::Recorded { draws, next, .. } => {
                let draw = draws.get(*next).map_or(&[] as &[f32], Vec::as_slice);
                for (i, value) in values.iter_mut().enumerate() {
                    *value = draw.get(i).copied().unwrap_or(0.0);
                }
                *next += 1;
            }
            Source::Joint(parts) => {
                let size = values.len() / parts.len().max(1);
                for (part, values) in parts.iter_mut().zip(values.chunks_mut(size.max(1))) {
                    part.randn_into(values);
                }
            }
        }
    }

    /// z of variance 1 between two times of the seed's Brownian motion over `span`: −(W(to) − W(from))
    /// over the root of the time, `from` the smaller (k-diffusion's sign, its σ falling).
    pub fn brownian(&mut self, span: [f64; 2], [from, to]: [f64; 2], len: usize) -> Vec<f32> {
        match &mut self.source {
            Source::Recorded { brownian: true, .. } => return self.randn(len),
            Source::Joint(parts) => {
                let size = len / parts.len().max(1);
                return parts.iter_mut().flat_map(|part| part.brownian(span, [from, to], size)).collect();
            }
            _ => {}
        }
        let mut values = Brownian::new(self.kind, self.seed, len).increment(span, from, to);
        let scale = if to > from { -1.0 / (to - from).sqrt() } else { 0.0 };
        values.iter_mut().for_each(|value| *value *= scale as f32);
        values
    }

    /// `torch.rand(len)` in f32 (zeros from a recorded run): multiples of 2⁻²⁴ in [0, 1) from the CPU kinds, multiples of
    /// about 2⁻³² in [0, 1) from the CUDA kind.
    pub fn rand(&mut self, len: usize) -> Vec<f32> {
        let mut values = vec![0.0; len];
        match &mut self.source {
            Source::Torch { words, .. } => words.fill_uniform(&mut values),
            Source::Cuda(philox) => philox.rand_into(&mut values),
            Source::Recorded { .. } => {}
            Source::Joint(parts) => {
                let size = len / parts.len().max(1);
                return parts.iter_mut().flat_map(|part| part.rand(size)).collect();
            }
        }
        values
    }

    /// `torch.empty(len).bernoulli_(p)`: true with probability `p`.
    ///
    /// Dropout keeps what `bernoulli(1 - p, …)` says. The CPU kinds spend two words a value.
    pub fn bernoulli(&mut self, p: f64, len: usize) -> Vec<bool> {
        match &mut self.source {
            Source::Torch { words, .. } => (0..len).map(|_| words.next_f64() < p).collect(),
            Source::Cuda(philox) => philox.bernoulli(p, len),
            Source::Recorded { .. } => vec![true; len],
            Source::Joint(parts) => {
                let size = len / parts.len().max(1);
                parts.iter_mut().flat_map(|part| part.bernoulli(p, size)).collect()
            }
        }
    }
}

/// A draw of at least 16: uniform numbers turned into normal ones, sixteen at a time.
///
/// Where the length is no multiple of 16, torch draws the last sixteen anew after all others.
fn long_draw(words: &mut Mt19937, dialect: Dialect, values: &mut [f32]) {
    let whole = values.len() / SHORT_DRAW * SHORT_DRAW;
    for stretch in values[..whole].chunks_mut(STRETCH) {
        words.fill_uniform(stretch);
        normal::transform(dialect, stretch);
    }
    let rest = values.len() - whole;
    if rest > 0 {
        words.skip(rest);
        let start = values.len() - SHORT_DRAW;
        words.fill_uniform(&mut values[start..]);
        normal::transform(dialect, &mut values[start..]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn saved_and_restored_in_the_middle_it_goes_on_the_same() {
        for kind in [RngKind::Cpu, RngKind::CpuLibm, RngKind::Nv] {
            let mut noise = Noise::seeded(kind, 99);
            noise.randn(700);
            noise.randn(3);
            let text = serde_json::to_string(&noise).unwrap();
            let mut restored: Noise = serde_json::from_str(&text).unwrap();
            assert_eq!(restored, noise);
            for len in [1, 2, 40, 5] {
                assert_eq!(restored.randn(len), noise.randn(len), "{kind:?} {len}");
            }
            assert_eq!(restored.bernoulli(0.4, 50), noise.bernoulli(0.4, 50));
            assert_eq!(restored, noise);
        }
    }

    #[test]
    fn a_damaged_state_is_refused() {
        let text = serde_json::to_string(&Noise::seeded(RngKind::Cpu, 1)).unwrap();
        let beyond = text.replace("\"next\":624", "\"next\":625");
        assert_ne!(beyond, text);
        assert!(serde_json::from_str::<Noise>(&beyond).is_err());
        let short = text.replacen("[1,", "[", 1);
        assert_ne!(short, text);
        assert!(serde_json::from_str::<Noise>(&short).is_err());
    }

    #[test]
    fn long_draws_do_not_depend_on_the_stretch() {
        let mut noise = Noise::seeded(RngKind::Cpu, 5);
        let mut whole = Noise::seeded(RngKind::Cpu, 5);
        let values = noise.randn(STRETCH * 3 + 48);
        let Source::Torch { words, .. } = &mut whole.source else { unreachable!() };
        let mut expected = vec![0.0; values.len()];
        words.fill_uniform(&mut expected);
        normal::transform(Dialect::Avx2, &mut expected);
        assert_eq!(values, expected);
        assert_eq!(noise, whole);
    }
}
