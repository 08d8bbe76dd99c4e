//! with storage
// A decoder's numbers as the pixels of a picture: levels of eight bits, red in the lowest byte of a word, the
// highest 255, or 0 where a number is not finite.
//
// A position of the source holds one pixel, or a square of `block` times `block` of them: its numbers are then
// [color][row][column]. A picture of another size than the source's is read from it between four pixels.

struct Picture {
    // Rows in this dispatch, the first of them, and workgroups side by side.
    rows: u32,
    first: u32,
    columns: u32,
    // The picture, and words from one of its rows to the next.
    width: u32,
    height: u32,
    pitch: u32,
    // Pixels of the source, and those of a position's side.
    source_width: u32,
    source_height: u32,
    block: u32,
    // Quads of a position.
    quads: u32,
    // A level is 255 · (number + offset) · factor, cut off below.
    offset: f32,
    factor: f32,
}

@group(0) @binding(0) var<storage, read_write> x: array<Quad>;
@group(0) @binding(1) var<storage, read_write> y: array<u32>;
@group(0) @binding(2) var<uniform> at: Picture;

fn number(position: u32, channel: u32) -> f32 {
    let quad = widen(x[position * at.quads + channel / 4u]);
    return quad[channel % 4u];
}

// Three levels, and 1 if all are of finite numbers.
fn pixel(row: u32, column: u32) -> vec4<f32> {
    let position = row / at.block * (at.source_width / at.block) + column / at.block;
    let within = row % at.block * at.block + column % at.block;
    var levels = vec4<f32>(0.0, 0.0, 0.0, 1.0);
    for (var color = 0u; color < 3u; color++) {
        let value = number(position, color * at.block * at.block + within);
        // Compilers may take numbers for finite, but not bits.
        if ((bitcast<u32>(value) & 0x7f800000u) == 0x7f800000u) {
            levels.w = 0.0;
        } else {
            levels[color] = floor(255.0 * clamp((value + at.offset) * at.factor, 0.0, 1.0));
        }
    }
    return levels;
}

fn between(row: u32, column: u32) -> vec4<f32> {
    let sides = vec2<f32>(f32(at.source_width), f32(at.source_height));
    let place = (vec2<f32>(f32(column), f32(row)) + 0.5) * sides / vec2<f32>(f32(at.width), f32(at.height)) - 0.5;
    let low = clamp(place, vec2<f32>(0.0), sides - 1.0);
    let near = vec2<u32>(floor(low));
    let far = min(near + 1u, vec2<u32>(at.source_width, at.source_height) - 1u);
    let share = low - floor(low);
    let above = mix(pixel(near.y, near.x), pixel(near.y, far.x), share.x);
    let below = mix(pixel(far.y, near.x), pixel(far.y, far.x), share.x);
    let levels = mix(above, below, share.y);
    return vec4<f32>(floor(levels.xyz + 0.5), f32(levels.w > 0.999));
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let i = (group.y * at.columns + group.x) * 256u + thread;
    if (i >= at.rows * at.width) {
        return;
    }
    let row = at.first + i / at.width;
    let column = i % at.width;
    var levels: vec4<f32>;
    if (at.width == at.source_width && at.height == at.source_height) {
        levels = pixel(row, column);
    } else {
        levels = between(row, column);
    }
    let bytes = vec4<u32>(levels * vec4<f32>(1.0, 1.0, 1.0, 255.0));
    y[row * at.pitch + column] = bytes.x | (bytes.y << 8u) | (bytes.z << 16u) | (bytes.w << 24u);
}
