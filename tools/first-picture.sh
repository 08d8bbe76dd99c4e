#!/usr/bin/env bash
# usage: tools/first-picture.sh PROGRAM
# The first command of the README on a machine without a display: the picture is there within ten
# seconds, shows a red apple on blue, and the program proves that it computes what the reference does.
# Needs ImageMagick's `convert` to look at the picture.
set -euo pipefail

if [ $# -ne 1 ]; then
    sed -n '2p' "$0" | cut -c3- >&2
    exit 2
fi
program=$(realpath "$1")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
unset DISPLAY WAYLAND_DISPLAY

fail() {
    echo "first picture: $*" >&2
    exit 1
}

# The mean of a part of the picture, as three numbers from 0 to 255.
mean_of() {
    convert apple.png -crop "$1" +repage -resize '1x1!' -depth 8 -format \
        '%[fx:int(255*u.r)] %[fx:int(255*u.g)] %[fx:int(255*u.b)]' info:
}

began=$(date +%s%N)
"$program" generate "a red apple on a blue background" --seed 1 -o apple.png
took=$((($(date +%s%N) - began) / 1000000))
echo "a picture in $took ms from start to end"
[ "$took" -lt 10000 ] || fail "expected it in under 10 s"
[ "$(convert apple.png -format '%m %wx%h' info:)" = "PNG 128x128" ] || fail "expected a PNG of 128x128"
read -r red green blue <<<"$(mean_of 32x32+48+52)"
[ "$red" -gt $((green + 60)) ] && [ "$red" -gt $((blue + 60)) ] || fail "no red apple: $red $green $blue"
read -r red green blue <<<"$(mean_of 16x16+2+2)"
[ "$blue" -gt $((red + 60)) ] && [ "$blue" -gt $((green + 30)) ] || fail "no blue background: $red $green $blue"

"$program" verify >report.txt || { cat report.txt; fail "verify found a difference"; }
tail -n 1 report.txt
