//! How an operation is cut into dispatches: by what they cost, and a submission has room for.
//!
//! Invariant: a dispatch costs no more than a share as long as one workgroup does not, and cutting changes no
//! bit of a result. Trap: a workgroup is never cut, so on a card so slow that one costs more, a dispatch does
//! too.

use super::variants::{TILES, Tile};

/// Columns of weights in a tile of the product.
pub(super) const TILE_COLUMNS: usize = 16;
/// Outputs of a panel of weights.
pub(super) const PANEL: usize = 64;

/// Work of a pass over memory, in operations: what a product does meanwhile.
pub(super) fn work_of(bytes: u64) -> f64 {
    bytes as f64 * 8.0
}

/// Workgroups for `count` threads of 256 each, folded so that no dimension is too long: the groups, and how
/// many lie side by side.
pub(super) fn fold(count: usize) -> ([u32; 3], u32) {
    const SIDE: usize = 32768;
    let groups = count.div_ceil(256).max(1);
    let columns = groups.min(SIDE);
    ([columns as u32, groups.div_ceil(columns) as u32, 1], columns as u32)
}

/// A product, as far as its cost goes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Size {
    /// Rows of y.
    pub rows: usize,
    /// Panels of 64 outputs.
    pub panels: usize,
    /// Tiles of 16 columns of weights.
    pub depth: usize,
    /// Whether panels of values and gates alternate.
    pub gated: bool,
    /// Bytes of a row of y.
    pub row_bytes: u64,
}

impl Size {
    /// Additions and multiplications of so many rows and panels.
    pub(super) fn work(&self, rows: usize, panels: usize) -> f64 {
        2.0 * (rows * self.depth * TILE_COLUMNS) as f64 * (panels * PANEL) as f64
    }

    /// Additions and multiplications of a workgroup.
    fn tile_work(&self, tile: Tile) -> f64 {
        self.work(tile.rows, tile.panels)
    }
}

/// Which tiles a product takes where it is large.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Preferred {
    pub linear: Tile,
    pub convolution: Tile,
    /// Whether they are taken for products of every size, to try them.
    pub always: bool,
}

/// The tile, and the rows and panels of one dispatch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Cut {
    pub tile: Tile,
    pub rows: usize,
    pub panels: usize,
}

/// Cuts a product into shares of `share` operations. Rows are a multiple of `unit`.
pub(super) fn cut_product(size: &Size, preferred: Tile, always: bool, share: f64) -> Cut {
    let tile = tile_for(size, preferred, always, share);
    let unit = unit(size, tile);
    let rows = (share / size.work(1, size.panels)) as usize;
    if rows >= unit {
        return Cut { tile, rows: rows.min(65535 * tile.rows) / unit * unit, panels: size.panels };
    }
    let panels = (share / size.work(unit, tile.panels)) as usize * tile.panels;
    Cut { tile, rows: unit, panels: panels.clamp(tile.panels, size.panels.max(tile.panels)) }
}

/// Rows that a dispatch is a multiple of: y's binding begins at a multiple of 256 bytes, x's at one of 64 rows
/// below.
pub(super) fn unit(size: &Size, tile: Tile) -> usize {
    let aligned = (tile.rows as u64 * size.row_bytes).is_multiple_of(256);
    if aligned { tile.rows } else { tile.rows.max(64) }
}

/// A tile that leaves no more of a product undone than it must, gives the card enough of them, and is no more
/// than a share.
fn tile_for(size: &Size, preferred: Tile, always: bool, share: f64) -> Tile {
    let least = if size.gated { 2 } else { 1 };
    let of = |rows: usize, panels: usize| {
        TILES.into_iter().find(|tile| tile.rows == rows && tile.panels == panels).unwrap_or(TILES[1])
    };
    let large = preferred.with_panels(preferred.panels.max(least));
    let workgroups = size.rows.div_ceil(large.rows) * size.panels.div_ceil(large.panels);
    let suits = size.rows > 64 && size.panels >= large.panels && workgroups >= 64;
    let wanted = match size.rows {
        _ if always || suits => large,
        0..=16 => of(16, least),
        _ => of(64, least),
    };
    let smaller = [wanted, of(64, least), of(16, least)];
    smaller.into_iter().find(|tile| size.tile_work(*tile) <= share || tile.rows == 16).unwrap_or(wanted)
}

