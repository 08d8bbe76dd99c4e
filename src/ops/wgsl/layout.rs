//! How values lie in the card's memory: rows of whole quads, in f32 or f16, and back.
//!
//! Trap: what fills up a row's last quad is zero, and every kernel counts on it.

use half::f16;

use super::kernel::Storage;

/// Rows and channels of a shape: a map's pixels, a sequence's tokens, a batch's items.
pub(super) fn rows_of(shape: &[usize]) -> (usize, usize) {
    match *shape {
        [b, c, h, w] => (b * h * w, c),
        [ref rows @ .., c] => (rows.iter().product(), c),
        [] => (1, 1),
    }
}

/// Row-major values of a shape as rows of `quads` quads.
pub(super) fn to_rows(shape: &[usize], values: &[f32], quads: usize) -> Vec<f32> {
    let (rows, channels) = rows_of(shape);
    let width = 4 * quads;
    let mut to = vec![0.0; rows * width];
    match *shape {
        [_, c, h, w] => {
            for (i, value) in values.iter().enumerate() {
                let (item, channel, pixel) = (i / (c * h * w), i / (h * w) % c, i % (h * w));
                to[(item * h * w + pixel) * width + channel] = *value;
            }
        }
        _ => {
            for (to, from) in to.chunks_exact_mut(width.max(1)).zip(values.chunks_exact(channels.max(1))) {
                to[..channels].copy_from_slice(from);
            }
        }
    }
    to
}

/// Rows of `quads` quads as row-major values of a shape.
pub(super) fn from_rows(shape: &[usize], rows: &[f32], quads: usize) -> Vec<f32> {
    let width = 4 * quads;
    match *shape {
        [b, c, h, w] => {
            let place = |i: usize| {
                let (item, channel, pixel) = (i / (c * h * w), i / (h * w) % c, i % (h * w));
                (item * h * w + pixel) * width + channel
            };
            (0..b * c * h * w).map(|i| rows[place(i)]).collect()
        }
        _ => {
            let (_, channels) = rows_of(shape);
            rows.chunks_exact(width.max(1)).flat_map(|row| row[..channels].iter().copied()).collect()
        }
    }
}

/// Numbers as they are stored.
pub(super) fn to_bytes(values: &[f32], storage: Storage) -> Vec<u8> {
    match storage {
        Storage::F32 => bytemuck::cast_slice(values).to_vec(),
        Storage::F16 => values.iter().flat_map(|value| f16::from_f32(*value).to_le_bytes()).collect(),
    }
}

/// Numbers from how they are stored.
pub(super) fn from_bytes(bytes: &[u8], storage: Storage) -> Vec<f32> {
    match storage {
        Storage::F32 => bytemuck::pod_collect_to_vec(bytes),
        Storage::F16 => {
            bytes.chunks_exact(2).map(|pair| f16::from_le_bytes([pair[0], pair[1]]).to_f32()).collect()
        }
    }
}
