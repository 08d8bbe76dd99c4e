//! with storage activation
// The second pass of GroupNorm: y = activation((x - mean) / √(variance + ε) · gain + bias).

struct Apply {
    x0_quads: u32,
    x1_quads: u32,
    pixels: u32,
    // Pixels of a piece of the statistics, and how many there are.
    piece: u32,
    pieces: u32,
    groups: u32,
    size: u32,
    epsilon: f32,
    activation: u32,
    // The first item of the batch in this dispatch, at which the bindings of x and y begin.
    item: u32,
    // Pixels that a workgroup makes, and the first of those shares in this dispatch.
    share: u32,
    first: u32,
}

@group(0) @binding(0) var<storage, read_write> x0: array<Quad>;
@group(0) @binding(1) var<storage, read_write> x1: array<Quad>;
@group(0) @binding(2) var<storage, read_write> parts: array<vec2<f32>>; // [item][piece][group]
@group(0) @binding(3) var<storage, read> gain: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> bias: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> y: array<Quad>;
@group(0) @binding(6) var<uniform> at: Apply;

// Whether the map is y itself, of one source.
const IN_PLACE: bool = false;
// Groups that a workgroup keeps; more are read again.
const KEPT: u32 = 256u;
// Mean and 1/deviation of each.
var<workgroup> groups: array<vec2<f32>, KEPT>;

fn load(pixel: u32, quad: u32) -> vec4<f32> {
    if (IN_PLACE) {
        return widen(y[pixel * at.x0_quads + quad]);
    }
    if (quad < at.x0_quads) {
        return widen(x0[pixel * at.x0_quads + quad]);
    }
    return widen(x1[pixel * at.x1_quads + quad - at.x0_quads]);
}

// Mean and 1/deviation of group `g` of item `item`, from all its pieces.
fn whole(item: u32, g: u32) -> vec2<f32> {
    var mean = 0.0;
    var square = 0.0;
    var count = 0.0;
    for (var piece = 0u; piece < at.pieces; piece++) {
        let part = parts[(item * at.pieces + piece) * at.groups + g];
        let own = f32(min(at.piece, at.pixels - piece * at.piece)) * f32(at.size);
        let off = part.x - mean;
        mean += off * own / (count + own);
        square += part.y + off * off * count * own / (count + own);
        count += own;
    }
    return vec2<f32>(mean, inverseSqrt(square / count + at.epsilon));
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    for (var g = thread; g < at.groups; g += 256u) {
        groups[g] = whole(at.item + group.y, g);
    }
    workgroupBarrier();
    let quads = at.x0_quads + at.x1_quads;
    let first = (at.first + group.x) * at.share;
    let count = min(at.share, at.pixels - first) * quads;
    let channels = at.groups * at.size;
    for (var i = thread; i < count; i += 256u) {
        let quad = i % quads;
        let pixel = group.y * at.pixels + first + i / quads;
        var mean = vec4<f32>(0.0);
        var factor = vec4<f32>(0.0);
        for (var lane = 0u; lane < 4u; lane++) {
            let known = groups[min(4u * quad + lane, channels - 1u) / at.size];
            mean[lane] = known.x;
            factor[lane] = known.y;
        }
        // The gain and the bias of channels that are not there are zero.
        let value = fma((load(pixel, quad) - mean) * factor, gain[quad], bias[quad]);
        y[pixel * quads + quad] = narrow(activate(value, at.activation));
    }
}
