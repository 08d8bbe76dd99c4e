//! Shapes that are painted: a brush's way from one place to the next, and what a line encloses, as levels along rows.
//!
//! Trap: a row's span is where a shape may have any level at all; within it the levels say how much.

/// A place on a picture, in pixels from its top left corner, and how hard it was touched.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Touch {
    /// Across and down.
    pub at: [f32; 2],
    /// 0 to 1; 1 where nothing tells.
    pub pressure: f32,
}

/// What paints.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Brush {
    /// Half its width at full pressure, in pixels.
    pub radius: f32,
    /// The share of it that paints fully, 0 to 1; from there on it fades.
    pub hardness: f32,
    /// Whether it takes away.
    pub erases: bool,
}

/// The smallest and the largest radius of a brush.
pub const RADII: [f32; 2] = [0.5, 1024.0];
/// Part of the radius that is left without any pressure.
const LIGHTEST: f32 = 0.15;
/// Lines within a row of pixels along which an enclosed shape is measured.
const SUBROWS: usize = 4;

impl Default for Brush {
    fn default() -> Self {
        Self { radius: 32.0, hardness: 0.8, erases: false }
    }
}

/// A brush's way from one place to the next.
pub(super) struct Way {
    from: [f32; 2],
    by: [f32; 2],
    length_squared: f32,
    /// The radius at the beginning, and what it gains along the way.
    radius: [f32; 2],
    hardness: f32,
}

impl Way {
    pub(super) fn new(brush: &Brush, from: Touch, to: Touch) -> Self {
        let radius = |touch: Touch| {
            brush.radius.clamp(RADII[0], RADII[1])
                * (LIGHTEST + (1.0 - LIGHTEST) * touch.pressure.clamp(0.0, 1.0))
        };
        let by = [to.at[0] - from.at[0], to.at[1] - from.at[1]];
        Self {
            from: from.at,
            by,
            length_squared: by[0] * by[0] + by[1] * by[1],
            radius: [radius(from), radius(to) - radius(from)],
            hardness: brush.hardness.clamp(0.0, 1.0),
        }
    }

    /// How far the brush reaches at its widest.
    fn reach(&self) -> f32 {
        self.radius[0].max(self.radius[0] + self.radius[1]) + 0.5
    }

    /// The rows that it touches, and those after them.
    pub(super) fn rows(&self) -> [f32; 2] {
        let (top, bottom) =
            (self.from[1].min(self.from[1] + self.by[1]), self.from[1].max(self.from[1] + self.by[1]));
        [top - self.reach(), bottom + self.reach()]
    }

    /// Where it may touch the row whose middle is `y`.
    pub(super) fn span(&self, y: f32) -> Option<[f32; 2]> {
        let reach = self.reach();
        let to = [self.from[0] + self.by[0], self.from[1] + self.by[1]];
        let mut span: Option<[f32; 2]> = None;
        let mut add = |from: f32, to: f32| {
            span = Some(span.map_or([from, to], |[least, most]| [least.min(from), most.max(to)]));
        };
        for end in [self.from, to] {
            let half = reach * reach - (y - end[1]).powi(2);
            if half >= 0.0 {
                add(end[0] - half.sqrt(), end[0] + half.sqrt());
            }
        }
        // The sides between both ends.
        let length = self.length_squared.sqrt();
        if length > 0.0 {
            let aside = [-self.by[1] / length * reach, self.by[0] / length * reach];
            for side in [1.0, -1.0] {
                let at = [self.from[0] + side * aside[0], self.from[1] + side * aside[1]];
                let share = (y - at[1]) / self.by[1];
                if share.is_finite() && (0.0..=1.0).contains(&share) {
                    add(at[0] + share * self.by[0], at[0] + share * self.by[0]);
                }
            }
        }
        span
    }

    /// The levels of pixels in the row whose middle is `y`, from column `x` on.
    pub(super) fn levels(&self, x: usize, y: f32, levels: &mut [u8]) {
        let per_length = if self.length_squared > 0.0 { self.length_squared.recip() } else { 0.0 };
        let down = y - self.from[1];
        for (i, level) in levels.iter_mut().enumerate() {
            let across = (x + i) as f32 + 0.5 - self.from[0];
            let share = ((across * self.by[0] + down * self.by[1]) * per_length).clamp(0.0, 1.0);
            let (aside, above) = (across - share * self.by[0], down - share * self.by[1]);
            let distance = (aside * aside + above * above).sqrt();
            let radius = self.radius[0] + share * self.radius[1];
            // A hard edge is softened over one pixel.
            let core = (radius * self.hardness).min(radius - 0.5);
            let inside = ((radius + 0.5 - distance) / (radius + 0.5 - core)).clamp(0.0, 1.0);
            *level = (inside * inside * (3.0 - 2.0 * inside) * 255.0 + 0.5) as i32 as u8;
        }
    }
}

