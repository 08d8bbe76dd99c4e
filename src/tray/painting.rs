//! `Painting`: a mask that is being painted, and the way back.
//!
//! Invariant: an act touches the tiles that it changes and no others. Each tile knows when it changed last, so that
//! whoever shows the mask renews those alone.

use super::brush::{Brush, Enclosed, Touch, Way};
use super::mask::Mask;
use super::placement::Rect;

/// The side of a tile, in pixels.
pub const TILE: usize = 128;
/// Bytes that the way back may take; the last act can always be undone.
const UNDO_BYTES: usize = 96 << 20;

/// A mask that is being painted.
#[derive(Clone)]
pub struct Painting {
    width: usize,
    height: usize,
    levels: Vec<u8>,
    tiles: Vec<Tile>,
    /// Counts what was painted.
    clock: u64,
    /// What the present act has changed, as it was.
    present: Vec<Before>,
    /// Tiles that the present piece of work has changed.
    touched: Vec<usize>,
    undo: Vec<Vec<Before>>,
    redo: Vec<Vec<Before>>,
}

/// What is known of a tile.
#[derive(Clone, Copy, Debug, Default)]
struct Tile {
    /// When it changed last.
    changed: u64,
    /// Whether any of it is painted.
    painted: bool,
    /// Whether the present act has kept it as it was.
    kept: bool,
    /// Whether it is among those that were touched.
    touched: bool,
}

/// A tile as it was.
#[derive(Clone)]
struct Before {
    tile: usize,
    levels: Levels,
}

#[derive(Clone)]
enum Levels {
    /// The same everywhere.
    Flat(u8),
    Each(Box<[u8]>),
}

impl Before {
    fn bytes(&self) -> usize {
        size_of::<Self>() + if let Levels::Each(levels) = &self.levels { levels.len() } else { 0 }
    }
}

impl std::fmt::Debug for Painting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Painting({}x{}, {} acts)", self.width, self.height, self.undo.len())
    }
}

impl Painting {
    /// Nothing painted.
    pub fn empty(width: usize, height: usize) -> Self {
        let tiles = width.div_ceil(TILE) * height.div_ceil(TILE);
        Self {
            width,
            height,
            levels: vec![0; width * height],
            tiles: vec![Tile { changed: 1, ..Tile::default() }; tiles],
            clock: 1,
            present: Vec::new(),
            touched: Vec::new(),
            undo: Vec::new(),
            redo: Vec::new(),
        }
    }

    /// A mask to go on with.
    pub fn of(mask: &Mask) -> Self {
        let mut painting = Self::empty(mask.width, mask.height);
        painting.levels.copy_from_slice(&mask.levels);
        for tile in 0..painting.tiles.len() {
            painting.tiles[tile].painted = painting.any(tile);
        }
        painting
    }

    /// Width and height.
    pub fn size(&self) -> [usize; 2] {
        [self.width, self.height]
    }

    /// All levels, rows from the top.
    pub fn levels(&self) -> &[u8] {
        &self.levels
    }

    /// Whether nothing is painted.
    pub fn is_empty(&self) -> bool {
        !self.tiles.iter().any(|tile| tile.painted)
    }

    /// The mask as it stands.
    pub fn mask(&self) -> Mask {
        Mask { width: self.width, height: self.height, levels: self.levels.as_slice().into() }
    }

    /// When each tile changed last, row by row.
    pub fn changes(&self) -> impl Iterator<Item = u64> {
        self.tiles.iter().map(|tile| tile.changed)
    }

    /// Where a tile lies.
    pub fn tile(&self, tile: usize) -> Rect {
        let across = self.width.div_ceil(TILE).max(1);
        let (x, y) = (tile % across * TILE, tile / across * TILE);
        let (width, height) = (TILE.min(self.width - x), TILE.min(self.height - y));
        Rect { x: x as i64, y: y as i64, width, height }
    }

