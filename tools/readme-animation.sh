#!/usr/bin/env bash
# usage: tools/readme-animation.sh PROGRAM [FOLDER]
# Records the README's animation, assets/readme/window.gif, from a real run of the window on a display
# of 1280x800 pixels (Xvfb will do): words are typed, the picture develops and is kept. Every frame is
# a screenshot, shown for as long as it stood; nothing is made faster. Two of them become the README's
# window-developing.webp and window-done.webp; all are left in FOLDER. Needs xdotool and ImageMagick.
#
#   xvfb-run -a -s "-screen 0 1280x800x24" tools/readme-animation.sh target/release/safelight
set -euo pipefail
# shellcheck source=tools/window.sh
source "$(dirname "$0")/window.sh"
target=$(cd "$(dirname "$0")/.." && pwd)/assets/readme
export SAFELIGHT_HOME="$work/home"
export LP_NATIVE_VECTOR_WIDTH=256 # the same pixels whatever the machine's vectors
unset SAFELIGHT_FRAMES

most_bytes=1000000 # the README is opened on slow lines, too
width=800          # pixels of the animation across; the words are still read
last_centiseconds=300

# Screenshots are BMPs, which cost no time to write; `times` holds when each was taken. They are numbered
# from 0.
times=()
shot() {
    import -silent -window root "$(file ${#times[@]})"
    times+=("$(milliseconds)")
}

file() {
    printf '%s/%04d.bmp' "$results" "$1"
}

kept() {
    find "$SAFELIGHT_HOME/pictures" -name '[!.]*.png' | wc -l
}

# A window that has been used: some pictures are there, and how it was left is remembered.
mkdir -p "$SAFELIGHT_HOME/pictures"
while read -r seed prompt; do
    "$program" generate "$prompt" --seed "$seed" -o "$SAFELIGHT_HOME/pictures/" </dev/null >"$work/made.txt" 2>&1 ||
        { cat "$work/made.txt"; fail "no picture of $prompt"; }
done <<'PROMPTS'
7 a rocket on black
7 a sunflower on sky blue
7 an octopus on a purple background
7 a cup of coffee on an orange background
7 a red apple on a blue background
PROMPTS
before=$(kept)
cat >"$SAFELIGHT_HOME/remembered.json" <<'JSON'
{ "version": 1, "language": "en", "theme": "dark", "model": "starter", "seed_locked": true,
  "settings": { "prompt": "", "steps": 100, "guidance": 3.0, "seed": 7 } }
JSON

start "recording"
until tr -d ' \n' <"$SAFELIGHT_HOME/remembered.json" | grep -qF '"recent_models":["starter"'; do
    kill -0 "$process" || fail "the program has ended"
    sleep 0.1
done
sleep 3 # thumbnails, the fit of the quick preview, the first fade
shot
for words in "a " "fox " "on a " "green " "background"; do
    xdotool type --delay 25 "$words"
    shot
done
sleep 0.5
shot
typed=${#times[@]}
xdotool key --clearmodifiers ctrl+Return
until [ "$(kept)" -gt "$before" ]; do
    kill -0 "$process" || fail "the program has ended"
    [ ${#times[@]} -lt 2000 ] || fail "no picture was kept"
    shot
done
for _ in 1 2 3; do # the last cross-fade
    sleep 0.2
    shot
done
xdotool key --clearmodifiers ctrl+q
end

last=$((${#times[@]} - 1))

# frames MOST: the screenshots of the typing and, evenly, MOST of the development; each stands until the
# next. The last one is looked at longest, so it alone is dithered.
frames() {
    local i next chosen
    mapfile -t chosen < <(seq 0 $((typed - 1)) && awk -v from="$typed" -v to="$last" -v most="$1" 'BEGIN {
        step = (to - from) / (most - 1)
        if (step < 1) step = 1
        for (at = from; at < to + 0.5; at += step) print int(at + 0.5)
    }')
    for i in "${!chosen[@]}"; do
        next=${chosen[$((i + 1))]:-}
        if [ -n "$next" ]; then
            printf '%s\n' -delay $(((times[next] - times[chosen[i]] + 5) / 10)) "$(file "${chosen[$i]}")"
        fi
    done
}

# still NAME NUMBER: a screenshot as a picture of its own, in all its colors.
still() {
    convert "$(file "$2")" -strip -quality 92 "$target/$1.webp"
}

# Of each frame only what differs from the one before, within what an eye sees.
for most in 30 24 20 16 12; do
    mapfile -t chosen < <(frames "$most")
    convert "${chosen[@]}" -filter Catrom -resize "$width" +dither -colors 255 \
        \( -delay "$last_centiseconds" "$(file "$last")" -resize "$width" \
        -dither FloydSteinberg -colors 255 \) -fuzz 1.2% -layers OptimizeTransparency -loop 0 "$work/window.gif"
    bytes=$(stat -c %s "$work/window.gif")
    echo "$(identify "$work/window.gif" | wc -l) of ${#times[@]} screenshots: $bytes bytes"
    if [ "$bytes" -le "$most_bytes" ]; then
        install -m 644 "$work/window.gif" "$target/window.gif"
        still window-developing $(((2 * typed + last) / 3))
        still window-done "$last"
        exit 0
    fi
done
fail "it does not become small enough"
