//! Squares of pixels as channels of one, and back (PyTorch's `pixel_unshuffle` and `pixel_shuffle`), on the host.
//!
//! Trap: channel c of place (y, x) in a square of side s is channel c·s² + y·s + x.

/// Planes (c, h, w) → (c·s², h/s, w/s).
pub(super) fn split(planes: &[f32], [h, w]: [usize; 2], side: usize) -> Vec<f32> {
    if side == 1 {
        return planes.to_vec();
    }
    let (small_h, small_w) = (h / side, w / side);
    let mut out = vec![0.0; planes.len()];
    for (i, value) in planes.iter().enumerate() {
        let (c, y, x) = (i / (h * w), i / w % h, i % w);
        let channel = (c * side + y % side) * side + x % side;
        out[(channel * small_h + y / side) * small_w + x / side] = *value;
    }
    out
}

/// Planes (c·s², h, w) → (c, s·h, s·w).
pub(super) fn joined(planes: &[f32], [h, w]: [usize; 2], side: usize) -> Vec<f32> {
    let mut out = vec![0.0; planes.len()];
    let (large_h, large_w) = (side * h, side * w);
    for (i, value) in out.iter_mut().enumerate() {
        let (c, y, x) = (i / (large_h * large_w), i / large_w % large_h, i % large_w);
        let channel = (c * side + y % side) * side + x % side;
        *value = planes[(channel * h + y / side) * w + x / side];
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn squares_become_channels_and_come_back() {
        let planes: Vec<f32> = (0..2 * 4 * 6).map(|i| i as f32).collect();
        let small = split(&planes, [4, 6], 2);
        // The second channel of four of the first plane: the right pixel of each square's upper row.
        assert_eq!(small[6..12], [1.0, 3.0, 5.0, 13.0, 15.0, 17.0]);
        assert_eq!(joined(&small, [2, 3], 2), planes);
        assert_eq!(split(&planes, [4, 6], 1), planes);
    }
}