    /// Paints from each place to the next, or at the only one, as a part of the present act.
    pub fn stroke(&mut self, brush: &Brush, path: &[Touch]) {
        if let [only] = path {
            self.way(brush, *only, *only);
        }
        for ends in path.windows(2) {
            self.way(brush, ends[0], ends[1]);
        }
        self.settle();
    }

    fn way(&mut self, brush: &Brush, from: Touch, to: Touch) {
        let way = Way::new(brush, from, to);
        for y in self.rows(way.rows()) {
            let middle = y as f32 + 0.5;
            if let Some([first, last]) = way.span(middle).map(|span| self.columns(span)) {
                self.row(y, [first, last], brush.erases, |x, levels| way.levels(x, middle, levels));
            }
        }
    }

    /// Paints what a line encloses, or takes it away, as a part of the present act.
    pub fn enclosed(&mut self, line: &[[f32; 2]], erases: bool) {
        if line.len() < 3 {
            return;
        }
        let shape = Enclosed(line);
        let mut levels = vec![0; self.width];
        for y in self.rows(shape.rows()) {
            shape.levels(y, &mut levels);
            self.row(y, [0, self.width], erases, |x, part| part.copy_from_slice(&levels[x..x + part.len()]));
        }
        self.settle();
    }

    /// Paints everything, or takes everything away; an act of its own.
    pub fn fill(&mut self, level: u8) {
        self.whole(|part, _| part.fill(level));
    }

    /// Paints what is not, and takes away what is; an act of its own.
    pub fn invert(&mut self) {
        self.whole(|part, _| part.iter_mut().for_each(|level| *level = 255 - *level));
    }

    /// Puts another mask of the same size in its place; an act of its own.
    pub fn replace(&mut self, mask: &Mask) {
        if (mask.width, mask.height) == (self.width, self.height) {
            self.whole(|part, at| part.copy_from_slice(&mask.levels[at..at + part.len()]));
        }
    }

    /// Ends the present act; one that changed nothing is none.
    pub fn end(&mut self) {
        for before in &self.present {
            self.tiles[before.tile].kept = false;
        }
        if self.present.is_empty() {
            return;
        }
        self.undo.push(std::mem::take(&mut self.present));
        self.redo.clear();
        let bytes = |act: &Vec<Before>| act.iter().map(Before::bytes).sum::<usize>();
        let mut all: usize = self.undo.iter().map(bytes).sum();
        while all > UNDO_BYTES && self.undo.len() > 1 {
            all -= bytes(&self.undo.remove(0));
        }
    }

    /// Whether there is an act to undo.
    pub fn can_undo(&self) -> bool {
        !self.undo.is_empty() || !self.present.is_empty()
    }

    /// Whether there is an act to do again.
    pub fn can_redo(&self) -> bool {
        !self.redo.is_empty()
    }

    /// Undoes the last act.
    pub fn undo(&mut self) {
        self.end();
        if let Some(act) = self.undo.pop() {
            let act = self.swap(act);
            self.redo.push(act);
        }
    }

    /// Does it again.
    pub fn redo(&mut self) {
        self.end();
        if let Some(act) = self.redo.pop() {
            let act = self.swap(act);
            self.undo.push(act);
        }
    }

    /// Puts tiles as they were; returns them as they are.
    fn swap(&mut self, act: Vec<Before>) -> Vec<Before> {
        let now = act.iter().map(|before| self.as_it_is(before.tile)).collect();
        for Before { tile, levels } in act {
            self.put(tile, &levels);
            self.touch(tile);
        }
        self.settle();
        now
    }

    /// Columns from and to which a span goes.
    fn columns(&self, [from, to]: [f32; 2]) -> [usize; 2] {
        [from.floor().max(0.0) as usize, (to.ceil().max(0.0) as usize).min(self.width)]
    }

    fn rows(&self, [from, to]: [f32; 2]) -> std::ops::Range<usize> {
        from.floor().max(0.0) as usize..(to.ceil().max(0.0) as usize).min(self.height)
    }

