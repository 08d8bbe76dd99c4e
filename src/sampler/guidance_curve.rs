//! `GuidanceCurve`: guidance over the run, straight between a few points.
//!
//! Invariant: at a point's own share the value is the point's own, bit for bit, so a run that was steered by hand is
//! repeated exactly by the curve through what acted in its steps.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The most points: one for each step of the longest run, and an end.
const POINTS_MAX: usize = 1001;
/// The largest guidance, above 0 or below.
const GUIDANCE_MAX: f64 = 1000.0;

/// Guidance as shares of the run (0 is the first step, 1 the last) with their values; without points it is constant.
/// Serialized as its text: `0:2,0.3:7.5,1:3`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "Cow<'static, str>")]
pub struct GuidanceCurve {
    /// Share and value, sorted by share.
    points: Vec<[f64; 2]>,
}

/// Why points are no curve.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CurveError {
    /// The text has another form.
    #[error("expected guidance at shares of the run such as 0:2,0.3:7.5,1:3, found {found:?}")]
    Form {
        /// The part that is none.
        found: String,
    },
    /// A number is out of range.
    #[error(
        "expected shares from 0 to 1 and guidance from -{GUIDANCE_MAX} to {GUIDANCE_MAX} in the curve, found {found}"
    )]
    Range {
        /// The point.
        found: String,
    },
    /// There are too many points.
    #[error("expected a guidance curve of up to {POINTS_MAX} points, found {found}")]
    Points {
        /// How many there are.
        found: usize,
    },
}

impl GuidanceCurve {
    /// A curve through these points (share, value), in any order.
    ///
    /// # Errors
    /// If a number is out of range, or there are too many.
    pub fn new(mut points: Vec<[f64; 2]>) -> Result<Self, CurveError> {
        let fits = |[share, value]: &[f64; 2]| {
            (0.0..=1.0).contains(share) && (-GUIDANCE_MAX..=GUIDANCE_MAX).contains(value)
        };
        if let Some([share, value]) = points.iter().find(|point| !fits(point)) {
            return Err(CurveError::Range { found: format!("{share}:{value}") });
        }
        if points.len() > POINTS_MAX {
            return Err(CurveError::Points { found: points.len() });
        }
        points.sort_by(|a, b| a[0].total_cmp(&b[0]));
        Ok(Self { points })
    }

    /// The curve of a run of `steps` whose first steps had this guidance; the last value holds for the rest.
    pub fn through(guidance_of_steps: &[f64], steps: usize) -> Self {
        let values = guidance_of_steps;
        let same = |a: usize, b: usize| values.get(a) == values.get(b);
        // A step between two of the same guidance tells nothing.
        let needed = |i: &usize| *i == 0 || *i + 1 == values.len() || !same(i - 1, *i) || !same(*i, i + 1);
        let shown = (0..values.len().min(POINTS_MAX)).filter(needed);
        Self::new(shown.map(|i| [share(i, steps).min(1.0), values[i]]).collect()).unwrap_or_default()
    }

    /// Whether guidance is constant.
    pub fn is_none(&self) -> bool {
        self.points.is_empty()
    }

    /// Share and value of each point, sorted by share.
    pub fn points(&self) -> &[[f64; 2]] {
        &self.points
    }

    /// Guidance at step number `step`, from 0, of `steps`; none where it is constant.
    pub fn at(&self, step: usize, steps: usize) -> Option<f64> {
        self.at_share(share(step, steps))
    }

    /// Guidance at a share of the run.
    pub fn at_share(&self, share: f64) -> Option<f64> {
        let after = self.points.partition_point(|[at, _]| *at <= share);
        let Some(before) = after.checked_sub(1) else { return self.points.first().map(|[_, value]| *value) };
        let [from, low] = self.points[before];
        let Some([to, high]) = self.points.get(after) else { return Some(low) };
        let t = (share - from) / (to - from);
        Some(low + t * (high - low))
    }
}

