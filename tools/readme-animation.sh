#!/usr/bin/env bash
# usage: tools/readme-animation.sh PROGRAM [FOLDER]
# Records the README's animation, assets/readme/window.gif, from a real run of the window on a display
# of 1280x800 pixels (Xvfb will do): words are typed, the picture develops and is kept. Every frame is
# a screenshot, shown for as long as it stood; nothing is made faster. The screenshots are left in
# FOLDER. Needs xdotool and ImageMagick.
#
#   xvfb-run -a -s "-screen 0 1280x800x24" tools/readme-animation.sh target/release/safelight
set -euo pipefail
# shellcheck source=tools/window.sh
source "$(dirname "$0")/window.sh"
target=$(cd "$(dirname "$0")/.." && pwd)/assets/readme/window.gif
export SAFELIGHT_HOME="$work/home"
export LP_NATIVE_VECTOR_WIDTH=256 # the same pixels whatever the machine's vectors
unset SAFELIGHT_FRAMES

most_bytes=1000000 # the README is opened on slow lines, too
most_frames=40     # screenshots that are kept, the first and the last among them
width=880          # pixels of the animation across; the words are still read
last_centiseconds=250

# Screenshots are BMPs, which cost no time to write; `times` holds when each was taken.
times=()
shot() {
    times+=("$(milliseconds)")
    import -silent -window root "$results/$(printf '%04d' ${#times[@]}).bmp"
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

# Of many screenshots of the development a part, evenly; each stands until the next.
frames=()
count=${#times[@]}
step=1
if [ "$count" -gt "$most_frames" ]; then
    step=$(awk -v all="$count" -v most="$most_frames" 'BEGIN { print (all - 1) / (most - 1) }')
fi
mapfile -t chosen < <(awk -v all="$count" -v step="$step" \
    'BEGIN { for (i = 0; i < all - 0.5; i += step) print int(i + 0.5) }')
for i in "${!chosen[@]}"; do
    at=${chosen[$i]}
    centiseconds=$last_centiseconds
    if [ "$i" -lt $((${#chosen[@]} - 1)) ]; then
        centiseconds=$(((times[${chosen[$((i + 1))]}] - times[at] + 5) / 10))
    fi
    frames+=(-delay "$centiseconds" "$results/$(printf '%04d' $((at + 1))).bmp")
done

# One palette for all frames, and of each frame only what differs from the one before.
for colors in 160 112 80 56 40; do
    convert "${frames[@]}" -filter Catrom -resize "$width" -ordered-dither o2x2,8 +map -colors "$colors" \
        -layers OptimizeFrame -loop 0 "$work/window.gif"
    bytes=$(stat -c %s "$work/window.gif")
    echo "${#chosen[@]} of $count screenshots in $colors colors: $bytes bytes"
    if [ "$bytes" -le "$most_bytes" ]; then
        install -m 644 "$work/window.gif" "$target"
        exit 0
    fi
done
fail "it does not become small enough"
