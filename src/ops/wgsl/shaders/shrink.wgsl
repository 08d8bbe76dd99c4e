// A smaller copy of a picture's pixels: each the rounded mean of those that it stands for, and its highest byte
// the least of theirs.

struct Shrink {
    // Pixels of the copy in this dispatch, and workgroups side by side.
    count: u32,
    columns: u32,
    // The copy, the picture, and words from one of the picture's rows to the next.
    width: u32,
    height: u32,
    x_width: u32,
    x_height: u32,
    pitch: u32,
}

@group(0) @binding(0) var<storage, read_write> x: array<u32>;
@group(0) @binding(1) var<storage, read_write> y: array<u32>;
@group(0) @binding(2) var<uniform> at: Shrink;

// The first pixel that the `place`th of `to` stands for, of `count`.
fn first(place: u32, to: u32, count: u32) -> u32 {
    return (place * count + to - 1u) / to;
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let i = (group.y * at.columns + group.x) * 256u + thread;
    if (i >= at.count) {
        return;
    }
    let row = i / at.width;
    let column = i % at.width;
    let left = first(column, at.width, at.x_width);
    let right = first(column + 1u, at.width, at.x_width);
    let top = first(row, at.height, at.x_height);
    let bottom = first(row + 1u, at.height, at.x_height);
    var sum = vec3<u32>(0u);
    var least = 255u;
    for (var line = top; line < bottom; line++) {
        for (var place = left; place < right; place++) {
            let word = x[line * at.pitch + place];
            sum += vec3<u32>(word & 255u, (word >> 8u) & 255u, (word >> 16u) & 255u);
            least = min(least, word >> 24u);
        }
    }
    let count = max((right - left) * (bottom - top), 1u);
    let mean = (sum + count / 2u) / count;
    y[i] = mean.x | (mean.y << 8u) | (mean.z << 16u) | (least << 24u);
}