/// What a closed line encloses.
pub(super) struct Enclosed<'a>(pub(super) &'a [[f32; 2]]);

impl Enclosed<'_> {
    /// The rows that it touches, and those after them.
    pub(super) fn rows(&self) -> [f32; 2] {
        let ys = || self.0.iter().map(|place| place[1]);
        [ys().fold(f32::MAX, f32::min), ys().fold(f32::MIN, f32::max)]
    }

    /// How much of each pixel of row `y` is enclosed.
    pub(super) fn levels(&self, y: usize, levels: &mut [u8]) {
        let mut covered = vec![0.0_f32; levels.len()];
        let mut crossings: Vec<(f32, i32)> = Vec::new();
        for sub in 0..SUBROWS {
            let line = y as f32 + (sub as f32 + 0.5) / SUBROWS as f32;
            crossings.clear();
            for (i, from) in self.0.iter().enumerate() {
                let to = self.0[(i + 1) % self.0.len()];
                if (from[1] <= line) != (to[1] <= line) {
                    let share = (line - from[1]) / (to[1] - from[1]);
                    let turn = if from[1] < to[1] { 1 } else { -1 };
                    crossings.push((from[0] + share * (to[0] - from[0]), turn));
                }
            }
            crossings.sort_by(|a, b| a.0.total_cmp(&b.0));
            let mut winding = 0;
            for pair in crossings.windows(2) {
                winding += pair[0].1;
                if winding != 0 {
                    cover(&mut covered, pair[0].0, pair[1].0);
                }
            }
        }
        for (level, covered) in levels.iter_mut().zip(covered) {
            *level = (covered / SUBROWS as f32 * 255.0 + 0.5).clamp(0.0, 255.0) as u8;
        }
    }
}

/// Adds a span to how much of each pixel is covered.
fn cover(covered: &mut [f32], from: f32, to: f32) {
    let (from, to) = (from.max(0.0), to.min(covered.len() as f32));
    if to <= from {
        return;
    }
    let (first, last) = (from as usize, (to.ceil() as usize).min(covered.len()));
    for (x, covered) in covered[first..last].iter_mut().enumerate() {
        let x = (first + x) as f32;
        *covered += (to.min(x + 1.0) - from.max(x)).max(0.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn touch(x: f32, y: f32) -> Touch {
        Touch { at: [x, y], pressure: 1.0 }
    }

    /// What the span leaves out has no level.
    #[test]
    fn a_span_holds_all_of_a_way() {
        for (from, to, radius) in [
            (touch(20.0, 20.0), touch(20.0, 20.0), 5.0),
            (touch(5.0, 9.0), touch(50.0, 31.0), 3.0),
            (touch(60.0, 8.0), touch(10.0, 8.0), 6.0),
            (touch(30.0, 5.0), Touch { at: [31.0, 55.0], pressure: 0.2 }, 9.0),
        ] {
            let way = Way::new(&Brush { radius, hardness: 0.3, erases: false }, from, to);
            let [top, bottom] = way.rows();
            let mut any = false;
            for y in 0..64 {
                let middle = y as f32 + 0.5;
                let mut levels = [0; 64];
                way.levels(0, middle, &mut levels);
                let span = way.span(middle).filter(|_| middle >= top && middle <= bottom);
                for (x, level) in levels.iter().enumerate().filter(|(_, level)| **level > 0) {
                    any = true;
                    let [least, most] = span.unwrap();
                    let x = x as f32 + 0.5;
                    assert!(x >= least - 0.01 && x <= most + 0.01, "{level} at {x}, {y} outside of {span:?}");
                }
            }
            assert!(any);
        }
    }

    #[test]
    fn a_brush_is_full_in_its_middle_and_thinner_where_it_is_pressed_less() {
        let way = |pressure| {
            let touch = Touch { at: [32.0, 32.0], pressure };
            Way::new(&Brush { radius: 10.0, hardness: 1.0, erases: false }, touch, touch)
        };
        let width = |pressure| {
            let mut levels = [0; 64];
            way(pressure).levels(0, 32.5, &mut levels);
            levels.iter().filter(|level| **level > 127).count()
        };
        assert_eq!(width(1.0), 20);
        assert!(width(0.3) < 10 && width(0.0) > 1);
    }

    #[test]
    fn a_line_encloses_what_it_goes_around() {
        let square = [[10.0, 10.0], [20.5, 10.0], [20.5, 20.0], [10.0, 20.0]];
        let mut levels = [0; 32];
        Enclosed(&square).levels(15, &mut levels);
        assert_eq!((levels[9], levels[10], levels[19], levels[20], levels[21]), (0, 255, 255, 128, 0));
        Enclosed(&square).levels(25, &mut levels);
        assert!(levels.iter().all(|level| *level == 0));
        assert_eq!(Enclosed(&square).rows(), [10.0, 20.0]);
    }
}