/// Cuts a grid of workgroups of `work` operations each into blocks of at most a share, the first axis last.
pub(super) fn cut_grid(grid: [usize; 3], work: f64, share: f64) -> [usize; 3] {
    let mut left = (share / work).max(1.0) as usize;
    let mut block = [1; 3];
    for axis in [2, 1, 0] {
        block[axis] = left.clamp(1, grid[axis].max(1));
        left = if block[axis] == grid[axis] { left / block[axis] } else { 1 };
    }
    block
}

#[cfg(test)]
mod tests {
    use super::super::tests::{gpu, no_epilogue, noise, rows};
    use super::super::variants::tile_named;
    use super::*;
    use crate::ops::backend::{
        AttentionOps as _, ConvOps as _, LinearOps as _, NormOps as _, Source, TensorOps as _,
    };
    use crate::ops::{Activation, Conv2dShape, Dtype, LinearShape, Mask};

    /// Products of a guided step of v1 at 512×512 and 768×768, and of a decode: rows, outputs, columns.
    const PRODUCTS: &[(usize, usize, usize, bool)] = &[
        (8192, 320, 36, false),
        (8192, 320, 2880, false),
        (18432, 320, 960 * 9, false),
        (8192, 2560, 320, true),
        (2048, 10240 / 2, 640, true),
        (512, 10240, 1280, true),
        (1152, 1280, 2560 * 9, false),
        (128, 1280, 2560 * 9, false),
        (2, 1280, 320, false),
        (154, 1280, 768, false),
        (262_144, 128, 256 * 9, false),
        (589_824, 3, 128 * 9, false),
        (147_456, 512, 512 * 9, false),
    ];

    #[test]
    fn no_dispatch_of_a_product_costs_more_than_a_share_even_on_a_slow_card() {
        // The slowest is a tenth of an integrated card.
        for rate in [20e9, 100e9, 1e12, 30e12] {
            let share = rate * crate::gpu::SHARE.as_secs_f64();
            for (rows, outputs, columns, gated) in PRODUCTS.iter().copied() {
                let outputs_all = if gated { 2 * outputs } else { outputs };
                let size = Size {
                    rows,
                    panels: outputs_all.div_ceil(PANEL),
                    depth: columns.div_ceil(TILE_COLUMNS),
                    gated,
                    row_bytes: 2 * outputs.next_multiple_of(4) as u64,
                };
                for tile in TILES {
                    let cut = cut_product(&size, tile, false, share);
                    let what = format!("{size:?} at {rate:e} is {cut:?}");
                    assert!(size.work(cut.rows.min(rows), cut.panels) <= share, "{what}");
                    assert!(!gated || cut.tile.panels == 2 && cut.panels.is_multiple_of(2), "{what}");
                    assert_eq!(cut.rows % unit(&size, cut.tile), 0, "{what}");
                    assert!(
                        cut.panels >= size.panels || cut.panels.is_multiple_of(cut.tile.panels),
                        "{what}"
                    );
                    // No more than it must: four times as many would be too many.
                    let more = 4.0 * size.work(cut.rows, cut.panels);
                    assert!(more > share || cut.rows >= rows && cut.panels >= size.panels, "{what}");
                }
            }
        }
    }

    #[test]
    fn a_large_product_takes_the_preferred_tile_and_a_small_one_does_not() {
        let size = |rows, panels, gated| Size { rows, panels, depth: 20, gated, row_bytes: 640 };
        let tile =
            |size, name: &str, always| cut_product(&size, tile_named(name).unwrap(), always, 1e15).tile.name;
        assert_eq!(tile(size(8192, 5, false), "128x128", false), "128x128");
        assert_eq!(tile(size(8192, 5, false), "128x64", false), "128x64");
        assert_eq!(tile(size(8192, 40, true), "128x64", false), "128x128");
        assert_eq!(tile(size(77, 5, false), "128x128", false), "64x64");
        assert_eq!(tile(size(77, 5, false), "128x128", true), "128x128");
        assert_eq!(tile(size(2, 40, true), "64x64", false), "16x128");
    }

