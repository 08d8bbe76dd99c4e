#!/usr/bin/env bash
# usage: tools/window-frames.sh PROGRAM [FOLDER]
# How long the window's frames take on the UI thread, on a display of 1280x800 pixels (Xvfb will do):
# while pictures of 200 steps develop on all cores under a moving pointer, and while a gallery of
# 1,000 pictures is scrolled. Every frame's times are left in FOLDER. Needs xdotool and ImageMagick.
set -euo pipefail
# shellcheck source=tools/window.sh
source "$(dirname "$0")/window.sh"

# start_as NAME: opens the window on the home of that name.
start_as() {
    export SAFELIGHT_HOME="$work/$1" SAFELIGHT_FRAMES="$results/$1.txt"
    start "$1"
    sleep 2
}

# The end by a signal, which closes the window in order; the summary of its frames.
close() {
    kill -TERM "$process"
    end
    echo "$1: $(head -n 1 "$results/$1.txt")"
}

remember() {
    mkdir -p "$work/$1/pictures"
    cat >"$work/$1/remembered.json" <<'JSON'
{ "version": 1, "language": "en", "theme": "dark", "model": "starter", "settings": { "steps": 200, "seed": 7 } }
JSON
}

# Pictures of 200 steps, eight of them to the end; the pointer goes over everything, and the prompt is written on.
remember developing
start_as developing
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
start_as gallery
xdotool mousemove 100 400
for _ in $(seq 1 15); do
    xdotool click --repeat 25 --delay 20 5
    xdotool click --repeat 25 --delay 20 $((RANDOM % 4 ? 5 : 4))
done
for _ in $(seq 1 10); do
    xdotool click --repeat 50 --delay 10 4
done
close gallery
