// How activations lie in memory: four f32 numbers a quad. A row has whole quads, the last filled up
// with zeros.

alias Quad = vec4<f32>;

fn widen(quad: Quad) -> vec4<f32> {
    return quad;
}

fn narrow(values: vec4<f32>) -> Quad {
    return values;
}

// Whether a number is infinite or none.
fn is_cut_off(quad: Quad) -> bool {
    return any((bitcast<vec4<u32>>(quad) & vec4<u32>(0x7f800000u)) == vec4<u32>(0x7f800000u));
}