    #[test]
    fn attention_of_v1_is_cut_into_shares() {
        // Queries, keys, batch times heads, slices, channels of a head.
        let sizes =
            [(4096, 4096, 16, 1, 40), (9216, 9216, 16, 1, 40), (9216, 9216, 1, 4, 512), (64, 77, 16, 1, 160)];
        for rate in [100e9, 1e12, 30e12] {
            let share = rate * crate::gpu::SHARE.as_secs_f64();
            for (queries, keys, pairs, slices, d) in sizes {
                let grid = [usize::div_ceil(queries, 64), pairs, slices];
                let work = (2 * (1 + slices) * 64 * keys * d) as f64 / slices as f64;
                let block = cut_grid(grid, work, share);
                let cost = work * block.iter().product::<usize>() as f64;
                assert!(cost <= share, "{grid:?} of {work:e} at {rate:e}: {block:?}");
                assert!(2.0 * cost > share || block == grid || block[0] * 2 > grid[0], "{grid:?} {block:?}");
            }
        }
        assert_eq!(cut_grid([7, 3, 2], 10.0, 1e9), [7, 3, 2]);
        assert_eq!(cut_grid([7, 3, 2], 10.0, 130.0), [2, 3, 2]);
        assert_eq!(cut_grid([7, 3, 2], 10.0, 45.0), [1, 2, 2]);
        assert_eq!(cut_grid([7, 3, 2], 10.0, 1.0), [1, 1, 1]);
    }

    #[test]
    fn no_submission_is_planned_beyond_a_share_on_a_slow_card() {
        if !crate::gpu::is_there_for_tests() {
            return;
        }
        let (gpu, _) = gpu(Dtype::F16);
        let gated = LinearShape { in_features: 320, out_features: 640, gated: true };
        let gated = gpu.pack_linear(&rows(&[1280, 320], &noise(1, 1280 * 320)), None, gated).unwrap();
        let wide = Conv2dShape::three(320, 320);
        let wide = gpu.pack_conv2d(&rows(&[320 * 2880], &noise(2, 320 * 2880)), None, wide).unwrap();
        let tokens = gpu.upload(&[1, 400, 320], &noise(3, 400 * 320)).unwrap();
        let map = gpu.upload(&[1, 320, 9, 9], &noise(4, 320 * 81)).unwrap();
        let one = gpu.upload(&[1, 320, 2, 2], &noise(4, 320 * 4)).unwrap();
        let norm = gpu.pack_group_norm(vec![1.5; 256], vec![0.5; 256], 32, 1e-5).unwrap();
        let large = gpu.upload(&[1, 256, 96, 96], &noise(5, 256 * 96 * 96)).unwrap();
        let small = gpu.upload(&[1, 256, 64, 64], &noise(6, 256 * 64 * 64)).unwrap();
        let all = || {
            [
                gpu.group_norm(&norm, Source::One(&large), Activation::Silu).unwrap(),
                gpu.group_norm(&norm, Source::One(&small), Activation::Silu).unwrap(),
                gpu.add(&large, &large).unwrap(),
                gpu.linear(&gated, &tokens, no_epilogue()).unwrap(),
                gpu.conv2d(&wide, Source::One(&map), false, no_epilogue()).unwrap(),
                gpu.conv2d(&wide, Source::One(&one), true, no_epilogue()).unwrap(),
                gpu.attention(&tokens, &tokens, &tokens, 8, Mask::None).unwrap(),
                gpu.attention(&tokens, &tokens, &tokens, 1, Mask::Causal).unwrap(),
            ]
            .map(|y| gpu.download(&y).unwrap())
        };
        gpu.context().fix_rate(1e15);
        let whole = all();
        let before = gpu.context().counts();
        assert!(before.longest < 1e-3);
        // A share is a workgroup of the largest of these, and a little.
        gpu.context().fix_rate(48e6 / crate::gpu::SHARE.as_secs_f64());
        assert_eq!(all(), whole, "no bit changes");
        let after = gpu.context().counts();
        assert!(after.longest <= crate::gpu::SHARE.as_secs_f64(), "{} s", after.longest);
        assert!(after.longest > 0.5 * crate::gpu::SHARE.as_secs_f64(), "{} s", after.longest);
        assert!(after.submissions - before.submissions > 20);
    }
}
