//! How work is cut among the items of a parallel section.
//!
//! Invariant: parts and pieces never overlap, and together they are the whole; writers rely on it.

use std::ops::Range;

/// Cuts `total` into `count` parts as equal as can be: the size of part number `i`.
pub fn even_part(total: usize, count: usize, i: usize) -> usize {
    total / count + usize::from(i < total % count)
}

/// Where part number `i` of [`even_part`] starts.
pub fn part_start(total: usize, count: usize, i: usize) -> usize {
    i * (total / count) + i.min(total % count)
}

/// The pieces of a slice of numbers: equal runs, each cut into pieces of one length but for its last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pieces {
    runs: usize,
    run: usize,
    piece: usize,
}

impl Pieces {
    /// Runs of `run` numbers in pieces of `piece`; 0 stands for 1.
    pub fn new(runs: usize, run: usize, piece: usize) -> Self {
        Self { runs, run, piece: piece.max(1) }
    }

    /// Pieces of a run.
    fn of_a_run(self) -> usize {
        self.run.div_ceil(self.piece)
    }

    /// How many there are.
    pub fn count(self) -> usize {
        self.runs * self.of_a_run()
    }

    /// The numbers of piece number `i`, which is less than [`Pieces::count`].
    pub fn range(self, i: usize) -> Range<usize> {
        let (run, within) = (i / self.of_a_run(), i % self.of_a_run() * self.piece);
        let start = run * self.run + within;
        start..start + self.piece.min(self.run - within)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_and_pieces_are_the_whole_and_do_not_overlap() {
        for (total, count) in [(0, 1), (1, 3), (7, 3), (100, 7), (12, 4)] {
            let mut end = 0;
            for i in 0..count {
                assert_eq!(part_start(total, count, i), end);
                end += even_part(total, count, i);
            }
            assert_eq!(end, total);
        }
        for (runs, run, piece) in
            [(1, 10, 3), (3, 10, 5), (2, 7, 64), (4, 1, 1), (2, 9, 0), (0, 5, 2), (3, 0, 2)]
        {
            let pieces = Pieces::new(runs, run, piece);
            let mut end = 0;
            for i in 0..pieces.count() {
                let range = pieces.range(i);
                assert!(range.start == end && !range.is_empty());
                assert!(range.len() <= piece.max(1) && range.start / run == (range.end - 1) / run);
                end = range.end;
            }
            assert_eq!(end, runs * run);
        }
    }
}
