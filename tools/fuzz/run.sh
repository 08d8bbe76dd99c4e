#!/usr/bin/env bash
# Changes one field of a valid file 10,000 times a format; with cargo-fuzz at hand, runs its targets as well.
#   tools/fuzz/run.sh [SECONDS]
set -euo pipefail
cd "$(dirname "$0")/../.."
SAFELIGHT_MUTATIONS=10000 cargo test --locked --test it -- checkpoint::mutations
if cargo fuzz --version >/dev/null 2>&1; then
    for target in safetensors torch gguf; do
        cargo +nightly fuzz run --fuzz-dir tools/fuzz "$target" tests/golden/formats -- -max_total_time="${1:-60}"
    done
else
    echo "cargo-fuzz is not installed: its targets were not run"
fi