    /// Paints a part of a row, or takes it away; `levels` gives how much, from a column on.
    fn row(&mut self, y: usize, [first, last]: [usize; 2], erases: bool, levels: impl Fn(usize, &mut [u8])) {
        let across = self.width.div_ceil(TILE).max(1);
        let done = [if erases { 0 } else { 255 }; TILE];
        let mut x = first;
        while x < last {
            let end = ((x / TILE + 1) * TILE).min(last);
            let at = y * self.width + x..y * self.width + end;
            // A brush that moves on is mostly over what it has painted.
            if self.levels[at.clone()] == done[..end - x] {
                x = end;
                continue;
            }
            let mut buffer = [0; TILE];
            let new = &mut buffer[..end - x];
            levels(x, new);
            for (new, old) in new.iter_mut().zip(&self.levels[at.clone()]) {
                *new = if erases { (*old).min(255 - *new) } else { (*old).max(*new) };
            }
            if *new != self.levels[at.clone()] {
                self.keep(y / TILE * across + x / TILE);
                self.levels[at].copy_from_slice(new);
            }
            x = end;
        }
    }

    /// Changes everything, as an act of its own: `change` gets a part of a row and where it lies.
    fn whole(&mut self, change: impl Fn(&mut [u8], usize)) {
        self.end();
        for tile in 0..self.tiles.len() {
            self.keep(tile);
            let Rect { x, y, width, height } = self.tile(tile);
            for row in y as usize..y as usize + height {
                let at = row * self.width + x as usize;
                change(&mut self.levels[at..at + width], at);
            }
        }
        self.settle();
        self.end();
    }

    /// Keeps a tile as it was before the present act, and notes that it changes.
    fn keep(&mut self, tile: usize) {
        if !std::mem::replace(&mut self.tiles[tile].kept, true) {
            let before = self.as_it_is(tile);
            self.present.push(before);
        }
        self.touch(tile);
    }

    fn touch(&mut self, tile: usize) {
        if !std::mem::replace(&mut self.tiles[tile].touched, true) {
            self.touched.push(tile);
        }
    }

    /// Notes when the touched tiles changed.
    fn settle(&mut self) {
        self.clock += 1;
        for tile in std::mem::take(&mut self.touched) {
            let painted = self.any(tile);
            self.tiles[tile] = Tile { changed: self.clock, painted, touched: false, ..self.tiles[tile] };
        }
    }

    fn rows_of(&self, tile: usize) -> impl Iterator<Item = &[u8]> {
        let Rect { x, y, width, height } = self.tile(tile);
        let (x, y) = (x as usize, y as usize);
        (y..y + height).map(move |row| &self.levels[row * self.width + x..][..width])
    }

    fn any(&self, tile: usize) -> bool {
        self.rows_of(tile).any(|row| row.iter().any(|level| *level > 0))
    }

    fn as_it_is(&self, tile: usize) -> Before {
        let first = self.rows_of(tile).next().and_then(|row| row.first().copied()).unwrap_or(0);
        let flat = self.rows_of(tile).all(|row| row.iter().all(|level| *level == first));
        let levels = match flat {
            true => Levels::Flat(first),
            false => Levels::Each(self.rows_of(tile).flatten().copied().collect()),
        };
        Before { tile, levels }
    }

