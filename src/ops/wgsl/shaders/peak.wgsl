// Nothing but multiply-adds in registers: how fast the card can be.

struct Peak {
    rounds: u32,
}

@group(0) @binding(0) var<storage, read_write> y: array<vec4<f32>>; // [workgroup][256]
@group(0) @binding(1) var<uniform> at: Peak;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let factor = vec4<f32>(1.0 - 1e-6 * f32(thread));
    let step = vec4<f32>(1e-3);
    var a = vec4<f32>(0.1);
    var b = vec4<f32>(0.2);
    var c = vec4<f32>(0.3);
    var d = vec4<f32>(0.4);
    var e = vec4<f32>(0.5);
    var f = vec4<f32>(0.6);
    var g = vec4<f32>(0.7);
    var h = vec4<f32>(0.8);
    for (var round = 0u; round < at.rounds; round++) {
        a = fma(a, factor, step);
        b = fma(b, factor, step);
        c = fma(c, factor, step);
        d = fma(d, factor, step);
        e = fma(e, factor, step);
        f = fma(f, factor, step);
        g = fma(g, factor, step);
        h = fma(h, factor, step);
    }
    y[group.x * 256u + thread] = a + b + c + d + e + f + g + h;
}
