//! The tray: the picture that the next run begins from, what of it is repainted, and what is done with it.
//!
//! Invariant: what is laid on the tray or lifted off it can be put back. Files are read by the services; here are
//! their pixels alone.

mod laid;
mod laying;

pub use laid::{Laid, Name};

use crate::app::command::tray::{OfTray, Stroke, Tool};
use crate::settings::Treatment;
use crate::tray::{Brush, Mask, RADII, Touch};

/// What lies on the tray.
#[derive(Debug, Default)]
pub struct Tray {
    /// The picture.
    pub laid: Option<Box<Laid>>,
    /// What lay there before, to be put back.
    pub lifted: Option<Box<Laid>>,
    /// Whether that is newer than what was deleted.
    pub lifted_last: bool,
    /// What paints.
    pub brush: Brush,
    /// What the hand does.
    pub tool: Tool,
    /// Where the present stroke is.
    pen: Option<Touch>,
}

/// By how much a key makes the brush larger or smaller.
const GROWTH: f32 = 1.2;

impl Tray {
    /// What is done with the picture now; usual where none lies here.
    pub fn treatment(&self) -> Treatment {
        self.laid.as_ref().map(|laid| laid.treatment).unwrap_or_default()
    }

    /// Whether a stroke can be undone.
    pub fn can_undo(&self) -> bool {
        self.laid.as_ref().is_some_and(|laid| laid.painting.can_undo())
    }

    /// Whether a stroke can be done again.
    pub fn can_redo(&self) -> bool {
        self.laid.as_ref().is_some_and(|laid| laid.painting.can_redo())
    }

    /// Makes the brush larger (1) or smaller (-1).
    pub fn grow(&mut self, steps: f32) {
        let radius = self.brush.radius * GROWTH.powf(steps);
        // Small ones by half a pixel at least.
        let radius = if (radius - self.brush.radius).abs() < 0.5 {
            self.brush.radius + 0.5 * steps.signum()
        } else {
            radius
        };
        self.brush.radius = ((radius * 2.0).round() / 2.0).clamp(RADII[0], RADII[1]);
    }

    /// Does something with what lies here; returns whether the run's size may be another now.
    pub(in crate::app) fn follow(&mut self, asked: OfTray) -> bool {
        match asked {
            OfTray::Hold(brush) => {
                self.brush = Brush { radius: brush.radius.clamp(RADII[0], RADII[1]), ..brush };
                return false;
            }
            // The services read it first.
            OfTray::MaskFile(_) => return false,
            _ => {}
        }
        let Some(laid) = &mut self.laid else { return false };
        match asked {
            OfTray::Stroke(stroke) => {
                self.pen = paint(laid, &self.brush, self.pen, &stroke);
                false
            }
            OfTray::Enclose(line) => {
                laid.painting.enclosed(&line, self.brush.erases);
                laid.painting.end();
                laid.touched();
                false
            }
            OfTray::Treat(treatment) => {
                let other = laid.treatment.only_masked.is_some() != treatment.only_masked.is_some();
                laid.treatment = treatment;
                other
            }
            OfTray::Room { margins, ends } => {
                laid.treatment.outpaint = margins;
                ends
            }
            OfTray::Hold(_) | OfTray::MaskFile(_) => false,
        }
    }

    /// Takes a mask for the picture that lies here.
    pub fn take_mask(&mut self, mask: &Mask, path: Option<std::path::PathBuf>) {
        if let Some(laid) = &mut self.laid {
            laid.painting.replace(mask);
            laid.touched();
            laid.mask_file = path;
        }
    }
}

/// Paints a part of a stroke; returns where the next part begins.
fn paint(laid: &mut Laid, brush: &Brush, pen: Option<Touch>, stroke: &Stroke) -> Option<Touch> {
    if stroke.begins {
        laid.painting.end();
    }
    let path: Vec<Touch> =
        pen.filter(|_| !stroke.begins).into_iter().chain(stroke.touches.iter().copied()).collect();
    if !stroke.touches.is_empty() {
        laid.painting.stroke(brush, &path);
        laid.touched();
    }
    if stroke.ends {
        laid.painting.end();
        return None;
    }
    path.last().copied()
}
