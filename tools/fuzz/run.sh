#!/usr/bin/env bash
# Damages a valid file of each format 10,000 times and reads what comes of it, with its time and memory counted;
# where cargo-fuzz is installed, runs its targets as well.
#   tools/fuzz/run.sh [COUNT] [SECONDS]
set -euo pipefail
cd "$(dirname "$0")/../.."
count=${1:-10000} seconds=${2:-60}
golden=tests/golden/formats
files=()
for file in "$golden"/{model.safetensors,model.ckpt,model-legacy.ckpt,tar.ckpt,blocks.gguf} tests/golden/lora/cases.safetensors.gz; do
    [ -e "$file" ] && files+=("$file")
done
cargo run --release --manifest-path tools/fuzz/Cargo.toml --bin mutations -- "$count" 1 "${files[@]}"
if cargo fuzz --version >/dev/null 2>&1; then
    for target in safetensors torch_zip torch_legacy torch_tar gguf; do
        cargo +nightly fuzz run --fuzz-dir tools/fuzz --features fuzzing "$target" "$golden" -- -max_total_time="$seconds"
    done
else
    echo "cargo-fuzz is not installed: its targets were not run"
fi
