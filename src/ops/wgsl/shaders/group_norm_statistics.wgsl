//! with storage
// The first pass of GroupNorm: mean and squared deviations of every group in a piece of a map's pixels.
//
// Trap: sums are of differences from the piece's first pixel, channel by channel, so that a large mean
// costs no digits; the groups' parts are joined as Chan, Golub & LeVeque (1979) do.

struct Statistics {
    x0_quads: u32,
    x1_quads: u32,
    // Pixels of an item of the batch, and of a piece.
    pixels: u32,
    piece: u32,
    pieces: u32,
    groups: u32,
    // Channels of a group.
    size: u32,
    // The first item of the batch in this dispatch, at which the bindings of x begin.
    item: u32,
    // The first piece in this dispatch.
    first: u32,
}

@group(0) @binding(0) var<storage, read_write> x0: array<Quad>;
@group(0) @binding(1) var<storage, read_write> x1: array<Quad>;
@group(0) @binding(2) var<storage, read_write> parts: array<vec2<f32>>; // [item][piece][group]: mean, squares
@group(0) @binding(3) var<uniform> at: Statistics;

// Σ(x - pivot), Σ(x - pivot)² and the pivot of 256 quads of channels.
var<workgroup> sums: array<vec4<f32>, 256>;
var<workgroup> squares: array<vec4<f32>, 256>;
var<workgroup> pivots: array<vec4<f32>, 256>;

fn load(pixel: u32, quad: u32) -> vec4<f32> {
    if (quad < at.x0_quads) {
        return widen(x0[pixel * at.x0_quads + quad]);
    }
    return widen(x1[pixel * at.x1_quads + quad - at.x0_quads]);
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let quads = at.x0_quads + at.x1_quads;
    // The bindings begin at item `at.item`.
    let piece = at.first + group.x;
    let first = group.y * at.pixels + piece * at.piece;
    let count = min(at.piece, at.pixels - piece * at.piece);
    let to = ((at.item + group.y) * at.pieces + piece) * at.groups;
    // Few channels: several pixels side by side. Many: 256 quads after 256 quads.
    let width = min(quads, 256u);
    let lines = 256u / width;
    for (var block = 0u; block < quads; block += 256u) {
        let quad = block + thread % width;
        let line = thread / width;
        var sum = vec4<f32>(0.0);
        var square = vec4<f32>(0.0);
        var pivot = vec4<f32>(0.0);
        if (quad < quads && line < lines) {
            pivot = load(first, quad);
            for (var pixel = line; pixel < count; pixel += lines) {
                let off = load(first + pixel, quad) - pivot;
                sum += off;
                square = fma(off, off, square);
            }
        }
        sums[thread] = sum;
        squares[thread] = square;
        pivots[thread] = pivot;
        workgroupBarrier();
        if (thread < width) {
            for (var other = thread + width; other < lines * width; other += width) {
                sum += sums[other];
                square += squares[other];
            }
            sums[thread] = sum;
            squares[thread] = square;
        }
        workgroupBarrier();
        let begin = 4u * block;
        let end = min(4u * (block + 256u), at.groups * at.size);
        for (var g = thread; g < at.groups; g += 256u) {
            let source = max(g * at.size, begin);
            let until = min((g + 1u) * at.size, end);
            if (source < until) {
                join(to + g, source - begin, until - begin, source > g * at.size, f32(count), f32(source - g * at.size));
            }
        }
        workgroupBarrier();
    }
}

// Mean and squares of the channels `from..until` of the sums, joined with those of `before` channels that
// the part holds already.
fn join(part: u32, source: u32, until: u32, joined: bool, count: f32, before: f32) {
    var mean = 0.0;
    for (var c = source; c < until; c++) {
        mean += pivots[c / 4u][c % 4u] + sums[c / 4u][c % 4u] / count;
    }
    mean /= f32(until - source);
    var square = 0.0;
    for (var c = source; c < until; c++) {
        let sum = sums[c / 4u][c % 4u];
        let off = pivots[c / 4u][c % 4u] + sum / count - mean;
        square += squares[c / 4u][c % 4u] - sum * sum / count + count * off * off;
    }
    if (joined) {
        let former = parts[part];
        let own = f32(until - source);
        let off = mean - former.x;
        mean = former.x + off * own / (own + before);
        square += former.y + off * off * count * own * before / (own + before);
    }
    parts[part] = vec2<f32>(mean, max(square, 0.0));
}
