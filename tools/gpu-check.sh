#!/usr/bin/env bash
# usage: tools/gpu-check.sh PROGRAM [CASE_DIR…]
# Everything that a machine with a graphics card must show, in one go and as one table, with neither Rust nor a
# network there: what the card is and what its self-test says, `verify`, a picture by the starter, and how long
# a guided step, a decode and the previews of a full-size model of drawn weights take, with its memory; the same
# step and decode by PyTorch (f16, eager, SDPA, channels last) where Python has torch and diffusers. Further case
# folders (a full-size one, say) are verified too. Frame times are `tools/window-frames.sh`'s.
#
# PROGRAM is built beforehand: `cargo build --release`, or for an NVIDIA card with CUDA
# `tools/cuda-check.sh build --release`; without the starter in it, that is read from assets/starter beside this
# script. Where the machine is another one and takes 64 MiB of files a call, two calls do. With
# `xz -9 -c target/release/safelight > target/carry/safelight.xz` (some 10 MB) made here, the ignored folder
# target/carry and wheels of what Python lacks there are sent first, with the starter's weights moved aside, and
# the weights (and target/carry again) with the second:
#   xz -dk target/carry/safelight.xz && chmod +x target/carry/safelight && target/carry/safelight gpu
#   xz -dkf target/carry/safelight.xz && chmod +x target/carry/safelight && tools/gpu-check.sh target/carry/safelight
#
# DEVICES [wgpu, and cuda:0 if PROGRAM has it], SIZES [512x512 768x768], BATCHES [1 4], SYNTHETIC [sd15] and
# REPEAT [3] choose less: `SYNTHETIC=starter SIZES=64x64 BATCHES=1 REPEAT=1` tries the script on software Vulkan.
set -euo pipefail

if [ $# -lt 1 ]; then
    sed -n '2p' "$0" | cut -c3- >&2
    exit 2
fi
program=$(realpath "$1")
shift
here=$(cd "$(dirname "$0")" && pwd)
starter=$here/../assets/starter
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
table=$folder/table.txt
failures=0

# CUDA 13's libraries, in the usual places and among Python's packages.
for libraries in /usr/local/cuda*/lib64 /usr/local/cuda*/compat \
    "$(python3 -c 'import site; print(site.getsitepackages()[0])' 2>/dev/null || true)"/nvidia/*/lib; do
    if [ -d "$libraries" ]; then
        LD_LIBRARY_PATH=${LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:}$libraries
    fi
done
export LD_LIBRARY_PATH=${LD_LIBRARY_PATH:-}

# row DEVICE DTYPE WHAT RESULT: a line of the table.
row() {
    printf '%s\t%s\t%s\t%s\n' "$@" | tee -a "$table"
}

fail() {
    row "$1" "$2" "$3" "✗ $4"
    failures=$((failures + 1))
}

# verify DEVICE DTYPE NAME CASES…: in f32 every tensor must pass; in less, the differences are shown, and only a
# number that is not finite or a run that breaks off is a failure.
verify() {
    local device=$1 dtype=$2 name=$3 code=0 report=$folder/report.txt worst
    shift 3
    "$program" verify --device "$device" --dtype "$dtype" "$@" >"$report" 2>"$folder/error.txt" || code=$?
    worst=$(awk '/ image / { for (i = 1; i < NF; i++) if ($i == "relative" && $(i + 1) + 0 > most) most = $(i + 1) + 0 }
        END { print most + 0 }' "$report")
    if [ "$code" -gt 1 ] || ! grep -q ' image ' "$report"; then
        fail "$device" "$dtype" "verify $name" "broke off: $(head -n 1 "$folder/error.txt")"
    elif grep -q 'not finite' "$report"; then
        fail "$device" "$dtype" "verify $name" "$(grep 'not finite' "$report" | head -n 1)"
    elif [ "$dtype" = f32 ] && [ "$code" -ne 0 ]; then
        fail "$device" "$dtype" "verify $name" "$(grep '✗' "$report" | head -n 1)"
    else
        row "$device" "$dtype" "verify $name" "pictures differ by $worst at most"
    fi
}

# Makes the starter's apple; the seconds a step are those without the first, which warms up.
picture() {
    local device=$1 dtype=$2
    if ! "$program" generate "a red apple on a blue background" --seed 1 --model "$starter/model.safetensors" \
        --device "$device" --dtype "$dtype" --json -o "$folder/${device/:/}-$dtype.png" \
        >"$folder/run.txt" 2>"$folder/error.txt"; then
        fail "$device" "$dtype" "starter's picture" "$(head -n 1 "$folder/error.txt")"
        return
    fi
    row "$device" "$dtype" "starter's picture" "$(sed -n 's/.*"event":"step".*"seconds":\([0-9.e-]*\).*/\1/p' \
        "$folder/run.txt" | awk 'NR > 1 { sum += $1 } END { printf "%.1f ms a step", 1e3 * sum / (NR - 1) }')"
}

