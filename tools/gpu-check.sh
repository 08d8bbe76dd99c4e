#!/usr/bin/env bash
# usage: tools/gpu-check.sh PROGRAM [CASE_DIR…]
# What a machine with an NVIDIA card must show, in one go, with neither Rust nor a network there:
# `verify` in f32, f16 and bf16, a picture by the starter in each, seconds a step of it, and how long
# the parts of a full-size model of drawn weights take. Further case folders (a full-size one, say) are
# computed in f32 and f16.
#
# PROGRAM is built beforehand by `tools/cuda-check.sh build --release` (target/cuda/release/safelight,
# stripped, without the starter, which is read from assets/starter beside this script). CUDA 13's
# libraries are looked for in the usual places and among Python's packages. DEVICE names another card
# or another kind, SYNTHETIC another model to time (`DEVICE=cpu SYNTHETIC=starter` tries the script).
set -euo pipefail

if [ $# -lt 1 ]; then
    sed -n '2p' "$0" | cut -c3- >&2
    exit 2
fi
program=$(realpath "$1")
shift
starter=$(cd "$(dirname "$0")/.." && pwd)/assets/starter
device=${DEVICE:-cuda:0}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
failures=0

for libraries in /usr/local/cuda*/lib64 /usr/local/cuda*/compat \
    "$(python3 -c 'import site; print(site.getsitepackages()[0])' 2>/dev/null || true)"/nvidia/*/lib; do
    if [ -d "$libraries" ]; then
        LD_LIBRARY_PATH=${LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:}$libraries
    fi
done
export LD_LIBRARY_PATH=${LD_LIBRARY_PATH:-}

fail() {
    echo "✗ $*"
    failures=$((failures + 1))
}

# verify DTYPE CASES…: in f32 every tensor must pass; in less, the differences are shown, and only a
# number that is not finite or a run that breaks off is a failure.
verify() {
    local dtype=$1 code=0 report=$folder/report.txt
    shift
    "$program" verify --device "$device" --dtype "$dtype" "$@" >"$report" 2>"$folder/error.txt" || code=$?
    awk -v dtype="$dtype" '
        /^[^ ].*\([0-9.]+ s\)$/ { name = $1; time = $2 " " $3 }
        / image / { for (i = 1; i < NF; i++) if ($i == "relative") print dtype, name, time, "picture differs by", $(i + 1) }
    ' "$report"
    if [ "$code" -gt 1 ] || ! grep -q ' image ' "$report"; then
        fail "verify in $dtype broke off: $(cat "$folder/error.txt")"
    elif grep -q 'not finite' "$report"; then
        fail "verify in $dtype: $(grep 'not finite' "$report" | head -n 3)"
    elif [ "$dtype" = f32 ] && [ "$code" -ne 0 ]; then
        grep '✗' "$report" || true
        fail "verify in f32 found differences"
    fi
}

# Makes the starter's apple and prints the seconds a step without the first, which warms up.
picture() {
    local dtype=$1
    if ! "$program" generate "a red apple on a blue background" --seed 1 --model "$starter/model.safetensors" \
        --device "$device" --dtype "$dtype" --json -o "$folder/$dtype.png" >"$folder/run.txt" 2>"$folder/error.txt"; then
        fail "no picture in $dtype: $(cat "$folder/error.txt")"
        return
    fi
    sed -n 's/.*"event":"step".*"seconds":\([0-9.e-]*\).*/\1/p' "$folder/run.txt" |
        awk -v dtype="$dtype" 'NR > 1 { sum += $1 } END { printf "%s starter: %.4f s a step over %d steps\n", dtype, sum / (NR - 1), NR - 1 }'
}

# Times the parts of a model of drawn weights, as a table.
times() {
    "$program" bench --synthetic "${SYNTHETIC:-sd15}" --only text,unet,decode,run --repeat 3 --steps 10 \
        --device "$device" --dtype "$1" 2>"$folder/error.txt" || fail "no times in $1: $(cat "$folder/error.txt")"
}

nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader 2>/dev/null || echo "no NVIDIA card seen"
dtypes="f32 f16 bf16"
if [[ $device == cpu* ]]; then
    dtypes=f32
fi
for dtype in $dtypes; do
    verify "$dtype"
    verify "$dtype" "$starter"
    picture "$dtype"
    times "$dtype"
done
for case in "$@"; do
    for dtype in $dtypes; do
        if [ "$dtype" != bf16 ]; then
            verify "$dtype" "$case"
        fi
    done
done
if [ -n "${OUT:-}" ]; then
    cp "$folder"/*.png "$OUT"/
fi
if [ "$failures" -gt 0 ]; then
    echo "$failures failures"
    exit 1
fi
echo "all GPU checks passed"
