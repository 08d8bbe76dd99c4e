//! The table of the product's tiles, and which of them a card chooses from. The build expands and checks
//! every row.
//!
//! Invariant: a tile changes no bit of a result: the sums of one output run in one order in all of them.

/// What a workgroup of the product makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tile {
    /// The name in reports and in what is remembered.
    pub name: &'static str,
    /// Rows of y, a multiple of 16.
    pub rows: usize,
    /// Panels of 64 columns of y: of a gated product one of values and one of gates.
    pub panels: usize,
}

const fn tile(name: &'static str, rows: usize, panels: usize) -> Tile {
    Tile { name, rows, panels }
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

impl Tile {
    /// The constants of the shader. A gated product has two panels.
    pub fn constants(&self, gated: bool) -> Vec<(&'static str, String)> {
        vec![
            ("R", format!("{}u", self.rows / 16)),
            ("V", format!("{}u", self.panels)),
            ("GATED", gated.to_string()),
        ]
    }

    /// Bytes that the threads of a workgroup share: sixteen columns of x, and as many rows of weights, in f32.
    pub fn shared_bytes(&self) -> u32 {
        64 * (self.rows + 64 * self.panels) as u32
    }
}

/// The tile of that name.
pub fn tile_named(name: &str) -> Option<Tile> {
    TILES.into_iter().find(|tile| tile.name == name)
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

/// The tiles that a card chooses from, with `shared` bytes a workgroup.
pub fn candidates(vendor: u32, subgroup: u32, shared: u32) -> Vec<Tile> {
    let fits = |row: &&Row| row.vendor.is_none_or(|own| own == vendor) && subgroup >= row.subgroup;
    let names = TABLE.iter().find(fits).map_or(&[][..], |row| row.tiles);
    let tiles = names.iter().filter_map(|name| tile_named(name));
    tiles.filter(|tile| tile.shared_bytes() <= shared).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_card_has_candidates_that_fit_it() {
        let names = |vendor, subgroup, shared| -> Vec<&str> {
            candidates(vendor, subgroup, shared).iter().map(|tile| tile.name).collect()
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
}
