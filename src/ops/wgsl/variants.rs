//! The table of the product's tiles, and which of them a card chooses from. The build expands and checks
//! every row.
//!
//! Invariant: a tile changes no bit of a result: the sums of one output run in one order in all of them. Tiles by
//! cooperative matrices are the exception: their factors are f16, and a card adds in an order of its own. So they
//! are last among the candidates, and taken only where they were tested and timed.

/// What a workgroup of the product makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tile {
    /// The name in reports and in what is remembered.
    pub name: &'static str,
    /// Rows of y, a multiple of 16.
    pub rows: usize,
    /// Panels of 64 columns of y: of a gated product one of values and one of gates.
    pub panels: usize,
    /// Rows and columns of the cooperative matrices that it is made of; none where each thread adds by itself.
    pub side: Option<usize>,
}

const fn tile(name: &'static str, rows: usize, panels: usize) -> Tile {
    Tile { name, rows, panels, side: None }
}

const fn by_matrices(name: &'static str, rows: usize, panels: usize, side: usize) -> Tile {
    Tile { name, rows, panels, side: Some(side) }
}

/// All tiles, from the least work to the most. The first two are for products of few rows.
pub const TILES: [Tile; 6] = [
    tile("16x64", 16, 1),
    tile("16x128", 16, 2),
    tile("64x64", 64, 1),
    tile("64x128", 64, 2),
    tile("128x64", 128, 1),
    tile("128x128", 128, 2),
];

/// The same by cooperative matrices of f16 numbers with sums in f32.
pub const MATRIX_TILES: [Tile; 4] = [
    by_matrices("64x64 by matrices of 8", 64, 1, 8),
    by_matrices("64x128 by matrices of 8", 64, 2, 8),
    by_matrices("64x64 by matrices of 16", 64, 1, 16),
    by_matrices("64x128 by matrices of 16", 64, 2, 16),
];

/// Most matrices of sums of one subgroup, which has them in registers.
const MATRICES_MAX: usize = 32;

impl Tile {
    /// The constants of the shader, for subgroups of so many threads at most. A gated product has two panels.
    pub fn constants(&self, gated: bool, subgroup: u32) -> Vec<(&'static str, String)> {
        let mut constants = vec![
            ("R", format!("{}u", self.rows / 16)),
            ("V", format!("{}u", self.panels)),
            ("GATED", gated.to_string()),
        ];
        if let Some((side, [together, matrices])) = self.side.zip(self.shares(subgroup)) {
            let matrix = |factors: &str| format!("coop_mat{side}x{side}<{factors}>");
            constants.extend([
                ("Left", matrix("f16, A")),
                ("Right", matrix("f16, B")),
                ("Sum", matrix("f32, C")),
                ("SIDE", format!("{side}u")),
                ("TOGETHER", format!("{together}u")),
                ("MATRICES", format!("{matrices}u")),
            ]);
        }
        constants
    }

    /// Subgroups of at most so many threads that share a tile of matrices, and matrices of each; none where that
    /// does not come out even.
    fn shares(&self, subgroup: u32) -> Option<[usize; 2]> {
        let side = self.side?;
        let all = (self.rows / side) * (64 * self.panels / side);
        let threads = (4..=128).contains(&subgroup) && subgroup.is_power_of_two();
        let together = (256 / subgroup.max(1) as usize).min(all / 2);
        (threads && all / together.max(1) <= MATRICES_MAX).then(|| [together, all / together])
    }

    /// Bytes that the threads of a workgroup share: sixteen columns of x, and as many rows of weights, in f32; with
    /// matrices in f16, and half of the sums in f32.
    pub fn shared_bytes(&self) -> u32 {
        let (rows, columns) = (self.rows, 64 * self.panels);
        let bytes = match self.side {
            None => 64 * (rows + columns),
            Some(_) => 32 * (rows + columns) + 2 * rows * columns,
        };
        bytes as u32
    }

    /// The tile of threads that makes as many rows and columns.
    pub fn by_threads(self) -> Self {
        let same = |tile: &Self| [tile.rows, tile.panels] == [self.rows, self.panels];
        TILES.into_iter().find(same).unwrap_or(TILES[1])
    }

    /// The tile of so many panels that is like this one else.
    pub fn with_panels(self, panels: usize) -> Self {
        let same = |tile: &Self| (tile.rows, tile.panels, tile.side) == (self.rows, panels, self.side);
        TILES.into_iter().chain(MATRIX_TILES).find(same).unwrap_or(TILES[1])
    }
}

/// The tile of that name.
pub fn tile_named(name: &str) -> Option<Tile> {
    TILES.into_iter().chain(MATRIX_TILES).find(|tile| tile.name == name)
}

/// A row of the table: cards, and what is timed on them. The first is taken until something was measured.
struct Row {
    /// PCI's number of the maker; any if none.
    vendor: Option<u32>,
    /// Threads of the widest subgroup, at least.
    subgroup: u32,
    tiles: &'static [&'static str],
}

