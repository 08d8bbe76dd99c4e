//! Blur: Gaussians over planes of numbers. At the edges a plane is mirrored, its last row not repeated.

/// A plane (height rows of `width`) blurred by a Gaussian of σ `sigma`, whose kernel has 2·⌊2.5σ + 0.5⌋ + 1 places.
pub fn gaussian(plane: &[f32], width: usize, sigma: f32) -> Vec<f32> {
    let reach = (2.5 * sigma + 0.5) as usize;
    if reach == 0 || width == 0 {
        return plane.to_vec();
    }
    let weight = |offset: usize| (-0.5 * (offset as f32 / sigma).powi(2)).exp();
    let side: Vec<f32> = (0..=reach).map(weight).collect();
    let total = side[0] + 2.0 * side[1..].iter().sum::<f32>();
    let side: Vec<f32> = side.into_iter().map(|weight| weight / total).collect();
    along(&along(plane, width, Direction::Rows, &side), width, Direction::Columns, &side)
}

#[derive(Clone, Copy)]
enum Direction {
    Rows,
    Columns,
}

/// One pass of a symmetric kernel, whose right half `side` is, its middle first.
fn along(plane: &[f32], width: usize, direction: Direction, side: &[f32]) -> Vec<f32> {
    let height = plane.len() / width;
    let mut blurred = vec![0.0; plane.len()];
    let reach = side.len() as isize - 1;
    for (y, row) in blurred.chunks_exact_mut(width).enumerate() {
        for offset in -reach..=reach {
            let weight = side[offset.unsigned_abs()];
            match direction {
                Direction::Columns => {
                    let from = mirrored(y as isize + offset, height) * width;
                    row.iter_mut()
                        .zip(&plane[from..from + width])
                        .for_each(|(sum, value)| *sum += weight * value);
                }
                Direction::Rows => {
                    let source = &plane[y * width..(y + 1) * width];
                    for (x, sum) in row.iter_mut().enumerate() {
                        *sum += weight * source[mirrored(x as isize + offset, width)];
                    }
                }
            }
        }
    }
    blurred
}

/// The place within `length` that a place beyond it mirrors.
fn mirrored(place: isize, length: usize) -> usize {
    if length < 2 {
        return 0;
    }
    let period = 2 * (length - 1);
    let place = place.rem_euclid(period as isize) as usize;
    place.min(period - place)
}

/// A plane blurred by three boxes, which together are nearly a Gaussian of σ `sigma`; as quick for a large one.
/// Beyond the edges the last value goes on.
pub fn boxes(plane: &[f32], width: usize, sigma: f32) -> Vec<f32> {
    let reach = (((4.0 * sigma * sigma + 1.0).sqrt() - 1.0) / 2.0).round() as usize;
    if reach == 0 || width == 0 {
        return plane.to_vec();
    }
    let height = plane.len() / width;
    let mut blurred = plane.to_vec();
    let mut line = Vec::new();
    for _ in 0..3 {
        for row in blurred.chunks_exact_mut(width) {
            line.clear();
            line.extend_from_slice(row);
            one_box(&line, reach, |x, mean| row[x] = mean);
        }
        for x in 0..width {
            line.clear();
            line.extend(blurred[x..].iter().step_by(width));
            one_box(&line, reach, |y, mean| blurred[y * width + x] = mean);
        }
        debug_assert_eq!(line.len(), height);
    }
    blurred
}

/// The mean of `reach` values on both sides of each.
fn one_box(line: &[f32], reach: usize, mut put: impl FnMut(usize, f32)) {
    let last = line.len() - 1;
    let at = |place: isize| f64::from(line[place.clamp(0, last as isize) as usize]);
    let count = (2 * reach + 1) as f64;
    let reach = reach as isize;
    let mut sum: f64 = (-reach..=reach).map(at).sum();
    for place in 0..line.len() as isize {
        put(place as usize, (sum / count) as f32);
        sum += at(place + reach + 1) - at(place - reach);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blur_keeps_what_is_flat_and_spreads_a_point() {
        for blurred in [gaussian(&[3.0; 35], 7, 4.0), boxes(&[3.0; 35], 7, 4.0)] {
            assert!(blurred.iter().all(|value| (value - 3.0).abs() < 1e-5));
        }
        let mut point = vec![0.0; 81 * 81];
        point[40 * 81 + 40] = 1.0;
        for blurred in [gaussian(&point, 81, 4.0), boxes(&point, 81, 4.0)] {
            assert!((blurred.iter().sum::<f32>() - 1.0).abs() < 1e-3);
            let variance: f32 =
                blurred.iter().enumerate().map(|(i, value)| (i as f32 % 81.0 - 40.0).powi(2) * value).sum();
            assert!((variance.sqrt() - 4.0).abs() < 0.6, "{}", variance.sqrt());
        }
        assert_eq!(gaussian(&point, 81, 0.1), point);
    }

    #[test]
    fn edges_are_mirrored() {
        assert_eq!([-3, -2, -1, 0, 2, 3, 4, 5].map(|place| mirrored(place, 3)), [1, 2, 1, 0, 2, 1, 0, 1]);
        assert_eq!(mirrored(-7, 1), 0);
        // One row, one column.
        assert_eq!(gaussian(&[1.0, 1.0], 2, 3.0).len(), 2);
        assert_eq!(gaussian(&[1.0, 1.0], 1, 3.0).len(), 2);
    }
}
