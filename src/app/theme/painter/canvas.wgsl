// The picture on the canvas: bicubic when enlarged, the pixels themselves from 200 % on if so asked,
// an average when reduced; a cross-fade between two pictures, or a wipe.
// Colors are mixed as stored (sRGB), as the eye compares them.
//
// Trap: Mesa's software driver compiles a fragment shader anew for every value of a uniform that a
// branch in it depends on, and keeps each for ever: half a megabyte a frame of a fade. So the vertex
// shader hands the uniforms on, and nothing in the fragment shader names them.

struct Look {
    // The picture's rectangle in pixels of the viewport: left, top, width, height.
    place: vec4<f32>,
    // Pixels across and down of the picture beneath and of the one on top.
    sizes: vec4<f32>,
    // How much of the one on top is seen, the wipe's place (below 0: none),
    // whether pixels are shown as squares, whether the target wants linear light.
    how: vec4<f32>,
};

@group(0) @binding(0) var<uniform> look: Look;
@group(0) @binding(1) var smooth_sampler: sampler;
@group(0) @binding(2) var beneath: texture_2d<f32>;
@group(0) @binding(3) var above: texture_2d<f32>;

struct Corner {
    @builtin(position) position: vec4<f32>,
    // The fields of `Look`, the same at every corner.
    @location(0) @interpolate(flat) place: vec4<f32>,
    @location(1) @interpolate(flat) sizes: vec4<f32>,
    @location(2) @interpolate(flat) how: vec4<f32>,
};

@vertex
fn corner(@builtin(vertex_index) index: u32) -> Corner {
    // One triangle that covers the viewport.
    let x = f32(i32(index & 1u) * 4 - 1);
    let y = f32(i32(index >> 1u) * 4 - 1);
    return Corner(vec4<f32>(x, y, 0.0, 1.0), look.place, look.sizes, look.how);
}

// Catmull-Rom by nine bilinear samples: neighboring weights of equal sign share one.
fn bicubic(picture: texture_2d<f32>, at: vec2<f32>, size: vec2<f32>) -> vec3<f32> {
    let texel = at * size;
    let center = floor(texel - 0.5) + 0.5;
    let f = texel - center;
    let w0 = f * (-0.5 + f * (1.0 - 0.5 * f));
    let w1 = 1.0 + f * f * (-2.5 + 1.5 * f);
    let w2 = f * (0.5 + f * (2.0 - 1.5 * f));
    let w3 = f * f * (-0.5 + 0.5 * f);
    let w12 = w1 + w2;
    let p0 = (center - 1.0) / size;
    let p12 = (center + w2 / w12) / size;
    let p3 = (center + 2.0) / size;
    var sum = vec3<f32>(0.0);
    sum += textureSampleLevel(picture, smooth_sampler, vec2<f32>(p0.x, p0.y), 0.0).rgb * w0.x * w0.y;
    sum += textureSampleLevel(picture, smooth_sampler, vec2<f32>(p12.x, p0.y), 0.0).rgb * w12.x * w0.y;
    sum += textureSampleLevel(picture, smooth_sampler, vec2<f32>(p3.x, p0.y), 0.0).rgb * w3.x * w0.y;
    sum += textureSampleLevel(picture, smooth_sampler, vec2<f32>(p0.x, p12.y), 0.0).rgb * w0.x * w12.y;
    sum += textureSampleLevel(picture, smooth_sampler, vec2<f32>(p12.x, p12.y), 0.0).rgb * w12.x * w12.y;
    sum += textureSampleLevel(picture, smooth_sampler, vec2<f32>(p3.x, p12.y), 0.0).rgb * w3.x * w12.y;
    sum += textureSampleLevel(picture, smooth_sampler, vec2<f32>(p0.x, p3.y), 0.0).rgb * w0.x * w3.y;
    sum += textureSampleLevel(picture, smooth_sampler, vec2<f32>(p12.x, p3.y), 0.0).rgb * w12.x * w3.y;
    sum += textureSampleLevel(picture, smooth_sampler, vec2<f32>(p3.x, p3.y), 0.0).rgb * w3.x * w3.y;
    return clamp(sum, vec3<f32>(0.0), vec3<f32>(1.0));
}

// A mean over the area that one pixel of the screen covers, by four times four samples.
fn reduced(picture: texture_2d<f32>, at: vec2<f32>, step: vec2<f32>) -> vec3<f32> {
    var sum = vec3<f32>(0.0);
    for (var i = 0; i < 16; i++) {
        let offset = (vec2<f32>(f32(i % 4), f32(i / 4)) - 1.5) / 4.0;
        sum += textureSampleLevel(picture, smooth_sampler, at + offset * step, 0.0).rgb;
    }
    return sum / 16.0;
}

fn color(picture: texture_2d<f32>, at: vec2<f32>, size: vec2<f32>, shown: Corner) -> vec3<f32> {
    let scale = shown.place.z / size.x;
    if shown.how.z > 0.5 {
        let texel = vec2<i32>(clamp(at * size, vec2<f32>(0.0), size - 1.0));
        return textureLoad(picture, texel, 0).rgb;
    }
    if scale < 0.75 {
        return reduced(picture, at, 1.0 / shown.place.zw);
    }
    return bicubic(picture, at, size);
}

fn linear(rgb: vec3<f32>) -> vec3<f32> {
    let low = rgb / 12.92;
    let high = pow((rgb + 0.055) / 1.055, vec3<f32>(2.4));
    return select(high, low, rgb < vec3<f32>(0.04045));
}

@fragment
fn paint(shown: Corner) -> @location(0) vec4<f32> {
    let at = (shown.position.xy - shown.place.xy) / shown.place.zw;
    if any(at < vec2<f32>(0.0)) || any(at >= vec2<f32>(1.0)) {
        discard;
    }
    var rgb: vec3<f32>;
    if shown.how.y >= 0.0 {
        if at.x < shown.how.y {
            rgb = color(beneath, at, shown.sizes.xy, shown);
        } else {
            rgb = color(above, at, shown.sizes.zw, shown);
        }
    } else if shown.how.x >= 1.0 {
        rgb = color(above, at, shown.sizes.zw, shown);
    } else {
        rgb = mix(color(beneath, at, shown.sizes.xy, shown), color(above, at, shown.sizes.zw, shown), shown.how.x);
    }
    if shown.how.w > 0.5 {
        rgb = linear(rgb);
    }
    return vec4<f32>(rgb, 1.0);
}
