//! `resize_bicubic`, `resize_bilinear`: one map at another size, as torch does it.
//!
//! Trap: the cubic has a = -0.75 and overshoots, so a map of probabilities may go below 0 and above 1; reduced, it
//! does not average.

/// The parameter of the cubic.
const A: f64 = -0.75;

/// A map (h, w) at another size: torch's `interpolate(mode="bicubic", align_corners=False)`.
pub fn resize_bicubic(map: &[f32], from: [usize; 2], to: [usize; 2]) -> Vec<f32> {
    if from == to {
        return map.to_vec();
    }
    let (rows, columns) = (taps(from[0], to[0]), taps(from[1], to[1]));
    // Along the rows first, then along the columns.
    let mut wide = vec![0.0_f32; from[0] * to[1]];
    for (row, large) in map.chunks_exact(from[1]).zip(wide.chunks_exact_mut(to[1])) {
        for (value, taps) in large.iter_mut().zip(&columns) {
            *value = taps.iter().map(|(at, weight)| row[*at] * weight).sum();
        }
    }
    let mut large = vec![0.0_f32; to[0] * to[1]];
    for (row, taps) in large.chunks_exact_mut(to[1]).zip(&rows) {
        for (at, weight) in taps {
            let source = &wide[at * to[1]..(at + 1) * to[1]];
            row.iter_mut().zip(source).for_each(|(sum, value)| *sum += weight * value);
        }
    }
    large
}

/// Which places each new one is made of.
fn taps(from: usize, to: usize) -> Vec<[(usize, f32); 4]> {
    let near = |x: f64| ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0;
    let far = |x: f64| ((A * x - 5.0 * A) * x + 8.0 * A) * x - 4.0 * A;
    let tap = |i: usize| {
        let place = (i as f64 + 0.5) * from as f64 / to as f64 - 0.5;
        let first = place.floor();
        let t = place - first;
        let weights = [far(t + 1.0), near(t), near(1.0 - t), far(2.0 - t)];
        let at = |offset: f64| (first + offset).clamp(0.0, from as f64 - 1.0) as usize;
        let mut taps = [(0, 0.0); 4];
        for (tap, (weight, offset)) in taps.iter_mut().zip(weights.into_iter().zip([-1.0, 0.0, 1.0, 2.0])) {
            *tap = (at(offset), weight as f32);
        }
        taps
    };
    (0..to).map(tap).collect()
}

/// The same, straight between neighbors: torch's `interpolate(mode="bilinear", align_corners=False)`.
pub fn resize_bilinear(map: &[f32], from: [usize; 2], to: [usize; 2]) -> Vec<f32> {
    if from == to {
        return map.to_vec();
    }
    let (rows, columns) = (neighbors(from[0], to[0]), neighbors(from[1], to[1]));
    let mut resized = Vec::with_capacity(to[0] * to[1]);
    for (y0, y1, down) in &rows {
        for (x0, x1, across) in &columns {
            let row = |y: usize| {
                let (a, b) = (map[y * from[1] + x0], map[y * from[1] + x1]);
                a * (1.0 - across) + b * across
            };
            resized.push(row(*y0) * (1.0 - down) + row(*y1) * down);
        }
    }
    resized
}

/// The two places that each new one lies between, and how near it is to the second.
fn neighbors(from: usize, to: usize) -> Vec<(usize, usize, f32)> {
    let scale = from as f32 / to as f32;
    let neighbor = |i: usize| {
        let place = ((i as f32 + 0.5) * scale - 0.5).max(0.0);
        let first = (place as usize).min(from.saturating_sub(1));
        (first, (first + 1).min(from.saturating_sub(1)), place - first as f32)
    };
    (0..to).map(neighbor).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn straight_between_neighbors_as_torch_has_it() {
        // interpolate([[[[0, 1], [2, 3]]]], size=(3, 4), mode="bilinear")
        let found = resize_bilinear(&[0.0, 1.0, 2.0, 3.0], [2, 2], [3, 4]);
        assert_eq!(found, [0.0, 0.25, 0.75, 1.0, 1.0, 1.25, 1.75, 2.0, 2.0, 2.25, 2.75, 3.0]);
        assert_eq!(resize_bilinear(&[0.0, 1.0, 2.0, 3.0], [1, 4], [1, 2]), [0.5, 2.5]);
        assert_eq!(resize_bilinear(&[5.0], [1, 1], [2, 2]), [5.0; 4]);
    }

    #[test]
    fn maps_are_enlarged_as_torch_enlarges_them() {
        // interpolate([[[[0, 1]]]], size=(1, 4), mode="bicubic"): the weights of the cubic at 0.25 and 0.75.
        let found = resize_bicubic(&[0.0, 1.0], [1, 2], [1, 4]);
        assert_eq!(found, [-0.105_468_75, 0.226_562_5, 0.773_437_5, 1.105_468_8]);
        let down: Vec<f32> = resize_bicubic(&[0.0, 1.0], [2, 1], [4, 1]);
        assert_eq!(down, found);
        let flat = resize_bicubic(&[2.5; 12], [3, 4], [24, 32]);
        assert!(flat.iter().all(|value| (value - 2.5).abs() < 1e-5));
    }
}
