#!/usr/bin/env bash
# usage: tools/examples.sh PROGRAM
# Makes the pictures of the window's first screen again: one for each line of
# `assets/starter/examples.txt` (a seed and a prompt), as one sheet of tiles, four across.
# Needs ImageMagick with WebP.
set -euo pipefail

if [ $# -ne 1 ]; then
    sed -n '2p' "$0" | cut -c3- >&2
    exit 2
fi
program=$(realpath "$1")
starter=$(cd "$(dirname "$0")/.." && pwd)/assets/starter
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

number=100
while read -r seed prompt; do
    number=$((number + 1))
    "$program" generate "$prompt" --seed "$seed" -o "$number.png" </dev/null
done <"$starter/examples.txt"
montage ./*.png -resize 192x192 -tile 4x -geometry +0+0 sheet.png
convert sheet.png -strip -quality 90 -define webp:method=6 "$starter/examples.webp"
ls -l "$starter/examples.webp"
