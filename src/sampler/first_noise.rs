//! `FirstNoise`: the draw that a run begins with, and a way from it towards another seed's (A1111's variation seed).
//!
//! Traps: A1111 turns each column of a channel on its own, since it takes norms along the rows; where the two are as
//! good as one it mixes instead, with the shares the other way round.

use super::Latent;
use super::noise::{Noise, RngKind};

/// From here on two noises are as good as one.
const ALIKE: f32 = 0.9995;

/// The first noise (b, c, h, w) of a seed, and its generator after that. `toward` is another seed and how far, 0 to 1.
pub fn first_noise(
    kind: RngKind,
    seed: u64,
    shape: [usize; 4],
    toward: Option<(u64, f64)>,
) -> (Latent, Noise) {
    let mut noise = Noise::seeded(kind, seed);
    let count = shape.iter().product();
    let own = Latent::new(shape, noise.randn(count));
    let first = match toward {
        Some((other, strength)) if strength > 0.0 => {
            let other = Latent::new(shape, Noise::seeded(kind, other).randn(count));
            turned(&own, &other, strength as f32)
        }
        _ => own,
    };
    (first, noise)
}

/// `slerp(share, low, high)`.
fn turned(low: &Latent, high: &Latent, share: f32) -> Latent {
    let [_, _, h, w] = low.shape;
    let norm = |latent: &Latent, plane: usize, x: usize| {
        (0..h).map(|y| latent.values[(plane * h + y) * w + x].powi(2)).sum::<f32>().sqrt()
    };
    let planes = low.len() / (h * w).max(1);
    let dots: Vec<f32> = (0..planes * w)
        .map(|i| {
            let (plane, x) = (i / w, i % w);
            let (a, b) = (norm(low, plane, x), norm(high, plane, x));
            let at = |latent: &Latent, y: usize| latent.values[(plane * h + y) * w + x];
            (0..h).map(|y| (at(low, y) / a) * (at(high, y) / b)).sum()
        })
        .collect();
    if dots.iter().sum::<f32>() / dots.len().max(1) as f32 > ALIKE {
        return low.zip(high, |low, high| low * share + high * (1.0 - share));
    }
    let shares: Vec<[f32; 2]> = dots
        .iter()
        .map(|dot| {
            let omega = dot.clamp(-1.0, 1.0).acos();
            // One column may be alike where the whole is not.
            if omega.sin() == 0.0 {
                return [1.0 - share, share];
            }
            [((1.0 - share) * omega).sin() / omega.sin(), (share * omega).sin() / omega.sin()]
        })
        .collect();
    let values = low.values.iter().zip(&high.values).enumerate().map(|(i, (low, high))| {
        let [of_low, of_high] = shares[i / (h * w) * w + i % w];
        of_low * low + of_high * high
    });
    Latent::new(low.shape, values.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: [usize; 4] = [1, 4, 6, 5];

    #[test]
    fn a_variation_lies_between_two_seeds() {
        let own = |seed| first_noise(RngKind::Cpu, seed, SHAPE, None);
        let (low, noise) = own(3);
        assert_eq!(first_noise(RngKind::Cpu, 3, SHAPE, Some((9, 0.0))), (low.clone(), noise.clone()));
        let (all, after) = first_noise(RngKind::Cpu, 3, SHAPE, Some((9, 1.0)));
        let high = own(9).0;
        let apart = |a: &Latent, b: &Latent| {
            a.values.iter().zip(&b.values).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
        };
        assert!(apart(&all, &high) < 1e-5);
        // The draws that follow are the seed's own.
        assert_eq!(after, noise);
        let (half, _) = first_noise(RngKind::Cpu, 3, SHAPE, Some((9, 0.5)));
        let deviation = |z: &Latent| (z.values.iter().map(|z| z * z).sum::<f32>() / z.len() as f32).sqrt();
        assert!((deviation(&half) - 1.0).abs() < 0.25 && apart(&half, &low) > 0.1);
        // Two that are one mix, whatever the share.
        let same = first_noise(RngKind::Cpu, 3, SHAPE, Some((3, 0.3))).0;
        assert!(apart(&same, &low) < 1e-6);
    }

    /// From A1111's `slerp` on torch 2.15: two seeds, a share of 0.3.
    #[test]
    fn it_turns_as_a1111_does() {
        let found = first_noise(RngKind::Cpu, 1, SHAPE, Some((2, 0.3))).0;
        for (at, expected) in [
            (0, -1.627_423_3),
            (1, -0.253_036_95),
            (7, -1.767_640_4),
            (30, -0.507_754_1),
            (59, -1.063_95),
            (77, -0.335_739_5),
            (100, 1.588_421_6),
            (119, -1.442_905_5),
        ] {
            let found: f32 = found.values[at];
            assert!((found - expected).abs() < 3e-6, "{at}: {found} {expected}");
        }
    }
}