# The most memory that the driver says is used while a process runs, in MiB; nothing without nvidia-smi.
memory_of() {
    local most=0 now
    while kill -0 "$1" 2>/dev/null; do
        now=$(nvidia-smi --query-gpu=memory.used --format=csv,noheader,nounits 2>/dev/null | head -n 1) || now=
        if [ -n "$now" ] && [ "$now" -gt "$most" ]; then most=$now; fi
        sleep 0.2
    done
    if [ "$most" -gt 0 ]; then echo ", $most MiB in use on the card"; fi
}

# times DEVICE DTYPE SIZE BATCH PARTS: parts of a model of drawn weights.
times() {
    local device=$1 dtype=$2 size=$3 batch=$4 parts=$5 process memory
    "$program" bench --synthetic "${SYNTHETIC:-sd15}" --only "$parts" --repeat "${REPEAT:-3}" --size "$size" \
        --batch "$batch" --device "$device" --dtype "$dtype" --json >"$folder/bench.txt" 2>"$folder/error.txt" &
    process=$!
    memory=$(memory_of "$process")
    if ! wait "$process"; then
        fail "$device" "$dtype" "$parts at $size, batch $batch" "$(tail -n 1 "$folder/error.txt")"
        return
    fi
    awk -v device="$device" -v dtype="$dtype" -v size="$size" -v batch="$batch" -v memory="$memory" '
        function number(key) { return match($0, "\"" key "\":[0-9.e+-]+") ? substr($0, RSTART + length(key) + 3, RLENGTH - length(key) - 3) + 0 : 0 }
        {
            match($0, "\"name\":\"[a-z0-9-]*"); name = substr($0, RSTART + 8, RLENGTH - 8)
            result = sprintf("%.1f ms, %.0f GFLOP/s", 1e3 * number("min"), number("gflop") / number("min"))
            if (number("share") > 0) result = result sprintf(", %.1f %% of the peak", 100 * number("share"))
            rest = $0; dispatches = 0; bytes = 0
            while (match(rest, "\"dispatches\":[0-9]+")) { dispatches += substr(rest, RSTART + 13, RLENGTH - 13); rest = substr(rest, RSTART + RLENGTH) }
            rest = $0
            while (match(rest, "\"bytes\":[0-9]+")) { bytes += substr(rest, RSTART + 8, RLENGTH - 8); rest = substr(rest, RSTART + RLENGTH) }
            if (dispatches > 0) result = result sprintf(", %d dispatches bind %.2f GB", dispatches, bytes / 1e9)
            printf "%s\t%s\t%s at %s, batch %s\t%s%s\n", device, dtype, name == "unet" ? "guided step" : name, size, batch, result, memory
        }' "$folder/bench.txt" | tee -a "$table"
}

devices=${DEVICES:-}
if [ -z "$devices" ]; then
    devices=wgpu
    if "$program" bench --help | grep -q 'cuda'; then devices="$devices cuda:0"; fi
fi
nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader 2>/dev/null || true
"$program" gpu || fail wgpu "" "safelight gpu" "broke off"
for device in $devices; do
    case $device in
    cpu*) dtypes=f32 half=f32 ;;
    cuda*) dtypes="f32 f16 bf16" half=f16 ;;
    *) dtypes="f32 f16" half=f16 ;;
    esac
    for dtype in $dtypes; do
        verify "$device" "$dtype" "of all cases"
        verify "$device" "$dtype" "of the starter" "$starter"
        picture "$device" "$dtype"
        for case in "$@"; do
            verify "$device" "$dtype" "of $(basename "$case")" "$case"
        done
    done
    for size in ${SIZES:-512x512 768x768}; do
        for batch in ${BATCHES:-1 4}; do
            times "$device" "$half" "$size" "$batch" unet,decode
        done
        times "$device" "$half" "$size" 1 preview
    done
done
for size in ${SIZES:-512x512 768x768}; do
    for batch in ${BATCHES:-1 4}; do
        python3 "$here/gpu-peer.py" "$size" "$batch" 2>"$folder/error.txt" | tee -a "$table" ||
            fail pytorch f16 "guided step at $size, batch $batch" "$(tail -n 1 "$folder/error.txt")"
    done
done

if [ -n "${OUT:-}" ]; then
    cp "$folder"/*.png "$table" "$OUT"/
fi
echo
awk -F '\t' '
    { for (i = 1; i < 4; i++) if (length($i) > wide[i]) wide[i] = length($i); line[NR] = $0 }
    END {
        for (n = 1; n <= NR; n++) {
            split(line[n], part, "\t")
            printf "%-" wide[1] "s  %-" wide[2] "s  %-" wide[3] "s  %s\n", part[1], part[2], part[3], part[4]
        }
    }' "$table"
if [ "$failures" -gt 0 ]; then
    echo "$failures failures"
    exit 1
fi
echo "all GPU checks passed"
