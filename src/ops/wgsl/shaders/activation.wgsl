// The nonlinearities, by the number that `Activation` has in Rust. GELU is the exact one (Hendrycks &
// Gimpel, 2016), by the same fit as the CPU's kernels: log2 Φ(-t) = -1 + t·P(t) on 0..7.

fn silu(x: vec4<f32>, slope: f32) -> vec4<f32> {
    return x / (vec4<f32>(1.0) + exp(-slope * x));
}

fn gelu(x: vec4<f32>) -> vec4<f32> {
    let t = min(abs(x), vec4<f32>(7.0));
    var p = vec4<f32>(-2.3350725e-6);
    p = fma(p, t, vec4<f32>(3.373883e-5));
    p = fma(p, t, vec4<f32>(-0.0001612966));
    p = fma(p, t, vec4<f32>(-0.0001917014));
    p = fma(p, t, vec4<f32>(0.007126868));
    p = fma(p, t, vec4<f32>(-0.05253362));
    p = fma(p, t, vec4<f32>(-0.45919828));
    p = fma(p, t, vec4<f32>(-1.151106));
    let tail = exp2(fma(p, t, vec4<f32>(-1.0)));
    return x * select(vec4<f32>(1.0) - tail, tail, x < vec4<f32>(0.0));
}

fn activate(x: vec4<f32>, activation: u32) -> vec4<f32> {
    switch activation {
        case 1u: { return silu(x, 1.0); }
        case 2u: { return silu(x, 1.702); }
        case 3u: { return gelu(x); }
        case 4u: { return max(x, vec4<f32>(0.0)); }
        case 5u: { return max(x, 0.2 * x); }
        default: { return x; }
    }
}
