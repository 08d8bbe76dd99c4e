//! with storage
// LayerNorm of the rows of tokens, a workgroup a row: the mean first, then the squares of what differs
// from it.

struct Rows {
    rows: u32,
    quads: u32,
    channels: u32,
    // Workgroups side by side.
    columns: u32,
}

@group(0) @binding(0) var<storage, read_write> x: array<Quad>;
@group(0) @binding(1) var<storage, read> norm: array<vec4<f32>>; // gains, then biases
@group(0) @binding(2) var<storage, read_write> y: array<Quad>;
@group(0) @binding(3) var<uniform> at: Rows;

const THREADS: u32 = 64u;
var<workgroup> sums: array<f32, THREADS>;

fn total(thread: u32, own: f32) -> f32 {
    sums[thread] = own;
    workgroupBarrier();
    for (var half = THREADS / 2u; half > 0u; half /= 2u) {
        if (thread < half) {
            sums[thread] += sums[thread + half];
        }
        workgroupBarrier();
    }
    let sum = sums[0];
    workgroupBarrier();
    return sum;
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    // Rows after the last are computed and not written: barriers need all threads.
    let row = group.y * at.columns + group.x;
    let source = min(row, at.rows - 1u) * at.quads;
    var sum = 0.0;
    for (var quad = thread; quad < at.quads; quad += THREADS) {
        // What fills up the last quad is zero.
        sum += dot(widen(x[source + quad]), vec4<f32>(1.0));
    }
    let mean = total(thread, sum) / f32(at.channels);
    var squares = 0.0;
    for (var quad = thread; quad < at.quads; quad += THREADS) {
        let there = vec4<u32>(0u, 1u, 2u, 3u) + 4u * quad < vec4<u32>(at.channels);
        let off = select(vec4<f32>(0.0), widen(x[source + quad]) - mean, there);
        squares += dot(off, off);
    }
    let factor = inverseSqrt(total(thread, squares) / f32(at.channels) + 1e-5);
    if (row < at.rows) {
        for (var quad = thread; quad < at.quads; quad += THREADS) {
            let value = (widen(x[source + quad]) - mean) * factor;
            y[source + quad] = narrow(fma(value, norm[quad], norm[at.quads + quad]));
        }
    }
}
