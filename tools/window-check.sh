#!/usr/bin/env bash
# usage: tools/window-check.sh PROGRAM [FOLDER]
# A user's first ten minutes, played on a display of 1280x800 pixels (Xvfb will do): the window
# opens, a prompt is typed, the picture develops step by step and lies on the disk with its settings,
# the window rests, is closed, and knows everything at the next start.
# Screenshots go into FOLDER. Needs xdotool and ImageMagick's `convert`, `compare` and `import`.
set -euo pipefail
# shellcheck source=tools/window.sh
source "$(dirname "$0")/window.sh"
shots=$results
export SAFELIGHT_HOME="$work/home"
export SAFELIGHT_FRAMES="$work/frames.txt"
export LP_NATIVE_VECTOR_WIDTH=256 # the same pixels whatever the machine's vectors

prompt="a red fox on a blue background"
# What is looked at, in pixels of the window: the middle of the picture, all of it, the newest thumbnail.
middle=400x400+408+120
whole=512x512+352+64
gallery=200x528+4+88
thumbnail=72x72+20+120 # of the newest picture, inside the frame that marks the one shown

# wait_for SECONDS COMMAND…: tries it until it succeeds.
wait_for() {
    local until=$(($(milliseconds) + 1000 * $1))
    shift
    until "$@" >/dev/null 2>&1; do
        if [ "$(milliseconds)" -gt "$until" ] || ! kill -0 "$process" 2>/dev/null; then
            return 1
        fi
        sleep 0.05
    done
}

shot() {
    import -silent -window root "$shots/$1.png"
}

# The root mean square difference of a part of two screenshots, in thousandths.
difference() {
    convert "$shots/$1.png" -crop "$3" +repage "$work/a.png"
    convert "$shots/$2.png" -crop "$3" +repage "$work/b.png"
    thousandths "$work/a.png" "$work/b.png"
}

# The same of two pictures. `compare` ends with 1 when they differ.
thousandths() {
    { compare -metric RMSE "$1" "$2" null: 2>&1 || true; } | sed -n 's/.*(\(.*\)).*/\1/p' |
        awk '{ printf "%d\n", 1000 * $1 }'
}

# Closes the window as a user does.
close() {
    xdotool key --clearmodifiers ctrl+q
    end
}

# Whether the file of what is remembered holds this, spaces apart.
remembers() {
    tr -d ' \n' <"$SAFELIGHT_HOME/remembered.json" | grep -qF "$1"
}

picture_is_there() {
    compgen -G "$SAFELIGHT_HOME/pictures/*.png"
}

# Ticks of the processor that the program has used, all its threads together.
ticks() {
    awk '{ print $14 + $15 }' "/proc/$process/stat"
}

# Many steps, so that there is something to see between the first and the last.
mkdir -p "$SAFELIGHT_HOME"
cat >"$SAFELIGHT_HOME/remembered.json" <<'JSON'
{ "version": 1, "language": "en", "theme": "dark", "model": "starter", "settings": { "steps": 100, "seed": 7 } }
JSON

start "first start"
wait_for 60 remembers '"recent_models":["starter"' || fail "no model was opened"
shot 1-start
xdotool key --clearmodifiers ctrl+a
xdotool type --delay 15 "$prompt"
wait_for 10 remembers "${prompt// /}" || fail "the prompt was not typed into the window"
shot 2-typed

xdotool key --clearmodifiers ctrl+Return
shots_taken=0 changes=0
until picture_is_there >/dev/null; do
    [ "$shots_taken" -lt 200 ] || fail "no picture was kept"
    kill -0 "$process" || fail "the program has ended"
    shot "3-step-$shots_taken"
    if [ "$shots_taken" -gt 0 ] &&
        [ "$(difference "3-step-$((shots_taken - 1))" "3-step-$shots_taken" "$middle")" -gt 2 ]; then
        changes=$((changes + 1))
    fi
    shots_taken=$((shots_taken + 1))
done
echo "while it develops: $shots_taken screenshots, $changes of them with another picture than the one before"
[ "$changes" -ge 3 ] || fail "the picture was not seen to develop"

sleep 2 # the last cross-fade
shot 4-done
saved=$(picture_is_there | head -n 1)
grep -aq 'parameters' "$saved" || fail "$saved carries no settings"
grep -aq "$prompt" "$saved" || fail "$saved does not say what was asked for"
convert "$saved" -filter Catrom -resize '512x512!' "$work/saved.png"
convert "$shots/4-done.png" -crop "$whole" +repage "$work/shown.png"
apart=$(thousandths "$work/saved.png" "$work/shown.png")
first=$(difference 3-step-0 4-done "$middle")
echo "the window shows what $(basename "$saved") holds, $apart ‰ apart; the first screenshot was $first ‰ apart"
[ "$apart" -lt 60 ] || fail "the window shows another picture than the one on the disk"
[ "$(difference 1-start 4-done "$gallery")" -gt 2 ] || fail "the gallery does not show the picture"

# The fits for quick previews are made while nothing else is asked for, and the cursor blinks for a
# while; then there is rest.
sleep 8
before=$(ticks)
sleep 5
share=$((1000 * ($(ticks) - before) / (5 * $(getconf CLK_TCK))))
echo "at rest: $share ‰ of a processor"
[ "$share" -lt 20 ] || fail "it does not rest"
close
echo "while the engine used all cores: $(head -n 1 "$SAFELIGHT_FRAMES")"

start "second start"
wait_for 60 remembers '"recent_models":["starter"' || fail "no model was opened"
sleep 2
shot 5-again
remembers "\"prompt\":\"${prompt// /}\"" || fail "the prompt was forgotten"
[ "$(difference 4-done 5-again "$thumbnail")" -lt 40 ] || fail "the gallery has lost the picture"
[ "$(difference 1-start 5-again "$thumbnail")" -gt 40 ] || fail "the gallery does not show the picture"
close
[ ! -s "$work/errors.txt" ] || { echo "said on stderr:"; sort "$work/errors.txt" | uniq -c; }
echo "the window does what it should"
