#!/usr/bin/env bash
# usage: tools/readme-samplers.sh PROGRAM
# Makes the README's table of samplers again: the starter's apple in 4, 8, 12 and 25 steps of each sampler, and in
# 100 steps of DDIM. Needs ImageMagick.
set -euo pipefail

if [ $# -ne 1 ]; then
    sed -n '2p' "$0" | cut -c3- >&2
    exit 2
fi
program=$(realpath "$1")
assets=$(cd "$(dirname "$0")/.." && pwd)/assets
target=$assets/readme/samplers.webp
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

samplers=$("$program" generate --help | sed -n '/--sampler/,/--timesteps/p' | sed -nE 's/^ +- ([a-z0-9_]+): .*/\1/p')
side=96
apple() { # sampler, steps, file
    local spread=()
    case $1 in ddim | plms) spread=(--timesteps exact) ;; esac
    "$program" generate "a red apple on a blue background" --seed 7 --no-negative --force \
        --sampler "$1" --steps "$2" "${spread[@]}" -o "$3" 2>/dev/null >/dev/null
    convert "$3" -resize "${side}x$side" "$3"
}
label() { # text, width, file
    convert -size "$2x$side" -background white -fill black -gravity center -font "$assets/fonts/Inter-Regular.otf" -pointsize 15 "label:$1" "$3"
}

apple ddim 100 reference.png
rows=0
for sampler in $samplers; do
    rows=$((rows + 1))
    label "$sampler" 160 name.png
    for steps in 4 8 12 25; do
        apple "$sampler" "$steps" "at-$steps.png"
    done
    convert name.png at-4.png at-8.png at-12.png at-25.png +append "row-$(printf %02d "$rows").png"
done
label "steps: 4, 8, 12, 25" 160 steps.png
label "100 steps of ddim" $((2 * side)) hundred.png
convert steps.png hundred.png reference.png -background white +append head.png
half=$(((rows + 1) / 2))
convert $(printf 'row-%02d.png ' $(seq 1 "$half")) -append left.png
convert $(printf 'row-%02d.png ' $(seq $((half + 1)) "$rows")) -append right.png
convert left.png right.png -background white +append both.png
convert head.png both.png -background white -append -strip -quality 80 "$target"
ls -l "$target"
