//! with storage activation
// Operations on each number: y = x + z, x·factor, activation(x), tanh(x), and x·(1 + scale) + shift with a
// scale and a shift for each channel of each item of the batch.

struct Each {
    // Quads in this dispatch, and workgroups side by side.
    quads: u32,
    columns: u32,
    operation: u32,
    factor: f32,
    activation: u32,
    // For scale and shift: quads of a row, rows of an item, and the first row at which the bindings begin.
    row_quads: u32,
    item_rows: u32,
    first_row: u32,
}

@group(0) @binding(0) var<storage, read_write> x: array<Quad>;
@group(0) @binding(1) var<storage, read_write> z: array<Quad>; // the summand, or the scale
@group(0) @binding(2) var<storage, read_write> shift: array<Quad>;
@group(0) @binding(3) var<storage, read_write> y: array<Quad>;
@group(0) @binding(4) var<uniform> at: Each;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let i = (group.y * at.columns + group.x) * 256u + thread;
    if (i >= at.quads) {
        return;
    }
    var value = widen(x[i]);
    switch at.operation {
        case 0u: { value += widen(z[i]); }
        case 1u: { value *= at.factor; }
        case 2u: { value = activate(value, at.activation); }
        case 3u: { value = tanh(value); }
        default: {
            let item = (at.first_row + i / at.row_quads) / at.item_rows;
            let channel = item * at.row_quads + i % at.row_quads;
            value = fma(value, widen(z[channel]) + 1.0, widen(shift[channel]));
        }
    }
    y[i] = narrow(value);
}
