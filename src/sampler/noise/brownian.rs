//! A Brownian motion over σ, the same wherever and in whatever order it is asked (torchsde's
//! `BrownianTree`, k-diffusion's `BrownianTreeNoiseSampler`).
//!
//! The interval is halved until both ends of a query are ends of nodes; each node's value follows from
//! its parent's and from a draw whose seed follows from the node's place. So there is no state: a run
//! that is taken up again meets the same path. Trap: times are rounded to six decimals, as in torchsde.

use super::seed_sequence::first_word;
use super::{Noise, RngKind};

/// A Brownian motion from a seed.
pub(super) struct Brownian {
    kind: RngKind,
    seed: u64,
    len: usize,
}

/// A part of the interval with its increment.
struct Node {
    from: f64,
    to: f64,
    key: u64,
    depth: u64,
    /// W(to) − W(from), `len` numbers.
    value: Vec<f32>,
}

impl Brownian {
    /// The motion of `seed` in `len` dimensions, its draws from generators of `kind`.
    pub(super) fn new(kind: RngKind, seed: u64, len: usize) -> Self {
        Self { kind, seed, len }
    }

    /// W(to) − W(from) of the motion over `span`; a time outside counts as the nearest end.
    pub(super) fn increment(&self, span: [f64; 2], from: f64, to: f64) -> Vec<f32> {
        let [start, end] = span;
        let value = self.draw(first_word(self.seed, &[]), (end - start).max(0.0).sqrt());
        let root = Node { from: round(start), to: round(end), key: 0, depth: 0, value };
        let [from, to] = [from, to].map(|time| round(time).clamp(root.from, root.to));
        let mut sum = vec![0.0; self.len];
        if from < to {
            self.add(root, from, to, &mut sum);
        }
        sum
    }

    /// Adds what lies between `from` and `to`, which lie within the node.
    fn add(&self, node: Node, from: f64, to: f64, sum: &mut [f32]) {
        if from <= node.from && to >= node.to {
            sum.iter_mut().zip(&node.value).for_each(|(sum, value)| *sum += value);
            return;
        }
        let middle = round(0.5 * (node.to + node.from));
        let [left, right] = self.split(&node, middle);
        drop(node);
        if from < middle {
            self.add(left, from, to.min(middle), sum);
        }
        if to > middle {
            self.add(right, from.max(middle), to, sum);
        }
    }

    /// Both halves of a node (Lévy's construction).
    fn split(&self, node: &Node, middle: f64) -> [Node; 2] {
        let over_length = 1.0 / (node.to - node.from);
        let (before, after) = (middle - node.from, node.to - middle);
        let share = (before * over_length) as f32;
        let fresh = self.draw(first_word(self.seed, &[node.key, node.depth]), 1.0);
        let scale = (before * after * over_length).max(0.0).sqrt() as f32;
        let half = |(value, fresh): (&f32, &f32)| share * value + scale * fresh;
        let left: Vec<f32> = node.value.iter().zip(&fresh).map(half).collect();
        let right = node.value.iter().zip(&left).map(|(value, left)| value - left).collect();
        let (key, depth) = (2 * node.key, node.depth + 1);
        [
            Node { from: node.from, to: middle, key, depth, value: left },
            Node { from: middle, to: node.to, key: key + 1, depth, value: right },
        ]
    }

    fn draw(&self, seed: u32, scale: f64) -> Vec<f32> {
        let mut values = Noise::seeded(self.kind, u64::from(seed)).randn(self.len);
        values.iter_mut().for_each(|value| *value *= scale as f32);
        values
    }
}

/// Rounds to six decimals as Python does: by the exact decimal value.
fn round(time: f64) -> f64 {
    format!("{time:.6}").parse().unwrap_or(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_the_motion_add_up_and_do_not_depend_on_the_order() {
        let motion = Brownian::new(RngKind::Cpu, 3, 40);
        let span = [0.029_167_5, 14.614_641];
        let whole = motion.increment(span, span[0], span[1]);
        let parts = [motion.increment(span, 2.5, span[1]), motion.increment(span, span[0], 2.5)];
        for (i, whole) in whole.iter().enumerate() {
            assert!((whole - parts[0][i] - parts[1][i]).abs() < 1e-5);
        }
        assert_eq!(motion.increment(span, 1.0, 1.0), vec![0.0; 40]);
        assert_eq!(motion.increment(span, -1.0, 99.0), whole);
    }

    #[test]
    fn steps_of_a_time_have_its_variance() {
        let motion = Brownian::new(RngKind::Cpu, 8, 4_000);
        let step = motion.increment([0.0, 10.0], 3.2, 5.7);
        let variance = step.iter().map(|x| f64::from(x * x)).sum::<f64>() / step.len() as f64;
        assert!((variance - 2.5).abs() < 0.2, "{variance}");
    }
}
