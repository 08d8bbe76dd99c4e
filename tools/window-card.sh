#!/usr/bin/env bash
# usage: tools/window-card.sh PROGRAM [FOLDER]
# The window and the model on one graphics card, on a display of 1280x800 pixels (Xvfb will do, and Mesa's
# lavapipe is a card): drivers are asked once, the starter develops on the window's own device, and the
# picture is the one of the command line.
# Screenshots go into FOLDER. Needs xdotool and ImageMagick's `convert`, `compare` and `import`.
set -euo pipefail
# shellcheck source=tools/window.sh
source "$(dirname "$0")/window.sh"
export SAFELIGHT_HOME="$work/home"
export SAFELIGHT_LOG=info

prompt="a red fox on a blue background"
mkdir -p "$SAFELIGHT_HOME"
cat >"$SAFELIGHT_HOME/remembered.json" <<JSON
{ "version": 1, "language": "en", "theme": "dark", "model": "starter",
  "compute": { "device": "wgpu:0", "dtype": "f32", "threads": null }, "count": 1, "seed_locked": true,
  "settings": { "prompt": "$prompt", "steps": 10, "seed": 7 } }
JSON

said() {
    grep -qF "$1" "$work/errors.txt"
}

start "first start"
drivers="$SAFELIGHT_HOME/cache/drivers.json"
[ -s "$drivers" ] || fail "what drivers said is not kept"
until=$(($(milliseconds) + 60000))
until said "the window's device computes"; do
    ! said "a device of its own computes" || fail "the model has a device of its own"
    [ "$(milliseconds)" -lt "$until" ] || { cat "$work/errors.txt"; fail "no card computes"; }
    sleep 0.1
done
sleep 2
xdotool key --clearmodifiers ctrl+Return
until saved=$(compgen -G "$SAFELIGHT_HOME/pictures/*.png"); do
    kill -0 "$process" || fail "the program has ended"
    # Software cards take minutes where others compute beside them.
    [ "$(milliseconds)" -lt "$((until + 900000))" ] || { cat "$work/errors.txt"; fail "no picture was kept"; }
    sleep 0.2
done
sleep 1
import -silent -window root "$results/card.png"
xdotool key --clearmodifiers ctrl+q
end

"$program" generate "$prompt" --steps 10 --seed 7 --device cpu -o "$work/cpu.png" >/dev/null 2>&1
apart=$({ compare -metric RMSE "$saved" "$work/cpu.png" null: 2>&1 || true; } |
    sed -n 's/.*(\(.*\)).*/\1/p' | awk '{ printf "%d\n", 10000 * $1 }')
echo "the window's picture on the card is $apart / 10000 apart from the processor's"
[ "$apart" -lt 100 ] || fail "the card draws another picture"

before=$(stat -c %Y%s "$drivers")
start "second start"
[ "$before" = "$(stat -c %Y%s "$drivers")" ] || fail "drivers were asked again"
xdotool key --clearmodifiers ctrl+q
end
echo "the window and the model share the card"
