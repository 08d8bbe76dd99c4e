//! The screen: moves a window remembered from a larger or missing screen into sight.
//!
//! Trap: a window manager puts its bars around the window only after it is shown, so what fitted when
//! the window was made is looked at once more in its first frames.

use egui::{Context, Pos2, Rect, Vec2, ViewportCommand};

use crate::app::theme::size;

/// Seconds during which a window manager may still be placing the window.
const SETTLES_WITHIN: f64 = 3.0;
/// How often the window is moved into sight; a window manager may move it back.
const TRIES_MAX: usize = 3;

/// Where a window belongs whose frame is `outer` and whose inside is `inner`, if no screen shows all
/// of it: the frame's corner, and the size of the inside. All in the same pixels.
pub fn fitted(outer: Rect, inner: Vec2, screens: &[Rect]) -> Option<(Pos2, Vec2)> {
    let seen = |screen: &Rect| {
        let common = screen.intersect(outer);
        if common.is_positive() { common.area() } else { 0.0 }
    };
    // The first stands in for a screen that is gone.
    let screen =
        screens.iter().reduce(|best, screen| if seen(screen) > seen(best) { screen } else { best })?;
    let bars = (outer.size() - inner).max(Vec2::ZERO);
    let size = inner.min(screen.size() - bars).max(Vec2::splat(1.0));
    let at = outer.min.min(screen.max - size - bars).max(screen.min);
    (at != outer.min || size != inner).then_some((at, size))
}

/// Watches the window's first moments.
#[derive(Debug, Default)]
pub struct Settling {
    /// All screens, in pixels.
    screens: Vec<Rect>,
    tries: usize,
}

impl Settling {
    /// Begins to watch.
    pub fn new(screens: Vec<Rect>) -> Self {
        Self { screens, tries: 0 }
    }

    /// Looks at the window in one of its first frames.
    pub fn look(&mut self, ctx: &Context) {
        let (time, viewport) = ctx.input(|input| (input.time, input.viewport().clone()));
        let filling = viewport.maximized == Some(true) || viewport.fullscreen == Some(true);
        if time > SETTLES_WITHIN || self.tries >= TRIES_MAX || filling {
            return;
        }
        let (Some(outer), Some(inner)) = (viewport.outer_rect, viewport.inner_rect) else { return };
        let scale = ctx.pixels_per_point();
        let screens: Vec<Rect> = self.screens.iter().map(|screen| *screen / scale).collect();
        let Some((at, size)) = fitted(outer, inner.size(), &screens) else { return };
        self.tries += 1;
        // A screen may be smaller than the smallest window.
        let least = Vec2::from(size::WINDOW_LEAST).min(size);
        ctx.send_viewport_cmd(ViewportCommand::MinInnerSize(least));
        ctx.send_viewport_cmd(ViewportCommand::InnerSize(size));
        ctx.send_viewport_cmd(ViewportCommand::OuterPosition(at));
    }
}

#[cfg(test)]
mod tests {
    use egui::{pos2, vec2};

    use super::*;

    fn rect(x: f32, y: f32, width: f32, height: f32) -> Rect {
        Rect::from_min_size(pos2(x, y), vec2(width, height))
    }

    #[test]
    fn a_window_of_a_larger_screen_fits_the_one_there_is() {
        let screens = [rect(0.0, 0.0, 1280.0, 800.0)];
        let found = fitted(rect(0.0, 0.0, 1920.0, 1080.0), vec2(1920.0, 1080.0), &screens);
        assert_eq!(found, Some((pos2(0.0, 0.0), vec2(1280.0, 800.0))));
        // A window manager's bars have to be seen, too.
        let found = fitted(rect(300.0, 100.0, 1922.0, 1104.0), vec2(1920.0, 1080.0), &screens);
        assert_eq!(found, Some((pos2(0.0, 0.0), vec2(1278.0, 776.0))));
        // One that only hangs over the edge is moved.
        let found = fitted(rect(700.0, 400.0, 900.0, 600.0), vec2(900.0, 600.0), &screens);
        assert_eq!(found, Some((pos2(380.0, 200.0), vec2(900.0, 600.0))));
        let found = fitted(rect(-50.0, -9.0, 900.0, 600.0), vec2(900.0, 600.0), &screens);
        assert_eq!(found, Some((pos2(0.0, 0.0), vec2(900.0, 600.0))));
        assert_eq!(fitted(rect(0.0, 0.0, 1280.0, 800.0), vec2(1280.0, 800.0), &screens), None);
    }

    #[test]
    fn a_window_of_a_screen_that_is_gone_comes_to_the_first_and_others_stay() {
        let screens = [rect(0.0, 0.0, 1280.0, 800.0), rect(1280.0, 0.0, 1920.0, 1080.0)];
        assert_eq!(fitted(rect(1400.0, 50.0, 1600.0, 900.0), vec2(1600.0, 900.0), &screens), None);
        let found = fitted(rect(1400.0, 50.0, 1600.0, 900.0), vec2(1600.0, 900.0), &screens[..1]);
        assert_eq!(found, Some((pos2(0.0, 0.0), vec2(1280.0, 800.0))));
        let found = fitted(rect(-4000.0, -2000.0, 800.0, 600.0), vec2(800.0, 600.0), &screens);
        assert_eq!(found, Some((pos2(0.0, 0.0), vec2(800.0, 600.0))));
        assert_eq!(fitted(rect(0.0, 0.0, 1.0, 1.0), vec2(1.0, 1.0), &[]), None);
    }
}
