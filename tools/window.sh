# shellcheck shell=bash
# What the scripts share that play the window on a display of 1280x800 pixels; read in with `source`
# under `set -euo pipefail`. Needs xdotool and ImageMagick.
#
# The caller's own head says how it is called in its second line. Afterwards `program` is the program,
# `work` a folder that goes at the end, and `results` the folder given, or one below `work`.
if [ $# -lt 1 ] || [ $# -gt 2 ]; then
    sed -n '2p' "$0" | cut -c3- >&2
    exit 2
fi
program=$(realpath "$1")
work=$(mktemp -d)
results=$(realpath -m "${2:-$work/results}")
mkdir -p "$results"
export LC_ALL=C.UTF-8
process=
cleanup() {
    if [ -n "$process" ]; then
        kill "$process" 2>/dev/null || true
    fi
    rm -rf "$work"
}
trap cleanup EXIT

fail() {
    echo "window: $*" >&2
    import -silent -window root "$results/failed.png" || true
    exit 1
}

milliseconds() {
    echo $(($(date +%s%N) / 1000000))
}

# The window draws on the bare root, which is black: the bottom of the controls is not.
is_drawn() {
    local level
    level=$(import -silent -window root -crop 300x100+960+600 -resize '1x1!' -depth 8 -format \
        '%[fx:int(255*(u.r+u.g+u.b))]' info:)
    [ "$level" -gt 20 ]
}

# start NAME: starts the program and waits for its first frame.
start() {
    local began
    began=$(milliseconds)
    "$program" 2>>"$work/errors.txt" &
    process=$!
    window=
    until [ -n "$window" ]; do
        kill -0 "$process" 2>/dev/null || { cat "$work/errors.txt"; fail "the program has ended"; }
        [ $(($(milliseconds) - began)) -lt 30000 ] || fail "no window within 30 s"
        window=$(xdotool search --onlyvisible --name '^Safelight$' 2>/dev/null | head -n 1 || true)
    done
    local opened=$(($(milliseconds) - began))
    until is_drawn; do
        [ $(($(milliseconds) - began)) -lt 30000 ] || fail "nothing is drawn within 30 s"
    done
    echo "$1: the window is there after $opened ms, seen drawn after $(($(milliseconds) - began)) ms"
    xdotool windowfocus "$window"
}

# Waits for the program's end, which was asked for.
end() {
    local until=$(($(milliseconds) + 10000))
    while kill -0 "$process" 2>/dev/null; do
        [ "$(milliseconds)" -lt "$until" ] || fail "the program does not end"
        sleep 0.05
    done
    wait "$process" || { cat "$work/errors.txt"; fail "it ended with an error"; }
    process=
}
