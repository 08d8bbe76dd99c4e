//! Products of small matrices, as LoRA's kin are put together from them.

/// a·b of a (rows, inner) and b (inner, columns), row-major.
pub(super) fn product(a: &[f32], b: &[f32], inner: usize) -> Vec<f32> {
    let columns = b.len() / inner.max(1);
    let mut out = vec![0.0; a.len() / inner.max(1) * columns];
    for (row, out) in a.chunks_exact(inner.max(1)).zip(out.chunks_exact_mut(columns.max(1))) {
        for (factor, b) in row.iter().zip(b.chunks_exact(columns.max(1))) {
            out.iter_mut().zip(b).for_each(|(out, b)| *out += factor * b);
        }
    }
    out
}

/// The transpose of a (rows, columns).
pub(super) fn transposed(a: &[f32], columns: usize) -> Vec<f32> {
    let rows = a.len() / columns.max(1);
    (0..a.len()).map(|i| a[i % rows.max(1) * columns + i / rows.max(1)]).collect()
}

/// Σ t[i, j, w]·b[j, r] of a core t (r, j, window) and b (j, columns): (r, columns, window).
pub(super) fn through(core: &[f32], b: &[f32], [inner, window]: [usize; 2]) -> Vec<f32> {
    let columns = b.len() / inner.max(1);
    let ranks = core.len() / (inner * window).max(1);
    let mut out = vec![0.0; ranks * columns * window];
    for (core, out) in
        core.chunks_exact((inner * window).max(1)).zip(out.chunks_exact_mut((columns * window).max(1)))
    {
        for (core, b) in core.chunks_exact(window.max(1)).zip(b.chunks_exact(columns.max(1))) {
            for (factor, out) in b.iter().zip(out.chunks_exact_mut(window.max(1))) {
                out.iter_mut().zip(core).for_each(|(out, core)| *out += factor * core);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_products() {
        assert_eq!(product(&[1.0, 2.0, 3.0, 4.0], &[5.0, 6.0, 7.0, 8.0], 2), [19.0, 22.0, 43.0, 50.0]);
        assert_eq!(transposed(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 3), [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
        // One rank, two inner, a window of two, three columns.
        let through = through(&[1.0, 2.0, 3.0, 4.0], &[1.0, 0.0, 2.0, 0.0, 1.0, 1.0], [2, 2]);
        assert_eq!(through, [1.0, 2.0, 3.0, 4.0, 5.0, 8.0]);
    }
}
