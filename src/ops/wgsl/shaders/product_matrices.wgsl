//! with matrices storage weights activation product_parts
// The product by cooperative matrices, which a subgroup multiplies at once: factors in f16, sums in f32. A workgroup
// makes 16·R rows by 64·V columns of y, as `product` does, from tiles of sixteen columns of x that it shares.
//
// A line with a hash stands for one for each matrix of sums that a subgroup has, the hash being its number. Trap:
// these operations want all threads of a workgroup to be at the same place as far as the language can tell, so
// nothing here branches by subgroup: where there are more subgroups than share the tile, some do the same twice.

alias Left = coop_mat8x8<f16, A>;
alias Right = coop_mat8x8<f16, B>;
alias Sum = coop_mat8x8<f32, C>;
// Rows and columns of a matrix.
const SIDE: u32 = 8u;
// Subgroups that share a tile, and matrices of sums that each has: an even number.
const TOGETHER: u32 = 32u;
const MATRICES: u32 = 2u;
const COLUMNS: u32 = 64u * V;
// Matrices side by side.
const ACROSS: u32 = COLUMNS / SIDE;
// Columns of x in a tile.
const K: u32 = 4u * DEPTH;

var<workgroup> x_tile: array<f16, ROWS * K>;
var<workgroup> w_tile: array<f16, K * COLUMNS>;
// Half of the sums, on their way from matrices to threads.
var<workgroup> y_tile: array<f32, ROWS * COLUMNS / 2u>;

fn leave_part(thread: u32, number: f32) {
    y_tile[thread] = number;
}

fn left_part(thread: u32) -> f32 {
    return y_tile[thread];
}

// The sums of four columns of a row of the half that is in `y_tile`.
fn sums_at(row: u32, quad: u32) -> vec4<f32> {
    let place = row * COLUMNS + quad * 4u;
    return vec4<f32>(y_tile[place], y_tile[place + 1u], y_tile[place + 2u], y_tile[place + 3u]);
}

fn bring_x(place: u32, value: vec4<f32>) {
    let half = vec4<f16>(value);
    x_tile[place] = half.x;
    x_tile[place + 1u] = half.y;
    x_tile[place + 2u] = half.z;
    x_tile[place + 3u] = half.w;
}

fn bring_weights(place: u32, value: vec4<f32>) {
    let half = vec4<f16>(value);
    w_tile[place] = half.x;
    w_tile[place + 1u] = half.y;
    w_tile[place + 2u] = half.z;
    w_tile[place + 3u] = half.w;
}

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
    @builtin(subgroup_id) subgroup: u32,
) {
    let first_row = at.start + group.y * ROWS;
    let column_group = at.first_column + group.x;
    let lane = thread % 16u;
    let line = thread / 16u;
    let x_quads = at.x0_quads + at.x1_quads;

    let place = window(first_row + thread / DEPTH);
    var known: array<vec2<f32>, LOADS>;
    if (at.normalized != 0u) {
        known = statistics(first_row, thread);
    }
    // Tap and quad of the column that this thread brings; four quads further in each tile.
    var quad = thread % DEPTH;
    var tap = quad / x_quads;
    quad = quad % x_quads;

    // Where each matrix of sums begins: the first half of them lies in the first half of the rows.
    let own = subgroup % TOGETHER;
    let row_# = (own + #u * TOGETHER) / ACROSS * SIDE;
    let column_# = (own + #u * TOGETHER) % ACROSS * SIDE;
    var sum_#: Sum;

    for (var tile = 0u; tile < at.depth; tile++) {
        var value = load(place, tap, quad);
        if (at.normalized != 0u && tap == 0u && place.valid) {
            let scaled = (value - known[0].x) * known[0].y;
            value = fma(scaled, norm[quad], norm[at.x0_quads + quad]);
        }
        bring_x(thread * 4u, value);
        for (var v = 0u; v < V; v++) {
            // 4·DEPTH columns of 16 quads: one quad for each thread.
            let panel = (column_group * V + v) * at.depth * K;
            let column = tile * K + line;
            bring_weights(line * COLUMNS + v * 64u + lane * 4u, widen_weight(weight[(panel + column) * 16u + lane]));
        }
        workgroupBarrier();
        for (var k = 0u; k < K; k += SIDE) {
            let left_# = coopLoadT<Left>(&x_tile[row_# * K + k], K);
            let right_# = coopLoadT<Right>(&w_tile[k * COLUMNS + column_#], COLUMNS);
            sum_# = coopMultiplyAdd(left_#, right_#, sum_#);
        }
        workgroupBarrier();
        quad += DEPTH;
        while (quad >= x_quads) {
            quad -= x_quads;
            tap += 1u;
        }
    }
    for (var half = 0u; half < 2u; half++) {
        let above = half * (ROWS / 2u);
        // A loop of one turn or none, since a branch is not allowed.
        for (var turn = #u * 2u / MATRICES; turn == half; turn += 2u) { coopStoreT(sum_#, &y_tile[(row_# - above) * COLUMNS + column_#], COLUMNS); }
        workgroupBarrier();
        for (var r = 0u; r < ROWS / 32u; r++) {
            let below = line + 16u * r;
            let row = first_row + above + below;
            if (row >= at.end) {
                continue;
            }
            let to = (row - at.start) * at.y_quads;
            if (GATED) {
                let column = column_group * 16u + lane;
                if (column < at.y_quads) {
                    // The biases lie as the panels do: 16 quads of values, 16 of gates.
                    let values = biased(sums_at(below, lane), column_group * 32u + lane);
                    let gates = biased(sums_at(below, 16u * (V - 1u) + lane), column_group * 32u + 16u + lane);
                    let value = beside(values, row, column);
                    let gate = beside(gates, row, at.y_quads + column);
                    y[to + column] = narrow(finish_gated(value * gelu(gate), row, column));
                }
            } else {
                for (var v = 0u; v < V; v++) {
                    let column = (column_group * V + v) * 16u + lane;
                    if (column < at.y_quads) {
                        y[to + column] = narrow(finish(biased(sums_at(below, v * 16u + lane), column), row, column));
                    }
                }
            }
        }
        workgroupBarrier();
    }
}
