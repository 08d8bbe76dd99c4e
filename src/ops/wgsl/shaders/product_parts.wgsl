//! part of others
// What all kernels of products share: the parameters, what is bound, the window of a row, the statistics of rows that
// are normalized while they are read, and what follows a sum. The kernel has `leave_part` and `left_part`, a number
// of each thread in memory that the workgroup shares.

struct Product {
    // Rows of y that this dispatch makes. The bindings of y and of the residual begin at row `start`.
    start: u32,
    end: u32,
    // The row of x at which the binding of each source begins.
    x0_start: u32,
    x1_start: u32,
    // Quads of a row of each source; none for a second source that is not there.
    x0_quads: u32,
    x1_quads: u32,
    // Columns in tiles of four quads.
    depth: u32,
    // The window: one tap for a linear layer, where y and x have the same rows.
    kernel: u32,
    stride: u32,
    before: u32,
    // 1 where the map is read at twice its size, by nearest neighbors.
    enlarged: u32,
    x_height: u32,
    x_width: u32,
    y_height: u32,
    y_width: u32,
    // Quads of a row of y.
    y_quads: u32,
    activation: u32,
    has_bias: u32,
    has_channels: u32,
    has_residual: u32,
    // Rows of y of one item of the batch.
    item_rows: u32,
    // Channels of a row of x that is normalized first; none where it is taken as it is.
    normalized: u32,
    // The first column of workgroups in this dispatch.
    first_column: u32,
}

@group(0) @binding(0) var<storage, read_write> x0: array<Quad>;
@group(0) @binding(1) var<storage, read_write> x1: array<Quad>;
@group(0) @binding(2) var<storage, read> weight: array<WeightQuad>; // [panel of 64][column of x][16]
@group(0) @binding(3) var<storage, read> bias: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> channels: array<Quad>; // [item][quads of y], gated [row][2][quads of y]
@group(0) @binding(5) var<storage, read_write> residual: array<Quad>;
@group(0) @binding(6) var<storage, read_write> y: array<Quad>;
@group(0) @binding(7) var<storage, read> norm: array<vec4<f32>>; // gains, then biases
@group(0) @binding(8) var<uniform> at: Product;

const R: u32 = 4u;
const V: u32 = 1u;
// Whether the columns of a pair of panels are values and gates: y = values · gelu(gates).
const GATED: bool = false;
const ROWS: u32 = 16u * R;
const DEPTH: u32 = 4u;
// Quads of x that a thread brings to a tile.
const LOADS: u32 = (ROWS * DEPTH + 255u) / 256u;

// The window of one row of y.
struct Window {
    valid: bool,
    // The first pixel of the item of the batch.
    item: u32,
    // The window's corner, which may lie outside of the map.
    top: i32,
    left: i32,
}

fn window(row: u32) -> Window {
    let pixels = at.y_height * at.y_width;
    let pixel = row % pixels;
    return Window(
        row < at.end,
        row / pixels * at.x_height * at.x_width,
        i32(pixel / at.y_width * at.stride) - i32(at.before),
        i32(pixel % at.y_width * at.stride) - i32(at.before),
    );
}

// The quad `quad` of the pixel under tap `tap`, zero outside of the map.
fn load(place: Window, tap: u32, quad: u32) -> vec4<f32> {
    let row = place.top + i32(tap / at.kernel);
    let column = place.left + i32(tap % at.kernel);
    let height = i32(at.x_height << at.enlarged);
    let width = i32(at.x_width << at.enlarged);
    let inside = place.valid && tap < at.kernel * at.kernel
        && row >= 0 && row < height && column >= 0 && column < width;
    if (!inside) {
        return vec4<f32>(0.0);
    }
    let pixel = place.item + (u32(row) >> at.enlarged) * at.x_width + (u32(column) >> at.enlarged);
    if (quad < at.x0_quads) {
        return widen(x0[(pixel - at.x0_start) * at.x0_quads + quad]);
    }
    return widen(x1[(pixel - at.x1_start) * at.x1_quads + quad - at.x0_quads]);
}

// The sum of the parts that the threads of a row have left.
fn row_total(row: u32) -> f32 {
    var total = 0.0;
    for (var part = 0u; part < 256u / ROWS; part++) {
        total += left_part(row * (256u / ROWS) + part);
    }
    return total;
}

// Mean and 1/deviation of the rows that this thread brings to a tile: the mean first, then the squares of
// what differs from it. Epsilon is 1e-5.
fn statistics(first_row: u32, thread: u32) -> array<vec2<f32>, LOADS> {
    let parts = 256u / ROWS;
    let row = thread / parts;
    let begin = (min(first_row + row, at.end - 1u) - at.x0_start) * at.x0_quads;
    let count = f32(at.normalized);
    var sum = 0.0;
    for (var quad = thread % parts; quad < at.x0_quads; quad += parts) {
        sum += dot(widen(x0[begin + quad]), vec4<f32>(1.0));
    }
    leave_part(thread, sum);
    workgroupBarrier();
    let mean = row_total(row) / count;
    var found: array<vec2<f32>, LOADS>;
    for (var i = 0u; i < LOADS; i++) {
        found[i].x = row_total(min((thread + 256u * i) / DEPTH, ROWS - 1u)) / count;
    }
    workgroupBarrier();
    var squares = 0.0;
    for (var quad = thread % parts; quad < at.x0_quads; quad += parts) {
        let there = vec4<u32>(0u, 1u, 2u, 3u) + 4u * quad < vec4<u32>(at.normalized);
        let off = select(vec4<f32>(0.0), widen(x0[begin + quad]) - mean, there);
        squares += dot(off, off);
    }
    leave_part(thread, squares);
    workgroupBarrier();
    for (var i = 0u; i < LOADS; i++) {
        let total = row_total(min((thread + 256u * i) / DEPTH, ROWS - 1u));
        found[i].y = inverseSqrt(total / count + 1e-5);
    }
    workgroupBarrier();
    return found;
}

fn finish(sum: vec4<f32>, row: u32, quad: u32) -> vec4<f32> {
    var value = sum;
    if (at.has_channels != 0u) {
        value += widen(channels[row / at.item_rows * at.y_quads + quad]);
    }
    return finish_gated(activate(value, at.activation), row, quad);
}

// What follows a gate.
fn finish_gated(gated: vec4<f32>, row: u32, quad: u32) -> vec4<f32> {
    var value = gated;
    if (at.has_residual != 0u) {
        value += widen(residual[(row - at.start) * at.y_quads + quad]);
    }
    return value;
}

// A sum of a gated layer with what its row has for it: values lie before gates. The binding begins at row `start`.
fn beside(sum: vec4<f32>, row: u32, quad: u32) -> vec4<f32> {
    if (at.has_channels != 0u) {
        return sum + widen(channels[(row - at.start) * 2u * at.y_quads + quad]);
    }
    return sum;
}

fn biased(sum: vec4<f32>, quad: u32) -> vec4<f32> {
    if (at.has_bias != 0u) {
        return sum + bias[quad];
    }
    return sum;
}
