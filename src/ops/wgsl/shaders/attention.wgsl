//! with storage
// softmax(q·kᵀ·scale)·v for many heads with an online softmax (Milakov & Gimelshein, 2018; Dao et al.,
// 2022): no score matrix in memory. A workgroup has 64 queries of one head, two threads each; keys come
// 32 at a time, and their channels in pieces of PIECE quads.
//
// Trap: a head's channels are whole quads. A head larger than PIECES pieces is done in slices of the
// values, each with all the scores computed again.

struct Heads {
    queries: u32,
    keys: u32,
    // Quads of a row of q, of k and v, of y, and of one head.
    q_quads: u32,
    k_quads: u32,
    y_quads: u32,
    head_quads: u32,
    // The quad of a row with which keys and values begin, where they share rows with the queries.
    k_first: u32,
    v_first: u32,
    heads: u32,
    // The first tile of 64 queries, head of an item and slice of the values in this dispatch.
    tile: u32,
    pair: u32,
    slice: u32,
    // 0: every key; 1: keys up to the query; 2: keys whose word in `seen` is not zero.
    mask: u32,
    // 1/√d, times log2 e.
    scale: f32,
}

@group(0) @binding(0) var<storage, read_write> q: array<Quad>;
@group(0) @binding(1) var<storage, read_write> k: array<Quad>;
@group(0) @binding(2) var<storage, read_write> v: array<Quad>;
@group(0) @binding(3) var<storage, read_write> seen: array<u32>; // [item][key]
@group(0) @binding(4) var<storage, read_write> y: array<Quad>;
@group(0) @binding(5) var<uniform> at: Heads;

// Quads of a piece of the channels, even, and how many pieces of the result a workgroup has.
const PIECE: u32 = 8u;
const PIECES: u32 = 2u;
const QUERIES: u32 = 64u;
const KEYS: u32 = 32u;
const LOWEST: f32 = -3.0e38;

// A piece of the keys, then of the values.
var<workgroup> piece: array<vec4<f32>, KEYS * PIECE>;
var<workgroup> weights: array<f32, QUERIES * (KEYS + 1u)>;
var<workgroup> shared_row: array<f32, 2u * QUERIES>;

@compute @workgroup_size(128)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let line = thread / 2u;
    let lane = thread % 2u;
    let head = (at.pair + group.y) % at.heads;
    let item = (at.pair + group.y) / at.heads;
    let query = (at.tile + group.x) * QUERIES + line;
    let slice = (at.slice + group.z) * PIECES;
    let pieces = (at.head_quads + PIECE - 1u) / PIECE;
    let row = item * at.queries + min(query, at.queries - 1u);
    let q_row = row * at.q_quads + head * at.head_quads;
    let k_item = item * at.keys * at.k_quads + at.k_first + head * at.head_quads;
    let v_item = item * at.keys * at.k_quads + at.v_first + head * at.head_quads;

    var result: array<vec4<f32>, PIECES * PIECE / 2u>;
    for (var i = 0u; i < PIECES * PIECE / 2u; i++) {
        result[i] = vec4<f32>(0.0);
    }
    var highest = LOWEST;
    var sum = 0.0;
    // A causal tile ends with its last query's own key.
    var end = at.keys;
    if (at.mask == 1u) {
        end = min(end, (at.tile + group.x + 1u) * QUERIES);
    }
    for (var first = 0u; first < end; first += KEYS) {
        var scores: array<f32, KEYS / 2u>;
        for (var i = 0u; i < KEYS / 2u; i++) {
            scores[i] = 0.0;
        }
        for (var p = 0u; p < pieces; p++) {
            for (var i = thread; i < KEYS * PIECE; i += 128u) {
                let key = first + i / PIECE;
                let quad = p * PIECE + i % PIECE;
                var value = vec4<f32>(0.0);
                if (key < at.keys && quad < at.head_quads) {
                    value = widen(k[k_item + key * at.k_quads + quad]);
                }
                piece[i] = value;
            }
            workgroupBarrier();
            for (var c = 0u; c < PIECE; c++) {
                let quad = p * PIECE + c;
                if (quad < at.head_quads) {
                    let own = widen(q[q_row + quad]);
                    for (var i = 0u; i < KEYS / 2u; i++) {
                        scores[i] += dot(own, piece[(2u * i + lane) * PIECE + c]);
                    }
                }
            }
            workgroupBarrier();
        }
        var top = LOWEST;
        for (var i = 0u; i < KEYS / 2u; i++) {
            let key = first + 2u * i + lane;
            var visible = key < at.keys;
            if (at.mask == 1u) {
                visible = visible && key <= query;
            }
            if (at.mask == 2u && visible) {
                visible = seen[item * at.keys + key] != 0u;
            }
            scores[i] = select(LOWEST, scores[i] * at.scale, visible);
            top = max(top, scores[i]);
        }
        shared_row[thread] = top;
        workgroupBarrier();
        top = max(highest, max(shared_row[2u * line], shared_row[2u * line + 1u]));
        // Nothing was seen yet where the highest is still the lowest: its weights are zero.
        let former = select(exp2(highest - top), 0.0, highest == LOWEST);
        highest = top;
        var own_sum = 0.0;
        for (var i = 0u; i < KEYS / 2u; i++) {
            let weight = select(exp2(scores[i] - top), 0.0, scores[i] == LOWEST);
            weights[line * (KEYS + 1u) + 2u * i + lane] = weight;
            own_sum += weight;
        }
        sum = sum * former + own_sum;
        for (var p = 0u; p < PIECES; p++) {
            workgroupBarrier();
            for (var i = thread; i < KEYS * PIECE; i += 128u) {
                let key = first + i / PIECE;
                let quad = (slice + p) * PIECE + i % PIECE;
                var value = vec4<f32>(0.0);
                if (key < at.keys && quad < at.head_quads) {
                    value = widen(v[v_item + key * at.k_quads + quad]);
                }
                piece[i] = value;
            }
            workgroupBarrier();
            for (var i = 0u; i < PIECE / 2u; i++) {
                var total = result[p * PIECE / 2u + i] * former;
                for (var key = 0u; key < KEYS; key++) {
                    let weight = weights[line * (KEYS + 1u) + key];
                    total = fma(vec4<f32>(weight), piece[key * PIECE + 2u * i + lane], total);
                }
                result[p * PIECE / 2u + i] = total;
            }
        }
        workgroupBarrier();
    }
    shared_row[thread] = sum;
    workgroupBarrier();
    let whole = shared_row[2u * line] + shared_row[2u * line + 1u];
    if (query < at.queries) {
        for (var p = 0u; p < PIECES; p++) {
            for (var i = 0u; i < PIECE / 2u; i++) {
                let quad = (slice + p) * PIECE + 2u * i + lane;
                if (quad < at.head_quads) {
                    y[row * at.y_quads + head * at.head_quads + quad] = narrow(result[p * PIECE / 2u + i] / whole);
                }
            }
        }
    }
}
