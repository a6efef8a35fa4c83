#!/usr/bin/env bash
# Tells one story with the real programs: a traffic manager asks for a camera, a centralist grants, the traffic manager watches and leaves, the bill is made.
# Prints every command and what it printed; README's walk-through is a run of it. Exit status 0 when every command did what it should.
#
#   tests/story.sh [SECONDS]      how long the traffic manager watches (default 20)
#
# Wants what `cargo xtask demo` sets up (run that once), and nothing on UDP 127.0.0.1:5004 and 5005. Leaves everything in .campari/story.
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=${1:-20}
out=.campari/story
scene=.campari/scene/scene-v1.mp4
programs=${CARGO_TARGET_DIR:-target}/debug
within=60                       # seconds until a line that is waited for is believed never to come

fail() { echo "story: $*" >&2; exit 1; }
[ -f "$scene" ] || fail "$scene is not there; run cargo xtask demo once"
cargo build --quiet -p campari -p eye -p voice
LD_LIBRARY_PATH=$PWD/.campari/tflite/$(uname -m)
PATH=$(cd "$programs" && pwd):$PATH:/usr/sbin
export LD_LIBRARY_PATH PATH
mkdir -p "$out"
rm -rf "$out/people" "$out/usage.jsonl" "$out/share.sdp"

began=()
finish() { for pid in "${began[@]}"; do kill "$pid" 2>/dev/null || true; done; wait || true; }
trap finish EXIT

# Whoever is named acts, with the settings file that the stage wrote.
as() { local who=$1; shift; XDG_CONFIG_HOME=$out/people/$who campari "$@"; }
# Quotes what a shell would need quoted, and nothing else.
typed() { echo; echo "$1\$ campari ${*:2}"; }
run() { typed "$@"; as "$@"; }
# The next lines of a command that goes on, up to one that has the text; it becomes $line.
until_line() {
    local from=$1 text=$2 shown=${3:-shown} end=$((SECONDS + within))
    while [ "$SECONDS" -lt "$end" ] && IFS= read -r -t "$within" line <&"$from"; do
        [ "$shown" = hidden ] || echo "$line"
        case $line in *"$text"*) return 0 ;; esac
    done
    fail "nothing said \"$text\""
}

exec {stage}< <(exec campari demo --hold --headless --models models --scene "$scene" --out "$out" 2>&1)
began+=($!)
until_line "$stage" "held: " hidden
exec {told}< <(XDG_CONFIG_HOME=$out/people/ines exec campari watch --json)
began+=($!)
until_line "$told" '"presence":"online"' hidden

ask=(request --camera 613 --view schrijverstraat --minutes 15 --push 127.0.0.1:5004 --purpose detector-fault --sdp "$out/share.sdp")
typed tlc "${ask[@]}"
exec {asked}< <(XDG_CONFIG_HOME=$out/people/tlc exec campari "${ask[@]}" 2>&1)
began+=($!)
until_line "$asked" "pending"
request=${line#*request } request=${request%% *}

run ines status
run ines grant --request "$request"
echo; echo "# tlc's request goes on:"
until_line "$asked" "granted"
share=${line##* }
until_line "$asked" "started"

typed tlc view --sdp "$out/share.sdp"
exec {viewed}< <(XDG_CONFIG_HOME=$out/people/tlc exec campari view --sdp "$out/share.sdp" 2>&1)
began+=($!)
until_line "$viewed" "listening"
sleep "$seconds"                # somebody watches
run tlc leave --camera 613 --share "$share"
echo; echo "# tlc's view goes on:"
until_line "$viewed" "pictures"
case $line in *" 0 whole"*) fail "the traffic manager saw nothing" ;; esac
until_line "$viewed" "capture to here"

echo; echo "# one of the lines that ines's campari watch --json prints:"
until_line "$told" "\"jti\":\"$share\",\"sub\":\"tlc\",\"event\":\"ended\"" hidden
echo "$line"

typed room usage collect --out "$out/usage.jsonl"
exec {collected}< <(XDG_CONFIG_HOME=$out/people/room exec campari usage collect --out "$out/usage.jsonl" 2>&1)
began+=($!)
until_line "$collected" "$share"
run ines usage report --records "$out/usage.jsonl" --tariff firmware/usage/tariff-example.toml
run ines journal verify "$out/stage/eye-state"
