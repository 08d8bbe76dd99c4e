// How weights lie in memory: four f32 numbers a quad.

alias WeightQuad = vec4<f32>;

fn widen_weight(quad: WeightQuad) -> vec4<f32> {
    return quad;
}
