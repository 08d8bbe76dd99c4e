//! with storage
// Whether some numbers are not finite, or so large that their type may have cut them off.
//
// Trap: a compiler may assume that no number is infinite, so bits are compared.

struct Finite {
    quads: u32,
    // Threads of the dispatch.
    threads: u32,
}

@group(0) @binding(0) var<storage, read_write> x: array<Quad>;
@group(0) @binding(1) var<storage, read_write> found: array<atomic<u32>>; // 1 in the first if there are
@group(0) @binding(2) var<uniform> at: Finite;

@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    var odd = false;
    for (var i = id.x; i < at.quads; i += at.threads) {
        odd = odd || is_cut_off(x[i]);
    }
    if (odd) {
        atomicStore(&found[0], 1u);
    }
}
