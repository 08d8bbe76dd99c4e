//! The quantile function of the beta distribution (`scipy.stats.beta.ppf`), for one schedule.
//!
//! Trap: near both ends the density of β(0.6, 0.6) is infinite, so Newton's rule would leap; the search
//! halves.

/// Halvings of the search: beyond the digits of an f64 in [0, 1].
const HALVINGS: usize = 1100;

/// The x at which the share `p`, 0 to 1, of the distribution β(`shape`, `shape`) lies below.
pub(super) fn symmetric_beta_quantile(p: f64, shape: f64) -> f64 {
    if p > 0.5 {
        return 1.0 - symmetric_beta_quantile(1.0 - p, shape);
    }
    let whole = 2.0 * incomplete(0.5, shape);
    let (mut low, mut high) = (0.0, 0.5);
    for _ in 0..HALVINGS {
        let middle = 0.5 * (low + high);
        if middle <= low || middle >= high {
            break;
        }
        if incomplete(middle, shape) < p * whole { low = middle } else { high = middle }
    }
    0.5 * (low + high)
}

/// ∫ t^(a−1)·(1−t)^(a−1) from 0 to x ≤ ½, by the series of (1−t)^(a−1): each term falls by more than a
/// half, since x does.
fn incomplete(x: f64, a: f64) -> f64 {
    let (mut term, mut sum, mut n) = (1.0, 1.0 / a, 0.0);
    loop {
        term *= x * (n + 1.0 - a) / (n + 1.0);
        n += 1.0;
        let next = term / (a + n);
        sum += next;
        if next.abs() <= f64::EPSILON * 0.01 * sum || n > 1000.0 {
            return x.powf(a) * sum;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_scipy() {
        // scipy 1.17.1, stats.beta.ppf(p, 0.6, 0.6).
        for (p, x) in SCIPY {
            assert!((symmetric_beta_quantile(p, 0.6) - x).abs() < 1e-9, "{p}");
        }
    }

    const SCIPY: [(f64, f64); 7] = [
        (0.0, 0.0),
        (0.001, 1.855_873_851_745_199e-5),
        (0.1, 0.039_584_405_588_780_78),
        (0.3, 0.234_017_003_875_235_72),
        (0.5, 0.5),
        (0.875, 0.942_843_636_377_586),
        (1.0, 1.0),
    ];
}