    fn put(&mut self, tile: usize, levels: &Levels) {
        let Rect { x, y, width, height } = self.tile(tile);
        for row in 0..height {
            let at = (y as usize + row) * self.width + x as usize;
            let part = &mut self.levels[at..at + width];
            match levels {
                Levels::Flat(level) => part.fill(*level),
                Levels::Each(levels) => part.copy_from_slice(&levels[row * width..(row + 1) * width]),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn touch(x: f32, y: f32) -> Touch {
        Touch { at: [x, y], pressure: 1.0 }
    }

    fn brush(radius: f32, erases: bool) -> Brush {
        Brush { radius, hardness: 1.0, erases }
    }

    fn stroke(painting: &mut Painting, brush: &Brush, from: Touch, to: Touch) {
        painting.stroke(brush, &[from, to]);
        painting.end();
    }

    #[test]
    fn strokes_paint_erase_and_go_back() {
        let mut painting = Painting::empty(300, 200);
        assert!(painting.is_empty() && !painting.can_undo());
        stroke(&mut painting, &brush(20.0, false), touch(50.0, 50.0), touch(250.0, 150.0));
        let painted = painting.mask();
        assert_eq!((painted.levels[100 * 300 + 150], painted.levels[0]), (255, 0));
        stroke(&mut painting, &brush(30.0, true), touch(150.0, 100.0), touch(150.0, 100.0));
        assert_eq!(painting.levels()[100 * 300 + 150], 0);
        painting.undo();
        assert_eq!(painting.mask(), painted);
        painting.undo();
        assert!(painting.is_empty() && painting.can_redo() && !painting.can_undo());
        painting.redo();
        assert_eq!(painting.mask(), painted);
        // What erases nothing is no act, and what is painted anew cannot be redone.
        stroke(&mut painting, &brush(5.0, true), touch(290.0, 5.0), touch(290.0, 5.0));
        assert!(painting.can_redo());
        stroke(&mut painting, &brush(5.0, false), touch(290.0, 5.0), touch(290.0, 5.0));
        assert!(!painting.can_redo());
    }

    #[test]
    fn a_stroke_changes_its_tiles_alone() {
        let mut painting = Painting::empty(1024, 1024);
        let before: Vec<u64> = painting.changes().collect();
        painting.stroke(&brush(20.0, false), &[touch(200.0, 200.0), touch(230.0, 210.0)]);
        let changed: Vec<usize> = painting
            .changes()
            .zip(before)
            .enumerate()
            .filter(|(_, (now, then))| now > then)
            .map(|(i, _)| i)
            .collect();
        assert_eq!(changed, [9]);
        assert_eq!(painting.tile(9), Rect { x: 128, y: 128, width: 128, height: 128 });
        let corner = Painting::empty(1000, 300).tile(23);
        assert_eq!(corner, Rect { x: 896, y: 256, width: 104, height: 44 });
    }

    #[test]
    fn the_whole_is_filled_inverted_and_replaced() {
        let mut painting = Painting::empty(200, 130);
        painting.enclosed(&[[10.0, 10.0], [100.0, 10.0], [100.0, 100.0], [10.0, 100.0]], false);
        painting.end();
        assert_eq!(painting.levels().iter().filter(|level| **level == 255).count(), 8100);
        painting.invert();
        assert_eq!((painting.levels()[50 * 200 + 50], painting.levels()[0]), (0, 255));
        painting.fill(255);
        painting.undo();
        painting.undo();
        assert_eq!((painting.levels()[50 * 200 + 50], painting.levels()[0]), (255, 0));
        let mask = Mask::flat(200, 130, 7);
        painting.replace(&mask);
        assert_eq!(painting.mask(), mask);
        painting.replace(&Mask::flat(3, 3, 7));
        assert_eq!(painting.mask(), mask);
        assert!(Painting::of(&mask).levels()[5] == 7 && !Painting::of(&mask).is_empty());
        painting.fill(0);
        assert!(painting.is_empty());
    }

    #[test]
    fn what_lies_outside_is_cut_off() {
        let mut painting = Painting::empty(30, 20);
        stroke(&mut painting, &brush(400.0, false), touch(-100.0, -50.0), touch(900.0, 70.0));
        assert!(painting.levels().iter().all(|level| *level == 255));
        painting.enclosed(&[[-9.0, -9.0], [99.0, -9.0], [99.0, 99.0]], true);
        painting.enclosed(&[[1.0, 1.0]], true);
        assert_eq!(painting.levels()[29], 0);
    }
}
