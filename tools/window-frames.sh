#!/usr/bin/env bash
# usage: tools/window-frames.sh PROGRAM [FOLDER]
# How long the window's frames take on the UI thread, on a display of 1280x800 pixels (Xvfb will do):
# while pictures of 200 steps develop on all cores under a moving pointer, and while a gallery of
# 1,000 pictures is scrolled. Every frame's times are left in FOLDER. Needs xdotool and ImageMagick.
set -euo pipefail

if [ $# -lt 1 ] || [ $# -gt 2 ]; then
    sed -n '2p' "$0" | cut -c3- >&2
    exit 2
fi
program=$(realpath "$1")
work=$(mktemp -d)
times=$(realpath -m "${2:-$work/times}")
mkdir -p "$times"
export LC_ALL=C.UTF-8
process=
cleanup() {
    if [ -n "$process" ]; then
        kill "$process" 2>/dev/null || true
    fi
    rm -rf "$work"
}
trap cleanup EXIT

milliseconds() {
    echo $(($(date +%s%N) / 1000000))
}

# The bottom of the controls, which is not the root's black once something is drawn.
is_drawn() {
    local level
    level=$(import -silent -window root -crop 300x100+960+600 -resize '1x1!' -depth 8 -format \
        '%[fx:int(255*(u.r+u.g+u.b))]' info:)
    [ "$level" -gt 20 ]
}

# start NAME: opens the window on the home of that name, and says when it was there.
start() {
    export SAFELIGHT_HOME="$work/$1" SAFELIGHT_FRAMES="$times/$1.txt"
    local began window=
    began=$(milliseconds)
    "$program" 2>>"$work/errors.txt" &
    process=$!
    until [ -n "$window" ]; do
        kill -0 "$process"
        window=$(xdotool search --onlyvisible --name '^Safelight$' 2>/dev/null | head -n 1 || true)
    done
    until is_drawn; do :; done
    echo "$1: seen drawn $(($(milliseconds) - began)) ms after the start"
    xdotool windowfocus "$window"
    sleep 2
}

# The end by a signal, which closes the window in order; the summary of its frames.
close() {
    kill -TERM "$process"
    wait "$process"
    process=
    echo "$1: $(head -n 1 "$times/$1.txt")"
}

remember() {
    mkdir -p "$work/$1/pictures"
    cat >"$work/$1/remembered.json" <<'JSON'
{ "version": 1, "language": "en", "theme": "dark", "model": "starter", "settings": { "steps": 200, "seed": 7 } }
JSON
}

# Pictures of 200 steps, eight of them to the end; the pointer goes over everything, and the prompt is written on.
remember developing
start developing
for _ in $(seq 1 10); do
    xdotool key --clearmodifiers ctrl+Return
    sleep 0.3
done
until [ "$(find "$SAFELIGHT_HOME/pictures" -name '[!.]*.png' | wc -l)" -ge 8 ]; do
    kill -0 "$process"
    for i in $(seq 0 24); do
        xdotool mousemove $((40 + i * 50)) $((80 + (i * 97) % 680))
        sleep 0.02
    done
    xdotool type --delay 20 "owl "
done
close developing

# A thousand pictures with settings, and a wheel that turns for half a minute: down, and up again.
remember gallery
echo "gallery: drawing 1,000 pictures"
settings='Steps: 20, Sampler: DDIM, CFG scale: 7, Seed: 1, Size: 256x256'
for i in $(seq 1 1000); do
    convert -seed "$i" -size 256x256 plasma:fractal -set parameters "picture $i"$'\n'"$settings" \
        "PNG24:$work/gallery/pictures/$i.png"
done
start gallery
xdotool mousemove 100 400
for _ in $(seq 1 15); do
    xdotool click --repeat 25 --delay 20 5
    xdotool click --repeat 25 --delay 20 $((RANDOM % 4 ? 5 : 4))
done
for _ in $(seq 1 10); do
    xdotool click --repeat 50 --delay 10 4
done
close gallery
