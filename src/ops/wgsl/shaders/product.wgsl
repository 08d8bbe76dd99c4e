//! with storage weights activation product_parts
// y = activation(x·W + bias + channels) + residual: linear layers, and convolutions as an implicit
// product, whose rows are output pixels and whose columns are taps times channels (nothing is copied out
// of the map). A linear layer may normalize its rows as LayerNorm does while it reads them. A workgroup makes 16·R rows by 64·V columns; a thread R rows by V quads of columns.
//
// Trap: the sums of one output run in one order, whatever the tile; bands of rows change no bit.

var<workgroup> x_tile: array<vec4<f32>, ROWS * DEPTH>;
var<workgroup> w_tile: array<vec4<f32>, 4u * DEPTH * 16u * V>;

fn leave_part(thread: u32, number: f32) {
    w_tile[thread] = vec4<f32>(number);
}

fn left_part(thread: u32) -> f32 {
    return w_tile[thread].x;
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let first_row = at.start + group.y * ROWS;
    let column_group = at.first_column + group.x;
    let lane = thread % 16u;
    let line = thread / 16u;
    let x_quads = at.x0_quads + at.x1_quads;

    var places: array<Window, LOADS>;
    for (var i = 0u; i < LOADS; i++) {
        places[i] = window(first_row + (thread + 256u * i) / DEPTH);
    }
    var known: array<vec2<f32>, LOADS>;
    if (at.normalized != 0u) {
        known = statistics(first_row, thread);
    }
    // Tap and quad of the column that this thread brings; four quads further in each tile.
    var quad = thread % DEPTH;
    var tap = quad / x_quads;
    quad = quad % x_quads;

    var sums: array<array<vec4<f32>, V>, R>;
    for (var r = 0u; r < R; r++) {
        for (var v = 0u; v < V; v++) {
            sums[r][v] = vec4<f32>(0.0);
        }
    }
    for (var tile = 0u; tile < at.depth; tile++) {
        for (var i = 0u; i < LOADS; i++) {
            let place = thread + 256u * i;
            if (place < ROWS * DEPTH) {
                var value = load(places[i], tap, quad);
                if (at.normalized != 0u && tap == 0u && places[i].valid) {
                    let scaled = (value - known[i].x) * known[i].y;
                    value = fma(scaled, norm[quad], norm[at.x0_quads + quad]);
                }
                x_tile[place] = value;
            }
        }
        for (var v = 0u; v < V; v++) {
            // 4·DEPTH columns of 16 quads: one quad for each thread.
            let panel = (column_group * V + v) * at.depth * 4u * DEPTH;
            let column = tile * 4u * DEPTH + line;
            w_tile[line * 16u * V + v * 16u + lane] = widen_weight(weight[(panel + column) * 16u + lane]);
        }
        workgroupBarrier();
        for (var d = 0u; d < DEPTH; d++) {
            for (var r = 0u; r < R; r++) {
                let x = x_tile[(line + 16u * r) * DEPTH + d];
                for (var v = 0u; v < V; v++) {
                    let column = 4u * d * 16u * V + v * 16u + lane;
                    var sum = sums[r][v];
                    sum = fma(vec4<f32>(x.x), w_tile[column], sum);
                    sum = fma(vec4<f32>(x.y), w_tile[column + 16u * V], sum);
                    sum = fma(vec4<f32>(x.z), w_tile[column + 32u * V], sum);
                    sum = fma(vec4<f32>(x.w), w_tile[column + 48u * V], sum);
                    sums[r][v] = sum;
                }
            }
        }
        workgroupBarrier();
        quad += DEPTH;
        while (quad >= x_quads) {
            quad -= x_quads;
            tap += 1u;
        }
    }
    for (var r = 0u; r < R; r++) {
        let row = first_row + line + 16u * r;
        if (row >= at.end) {
            continue;
        }
        let to = (row - at.start) * at.y_quads;
        if (GATED) {
            let column = column_group * 16u + lane;
            if (column < at.y_quads) {
                // The biases lie as the panels do: 16 quads of values, 16 of gates.
                let values = biased(sums[r][0], column_group * 32u + lane);
                let gates = biased(sums[r][V - 1u], column_group * 32u + 16u + lane);
                let value = beside(values, row, column);
                let gate = beside(gates, row, at.y_quads + column);
                y[to + column] = narrow(finish_gated(value * gelu(gate), row, column));
            }
        } else {
            for (var v = 0u; v < V; v++) {
                let column = (column_group * V + v) * 16u + lane;
                if (column < at.y_quads) {
                    y[to + column] = narrow(finish(biased(sums[r][v], column), row, column));
                }
            }
        }
    }
}
