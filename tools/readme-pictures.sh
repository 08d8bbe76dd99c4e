#!/usr/bin/env bash
# usage: tools/readme-pictures.sh PROGRAM
# Makes the README's pictures again: eight prompts side by side, and one picture developing; and the
# starter's icon in the window.
# Needs ImageMagick.
set -euo pipefail

if [ $# -ne 1 ]; then
    sed -n '2p' "$0" | cut -c3- >&2
    exit 2
fi
program=$(realpath "$1")
assets=$(cd "$(dirname "$0")/.." && pwd)/assets
target=$assets/readme
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

number=0
while read -r prompt; do
    number=$((number + 1))
    "$program" generate "$prompt" --seed 7 -o "$number.png" </dev/null
done <<'PROMPTS'
a red apple on a blue background
a fox on a green background
a rocket on black
an octopus on a purple background
a cup of coffee on an orange background
a sunflower on sky blue
a guitar on a yellow background
a snowman on a pink background
PROMPTS
convert \( [1-4].png +append \) \( [5-8].png +append \) -append -strip "$target/pictures.png"

"$program" generate "a fox on a green background" --seed 7 --steps 25 --previews steps -o fox.png
convert steps/*-step-00{01,04,07,10,13,16,19,25}.png -resize 50% +append -strip "$target/developing.png"
convert fox.png -resize 128x128 -strip "$assets/icons/starter.png"
ls -l "$target" "$assets/icons/starter.png"
