//! The fade from one picture on the canvas to the next.

use crate::app::picture::Picture;

/// A fade under way, or the picture that stands.
#[derive(Debug, Default)]
pub struct Fader {
    from: Option<Picture>,
    to: Option<Picture>,
    began: f64,
    seconds: f64,
}

impl Fader {
    /// The picture to fade from and the share of the fade that is done, for the picture shown `now`.
    pub fn towards(&mut self, picture: &Picture, now: f64, seconds: f64) -> (Picture, f32) {
        if self.to.as_ref() != Some(picture) {
            self.from = self.to.take();
            self.to = Some(picture.clone());
            self.began = now;
            self.seconds = seconds;
        }
        let share =
            if self.seconds > 0.0 { ((now - self.began) / self.seconds).clamp(0.0, 1.0) as f32 } else { 1.0 };
        match &self.from {
            Some(from) if share < 1.0 => (from.clone(), share),
            _ => (picture.clone(), 1.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::Frame;

    fn picture() -> Picture {
        Picture::new(Frame { width: 1, height: 1, rgb: vec![0; 3].into() })
    }

    #[test]
    fn a_fade_ends_and_a_new_picture_begins_another() {
        let (a, b) = (picture(), picture());
        let mut fader = Fader::default();
        assert_eq!(fader.towards(&a, 0.0, 0.2).1, 1.0);
        let (from, share) = fader.towards(&b, 1.0, 0.2);
        assert_eq!((from, share), (a.clone(), 0.0));
        let (_, share) = fader.towards(&b, 1.1, 0.2);
        assert!((share - 0.5).abs() < 1e-3);
        assert_eq!(fader.towards(&b, 1.3, 0.2), (b.clone(), 1.0));
        assert_eq!(fader.towards(&a, 2.0, 0.0).1, 1.0);
    }
}
