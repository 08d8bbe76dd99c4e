#!/usr/bin/env bash
# usage: tools/other-targets.sh [TARGET…]
# Type-checks the program for systems that the tests do not run on, as far as that goes without their
# linkers. A target whose standard library is not installed is skipped and named.
set -euo pipefail
cd "$(dirname "$0")/.."
targets=("$@")
if [ ${#targets[@]} -eq 0 ]; then
    targets=(aarch64-unknown-linux-gnu x86_64-pc-windows-gnu aarch64-apple-darwin)
fi
for target in "${targets[@]}"; do
    if [ -d "$(rustc --print sysroot)/lib/rustlib/$target/lib" ]; then
        cargo check --locked --quiet --target "$target" --lib --bins
        echo "$target: checked"
    else
        echo "$target: not run, its standard library is not installed (rustup target add $target)"
    fi
done
