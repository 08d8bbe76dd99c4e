//! with storage activation
// GroupNorm in one pass over a map that is small: a workgroup takes one group of one item of the batch, or
// two or four where a group ends inside a quad, reads them twice and writes them.
//
// Trap: a quad belongs to one workgroup alone, or two would write it.

struct Whole {
    x0_quads: u32,
    x1_quads: u32,
    pixels: u32,
    groups: u32,
    // Channels of a group.
    size: u32,
    // Groups of a workgroup, together whole quads.
    together: u32,
    epsilon: f32,
    activation: u32,
    // The first workgroup's place among all of them.
    first: u32,
}

@group(0) @binding(0) var<storage, read_write> x0: array<Quad>;
@group(0) @binding(1) var<storage, read_write> x1: array<Quad>;
@group(0) @binding(2) var<storage, read> gain: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> bias: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> y: array<Quad>;
@group(0) @binding(5) var<uniform> at: Whole;

// The four groups' sums of each thread.
var<workgroup> sums: array<vec4<f32>, 256>;

fn load(pixel: u32, quad: u32) -> vec4<f32> {
    if (quad < at.x0_quads) {
        return widen(x0[pixel * at.x0_quads + quad]);
    }
    return widen(x1[pixel * at.x1_quads + quad - at.x0_quads]);
}

// The sums of all threads, group by group.
fn total(thread: u32, own: vec4<f32>) -> vec4<f32> {
    sums[thread] = own;
    workgroupBarrier();
    for (var half = 128u; half > 0u; half /= 2u) {
        if (thread < half) {
            sums[thread] += sums[thread + half];
        }
        workgroupBarrier();
    }
    let all = sums[0];
    workgroupBarrier();
    return all;
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let quads = at.x0_quads + at.x1_quads;
    let channels = at.groups * at.size;
    let first_channel = (at.first + group.x) * at.together * at.size;
    let first = first_channel / 4u;
    // The last workgroup may have fewer groups, and what fills up the last quad.
    let width = min((at.together * at.size + 3u) / 4u, quads - first);
    let item = group.y * at.pixels;
    let count = at.pixels * width;
    var sum = vec4<f32>(0.0);
    for (var i = thread; i < count; i += 256u) {
        let quad = first + i % width;
        let value = load(item + i / width, quad);
        for (var lane = 0u; lane < 4u; lane++) {
            let channel = 4u * quad + lane;
            if (channel < channels) {
                sum[(channel - first_channel) / at.size] += value[lane];
            }
        }
    }
    let number = f32(at.pixels * at.size);
    let mean = total(thread, sum) / number;
    var square = vec4<f32>(0.0);
    for (var i = thread; i < count; i += 256u) {
        let quad = first + i % width;
        let value = load(item + i / width, quad);
        for (var lane = 0u; lane < 4u; lane++) {
            let channel = 4u * quad + lane;
            if (channel < channels) {
                let own = (channel - first_channel) / at.size;
                let off = value[lane] - mean[own];
                square[own] += off * off;
            }
        }
    }
    let factor = inverseSqrt(total(thread, square) / number + at.epsilon);
    for (var i = thread; i < count; i += 256u) {
        let quad = first + i % width;
        var value = load(item + i / width, quad);
        for (var lane = 0u; lane < 4u; lane++) {
            let own = (min(4u * quad + lane, channels - 1u) - first_channel) / at.size;
            value[lane] = (value[lane] - mean[own]) * factor[own];
        }
        // Gain and bias of channels that are not there are zero.
        value = fma(value, gain[quad], bias[quad]);
        y[(item + i / width) * quads + quad] = narrow(activate(value, at.activation));
    }
}
