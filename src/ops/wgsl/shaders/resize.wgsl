//! with storage
// A map at twice its size by nearest neighbors, or at half of it by the means of 2×2 squares.

struct Resize {
    // Quads in this dispatch, the first of them, and workgroups side by side.
    count: u32,
    first: u32,
    columns: u32,
    quads: u32,
    x_height: u32,
    x_width: u32,
    y_height: u32,
    y_width: u32,
    // 1 to enlarge, 0 to take means.
    enlarge: u32,
    // The quad of x at which its binding begins.
    x_first: u32,
}

@group(0) @binding(0) var<storage, read_write> x: array<Quad>;
@group(0) @binding(1) var<storage, read_write> y: array<Quad>;
@group(0) @binding(2) var<uniform> at: Resize;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let i = (group.y * at.columns + group.x) * 256u + thread;
    if (i >= at.count) {
        return;
    }
    let quad = (at.first + i) % at.quads;
    let pixel = (at.first + i) / at.quads;
    let column = pixel % at.y_width;
    let row = pixel / at.y_width % at.y_height;
    let item = pixel / (at.y_width * at.y_height) * at.x_height * at.x_width;
    if (at.enlarge != 0u) {
        let source = item + row / 2u * at.x_width + column / 2u;
        y[i] = x[source * at.quads + quad - at.x_first];
        return;
    }
    let source = (item + 2u * row * at.x_width + 2u * column) * at.quads + quad - at.x_first;
    let below = source + at.x_width * at.quads;
    let sum = widen(x[source]) + widen(x[source + at.quads]) + widen(x[below]) + widen(x[below + at.quads]);
    y[i] = narrow(0.25 * sum);
}
