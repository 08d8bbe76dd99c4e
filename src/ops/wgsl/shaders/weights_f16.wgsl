// How weights lie in memory: four f16 numbers a quad, in two words.

alias WeightQuad = vec2<u32>;

fn widen_weight(quad: WeightQuad) -> vec4<f32> {
    return vec4<f32>(unpack2x16float(quad.x), unpack2x16float(quad.y));
}
