//! with storage
// Copies a block of columns of some rows into a block of another tensor's: concatenation, halves, items of
// the batch, heads of whole quads. Blocks need not begin with a quad.
//
// Trap: of a quad that the block begins in, the numbers before it stay as they are; of the one that it ends
// in, the numbers after it become zero. So blocks are written from left to right.

struct Copy {
    // Rows to copy, in `outer` runs of `inner`.
    outer: u32,
    inner: u32,
    // Rows between the beginnings of two runs, the first row, quads of a row, the first column: of x, of y.
    x_run: u32,
    x_row: u32,
    x_quads: u32,
    x_column: u32,
    y_run: u32,
    y_row: u32,
    y_quads: u32,
    y_column: u32,
    // Columns to copy.
    count: u32,
    // Quads of y's row that are touched, and workgroups side by side.
    touched: u32,
    columns: u32,
}

@group(0) @binding(0) var<storage, read_write> x: array<Quad>;
@group(0) @binding(1) var<storage, read_write> y: array<Quad>;
@group(0) @binding(2) var<uniform> at: Copy;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let i = (group.y * at.columns + group.x) * 256u + thread;
    let row = i / at.touched;
    if (row >= at.outer * at.inner) {
        return;
    }
    let quad = at.y_column / 4u + i % at.touched;
    let run = row / at.inner;
    let source = (run * at.x_run + at.x_row + row % at.inner) * at.x_quads;
    let to = (run * at.y_run + at.y_row + row % at.inner) * at.y_quads + quad;
    var value = vec4<f32>(0.0);
    if (4u * quad < at.y_column) {
        value = widen(y[to]);
    }
    for (var lane = 0u; lane < 4u; lane++) {
        let column = 4u * quad + lane;
        if (column >= at.y_column) {
            var copied = 0.0;
            if (column < at.y_column + at.count) {
                let taken = at.x_column + column - at.y_column;
                copied = widen(x[source + taken / 4u])[taken % 4u];
            }
            value[lane] = copied;
        }
    }
    y[to] = narrow(value);
}
