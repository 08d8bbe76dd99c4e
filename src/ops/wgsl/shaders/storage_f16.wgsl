// How activations lie in memory: four f16 numbers a quad, in two words, so that no device needs to know
// the type. A row has whole quads, the last filled up with zeros.

alias Quad = vec2<u32>;

fn widen(quad: Quad) -> vec4<f32> {
    return vec4<f32>(unpack2x16float(quad.x), unpack2x16float(quad.y));
}

fn narrow(values: vec4<f32>) -> Quad {
    return vec2<u32>(pack2x16float(values.xy), pack2x16float(values.zw));
}

// Whether a number is 65504 or beyond, or none: rounding towards zero keeps what is too large at 65504.
fn is_cut_off(quad: Quad) -> bool {
    let low = quad & vec2<u32>(0x7fffu);
    let high = (quad >> vec2<u32>(16u)) & vec2<u32>(0x7fffu);
    return any(low >= vec2<u32>(0x7bffu)) || any(high >= vec2<u32>(0x7bffu));
}
