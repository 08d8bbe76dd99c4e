#!/usr/bin/env bash
# usage: [PICTURES=300] [SIDE=pixels] [STEPS=25] tools/window-memory.sh PROGRAM [FOLDER]
# How much memory the window holds while PICTURES of the starter are made in it one after another, on a
# display of 1280x800 pixels (Xvfb will do): resident memory after each tenth picture, and how far the last
# is from the first. The numbers are left in FOLDER/memory.txt. Needs xdotool and ImageMagick.
set -euo pipefail
# shellcheck source=tools/window.sh
source "$(dirname "$0")/window.sh"
pictures=${PICTURES:-300}
steps=${STEPS:-25}
size=
if [ -n "${SIDE:-}" ]; then
    size=", \"width\": $SIDE, \"height\": $SIDE"
fi

export SAFELIGHT_HOME="$work/home"
mkdir -p "$SAFELIGHT_HOME/pictures"
cat >"$SAFELIGHT_HOME/remembered.json" <<JSON
{ "version": 1, "language": "en", "theme": "dark", "model": "starter", "count": 10,
  "settings": { "prompt": "a red fox", "steps": $steps, "seed": 7$size } }
JSON

resident() {
    awk '/^VmRSS:/ { print int($2 / 1024) }' "/proc/$process/status"
}

made() {
    find "$SAFELIGHT_HOME/pictures" -name '[!.]*.png' | wc -l
}

start memory
sleep 3
echo "  0 pictures: $(resident) MB" | tee "$results/memory.txt"
first=
for ((until = 10; until <= pictures; until += 10)); do
    xdotool key --clearmodifiers ctrl+Return
    while [ "$(made)" -lt "$until" ]; do
        kill -0 "$process" 2>/dev/null || fail "the program has ended"
        sleep 0.2
    done
    sleep 1
    last=$(resident)
    first=${first:-$last}
    printf '%3d pictures: %d MB\n' "$until" "$last" | tee -a "$results/memory.txt"
done
echo "the last has $((100 * last / first)) % of the memory of the tenth" | tee -a "$results/memory.txt"
kill -TERM "$process"
end
