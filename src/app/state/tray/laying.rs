//! Laying pictures on the tray and lifting them off, and what the draft does then.

use crate::app::services::Task;
use crate::app::services::photos::{Developed, Wanted};
use crate::app::state::shown::Shown;
use crate::app::state::tray::Laid;
use crate::app::state::{Consequence, State};
use crate::engine::from::suiting_size;
use crate::message::Takes;
use crate::settings::{Beginning, Margins, Treatment};
use crate::tray::{PictureFrom, Source};

impl State {
    /// Lays a picture on the tray; one that is not there because settings were used is shown at once.
    pub fn lay(&mut self, developed: Developed) {
        let is_new = developed.treatment.is_none();
        let takes = self.model.info.as_ref().map_or(Takes::Nothing, |info| info.takes);
        let before = self.tray.laid.take();
        let usual = match &before {
            Some(laid) => laid.treatment,
            None => Treatment { strength: takes.strength(), ..Treatment::default() },
        };
        let mut laid = Laid::new(developed, usual);
        laid.sizes = before.as_ref().and_then(|laid| laid.sizes);
        if matches!(laid.from, PictureFrom::Step { .. }) {
            laid.model = self.model.info.as_ref().map(|info| info.name.clone());
        }
        self.tray.brush.radius = fitting_radius(laid.whole());
        self.tray.laid = Some(Box::new(laid));
        if before.is_some() {
            (self.tray.lifted, self.tray.lifted_last) = (before, true);
        }
        if is_new {
            self.suit_tray();
            self.show_tray();
        }
    }

    /// Puts the tray on the canvas.
    pub fn show_tray(&mut self) {
        if self.tray.laid.is_some() {
            (self.shown, self.compare, self.playing) = (Shown::Tray, None, None);
        }
    }

    /// Takes the picture off the tray; returns whether one lay there.
    pub fn lift(&mut self) -> bool {
        let Some(laid) = self.tray.laid.take() else { return false };
        if let Some([before, suited]) = laid.sizes {
            let settings = &mut self.draft.settings;
            if [settings.width, settings.height] == suited {
                [settings.width, settings.height] = before;
            }
        }
        (self.tray.lifted, self.tray.lifted_last) = (Some(laid), true);
        if self.shown == Shown::Tray {
            self.shown = Shown::Nothing;
        }
        true
    }

    /// Puts back what was lifted off the tray last.
    pub fn put_back(&mut self) {
        let Some(lifted) = self.tray.lifted.take() else { return };
        self.tray.lifted = self.tray.laid.replace(lifted);
        self.suit_tray();
        self.show_tray();
    }

    /// Whether there is something to undo where the user is.
    pub fn can_undo(&self) -> bool {
        let strokes = self.shown == Shown::Tray && self.tray.can_undo();
        strokes || self.tray.lifted.is_some() || !self.deleted.is_empty()
    }

    /// Whether there is something to do again where the user is.
    pub fn can_redo(&self) -> bool {
        (self.shown == Shown::Tray && self.tray.can_redo()) || !self.undeleted.is_empty()
    }

    /// Gives the draft the size that goes with the picture.
    pub fn suit_tray(&mut self) {
        let (Some(laid), Some(info)) = (&mut self.tray.laid, &self.model.info) else { return };
        let settings = &mut self.draft.settings;
        let suited = suiting_size(info, laid.whole(), laid.treatment.only_masked.is_some());
        let before = laid.sizes.map_or([settings.width, settings.height], |[before, _]| before);
        laid.sizes = Some([before, suited]);
        [settings.width, settings.height] = suited;
    }

    /// What the next run begins from.
    pub fn source(&self) -> Option<Source> {
        self.tray.laid.as_ref().map(|laid| laid.source(self.model.info.as_deref()))
    }

    /// Asks for the picture that what is on the canvas was made from, where it was made from one.
    pub fn want_source(&self) -> Option<Consequence> {
        let wanted = match &self.shown {
            Shown::Generation { job, .. } => {
                let generation = self.queue.generation(*job)?;
                if generation.reopened {
                    return Some(Consequence::Ask(Task::Photo(Wanted::Kept(generation.negative.clone()?))));
                }
                let told = generation.made.as_ref().and_then(|made| made.beginning.clone());
                match (&generation.job.source, told) {
                    (Some(source), _) if !matches!(source.picture, PictureFrom::Step { .. }) => {
                        Wanted::Source(Box::new(source.clone()))
                    }
                    (_, Some(told)) => Wanted::Beginning(Box::new(told)),
                    (Some(source), None) => {
                        let treatment = Treatment { outpaint: Margins::default(), ..source.treatment };
                        let negative = generation.negative.clone();
                        let told = Beginning { negative, treatment, ..Beginning::default() };
                        Wanted::Beginning(Box::new(told))
                    }
                    (None, None) => return None,
                }
            }
            Shown::Record(path) => {
                let record = self.library.record(path)?;
                let beginning = record.recovered.as_ref()?.beginning.clone()?;
                Wanted::Beginning(Box::new(beginning))
            }
            Shown::Nothing | Shown::Sheet(_) | Shown::Tray => return None,
        };
        Some(Consequence::Ask(Task::Photo(wanted)))
    }
}

/// A brush that goes with a picture of this size.
fn fitting_radius(whole: [usize; 2]) -> f32 {
    let shorter = whole[0].min(whole[1]) as f32;
    (shorter / 16.0).round().clamp(2.0, 128.0)
}