/// By maker and subgroup; the first row that fits counts. From the size of register files: none of these
/// cards was at hand, which is why they are timed.
const TABLE: [Row; 5] = [
    // NVIDIA, and AMD: 64 sums a thread fit.
    Row { vendor: Some(0x10de), subgroup: 32, tiles: &["128x128", "64x128", "64x64"] },
    Row { vendor: Some(0x1002), subgroup: 32, tiles: &["128x128", "64x128", "128x64"] },
    // Apple: few registers a thread.
    Row { vendor: Some(0x106b), subgroup: 32, tiles: &["64x128", "64x64", "128x64"] },
    // Intel: narrow subgroups, so few threads share a register file.
    Row { vendor: Some(0x8086), subgroup: 8, tiles: &["64x128", "64x64", "128x128"] },
    Row { vendor: None, subgroup: 0, tiles: &["128x128", "64x128", "64x64"] },
];

/// The tiles that a card chooses from, with `shared` bytes a workgroup and cooperative matrices of `sides`.
pub fn candidates(vendor: u32, subgroup: u32, shared: u32, sides: &[usize]) -> Vec<Tile> {
    let fits = |row: &&Row| row.vendor.is_none_or(|own| own == vendor) && subgroup >= row.subgroup;
    let names = TABLE.iter().find(fits).map_or(&[][..], |row| row.tiles);
    let tiles = names.iter().filter_map(|name| tile_named(name));
    // A gated product takes the tile of two panels, so one that has no such fellow is none.
    let has = |tile: &Tile| {
        tile.side.is_some_and(|side| sides.contains(&side))
            && tile.shares(subgroup).is_some()
            && tile.with_panels(2).shares(subgroup).is_some()
            && tile.with_panels(2).shared_bytes() <= shared
    };
    tiles.filter(|tile| tile.shared_bytes() <= shared).chain(MATRIX_TILES.into_iter().filter(has)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_card_has_candidates_that_fit_it() {
        let names = |vendor, subgroup, shared| -> Vec<&str> {
            candidates(vendor, subgroup, shared, &[]).iter().map(|tile| tile.name).collect()
        };
        assert_eq!(names(0x10de, 32, 48 << 10), ["128x128", "64x128", "64x64"]);
        assert_eq!(names(0x8086, 32, 64 << 10)[0], "64x128");
        // An interface that tells no subgroup.
        assert_eq!(names(0x106b, 0, 32 << 10), ["128x128", "64x128", "64x64"]);
        // The least that an adapter of WebGPU shares, and less than that.
        assert_eq!(names(1, 4, 16 << 10), ["128x128", "64x128", "64x64"]);
        assert_eq!(names(1, 4, 15 << 10), ["64x128", "64x64"]);
        for row in TABLE {
            assert!(row.tiles.iter().all(|name| tile_named(name).is_some_and(|tile| tile.rows >= 64)));
        }
    }

    #[test]
    fn tiles_by_matrices_are_the_last_candidates_of_cards_that_have_them() {
        let of = |subgroup, shared, sides: &[usize]| candidates(0x10de, subgroup, shared, sides);
        let scalar = of(32, 48 << 10, &[]);
        let all = of(32, 48 << 10, &[16]);
        assert_eq!(all[..scalar.len()], scalar);
        assert_eq!(all[scalar.len()..], MATRIX_TILES[2..]);
        assert_eq!(of(32, 48 << 10, &[8, 16]).len(), scalar.len() + 4);
        assert_eq!(of(32, 22 << 10, &[8]).len(), of(32, 22 << 10, &[]).len() + 2);
        assert_eq!(of(32, 20 << 10, &[8]), of(32, 20 << 10, &[]), "too little is shared");
        assert_eq!(of(0, 48 << 10, &[8, 16]), of(0, 48 << 10, &[]), "nobody tells how large subgroups are");
    }

    #[test]
    fn subgroups_share_all_matrices_of_a_tile_evenly() {
        for tile in MATRIX_TILES {
            for subgroup in [4, 8, 16, 32, 64, 128] {
                let Some([together, matrices]) = tile.shares(subgroup) else { continue };
                let side = tile.side.unwrap();
                assert_eq!(together * matrices * side * side, tile.rows * 64 * tile.panels);
                // There are as many subgroups as share it, and a half of the rows is a half of each one's.
                assert!(together <= 256 / subgroup as usize && matrices.is_multiple_of(2));
            }
            assert!(tile.shares(32).is_some() && tile.shares(64).is_some());
            assert_eq!(tile.by_threads().side, None);
            assert_eq!([tile.by_threads().rows, tile.by_threads().panels], [tile.rows, tile.panels]);
        }
        assert_eq!(MATRIX_TILES[0].shares(48), None);
    }
}