/// How far a step is, from 0 for the first to 1 for the last.
fn share(step: usize, steps: usize) -> f64 {
    step as f64 / steps.saturating_sub(1).max(1) as f64
}

impl fmt::Display for GuidanceCurve {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, [share, value]) in self.points.iter().enumerate() {
            write!(f, "{}{share}:{value}", if i == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}

/// Points are apart by commas, semicolons or spaces, share and value by a colon or an equals sign.
impl FromStr for GuidanceCurve {
    type Err = CurveError;

    fn from_str(text: &str) -> Result<Self, CurveError> {
        let parts = text.split([',', ';', ' ']).filter(|part| !part.trim().is_empty());
        let point = |part: &str| {
            let (share, value) = part.split_once([':', '='])?;
            Some([share.trim().parse().ok()?, value.trim().parse().ok()?])
        };
        let points = parts.map(|part| point(part).ok_or_else(|| CurveError::Form { found: part.to_owned() }));
        Self::new(points.collect::<Result<_, _>>()?)
    }
}

impl From<GuidanceCurve> for String {
    fn from(curve: GuidanceCurve) -> Self {
        curve.to_string()
    }
}

impl TryFrom<Cow<'static, str>> for GuidanceCurve {
    type Error = CurveError;

    fn try_from(text: Cow<'static, str>) -> Result<Self, CurveError> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve(text: &str) -> GuidanceCurve {
        text.parse().unwrap()
    }

    #[test]
    fn values_lie_on_straight_lines_between_the_points() {
        let curve = curve("0.25:2, 0.5=6; 1:3");
        let found: Vec<f64> = (0..9).filter_map(|step| curve.at(step, 9)).collect();
        assert_eq!(found, [2.0, 2.0, 2.0, 4.0, 6.0, 5.25, 4.5, 3.75, 3.0]);
        assert_eq!((curve.at(0, 1), curve.at(30, 9)), (Some(2.0), Some(3.0)));
        assert_eq!(GuidanceCurve::default().at(3, 9), None);
        // Two points of one share are a jump.
        let jump: GuidanceCurve = "0.5:1 0.5:9".parse().unwrap();
        assert_eq!([0.49, 0.5, 0.6].map(|share| jump.at_share(share)), [Some(1.0), Some(9.0), Some(9.0)]);
    }

    #[test]
    fn texts_come_back_and_others_are_refused() {
        for text in ["", "0:2,0.3:7.5,1:3", "0.2916666666666667:-1.5"] {
            assert_eq!(curve(text).to_string(), text);
            let json = serde_json::to_string(&curve(text)).unwrap();
            assert_eq!(serde_json::from_str::<GuidanceCurve>(&json).unwrap(), curve(text));
        }
        assert_eq!(curve("1=3 0=2").to_string(), "0:2,1:3");
        for text in ["7.5", "0:2,x:1", "1.5:2", "-0.1:2", "0:2000", "0:NaN", "NaN:1", "0:1:2"] {
            assert!(text.parse::<GuidanceCurve>().is_err(), "{text}");
        }
    }

    #[test]
    fn what_acted_in_each_step_comes_back_bit_for_bit() {
        let acted = [7.5, 7.5, 7.5, 0.1 + 0.2, 3.0, 3.0, 3.0, 3.0, 1.0 / 3.0, 6.25, 6.25];
        let curve = GuidanceCurve::through(&acted, acted.len());
        assert!(curve.points().len() < acted.len());
        let read: GuidanceCurve = curve.to_string().parse().unwrap();
        let found: Vec<f64> = (0..acted.len()).filter_map(|step| read.at(step, acted.len())).collect();
        assert_eq!(found, acted);
        let stopped = GuidanceCurve::through(&acted[..4], 11);
        assert_eq!((stopped.at(3, 11), stopped.at(10, 11)), (Some(acted[3]), Some(acted[3])));
        assert!(GuidanceCurve::through(&[], 11).is_none());
        assert_eq!(GuidanceCurve::through(&[2.0], 11).at(5, 11), Some(2.0));
    }
}
