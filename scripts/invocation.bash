# shellcheck shell=bash
# What invoke, check and load have in common. They source this file.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=scripts/machine.bash
source "$root/scripts/machine.bash"
read_machine
events=()

fail() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

refuse() {
    printf '%s: %s (see scripts/%s --help)\n' "${0##*/}" "$*" "${0##*/}" >&2
    exit 2
}

need_curl() {
    command -v curl >/dev/null || fail 'curl is missing: install the package of that name (apt, dnf, apk, brew).'
}

# Sets `events` to the events in the functions' folders of events/, and in events/ itself.
read_events() {
    local event
    for event in "$root"/events/*/*.json "$root"/events/*.json; do
        [[ ! -f $event || $event == "$root"/events/expected/* ]] || events+=("$event")
    done
    ((${#events[@]})) || refuse 'no event in events/'
}

# function_of URL EVENT prints the function of an event: the one named like the event's folder, otherwise the only one.
# AWS's emulator has one function, which it calls `function`. It does not report it.
function_of() {
    local state names folder
    state=$(curl --silent --globoff --connect-timeout 5 --max-time 10 "$1/2015-03-31/functions/.lambda-live") ||
        fail "nothing answers at $1. Start the function with: make up"
    names=$(grep -o '{"name": "[^"]*", "project"' <<<"$state" | cut -d '"' -f 4) || names=function
    folder=$(basename "$(dirname "$PWD/$2")")
    ! grep -qxF -e "$folder" <<<"$names" || names=$folder
    [[ $names != *$'\n'* ]] || refuse "cannot tell which function $2 is for. Move it into events/NAME/"
    printf '%s' "$names"
}
