//! `Moments`: how many numbers there are, their mean, and how far they are spread: what parts of a map tell of the
//! whole.
//!
//! Parts are joined as Chan, Golub & LeVeque (1979) do, in f64, so a whole in parts has the statistics of the whole but
//! for the last bits.

/// Count, mean and squared deviations of some numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Moments {
    /// How many there are.
    pub count: f64,
    /// Their mean.
    pub mean: f64,
    /// The sum of squared deviations from it.
    pub squares: f64,
}

impl Moments {
    /// Those of both parts together.
    #[must_use]
    pub fn joined(self, other: Self) -> Self {
        let count = self.count + other.count;
        if count == 0.0 {
            return self;
        }
        let off = other.mean - self.mean;
        Self {
            count,
            mean: self.mean + off * other.count / count,
            squares: self.squares + other.squares + off * off * self.count * other.count / count,
        }
    }

    /// The mean of the squared deviations.
    pub fn variance(self) -> f64 {
        (self.squares / self.count.max(1.0)).max(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(numbers: &[f64]) -> Moments {
        let count = numbers.len() as f64;
        let mean = numbers.iter().sum::<f64>() / count;
        Moments { count, mean, squares: numbers.iter().map(|x| (x - mean).powi(2)).sum() }
    }

    #[test]
    fn parts_have_the_moments_of_the_whole() {
        let numbers: Vec<f64> = (0..100).map(|i| f64::from(i * i % 37) + 1e4).collect();
        let parts = [&numbers[..1], &numbers[1..40], &numbers[40..]];
        let joined = parts.into_iter().map(of).fold(Moments::default(), Moments::joined);
        let whole = of(&numbers);
        assert!((joined.mean - whole.mean).abs() < 1e-9 && joined.count == whole.count);
        assert!((joined.variance() / whole.variance() - 1.0).abs() < 1e-9);
        assert_eq!(Moments::default().joined(Moments::default()).variance(), 0.0);
    }
}
