//! What a measurement says: one JSON object, or one line of a table.

use serde::Serialize;

use crate::ops::{Metered, Peak};

/// One part, measured.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// `text`, `unet`, `unet1`, `decode`, `encode`, `load`, `run`, `preview-fast`, `preview-tiny`,
    /// `preview-half`, `preview-full`, `cancel`.
    pub name: &'static str,
    /// Width of the picture, in pixels.
    pub width: usize,
    /// Height of the picture, in pixels.
    pub height: usize,
    /// Pictures (or texts) at once.
    pub batch: usize,
    /// Median of the repetitions, in seconds.
    pub seconds: f64,
    /// The fastest repetition, in seconds.
    pub min: f64,
    /// The slowest repetition, in seconds.
    pub max: f64,
    /// Least processor time of a repetition, all threads together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub processor: Option<f64>,
    /// Billions of additions and multiplications of one repetition, by the direct methods.
    pub gflop: f64,
    /// The share of the device's own peak in operations at the fastest repetition, where that was measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub share: Option<f64>,
    /// What each kernel of the device did in one repetition; none where operations are done at once.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub kernels: Vec<KernelRow>,
    /// Threads that compute.
    pub threads: usize,
    /// The UNet's number type, as `--dtype` spells it.
    pub dtype: &'static str,
    /// Instructions of the kernels.
    pub simd: &'static str,
    /// The process's peak memory meanwhile; of a run, since its model began to load.
    pub peak_bytes: Option<u64>,
    /// The most memory of a graphics card that was held at once meanwhile, weights among it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub card_bytes: Option<u64>,
    /// What the numbers are of, where the name does not say it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

impl Row {
    /// Puts median, least and most of `samples` into a row.
    pub(super) fn with_samples(self, samples: &[f64]) -> Self {
        let mut sorted = samples.to_vec();
        sorted.sort_by(f64::total_cmp);
        let at = |i: usize| sorted.get(i).copied().unwrap_or(0.0);
        let middle = sorted.len() / 2;
        let median = if sorted.len() % 2 == 1 {
            at(middle)
        } else {
            (at(middle.saturating_sub(1)) + at(middle)) / 2.0
        };
        Self { seconds: median, min: at(0), max: at(sorted.len().saturating_sub(1)), ..self }
    }

    /// The line's heading.
    pub const HEADING: &'static str = "part         size       batch   median      min      max processor   GFLOP  GFLOP/s of peak  peak GB  card GB";

    /// A line for people.
    pub fn line(&self) -> String {
        let gigabytes = |bytes: Option<u64>| {
            bytes.map_or_else(|| "–".to_owned(), |bytes| format!("{:.2}", bytes as f64 / 1e9))
        };
        let rate = if self.gflop > 0.0 { format!("{:.0}", self.gflop / self.min) } else { "–".to_owned() };
        format!(
            "{:<12} {:<10} {:>5} {:>8.3} {:>8.3} {:>8.3} {:>9} {:>7.1} {:>8} {:>7} {:>8} {:>8}  {}",
            self.name,
            format!("{}×{}", self.width, self.height),
            self.batch,
            self.seconds,
            self.min,
            self.max,
            self.processor.map_or_else(|| "–".to_owned(), |seconds| format!("{seconds:.3}")),
            self.gflop,
            rate,
            percent(self.share),
            gigabytes(self.peak_bytes),
            gigabytes(self.card_bytes),
            self.note.as_deref().unwrap_or_default()
        )
        .trim_end()
        .to_owned()
    }
}

/// A share as text.
fn percent(share: Option<f64>) -> String {
    share.map_or_else(|| "–".to_owned(), |share| format!("{:.1} %", 100.0 * share))
}

