//! Comparing a computed tensor with the recorded one.

use crate::trace::{Recorded, Trace, Values};

use super::bounds::{Bound, Bounds};
use super::case::Case;

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
pub fn compare(case: &Case, computed: &Trace, bounds: &Bounds) -> Vec<Comparison> {
    let (has_codebook, quantizes) = (case.has_codebook(), case.request.quantize);
    let of = |name: &str| bounds.of_tensor(name, has_codebook, quantizes);
    case.expected
        .tensors
        .iter()
        .filter(|(name, _)| !INPUTS.contains(&name.as_str()))
        .map(|(name, expected)| compare_tensor(name, expected, computed.tensors.get(name), of(name)))
        .collect()
}

/// Compares one tensor; one that was not computed fails.
pub(super) fn compare_tensor(
    name: &str,
    expected: &Recorded,
    computed: Option<&Recorded>,
    bound: Bound,
) -> Comparison {
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
    compare_floats(&mut comparison, &a, &b, bound);
    comparison
}

fn widen(values: &[f32]) -> Vec<f64> {
    values.iter().map(|&value| f64::from(value)).collect()
}

fn compare_floats(comparison: &mut Comparison, computed: &[f64], expected: &[f64], bound: Bound) {
    if let Some(position) = computed.iter().chain(expected).position(|value| !value.is_finite()) {
        comparison.failure =
            Some(format!("a number is not finite (at {})", position % expected.len().max(1)));
        return;
    }
    let largest = expected.iter().fold(0.0, |largest: f64, value| largest.max(value.abs()));
    comparison.absolute = computed.iter().zip(expected).fold(0.0, |worst, (a, b)| worst.max((a - b).abs()));
    comparison.relative = if comparison.absolute == 0.0 { 0.0 } else { comparison.absolute / largest };
    let beyond =
        computed.iter().zip(expected).filter(|(a, b)| (*a - *b).abs() > bound.share * largest).count();
    let beyond = beyond as f64 / expected.len().max(1) as f64;
    if beyond > bound.beyond {
        comparison.failure = Some(if largest == 0.0 {
            "expected zero throughout".to_owned()
        } else {
            let more = format!("more than {:.0e} of the largest number", bound.share);
            format!("{:.3} % of its numbers differ by {more}", 100.0 * beyond)
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::Dtype;
    use crate::verify::Place;

    /// A case that expects `samples`.
    fn case(expected: &[f32]) -> Case {
        let request = r#"{"shape": [1, 1, 1], "batch": 1, "steps": 1, "scale": 1.0, "eta": 0.0, "seed": 0,
            "sampler": "ddim", "weights_seed": 0, "quantize": true}"#;
        Case {
            name: String::new(),
            config: serde_json::Value::Null,
            request: serde_json::from_str(request).unwrap(),
            expected: trace(expected),
            folder: None,
        }
    }

    fn trace(values: &[f32]) -> Trace {
        let mut trace = Trace::default();
        trace.f32("samples", &[values.len()], values.to_vec());
        trace
    }

    fn failure(expected: &[f32], computed: &[f32]) -> Option<String> {
        let bounds = Bounds::of(Place::Processor, Dtype::F32);
        compare(&case(expected), &trace(computed), &bounds)[0].failure.clone()
    }

    #[test]
    fn small_differences_pass_and_larger_ones_fail() {
        assert_eq!(failure(&[1.0, -2.0], &[1.0001, -2.0]), None);
        assert!(failure(&[1.0, -2.0], &[1.0003, -2.0]).is_some());
        let bounds = Bounds { run: 1e-2, ..Bounds::of(Place::Processor, Dtype::F32) };
        let of = |numbers: &[f32]| compare(&case(&[1.0; 4]), &trace(numbers), &bounds)[0].failure.clone();
        assert_eq!(of(&[1.009; 4]), None);
        assert!(of(&[1.011; 4]).is_some_and(|said| said.contains("100.000 %") && said.contains("1e-2")));
        assert!(of(&[1.0, 1.0, 1.0, 1.1]).is_some_and(|said| said.contains("25.000 %")));
        let bounds = Bounds { jumps: 0.25, ..bounds };
        let of = |numbers: &[f32]| compare(&case(&[1.0; 4]), &trace(numbers), &bounds)[0].failure.clone();
        assert!(of(&[1.0, 1.0, 1.0, 9.0]).is_none() && of(&[1.0, 1.0, 9.0, 9.0]).is_some());
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
        let bounds = Bounds { run: 1.0, jumps: 1.0, ..Bounds::of(Place::Processor, Dtype::F32) };
        assert!(compare(&case(&[1.0]), &Trace::default(), &bounds)[0].failure.is_some());
    }
}
