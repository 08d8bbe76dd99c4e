#!/usr/bin/env bash
# usage: tools/sanitize.sh
# Checks the kernels by running them: their tests under AddressSanitizer, whose runtime comes with Rust's
# standard library, and the pool's protocol under loom, in every order of events. Says what ran; a part whose
# tool is missing is named. Takes some minutes on two cores.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root/tools/kernels"
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$root/target}/kernels CARGO_INCREMENTAL=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# tested NAME COMMAND…: runs tests, and says how many passed in how many seconds.
tested() {
    local name=$1 began=$SECONDS
    shift
    if ! "$@" >"$log" 2>&1; then
        cat "$log"
        echo "$name: failed"
        exit 1
    fi
    local passed
    passed=$(awk '/^test result:/ { passed += $4 } END { print passed + 0 }' "$log")
    [ "$passed" -gt 0 ] || { cat "$log"; echo "$name: ran no test"; exit 1; }
    echo "$name: $passed tests passed in $((SECONDS - began)) s"
}

host=$(rustc -vV | sed -n 's/^host: //p')
if compgen -G "$(rustc --print sysroot)/lib/rustlib/$host/lib/librustc*_rt.asan.a" >/dev/null; then
    # A sanitizer is an option that stable Rust has only behind this variable. The target is named, so that
    # build scripts are built without it.
    # Tests ask for more memory than there is, and want a refusal.
    export ASAN_OPTIONS=allocator_may_return_null=1
    asan() { RUSTC_BOOTSTRAP=1 RUSTFLAGS=-Zsanitizer=address cargo test --locked --target "$host" -- "$@"; }
    tested "AddressSanitizer" asan
    # Once more with every buffer a piece of the heap by itself, whose ends are watched; the arena's own
    # tests are of shared segments.
    export KERNELS_APART=1
    tested "AddressSanitizer, buffers apart" asan --skip memory::arena --skip warm_kernel
    unset KERNELS_APART
else
    echo "AddressSanitizer: not run, its runtime is not installed for $host"
fi
RUSTFLAGS="--cfg loom" LOOM_MAX_PREEMPTIONS=${LOOM_MAX_PREEMPTIONS:-3} \
    tested "loom" cargo test --locked -- --nocapture
grep 'orders of events' "$log"
