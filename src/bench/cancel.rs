//! How long work continues after the stop flag is raised, at moments spread over each part.

use std::time::{Duration, Instant};

use super::measured::Measured;
use super::part::Part;
use super::row::Row;
use super::subject::SubjectError;
use crate::model::ModelError;
use crate::ops::{self, StopFlag};

/// Moments within each part.
const MOMENTS: usize = 12;

/// The row: median, least and most over all parts, and each part's most in the note.
pub(super) fn measure(measured: &Measured<'_>) -> Result<Row, SubjectError> {
    let (mut all, mut notes) = (Vec::new(), Vec::new());
    for part in [Part::Load, Part::Text, Part::Unet, Part::Decode, Part::Encode] {
        let mut load = || match measured.subject.load(measured.device) {
            Ok(_) => Ok(()),
            Err(SubjectError::Model(ModelError::Ops(error))) => Err(error),
            Err(other) => Err(ops::Error::Shape(other.to_string())),
        };
        let samples = match measured.work(part)? {
            Some(mut work) => moments(measured, &mut work)?,
            None if part == Part::Load => moments(measured, &mut load)?,
            None => continue,
        };
        let most = samples.iter().copied().fold(0.0, f64::max);
        notes.push(format!("{} {:.0} ms", part.name(), most * 1e3));
        all.extend(samples);
    }
    let row = measured.row(Part::Cancel.name(), 1, &all, 0.0);
    Ok(Row { note: Some(format!("most: {}", notes.join(", "))), ..row })
}

/// Latencies of a work that is stopped at moments spread over its length.
fn moments(
    measured: &Measured<'_>,
    work: &mut dyn FnMut() -> ops::Result<()>,
) -> Result<Vec<f64>, SubjectError> {
    let began = Instant::now();
    work()?;
    let length = began.elapsed().as_secs_f64();
    let mut samples = Vec::new();
    for i in 0..MOMENTS {
        // Multiples of the golden ratio: spread, and never in step with the layers.
        let share = ((i as f64 + 0.5) * 0.618_033_988_749_895).fract();
        let moment = Duration::from_secs_f64(length * share);
        let stop = StopFlag::default();
        let _under = measured.device.under(&stop);
        let (raised, result, ended) = std::thread::scope(|scope| {
            let raiser = scope.spawn(|| {
                std::thread::sleep(moment);
                stop.raise();
                Instant::now()
            });
            let result = work();
            let ended = Instant::now();
            (raiser.join().ok(), result, ended)
        });
        match (raised, result) {
            (Some(raised), Err(ops::Error::Stopped)) => {
                samples.push(ended.saturating_duration_since(raised).as_secs_f64());
            }
            // It was done before the moment came.
            (_, Ok(())) => {}
            (_, Err(error)) => return Err(error.into()),
        }
    }
    Ok(samples)
}
