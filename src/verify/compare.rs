//! Comparing a computed tensor with the recorded one.

use crate::trace::{Recorded, Trace, Values};

/// Floats may differ by this share of the largest expected magnitude.
pub const TOLERANCE: f64 = 1e-4;

/// What came of one tensor.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// The tensor's name.
    pub name: String,
    /// The reference's shape.
    pub shape: Vec<usize>,
    /// max |a − b|; 0 for equal integers.
    pub absolute: f64,
    /// max |a − b| / max |b|.
    pub relative: f64,
    /// Why it fails, if it does.
    pub failure: Option<String>,
}

/// Tensors that are inputs, not results.
const INPUTS: [&str; 6] = ["concat", "image_in", "mask", "probe_t", "probe_x", "x0"];

/// One comparison for every expected tensor that is no input, in the order of their names.
pub fn compare(expected: &Trace, computed: &Trace) -> Vec<Comparison> {
    expected
        .tensors
        .iter()
        .filter(|(name, _)| !INPUTS.contains(&name.as_str()))
        .map(|(name, expected)| compare_tensor(name, expected, computed.tensors.get(name)))
        .collect()
}

/// Compares one tensor; one that was not computed fails.
pub(super) fn compare_tensor(name: &str, expected: &Recorded, computed: Option<&Recorded>) -> Comparison {
    let mut comparison = Comparison {
        name: name.to_owned(),
        shape: expected.shape.clone(),
        absolute: f64::NAN,
        relative: f64::NAN,
        failure: None,
    };
    let Some(computed) = computed else {
        comparison.failure = Some("expected a tensor that this kind of request does not compute".to_owned());
        return comparison;
    };
    if computed.shape != expected.shape {
        comparison.failure =
            Some(format!("expected shape {:?}, computed {:?}", expected.shape, computed.shape));
        return comparison;
    }
    let (a, b) = match (&computed.values, &expected.values) {
        (Values::I64(a), Values::I64(b)) => {
            let unequal = a.iter().zip(b).filter(|(a, b)| a != b).count();
            let worst = a.iter().zip(b).map(|(a, b)| a.abs_diff(*b)).max().unwrap_or(0);
            (comparison.absolute, comparison.relative) = (worst as f64, if unequal == 0 { 0.0 } else { 1.0 });
            comparison.failure = (unequal > 0).then(|| format!("{unequal} of {} integers differ", b.len()));
            return comparison;
        }
        (Values::F32(a), Values::F32(b)) => (widen(a), widen(b)),
        (Values::F64(a), Values::F64(b)) => (a.clone(), b.clone()),
        _ => {
            comparison.failure = Some("expected another type of number".to_owned());
            return comparison;
        }
    };
    compare_floats(&mut comparison, &a, &b);
    comparison
}

fn widen(values: &[f32]) -> Vec<f64> {
    values.iter().map(|&value| f64::from(value)).collect()
}

fn compare_floats(comparison: &mut Comparison, computed: &[f64], expected: &[f64]) {
    if let Some(position) = computed.iter().chain(expected).position(|value| !value.is_finite()) {
        comparison.failure =
            Some(format!("a number is not finite (at {})", position % expected.len().max(1)));
        return;
    }
    let largest = expected.iter().fold(0.0, |largest: f64, value| largest.max(value.abs()));
    comparison.absolute = computed.iter().zip(expected).fold(0.0, |worst, (a, b)| worst.max((a - b).abs()));
    comparison.relative = if comparison.absolute == 0.0 { 0.0 } else { comparison.absolute / largest };
    if comparison.absolute > TOLERANCE * largest {
        comparison.failure = Some(if largest == 0.0 {
            "expected zero throughout".to_owned()
        } else {
            format!("differs by more than {TOLERANCE:.0e} of the largest number")
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trace(values: &[f32]) -> Trace {
        let mut trace = Trace::default();
        trace.f32("samples", &[values.len()], values.to_vec());
        trace
    }

    fn failure(expected: &[f32], computed: &[f32]) -> Option<String> {
        compare(&trace(expected), &trace(computed))[0].failure.clone()
    }

    #[test]
    fn small_differences_pass_and_larger_ones_fail() {
        assert_eq!(failure(&[1.0, -2.0], &[1.0001, -2.0]), None);
        assert!(failure(&[1.0, -2.0], &[1.0003, -2.0]).is_some());
    }

    #[test]
    fn zero_must_come_out_zero_and_nan_never_passes() {
        assert_eq!(failure(&[0.0], &[0.0]), None);
        assert!(failure(&[0.0], &[1e-12]).is_some());
        assert!(failure(&[1.0], &[f32::NAN]).is_some());
        assert!(failure(&[f32::NAN], &[f32::NAN]).is_some());
    }

    #[test]
    fn another_shape_or_a_missing_tensor_fails() {
        assert!(failure(&[1.0], &[1.0, 1.0]).is_some());
        assert!(compare(&trace(&[1.0]), &Trace::default())[0].failure.is_some());
    }
}
