// Numbers of one type as another: f32 to f16 and back.

struct Cast {
    quads: u32,
    columns: u32,
}

@group(0) @binding(0) var<storage, read_write> wide: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> half: array<vec2<u32>>;
@group(0) @binding(2) var<uniform> at: Cast;

const TO_HALF: bool = true;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let i = (group.y * at.columns + group.x) * 256u + thread;
    if (i >= at.quads) {
        return;
    }
    if (TO_HALF) {
        half[i] = vec2<u32>(pack2x16float(wide[i].xy), pack2x16float(wide[i].zw));
    } else {
        wide[i] = vec4<f32>(unpack2x16float(half[i].x), unpack2x16float(half[i].y));
    }
}
