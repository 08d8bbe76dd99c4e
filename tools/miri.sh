#!/usr/bin/env bash
# usage: tools/miri.sh
# Runs the tests of pool, arena and portable kernels under Miri, which finds undefined behavior that a
# processor forgives. Where Miri is not installed it says so and ends well.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root/tools/kernels"
if ! cargo miri --version >/dev/null 2>&1; then
    echo "Miri: not run, it is not installed (rustup toolchain install nightly --component miri)"
    exit 0
fi
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$root/target}/miri
# Threads that spin are slow there, and a test of every shape takes hours: the parts that hand out memory
# and work, and one kernel of each kind.
for part in pool:: cut:: memory:: elementwise:: norm::layer_norm; do
    cargo miri test --locked -- "$part"
done
echo "Miri: run"