/// What one kernel of a device did in one repetition of a part.
#[derive(Clone, Debug, Serialize)]
pub struct KernelRow {
    /// The kernel's name.
    pub kernel: &'static str,
    /// Dispatches.
    pub dispatches: usize,
    /// Their cost as the device plans it, in billions of operations.
    pub gflop: f64,
    /// Bytes of all that they bind: what they move, where each is read or written once.
    pub bytes: u64,
}

impl KernelRow {
    /// A line for people.
    pub fn line(&self) -> String {
        let KernelRow { kernel, dispatches, gflop, bytes } = self;
        format!(
            "  {dispatches:>5} × {kernel:<24} {gflop:>9.1} GFLOP planned {:>9.3} GB bound",
            *bytes as f64 / 1e9
        )
    }
}

/// All operations of one kind and shape within a part.
#[derive(Clone, Debug, Serialize)]
pub struct OperationRow {
    /// `operation`, which tells such a line from a part's.
    pub name: &'static str,
    /// The part it belongs to.
    pub part: &'static str,
    /// "linear", "convolution 3×3", …
    pub kind: &'static str,
    /// Sizes, for people.
    pub shape: String,
    /// How many there are in one repetition.
    pub count: usize,
    /// Their time together.
    pub seconds: f64,
    /// Their additions and multiplications together, in billions, by the direct methods.
    pub gflop: f64,
    /// The share of the device's own peak in operations, where that was measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub share: Option<f64>,
}

impl OperationRow {
    pub(super) fn new(part: &'static str, metered: Metered, peak: Option<Peak>) -> Self {
        let Metered { kind, shape, count, operations, seconds } = metered;
        let share = peak.filter(|_| operations > 0.0).map(|peak| operations / seconds / peak.operations);
        Self { name: "operation", part, kind, shape, count, seconds, gflop: operations / 1e9, share }
    }

    /// A line for people.
    pub fn line(&self) -> String {
        let rate = if self.gflop > 0.0 {
            let of_peak = self.share.map(|share| format!(", {} of the peak", percent(Some(share))));
            format!("{:.0} GFLOP/s{}", self.gflop / self.seconds, of_peak.unwrap_or_default())
        } else {
            String::new()
        };
        let line = format!(
            "  {:>7.1} ms  {:>3} × {:<26} {:<42} {:>7.1} GFLOP {rate}",
            self.seconds * 1e3,
            self.count,
            self.kind,
            self.shape,
            self.gflop
        );
        line.trim_end().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_even_and_odd_counts() {
        let row = Row {
            name: "unet",
            width: 64,
            height: 64,
            batch: 2,
            seconds: 0.0,
            min: 0.0,
            max: 0.0,
            processor: None,
            gflop: 1.0,
            share: Some(0.25),
            kernels: Vec::new(),
            threads: 1,
            dtype: "f32",
            simd: "portable",
            peak_bytes: None,
            card_bytes: Some(2_500_000_000),
            note: None,
        };
        let of = |samples: &[f64]| {
            let row = row.clone().with_samples(samples);
            (row.seconds, row.min, row.max)
        };
        assert_eq!(of(&[3.0, 1.0, 2.0]), (2.0, 1.0, 3.0));
        assert_eq!(of(&[4.0, 1.0]), (2.5, 1.0, 4.0));
        assert_eq!(of(&[]), (0.0, 0.0, 0.0));
        assert!(row.line().starts_with("unet         64×64"));
        assert!(row.line().contains(" 25.0 % "));
        assert!(row.line().ends_with("–     2.50"), "{}", row.line());
        let operation =
            Metered { kind: "linear", operations: 2e9, seconds: 0.5, count: 1, ..Metered::default() };
        let peak = Peak { operations: 16e9, bytes: 1e9 };
        let line = OperationRow::new("unet", operation.clone(), Some(peak)).line();
        assert!(line.ends_with("4 GFLOP/s, 25.0 % of the peak"), "{line}");
        assert!(OperationRow::new("unet", operation, None).line().ends_with("4 GFLOP/s"));
    }
}
