//! How far a computed number may be from the recorded one, by number type and place: one table, by which `verify`
//! passes or fails.
//!
//! Trap: a codebook takes the nearest of its entries, so a number that lies between two may jump to the other one,
//! however small the difference is. Where something short went through a codebook, a share of the numbers may
//! therefore be anything.

use crate::ops::Dtype;

/// Where numbers are computed, as far as bounds go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The processor.
    Processor,
    /// A graphics card by our own kernels.
    Card,
    /// A graphics card by candle.
    Other,
}

/// Shares of the largest expected number by which a tensor may differ.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bounds {
    /// Schedules and noise, which no network computes.
    pub exact: f64,
    /// Texts, and pictures that were encoded.
    pub given: f64,
    /// One call of the UNet.
    pub call: f64,
    /// A run of the sampler, in which each call goes on with what the ones before differ by, and its picture.
    pub run: f64,
    /// The share of the numbers that may be anything where they went through a codebook.
    pub jumps: f64,
}

/// The bound of one tensor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Bound {
    /// The share of the largest expected number.
    pub share: f64,
    /// The share of its numbers that may be beyond that.
    pub beyond: f64,
}

/// The bounds of f32, everywhere.
const F32: Bounds = Bounds { exact: 1e-4, given: 1e-4, call: 1e-4, run: 1e-4, jumps: 0.0 };

/// The bounds of the shorter types, two to three times the most that was measured in the fourteen cases: on Mesa's
/// llvmpipe for a card, whose sums are f32 as on any card; on Zen 4 for AVX512-BF16.
const TABLE: [(Place, Dtype, Bounds); 2] = [
    // Measured: texts 3.8e-4, encoded pictures 9.2e-4, calls 2.2e-3, runs 7.5e-3. Texts are computed in f32, and
    // rounded once when they are handed to the UNet. Nothing jumped there; on a card that adds in another order it may.
    (Place::Card, Dtype::F16, Bounds { exact: 1e-4, given: 2e-3, call: 5e-3, run: 2e-2, jumps: 0.25 }),
    // Measured: texts and encoded pictures 2.8e-6, calls 1.2e-2, runs 3.1e-2. The codebooks of the cases are drawn, so
    // that many of their entries are about as near: 16 % of a latent jumped, and 42 % of its picture with it.
    (Place::Processor, Dtype::Bf16, Bounds { exact: 1e-4, given: 1e-4, call: 3e-2, run: 8e-2, jumps: 0.6 }),
];

impl Bounds {
    /// The bounds of a type at a place. Where nobody could measure, those of the same type elsewhere count.
    pub fn of(place: Place, dtype: Dtype) -> Self {
        if dtype == Dtype::F32 {
            return F32;
        }
        let here = TABLE.iter().find(|row| (row.0, row.1) == (place, dtype));
        here.or_else(|| TABLE.iter().find(|row| row.1 == dtype)).map_or(F32, |row| row.2)
    }

    /// The bound of a tensor of a model with a codebook or without, whose sampler takes the codebook's entries or not.
    pub(super) fn of_tensor(&self, name: &str, has_codebook: bool, quantizes: bool) -> Bound {
        let (share, jumps) = match name {
            "context" | "unconditional_context" | "posterior_mean" | "posterior_logvar" | "z_noised" => {
                (self.given, false)
            }
            "probe_eps" => (self.call, false),
            "image" => (self.run, has_codebook || quantizes),
            "x_steps" | "pred_x0_steps" | "samples" => (self.run, quantizes),
            _ => (self.exact, false),
        };
        Bound { share, beyond: if jumps { self.jumps } else { 0.0 } }
    }

    /// One line for people.
    pub fn line(&self) -> String {
        let Self { exact, given, call, run, jumps } = *self;
        if *self == F32 {
            return format!("bounds: {exact:.0e} of the largest number");
        }
        format!(
            "bounds: {given:.0e} of the largest number for texts and encoded pictures, {call:.0e} for a call of the \
             UNet, {run:.0e} for a run and its picture ({:.0} % of its numbers may jump behind a codebook), {exact:.0e} \
             for the rest",
            100.0 * jumps
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_network_computes_is_held_to_the_bound_of_f32() {
        for (place, dtype, bounds) in TABLE {
            assert_eq!(Bounds::of(place, dtype), bounds);
            assert!(bounds.call > bounds.given && bounds.run > bounds.call && bounds.run < 0.1, "{bounds:?}");
            for name in ["tokens", "timesteps", "ddim_alphas", "x_T", "new"] {
                let exact = Bound { share: 1e-4, beyond: 0.0 };
                assert_eq!(bounds.of_tensor(name, true, true), exact, "{name}");
            }
            assert_eq!(bounds.of_tensor("probe_eps", true, true), Bound { share: bounds.call, beyond: 0.0 });
            let run = |beyond| Bound { share: bounds.run, beyond };
            assert_eq!(bounds.of_tensor("image", false, false), run(0.0));
            assert_eq!(bounds.of_tensor("image", true, false), run(bounds.jumps));
            assert_eq!(bounds.of_tensor("samples", true, false), run(0.0));
            assert_eq!(bounds.of_tensor("samples", true, true), run(bounds.jumps));
        }
        let exact = Bound { share: 1e-4, beyond: 0.0 };
        assert_eq!(Bounds::of(Place::Card, Dtype::F32).of_tensor("image", true, true), exact);
        // Never measured: candle's f16.
        assert_eq!(Bounds::of(Place::Other, Dtype::F16), Bounds::of(Place::Card, Dtype::F16));
    }

    #[test]
    fn bounds_are_said_in_a_line() {
        assert_eq!(Bounds::of(Place::Card, Dtype::F32).line(), "bounds: 1e-4 of the largest number");
        let line = Bounds { exact: 1e-4, given: 1e-3, call: 2e-3, run: 3e-2, jumps: 0.5 }.line();
        assert!(["2e-3", "3e-2", "1e-3", "50 %", "1e-4"].iter().all(|bound| line.contains(bound)), "{line}");
    }
}
