//! The noise schedule and the prediction of a single file that came without a YAML, from what its
//! buffers show and its header says; the rest is v1's.

use crate::note::{FileNote, Note};

use crate::checkpoint::formats::hints::Prediction;
use crate::checkpoint::found_config::Diffusion;
use crate::checkpoint::open::Checkpoint;

/// A stored ᾱ below this is no signal.
const NO_SIGNAL: f32 = 1e-6;

/// Sides of the latents that v2 was trained for: that of its base, and that of its model for v.
const SIDES_OF_V2: [usize; 2] = [64, 96];

/// The side of the latents that goes with what a v2 model predicts, in place of `known`, which was assumed: another
/// than these two is one that its own files name.
pub fn side_of_v2(v: bool, known: usize) -> usize {
    if SIDES_OF_V2.contains(&known) { SIDES_OF_V2[usize::from(v)] } else { known }
}

/// What the file tells, and a note for each assumption. Of a model with `open_clip`, v2, an open prediction
/// is no assumption.
pub(crate) fn diffusion(checkpoint: &Checkpoint, open_clip: bool, notes: &mut Vec<Note>) -> Diffusion {
    let (mut linear_start, mut linear_end, mut timesteps) = (0.00085, 0.012, 1000);
    let hints = checkpoint.hints();
    let stored = Buffers::of(checkpoint);
    if let Some(length) = stored.length() {
        timesteps = length as u64;
    }
    // A stretched schedule does not show the ends it had before.
    if let (Some(betas), false) = (&stored.betas, stored.end_without_signal())
        && let (Some(first), Some(last)) = (betas.first(), betas.last())
    {
        for (assumed, found) in [(&mut linear_start, *first), (&mut linear_end, *last)] {
            let found = f64::from(found);
            if found.is_finite() && (found - *assumed).abs() > 1e-5 * *assumed {
                // Six digits are what an f32 keeps of the number that was written in the config.
                *assumed = format!("{found:.5e}").parse().unwrap_or(*assumed);
                notes.push(Note::OtherBetas { last: *assumed });
            }
        }
    }
    if hints.zero_terminal_snr && !stored.end_without_signal() {
        notes.push(Note::File(FileNote::ZeroTerminalSnr));
    }
    let zero_terminal_snr = hints.zero_terminal_snr || stored.end_without_signal();
    let parameterization = parameterization(hints.prediction.as_ref(), zero_terminal_snr, open_clip, notes);
    Diffusion {
        linear_start,
        linear_end,
        beta_schedule: "linear",
        timesteps,
        parameterization,
        zero_terminal_snr,
        image_size: SIDES_OF_V2[usize::from(open_clip && parameterization == "v")] as u64,
        scale_factor: 0.18215,
        scale_by_std: checkpoint.contains("scale_factor"),
    }
}

/// What the file says, else v for a schedule that only it can use, else eps.
fn parameterization(
    told: Option<&Prediction>,
    zero_terminal_snr: bool,
    open_clip: bool,
    notes: &mut Vec<Note>,
) -> &'static str {
    match told {
        Some(Prediction::V) => {
            notes.push(Note::File(FileNote::VTold));
            "v"
        }
        Some(Prediction::Eps) => "eps",
        Some(Prediction::Unknown(told)) => {
            notes.push(Note::File(FileNote::PredictionUnknown { told: told.clone() }));
            "eps"
        }
        None if zero_terminal_snr => {
            notes.push(Note::File(FileNote::VAssumed));
            "v"
        }
        None => {
            notes.extend((!open_clip).then_some(Note::EpsAssumed));
            "eps"
        }
    }
}

/// The schedule's stored buffers, as far as they are there.
struct Buffers {
    betas: Option<Vec<f32>>,
    alphas_cumprod: Option<Vec<f32>>,
}

impl Buffers {
    fn of(checkpoint: &Checkpoint) -> Self {
        let read = |name| checkpoint.tensor(name).ok().map(|tensor| tensor.to_f32().into_owned());
        Self { betas: read("betas"), alphas_cumprod: read("alphas_cumprod") }
    }

    fn length(&self) -> Option<usize> {
        self.betas.as_ref().or(self.alphas_cumprod.as_ref()).map(Vec::len).filter(|length| *length > 0)
    }

    fn end_without_signal(&self) -> bool {
        let product = |betas: &Vec<f32>| betas.iter().map(|beta| 1.0 - beta).product();
        let last = self.alphas_cumprod.as_ref().and_then(|alphas| alphas.last().copied());
        last.or_else(|| self.betas.as_ref().filter(|betas| !betas.is_empty()).map(product))
            .is_some_and(|alpha: f32| (0.0..NO_SIGNAL).contains(&alpha))
    }
}
